"""What replaces, corrects or ends something is put above it, unless the question asks about before.

Known only when there is an order: each of the best candidates is held against the newer turns among
them. No words tell reliably that one replaces another ("we're in Ghent now", months after "a studio
in Leuven"); that it is newer, by the same person, and about the same, does
(:data:`PAIR_EVIDENCE`). The likeliest are put just above. Where the question asks about before, the
two change places.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from graphmem.model import Fact, Turn
from graphmem.model.stored import MACHINE_ROLES
from graphmem.retrieve.candidates.text_analysis import AnalysedText
from graphmem.retrieve.rank.ranking import Ranking
from graphmem.retrieve.signals.inputs import SignalInputs
from graphmem.text import words

PAIR_EVIDENCE: Final[Mapping[str, str]] = {
    "close": "how near the total of the second is to that of the first",
    "asked": "what share of what the first has of the question, beside people, the second has too",
    "near": "how near both are in meaning, against how near all candidates are to the first",
    "speaker": "whether the same person says both",
    "corrects": "whether the second takes back what was said just before, as the first was",
    "other number": "whether the newer one has another number than the older",
    "same numbers": "whether the newer one has all numbers of the older",
    "longer": "how much longer the newer one is than what people say here usually is",
    "usual": "how long that is: in long texts much is alike",
    "talk": "how far people talk with each other: they come back to a thing without changing it",
}
"""What tells whether the second of two candidates replaces the first. (Where one asks about before,
the second is the older.)"""

_BY_USUAL = ("close", "other number", "longer")
"""These tell more, or less, in long texts, where much is alike: they count a second time, times
``usual``."""
PAIR_NUMBERS: Final = (*PAIR_EVIDENCE, *(f"{name}, by usual" for name in _BY_USUAL), "always")
"""What is weighed, and last what is added always."""
_BEST = 30  # candidates that are compared
_OVERTAKEN = 5  # of which so many may be overtaken,
_AT_LEAST = 0.4  # if they have so much of the best one's total,
_EACH_BY, _AS_LIKELY = 2, 1.0  # each by so many, the others not so much less likely than the best
_CLOSE, _MOST = 0.7, 1.3  # shares of the other's total: both answer the question; all the same
_LINKED = 0.1  # of meaning, or of what is asked: so much must be shared
_FEW = 3  # candidates more that are near to nothing: of few, the mean says little
_NEXT, _SOON = 2, timedelta(minutes=10)
"""So many turns further on, or in another episode so much later, stands what takes back what was
just said."""
_LONGEST = 2.5  # e-folds of 100 characters
_PERSONAL = re.compile(r"\b(?:i|me|my|we|us|our|he|him|his|she|her|they|them|their)\b")
_JUST_ABOVE = 1e-4
_SHIPPED = Path(__file__).with_name("replaced.json")

_Numbers = NDArray[np.float64]
_Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ComparedPairs:
    """The best candidates (``places``), each as first (row) and as second (column) of a pair."""

    places: Sequence[int]
    turns: Sequence[Turn]
    """By candidate the turn that it is or that states it."""
    totals: _Numbers
    evidence: _Numbers
    """By pair each of :data:`PAIR_NUMBERS`."""
    possible: _Flags
    """Whether the second may be put above the first at all."""
    known: _Flags
    """Whether the ledger knows that the second took the place of the first."""


@lru_cache(maxsize=1)
def shipped_pair_weights() -> _Numbers:
    """What each of :data:`PAIR_NUMBERS` counts; found by ``python -m benchmarks.fit_replaced``."""
    found = json.loads(_SHIPPED.read_text("utf-8"))
    return np.array([float(found[name]) for name in PAIR_NUMBERS])


def pair_weights_as_data(weights: _Numbers) -> dict[str, float]:
    """The reverse of :func:`shipped_pair_weights`."""
    return dict(zip(PAIR_NUMBERS, weights.round(3).tolist(), strict=True))


def rises(
    inputs: SignalInputs, ranking: Ranking, kinds: Mapping[str, float], at: datetime | None
) -> dict[int, float]:
    """By place, how much is added to its total so that it stands just above what it replaces.
    ``kinds`` are the shares of the kinds of text; what is later than ``at`` replaces nothing."""
    pairs = compare_pairs(inputs, ranking, kinds, at)
    return raised(pairs, shipped_pair_weights()) if pairs is not None else {}


def compare_pairs(
    inputs: SignalInputs, ranking: Ranking, kinds: Mapping[str, float], at: datetime | None
) -> ComparedPairs | None:
    """The best candidates held against each other; None where nothing can replace anything."""
    about = inputs.question.asks_about
    best = [place for place in ranking.order[:_BEST] if inputs.contexts[place].turn is not None]
    if len(best) < 2 or (about is None and not any(inputs.contexts[n].corrects for n in best)):
        return None
    # What a fact says is its own; who said it, and when, is the turn's that states it.
    texts = [inputs.contexts[place] for place in best]
    turns = [text.turn for text in texts if text.turn is not None]
    totals = ranking.totals[best]
    newer, corrects, known = _newer(turns), _corrects(texts, turns), _known(inputs, turns)
    near, asked = _near(inputs, best), _both_asked(inputs, best)
    other, same = _numbers(texts)
    length = np.log1p(np.array([len(text.text) for text in texts]) / 100).clip(max=_LONGEST)
    by_people = np.array([turn.role not in MACHINE_ROLES for turn in turns])
    usual = float(length[by_people].mean()) if by_people.any() else 0.0
    longer = np.broadcast_to(length - usual, near.shape)
    if about == "before":  # the rows are newer: each pair is the other way round
        newer, corrects, known, near = newer.T, corrects.T, known.T, near.T
        asked, other, same, longer = asked.T, other.T, same.T, longer.T
    share = np.minimum(totals[None, :] / np.maximum(totals[:, None], 1e-9), _MOST)
    says = [(turn.role, turn.speaker) for turn in turns]
    values = {
        "close": np.maximum(share - _CLOSE, 0),
        "asked": asked,
        "near": near,
        "speaker": np.array([[one == two for two in says] for one in says]),
        "corrects": corrects,
        "other number": other,
        "same numbers": same,
        "longer": longer,
        "usual": np.full(near.shape, usual),
        "talk": np.full(near.shape, kinds.get("conversation", 0.0)),
    }
    values |= {f"{name}, by usual": usual * values[name] for name in _BY_USUAL}
    evidence = np.stack([values[name] for name in PAIR_NUMBERS[:-1]], axis=-1).astype(np.float64)
    about_the_same = ((near >= _LINKED) | (asked >= _LINKED)) & ~_of_others(inputs, texts)
    about_the_same &= ~_of_another(inputs, texts)
    possible = newer & ~_stays(inputs, best, turns, at) & (corrects | about_the_same)
    # When the relation that is asked for ended is known: only what was just said stands open.
    settled = np.array([inputs.texts[place].turn is None for place in best])
    settled &= ranking.signal("relation")[best] > 0
    if about != "before":
        possible &= corrects | ~settled[:, None]
    if about is None:
        possible &= corrects
    return ComparedPairs(best, turns, totals, evidence, possible, known & possible)


def raised(pairs: ComparedPairs, weights: _Numbers) -> dict[int, float]:
    """By place, how much is added to its total: of each of the first candidates the likeliest that
    replace it, above 0, are put just above it."""
    speaks = pairs.evidence @ weights[:-1] + weights[-1]
    speaks[pairs.known] += 100
    speaks[~pairs.possible] = -np.inf
    before, totals = pairs.totals, pairs.totals.copy()
    ids = [turn.id for turn in pairs.turns]
    moved: set[int] = set()
    for first in range(min(_OVERTAKEN, len(ids))):
        enough = before[first] >= _AT_LEAST * before[0] or pairs.known[first].any()
        if first in moved or not enough:
            continue
        best = np.argsort(-speaks[first], kind="stable")[:_EACH_BY].tolist()
        for second in reversed(best):
            above = totals[second] > totals[first] or ids[second] == ids[first]
            likely = speaks[first, second] > max(0.0, speaks[first, best[0]] - _AS_LIKELY)
            if likely and second not in moved and not above:
                totals[second] = totals[first] + _JUST_ABOVE * (1 + len(best) - best.index(second))
                moved.add(second)
    return {pairs.places[n]: float(totals[n] - before[n]) for n in sorted(moved)}


def _stays(
    inputs: SignalInputs, best: Sequence[int], turns: Sequence[Turn], at: datetime | None
) -> _Flags:
    """What is not raised: facts, what an assistant says, what is not shown, what is from later."""
    return np.array(
        [
            inputs.texts[place].turn is None
            or turn.role in MACHINE_ROLES
            or not inputs.candidates[place].shown
            or (at is not None and turn.occurred_at is not None and turn.occurred_at > at)
            for place, turn in zip(best, turns, strict=True)
        ]
    )


def _known(inputs: SignalInputs, turns: Sequence[Turn]) -> _Flags:
    """Whether the second states a fact that holds in place of one that the first states, of the
    relation that is asked for."""
    relations = inputs.relations
    found = np.zeros((len(turns), len(turns)), dtype=np.bool_)
    for ended, _ in inputs.ended:
        for holding, _ in inputs.replacing:
            asked = relations is not None and relations.asks(ended.type)
            if asked and (ended.subject_id, ended.type) == (holding.subject_id, holding.type):
                found |= np.outer(_states(turns, ended), _states(turns, holding))
    return found


def _states(turns: Sequence[Turn], fact: Fact) -> _Flags:
    stating = {source.turn_id for source in fact.sources}
    return np.array([turn.id in stating for turn in turns])


def _newer(turns: Sequence[Turn]) -> _Flags:
    """Whether the second of each pair was said later than the first."""
    dated = all(turn.occurred_at is not None for turn in turns)
    keys = [_in_order(turn) if dated else ("", *_in_order(turn)[1:]) for turn in turns]
    place = {key: at for at, key in enumerate(sorted(set(keys)))}
    moments = np.array([place[key] for key in keys])
    newer: _Flags = moments[None, :] > moments[:, None]
    return newer


def _near(inputs: SignalInputs, best: Sequence[int]) -> _Numbers:
    """How near two texts are in meaning, but for the people whom the question names, against how
    near all are to the first."""
    beside = set(inputs.beside_people)
    named = [word for at, word in enumerate(inputs.words) if at not in beside]
    people = inputs.vocabulary.rows(named)
    texts = [inputs.texts[place].words for place in best]
    # Of all texts at once: thirty times it took longer than all that comes after it.
    others = ~np.isin(np.concatenate(texts), people)
    parts = np.split(others, np.cumsum([len(rows) for rows in texts])[:-1])
    totals = np.stack(
        [
            inputs.vocabulary.vectors(rows[part]).sum(axis=0)
            for rows, part in zip(texts, parts, strict=True)
        ]
    )
    vectors = totals / np.maximum(np.linalg.norm(totals, axis=1, keepdims=True), 1e-9)
    near = np.einsum("ik,jk->ij", vectors, vectors)
    against: _Numbers = near - (near.sum(axis=1, keepdims=True) - 1) / (len(near) + _FEW)
    return against


def _both_asked(inputs: SignalInputs, best: Sequence[int]) -> _Numbers:
    """Of what the question asks beside people and the first has, how much the second has too."""
    asked = (inputs.likeness * inputs.rarity)[inputs.beside_people]
    asked = asked[:, list(best)]
    both = np.minimum(asked[:, :, None], asked[:, None, :]).sum(axis=0)
    share: _Numbers = both / np.maximum(asked.sum(axis=0), 1e-9)[:, None]
    return share


def _of_others(inputs: SignalInputs, texts: Sequence[AnalysedText]) -> _Flags:
    """Whether the second begins with somebody ("My sister …") whom neither the first nor the
    question names."""
    found = np.zeros((len(texts), len(texts)), dtype=np.bool_)
    for n, text in enumerate(texts):
        if others := text.others - set(inputs.question.words):
            found[:, n] = [not others <= one.people for one in texts]
    return found


def _of_another(inputs: SignalInputs, texts: Sequence[AnalysedText]) -> _Flags:
    """Whether the first names whom the question names, and the second neither names them, nor is
    said by them, nor speaks of "I", "she" or the like: it is about somebody else."""
    beside = set(inputs.beside_people)
    named = {word for at, word in enumerate(inputs.words) if at not in beside}
    heads = [text.head.lower() for text in texts]
    names = np.array([any(word in head for word in named) for head in heads])
    may_be = np.array(
        [
            _PERSONAL.search(head) is not None
            or (text.turn is not None and not named.isdisjoint(words(text.turn.speaker or "")))
            for head, text in zip(heads, texts, strict=True)
        ]
    )
    found: _Flags = names[:, None] & ~(names | may_be)[None, :]
    return found


def _corrects(texts: Sequence[AnalysedText], turns: Sequence[Turn]) -> _Flags:
    """Whether the second takes back what was said just before, as the first was: the last thing
    that its speaker said, or what somebody else has just said to them."""
    found = np.zeros((len(turns), len(turns)), dtype=np.bool_)
    for n, (text, turn) in enumerate(zip(texts, turns, strict=True)):
        before = [one for one in turns if text.corrects and _just_before(one, turn)]
        own = [one for one in before if (one.role, one.speaker) == (turn.role, turn.speaker)]
        corrected = {max(of, key=_in_order).id for of in (own, before) if of}
        found[:, n] = [one.id in corrected for one in turns]
    return found


def _numbers(texts: Sequence[AnalysedText]) -> tuple[_Flags, _Flags]:
    """Whether the second has another number than the first, and whether it has all of its."""
    numbers = [text.amounts for text in texts]
    other = [[bool(one) and bool(two - one) for two in numbers] for one in numbers]
    same = [[bool(one) and two >= one for two in numbers] for one in numbers]
    return np.array(other), np.array(same)


def _just_before(one: Turn, two: Turn) -> bool:
    if one.role in MACHINE_ROLES or _in_order(one) >= _in_order(two):
        return False
    if one.episode_id == two.episode_id:
        return two.ordinal - one.ordinal <= _NEXT
    if one.occurred_at is None or two.occurred_at is None:
        return False
    return two.occurred_at - one.occurred_at <= _SOON


def _in_order(turn: Turn) -> tuple[str, str, int]:
    return (
        turn.occurred_at.isoformat() if turn.occurred_at else "",
        turn.episode_id,
        turn.ordinal,
    )
