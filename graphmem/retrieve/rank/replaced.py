"""Raises what replaces, corrects or ends a candidate above it, unless the question asks about
before.

This needs a finished ranking: each of the best candidates is compared with the newer turns among
them. No words show reliably that one replaces another ("we're in Ghent now", months after "a studio
in Leuven"); that it is newer, by the same person and about the same thing does
(:data:`PAIR_EVIDENCE`). The likeliest are put just above, less likely ones just below. Where the
question asks about before, the older of a pair is raised instead.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from graphmem.model import Fact, Turn
from graphmem.model.stored import MACHINE_ROLES
from graphmem.retrieve.candidates.text_analysis import AnalysedText
from graphmem.retrieve.rank.pair_meaning import compare_meaning, margin_over_others, shared_topics
from graphmem.retrieve.rank.ranking import Ranking
from graphmem.retrieve.signals.inputs import SignalInputs, products
from graphmem.text import words

PAIR_EVIDENCE: Final[Mapping[str, str]] = {
    "shared": "how rare the words are that both have, beside those of the question",
    "alone": "the same, and how much less any other shares with the second that is older too",
    "sentence": "how near the sentence of the first that answers is to the nearest of the second",
    "akin": "how near, and how rare, the nearest words are of the second, and of the question or "
    "the first",
    "subject": "how far from the question and the first that is which the second begins with",
    "different": "which share of the words of the second the first has not",
    "covers": "how much of what is asked the second has, by meaning",
    "topics": "how many things of everyday life (a flat, work, a price) both the question and the "
    "second speak of",
    "value": "whether the second has a number, day or name (as asked) that the first has not",
    "rank": "how far down the second stands",
    "close": "how near the total of the second is to that of the first",
    "speaker": "whether the same person says both",
    "corrects": "whether the second takes back what was said just before, as the first was",
    "changes": "how much the second tells of a change (no longer, instead, now)",
    "refers": "how much the second goes by what is known already (it, the same)",
    "later": "how long after the older one the newer one was said",
    "usual": "how long what people say here usually is: in long texts much is alike",
    "talk": "how far people talk with each other: they come back to a thing without changing it",
}
"""The evidence on whether the second of two candidates replaces the first. (Where the question asks
about before, the second is the older.)"""

_BY_USUAL = ("sentence", "different", "close", "later")
"""Evidence that is more, or less, telling in long texts, where much is alike: it counts a second
time, multiplied by ``usual``."""
PAIR_NUMBERS: Final = (*PAIR_EVIDENCE, *(f"{name}, by usual" for name in _BY_USUAL), "always")
"""The names of all weights; the last is the intercept."""
_BEST = 30  # candidates that are compared
_OVERTAKEN = 5  # the first of them, which others may be put next to,
_AT_LEAST = 0.4  # if their total is at least this share of the best one's
_EACH_BY, _AS_LIKELY = 2, 1.0  # how many next to each, and how far their evidence may be apart
_DAY, _LONG = timedelta(days=1), 5.0
"""``later`` is the logarithm of the days between two turns, divided by ``_LONG``."""
_NEXT, _SOON = 2, timedelta(minutes=10)
"""A correction follows at most so many turns after what it corrects, or, in another episode, so
long after it."""
_SAME_SUBJECT = 0.6  # cosine of two words from which they are of one thing
_MOST = 1.3  # the highest ratio of two totals that is told apart
_LONGEST = 2.5  # the highest value of ``usual``: the logarithm of hundreds of characters
_NEXT_TO = 1e-4  # the difference in total when one is put just above or below another
_UNSURE = 1.25
"""A pair with evidence between minus this and 0 (replacement is less likely than not) is put just
below: a caller then sees both, and a first that was not replaced stays first."""
_SHIPPED = Path(__file__).with_name("replaced.json")

_Numbers = NDArray[np.float64]
_Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ComparedPairs:
    """Matrices over pairs of the best candidates (``places``): first (row) and second (column)."""

    places: Sequence[int]
    turns: Sequence[Turn]
    """For each candidate the turn that it is or that states it."""
    totals: _Numbers
    evidence: _Numbers
    """For each pair the values of :data:`PAIR_NUMBERS` without the last (on a third axis)."""
    possible: _Flags
    """Whether the second may be moved next to the first at all."""
    known: _Flags
    """Whether the ledger has a fact of the second in place of an ended one of the first."""


@lru_cache(maxsize=1)
def shipped_pair_weights() -> _Numbers:
    """The weights of :data:`PAIR_NUMBERS`, fitted by ``python -m benchmarks.fit_replaced``."""
    found = json.loads(_SHIPPED.read_text("utf-8"))
    return np.array([float(found[name]) for name in PAIR_NUMBERS])


def pair_weights_as_data(weights: _Numbers) -> dict[str, float]:
    """The reverse of :func:`shipped_pair_weights`."""
    return dict(zip(PAIR_NUMBERS, weights.round(3).tolist(), strict=True))


def replacement_boosts(
    inputs: SignalInputs, ranking: Ranking, kinds: Mapping[str, float], at: datetime | None
) -> dict[int, float]:
    """By place, how much to add to its total so that it is next to what it replaces. ``kinds`` are
    the shares of the kinds of text; turns later than ``at`` replace nothing."""
    pairs = compare_pairs(inputs, ranking, kinds, at)
    return boosts_of_pairs(pairs, shipped_pair_weights()) if pairs is not None else {}


def compare_pairs(
    inputs: SignalInputs, ranking: Ranking, kinds: Mapping[str, float], at: datetime | None
) -> ComparedPairs | None:
    """Compare the best candidates with each other; None where nothing can replace anything."""
    about = inputs.question.asks_about
    best = [place for place in ranking.order[:_BEST] if inputs.contexts[place].turn is not None]
    if len(best) < 2 or (about is None and not any(inputs.contexts[n].corrects for n in best)):
        return None
    # A fact's meaning is compared by its own text, all else by the turn that states it.
    texts = [inputs.contexts[place] for place in best]
    turns = [text.turn for text in texts if text.turn is not None]
    newer, known = _newer(turns), _known(inputs, best, turns)
    corrects = _corrects(inputs, texts, turns)
    if about == "before":  # the older of each pair is to be raised: swap first and second
        newer, corrects, known = newer.T, corrects.T, known.T
    totals = ranking.totals[best]
    values = _evidence(inputs, best, turns, newer)
    values |= {"close": np.minimum(totals / np.maximum(totals[:, None], 1e-9), _MOST)}
    values |= {"corrects": corrects, "talk": np.float64(kinds.get("conversation", 0.0))}
    values |= {f"{name}, by usual": values["usual"] * values[name] for name in _BY_USUAL}
    evidence = np.empty((*newer.shape, len(PAIR_NUMBERS) - 1))
    for number, name in enumerate(PAIR_NUMBERS[:-1]):
        evidence[..., number] = values[name]
    possible = newer & ~_stays(inputs, best, turns, at)
    possible &= corrects | ~(
        _about_unnamed_relative(inputs, texts)
        | _about_another_person(inputs, texts)
        | _states_it_of_others(inputs, turns)
    )
    if about is None:
        possible &= corrects
    return ComparedPairs(best, turns, totals, evidence, possible, known & possible)


def _evidence(
    inputs: SignalInputs, best: Sequence[int], turns: Sequence[Turn], newer: _Flags
) -> dict[str, Any]:
    """The evidence that the second replaces the first, by name: a matrix over pairs, a row over the
    seconds, or one number for all."""
    texts = [inputs.contexts[place] for place in best]
    meaning = compare_meaning(inputs, best, _OVERTAKEN)
    length = np.log1p(np.array([len(text.text) for text in texts]) / 100).clip(max=_LONGEST)
    by_people = np.array([turn.role not in MACHINE_ROLES for turn in turns])
    first_of = {turn.id: n for n, turn in reversed(list(enumerate(turns)))}
    stated_once = np.array([first_of[turn.id] == n for n, turn in enumerate(turns)])
    return {
        "shared": meaning.shared,
        "alone": margin_over_others(meaning.shared, newer & stated_once[:, None]),
        "sentence": meaning.sentence,
        "akin": meaning.akin,
        "subject": meaning.subject,
        "different": meaning.different,
        "covers": _covered(inputs, best),
        "topics": shared_topics(inputs.question.words, texts),
        "value": _new_values(inputs, texts),
        "rank": np.arange(len(best)) / _BEST,
        "speaker": _same_speaker(turns),
        "changes": np.array([text.changes for text in texts]),
        "refers": np.array([text.refers for text in texts]),
        "later": _apart(turns),
        "usual": np.float64(length[by_people].mean() if by_people.any() else 0.0),
    }


def _same_speaker(turns: Sequence[Turn]) -> _Flags:
    says = [(turn.role, turn.speaker) for turn in turns]
    number = {one: n for n, one in enumerate(dict.fromkeys(says))}
    numbers = np.array([number[one] for one in says])
    same: _Flags = numbers[:, None] == numbers
    return same


def _covered(inputs: SignalInputs, best: Sequence[int]) -> _Numbers:
    """By candidate, the share of the question (names of people excepted) that it covers, weighted
    by rarity."""
    asked = inputs.beside_people
    rare = inputs.rarity[asked]
    total = float(rare.sum())
    if not total:
        return np.zeros(len(best))
    found: _Numbers = (inputs.likeness[asked][:, best] * rare).sum(axis=0) / total
    return found


def _new_values(inputs: SignalInputs, texts: Sequence[AnalysedText]) -> _Numbers:
    """By pair, 1 if the second has a value of the kind asked for that the first lacks, else 0; 0.5
    where no kind is asked for."""
    question = inputs.question
    if question.how_many:
        values = [text.amounts for text in texts]
    elif question.when:
        values = [text.amounts | text.days for text in texts]
    elif question.who_or_where:
        values = [text.proper_names for text in texts]
    else:
        return np.full((len(texts), len(texts)), 0.5)
    return np.array([[float(bool(two - one)) for two in values] for one in values])


def boosts_of_pairs(pairs: ComparedPairs, weights: _Numbers) -> dict[int, float]:
    """By place, how much to add to its total: for each of the first candidates, the likeliest that
    replace it are put just above it where their evidence is above 0, else just below."""
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
        for order, second in reversed(list(enumerate(best))):
            likely = speaks[first, second]
            if likely <= max(-_UNSURE, speaks[first, best[0]] - _AS_LIKELY) or second in moved:
                continue
            step = _NEXT_TO if likely > 0 else -_NEXT_TO
            total = totals[first] + step - 0.1 * _NEXT_TO * order
            if totals[second] < total and ids[second] != ids[first]:
                totals[second] = total
                moved.add(second)
    return {pairs.places[n]: float(totals[n] - before[n]) for n in sorted(moved)}


def _stays(
    inputs: SignalInputs, best: Sequence[int], turns: Sequence[Turn], at: datetime | None
) -> _Flags:
    """Which candidates are never raised: facts, turns of an assistant, turns that are not shown or
    are later than ``at``."""
    return np.array(
        [
            inputs.texts[place].turn is None
            or turn.role in MACHINE_ROLES
            or not inputs.candidates[place].shown
            or (at is not None and turn.occurred_at is not None and turn.occurred_at > at)
            for place, turn in zip(best, turns, strict=True)
        ]
    )


def _known(inputs: SignalInputs, best: Sequence[int], turns: Sequence[Turn]) -> _Flags:
    """Whether the first states an ended fact, and the second a current one of the same subject and
    type, of a type that the question asks for. A first that is a fact itself stays above what
    replaces another fact of its turn."""
    relations = inputs.relations
    found = np.zeros((len(turns), len(turns)), dtype=np.bool_)
    over = np.array([inputs.ids[place] not in inputs.facts for place in best])
    for ended, _ in inputs.ended:
        for holding, _ in inputs.replacing:
            asked = relations is not None and relations.asks(ended.type)
            if asked and (ended.subject_id, ended.type) == (holding.subject_id, holding.type):
                found |= np.outer(_states(turns, ended), _states(turns, holding))
                over |= np.array([inputs.ids[place] == ended.id for place in best])
    found[~over] = False
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


def _about_unnamed_relative(inputs: SignalInputs, texts: Sequence[AnalysedText]) -> _Flags:
    """Whether the second begins with a relative or the like ("My sister …") whom neither the first
    nor the question mentions."""
    found = np.zeros((len(texts), len(texts)), dtype=np.bool_)
    for n, text in enumerate(texts):
        if others := text.others - set(inputs.question.words):
            found[:, n] = [not others <= one.people for one in texts]
    return found


def _states_it_of_others(inputs: SignalInputs, turns: Sequence[Turn]) -> _Flags:
    """Which turns state the relation that is asked for, and only of others than it is asked of."""
    relations, seeds = inputs.relations, {seed.id for seed in inputs.seeds}
    of_seeds: dict[str, bool] = {}
    for fact in inputs.facts.values():
        if relations is not None and relations.asks(fact.type):
            of_one = not seeds.isdisjoint({fact.subject_id, fact.object_id})
            for source in fact.sources:
                if source.turn_id:
                    of_seeds[source.turn_id] = of_seeds.get(source.turn_id, False) or of_one
    return np.array([not of_seeds.get(turn.id, True) for turn in turns])


def _about_another_person(inputs: SignalInputs, texts: Sequence[AnalysedText]) -> _Flags:
    """Whether the second is about somebody else: the first names a person of the question, and the
    second neither names them, nor is said by them, nor has a pronoun such as "we" or "she"."""
    beside = set(inputs.beside_people)
    named = {word for at, word in enumerate(inputs.words) if at not in beside}
    if not named:
        return np.zeros((len(texts), len(texts)), dtype=np.bool_)
    names = np.array([any(map(text.head.lower().count, named)) for text in texts])
    called = {word for seed in inputs.seeds for name in seed.aliases for word in words(name)}
    by = [words(text.turn.speaker or "") if text.turn else [] for text in texts]
    may_be = np.array([
        text.somebody or not (named | called).isdisjoint(speaker)
        for text, speaker in zip(texts, by, strict=True)
    ])  # fmt: skip
    found: _Flags = names[:, None] & ~(names | may_be)[None, :]
    return found


def _corrects(inputs: SignalInputs, texts: Sequence[AnalysedText], turns: Sequence[Turn]) -> _Flags:
    """Whether the second takes back the first, said just before it: either the last such turn by
    the same speaker, or the last by anybody. What names its subject ("the rent, I meant") takes
    back only what speaks of it, too."""
    found = np.zeros((len(turns), len(turns)), dtype=np.bool_)
    for n, (text, turn) in enumerate(zip(texts, turns, strict=True)):
        before = [one for one in turns if text.corrects and _just_before(one, turn)]
        own = [one for one in before if (one.role, one.speaker) == (turn.role, turn.speaker)]
        corrected = {max(of, key=_in_order).id for of in (own, before) if of}
        found[:, n] = [
            one.id in corrected and _speaks_of(inputs, first, text.corrected_words)
            for first, one in zip(texts, turns, strict=True)
        ]
    return found


def _speaks_of(inputs: SignalInputs, text: AnalysedText, subject: Sequence[str]) -> bool:
    """Whether a word of the text means the same as one of these, if there are any."""
    if not subject:
        return True
    vectors = inputs.vocabulary.vectors
    like = products(vectors(inputs.vocabulary.rows(subject)), vectors(text.words))
    return bool(like.max(initial=0.0) >= _SAME_SUBJECT)


def _apart(turns: Sequence[Turn]) -> _Numbers:
    """The time between two turns on a logarithmic scale (``_LONG``); 0 where unknown."""
    days = np.array([
        turn.occurred_at.timestamp() / _DAY.total_seconds() if turn.occurred_at else np.nan
        for turn in turns
    ])  # fmt: skip
    apart: _Numbers = np.nan_to_num(np.log1p(np.abs(days[None, :] - days[:, None]))) / _LONG
    return apart


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
