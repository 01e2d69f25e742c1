"""What replaces, corrects or ends something is put above it, unless the question asks about before.

Known only when there is an order: of the best candidates, each newer turn is held against what is
older and stands above it. Whether it replaces that is judged from what they share (what the
question asks, their meaning, who speaks), what differs (a number), and the words of the newer one
("instead", "no longer", "sorry, I meant"). Where the question asks about before, the same two
change places.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from graphmem.model import Fact, Turn
from graphmem.model.stored import MACHINE_ROLES
from graphmem.retrieve.candidates.text_analysis import AnalysedText
from graphmem.retrieve.question.moment import AsksAbout
from graphmem.retrieve.rank.ranking import Ranking
from graphmem.retrieve.signals.inputs import SignalInputs

Numbers = NDArray[np.float64]

_BEST = 30  # candidates that are compared
_OVERTAKEN = 5  # of which so many may be overtaken,
_AT_LEAST = 0.4  # if they have so much of the best one's score
_NEXT, _SOON = 2, timedelta(minutes=10)
"""So many turns further on, or in another episode so much later, stands what takes back what was
just said."""
_CLOSE = 0.7  # of the other's score: both answer the question
_MOST = 1.3
_PLAIN = 0.7  # how plainly a change must be told, between people and against a fact
_LINKED = (0.1, 0.12)
"""Of what the question asks, and of meaning, so much must be shared."""
_SHORT = 200  # characters
_JUST_ABOVE = 1e-4
_KNOWN = 100.0

# What speaks for it that one turn replaces another, found on chats, conversations and changes told
# in plain words (benchmarks/changes/given): a logistic choice among the newer turns or none. In a
# short turn a change is told by its words; a long one has words for everything, and must answer the
# question as well as the older one.
_IN_SHORT = {
    "base": -3.6, "score": 0.8, "close": 10.9, "asked": 1.3, "change": 1.7, "near": 9.9,
    "change near": 25.0, "corrects": 4.0, "speaker": 2.8, "other number": 1.4,
    "same numbers": -3.3, "length": -3.6,
}  # fmt: skip
_IN_LONG = {
    "base": -11.1, "score": 3.7, "close": 5.9, "asked": 2.4, "change": 0.0, "near": 3.6,
    "change near": 2.5, "corrects": 0.0, "speaker": 1.3, "other number": 2.9,
    "same numbers": -2.5, "length": -0.2,
}  # fmt: skip
_BETWEEN_PEOPLE = -2.0
"""People who talk with each other come back to a thing without changing it."""


def rises(
    inputs: SignalInputs, ranking: Ranking, kinds: Mapping[str, float], at: datetime | None
) -> dict[int, float]:
    """By place, how much is added to its score so that it stands just above what it replaces.
    ``kinds`` are the shares of the kinds of text; what is later than ``at`` replaces nothing."""
    about = inputs.question.asks_about
    best = [place for place in ranking.order[:_BEST] if inputs.contexts[place].turn is not None]
    if len(best) < 2 or (about is None and not any(inputs.contexts[n].corrects for n in best)):
        return {}
    pairs = _Pairs(inputs, ranking, best, about)
    evidence = pairs.evidence(kinds.get("conversation", 0.0))
    evidence[:, pairs.never(at)] = -np.inf
    return _raised(best, pairs, evidence)


class _Pairs:
    """Of each pair of candidates, whether the second (column) replaces the first (row), or, asked
    about before, was replaced by it."""

    def __init__(
        self,
        inputs: SignalInputs,
        ranking: Ranking,
        best: Sequence[int],
        about: AsksAbout | None,
    ) -> None:
        self._inputs = inputs
        self._before = about == "before"
        self._only_corrections = about is None
        self._facts = np.array([inputs.texts[place].turn is None for place in best])
        self._hidden = np.array([not inputs.candidates[place].shown for place in best])
        self.totals = ranking.totals[list(best)]
        # A fact is judged by the turn that states it.
        self._texts = [inputs.contexts[place] for place in best]
        self._turns = [text.turn for text in self._texts if text.turn is not None]
        self.turn_ids = [turn.id for turn in self._turns]
        asked = inputs.likeness * inputs.rarity
        self._asked = asked[:, inputs.positions.context[list(best)]]

    def never(self, at: datetime | None) -> NDArray[np.bool_]:
        """What may not be raised: facts, what an assistant says, what is not shown."""
        late = [at is not None and t.occurred_at is not None and t.occurred_at > at
                for t in self._turns]  # fmt: skip
        machine = [turn.role in MACHINE_ROLES for turn in self._turns]
        excluded: NDArray[np.bool_] = self._facts | self._hidden | np.array(machine)
        excluded |= np.array(late)
        return excluded

    def evidence(self, conversation: float) -> Numbers:
        """How much speaks for it; above 0 it is so."""
        newer = self._newer()
        changes = np.array([text.how_changed for text in self._texts])
        near = self._near()
        asked = self._both_asked(self._asked)
        of_them = self._both_asked(self._asked[self._inputs.beside_people])
        corrects = self._corrects()
        if self._before:  # the rows are newer: each pair is judged by its newer one
            change_of, newer, corrects = changes[:, None], newer.T, corrects.T
        else:
            change_of = np.broadcast_to(changes[None, :], newer.shape)
        score = np.minimum(self.totals[None, :] / np.maximum(self.totals[:, None], 1e-9), _MOST)
        lengths = np.log1p(np.array([len(text.text) for text in self._texts]) / 100)
        length = lengths[:, None] if self._before else lengths[None, :]
        other, same = self._numbers()
        says = [(turn.role, turn.speaker) for turn in self._turns]
        values = {
            "base": np.ones_like(near),
            "score": score,
            "close": np.maximum(score - _CLOSE, 0),
            "asked": asked,
            "change": change_of,
            "near": near,
            "change near": change_of * np.maximum(near, 0),
            "corrects": corrects,
            "speaker": np.array([[one == two for two in says] for one in says]),
            "other number": other.T if self._before else other,
            "same numbers": same.T if self._before else same,
            "length": np.minimum(length, 2.5),
        }
        short = sum(weight * values[name] for name, weight in _IN_SHORT.items())
        long = sum(weight * values[name] for name, weight in _IN_LONG.items())
        found: Numbers = np.where(length < np.log1p(_SHORT / 100), short, long)
        found = found + _BETWEEN_PEOPLE * conversation
        linked = (of_them >= _LINKED[0]) | (near >= _LINKED[1]) | (corrects > 0)
        plainly = (change_of >= _PLAIN) | (conversation <= 0.5)
        # When a fact ended is known: only what was just said and taken back stands open.
        unsettled = self._before | ~self._facts[:, None] | (corrects > 0)
        of_others = self._of_others() & (corrects == 0)
        found[~(newer & linked & plainly & unsettled) | of_others] = -np.inf
        if self._only_corrections:
            found[corrects == 0] = -np.inf
        else:
            found[newer & self._replaced_facts()] = _KNOWN
        return found

    def _replaced_facts(self) -> NDArray[np.bool_]:
        """Whether the second states a fact that holds in place of one that the first states, of the
        relation that is asked for."""
        relations = self._inputs.relations
        found = np.zeros((len(self._turns), len(self._turns)), dtype=np.bool_)
        for ended, _ in self._inputs.ended:
            for holding, _ in self._inputs.replacing:
                asked = relations is not None and relations.asks(ended.type)
                if asked and _relation(ended) == _relation(holding):
                    found |= np.outer(self._states(ended), self._states(holding))
        if self._before:
            return found.T
        found[self._facts] = False
        return found

    def _states(self, fact: Fact) -> NDArray[np.bool_]:
        stating = {source.turn_id for source in fact.sources}
        return np.array([id in stating for id in self.turn_ids])

    def _newer(self) -> NDArray[np.bool_]:
        """Whether the second of each pair was said later than the first."""
        dated = all(turn.occurred_at is not None for turn in self._turns)
        keys = [
            (turn.occurred_at if dated else None, turn.episode_id, turn.ordinal)
            for turn in self._turns
        ]
        place = {key: at for at, key in enumerate(sorted(set(keys), key=_in_time))}
        moments = np.array([place[key] for key in keys])
        newer: NDArray[np.bool_] = moments[None, :] > moments[:, None]
        return newer

    def _near(self) -> Numbers:
        """How near two texts are in meaning, against how near all are to the first."""
        vectors = np.stack([self._vector(text) for text in self._texts])
        near = np.einsum("ik,jk->ij", vectors, vectors)
        against: Numbers = near - (near.sum(axis=1, keepdims=True) - 1) / (len(near) - 1)
        return against.T if self._before else against

    def _vector(self, text: AnalysedText) -> Numbers:
        total: Numbers = self._inputs.vocabulary.vectors(text.words[1:]).sum(axis=0)
        length = float(np.linalg.norm(total))
        return total / length if length else total

    def _both_asked(self, asked: NDArray[np.float32]) -> Numbers:
        """Of what the question asks and the first has, how much the second has too."""
        both = np.minimum(asked[:, :, None], asked[:, None, :]).sum(axis=0)
        whole = np.maximum(asked.sum(axis=0), 1e-9)[:, None]
        share: Numbers = both / whole
        return share.T if self._before else share

    def _of_others(self) -> NDArray[np.bool_]:
        """Whether the second begins with somebody ("My sister …") whom neither the first nor the
        question names."""
        found = np.zeros((len(self._turns), len(self._turns)), dtype=np.bool_)
        named = set(self._inputs.question.words)
        for n, text in enumerate(self._texts):
            if others := text.others - named:
                found[:, n] = [not others <= one.people for one in self._texts]
        return found

    def _corrects(self) -> Numbers:
        """Whether the second takes back what was said just before, as the first was: the last
        thing that its speaker said, or what somebody else has just said to them."""
        found = np.zeros((len(self._turns), len(self._turns)))
        for n, (text, turn) in enumerate(zip(self._texts, self._turns, strict=True)):
            before = [one for one in self._turns if text.corrects and _just_before(one, turn)]
            own = [one for one in before if _says(one) == _says(turn)]
            corrected = {max(turns, key=_in_order).id for turns in (own, before) if turns}
            found[:, n] = [id in corrected for id in self.turn_ids]
        return found

    def _numbers(self) -> tuple[Numbers, Numbers]:
        """Whether the second has another number than the first, and whether it has all of its."""
        numbers = [text.amounts for text in self._texts]
        other = [[bool(one) and bool(two - one) for two in numbers] for one in numbers]
        same = [[bool(one) and two >= one for two in numbers] for one in numbers]
        return np.array(other, dtype=np.float64), np.array(same, dtype=np.float64)


def _relation(fact: Fact) -> tuple[str | None, str | None]:
    return fact.subject_id, fact.type


def _just_before(one: Turn, two: Turn) -> bool:
    if one.role in MACHINE_ROLES or _in_order(one) >= _in_order(two):
        return False
    if one.episode_id == two.episode_id:
        return two.ordinal - one.ordinal <= _NEXT
    if one.occurred_at is None or two.occurred_at is None:
        return False
    return two.occurred_at - one.occurred_at <= _SOON


def _says(turn: Turn) -> tuple[str | None, str | None]:
    return turn.role, turn.speaker


def _in_order(turn: Turn) -> tuple[str, str, int]:
    return _in_time((turn.occurred_at, turn.episode_id, turn.ordinal))


def _in_time(key: tuple[datetime | None, str, int]) -> tuple[str, str, int]:
    return (key[0].isoformat() if key[0] else "", key[1], key[2])


def _raised(best: Sequence[int], pairs: _Pairs, evidence: Numbers) -> dict[int, float]:
    """The likeliest replacement of each of the first, one after the other."""
    before, totals = pairs.totals, pairs.totals.copy()
    raised: set[int] = set()
    for first in range(min(_OVERTAKEN, len(best))):
        known = evidence[first].max() >= _KNOWN
        if first in raised or (before[first] < _AT_LEAST * before[0] and not known):
            continue
        row = evidence[first].copy()
        out = [
            n
            for n in range(len(best))
            if n in raised
            or totals[n] > totals[first]
            or pairs.turn_ids[n] == pairs.turn_ids[first]
        ]
        row[out] = -np.inf
        second = int(np.argmax(row))
        if row[second] > 0:
            totals[second] = totals[first] + _JUST_ABOVE
            raised.add(second)
    return {best[n]: float(totals[n] - before[n]) for n in sorted(raised)}
