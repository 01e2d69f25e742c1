"""Signals to one ranking: their weighted sum, and what each gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from graphmem.model import SignalScore
from graphmem.retrieve.question.search_query import SearchQuery
from graphmem.retrieve.signals.inputs import SignalInputs


@dataclass(frozen=True, slots=True)
class Ranking:
    """Candidates by falling total, with what each signal gave."""

    ids: Sequence[str]
    """In the order of ``values``."""
    names: Sequence[str]
    values: NDArray[np.float32]
    """What each signal says of each candidate: one row per signal."""
    shares: NDArray[np.float64]
    """The same, weighted."""
    totals: NDArray[np.float64]
    order: Sequence[int]
    """Places in ``ids``, best first; ties by id, which is by age."""

    def signal(self, name: str) -> NDArray[np.float32]:
        """What one signal says of each candidate."""
        found: NDArray[np.float32] = self.values[self.names.index(name)]
        return found

    def with_signal(
        self, name: str, values: Mapping[int, float], shares: Mapping[int, float]
    ) -> Ranking:
        """With one more signal, that says something of some places only."""
        column, share = np.zeros(len(self.ids), dtype=np.float32), np.zeros(len(self.ids))
        for place, value in values.items():
            column[place], share[place] = value, shares[place]
        totals = self.totals + share
        return Ranking(
            self.ids,
            [*self.names, name],
            np.vstack([self.values, column]),
            np.vstack([self.shares, share]),
            totals,
            _order(self.ids, totals),
        )

    def raised(self, name: str, rises: Mapping[int, float], weight: float) -> Ranking:
        """With what a signal that was measured from this order says of some places."""
        if not rises or not weight:
            return self
        row = self.names.index(name)
        values, shares, totals = self.values.copy(), self.shares.copy(), self.totals.copy()
        for place, rise in rises.items():
            values[row, place] = rise
            shares[row, place] = weight * rise
            totals[place] += weight * rise
        return Ranking(self.ids, self.names, values, shares, totals, _order(self.ids, totals))

    def explained(self, places: Sequence[int]) -> list[tuple[SignalScore, ...]]:
        """What every signal that mattered gave to these candidates; the shares of each add up to
        its score."""
        if not places:
            return []
        chosen = self.values[:, list(places)]
        ranks = (1 + (self.values[:, None, :] > chosen[:, :, None]).sum(axis=2)).T.tolist()
        values, shares = chosen.T.tolist(), self.shares[:, list(places)].T.tolist()
        return [
            tuple([SignalScore(*one) for one in zip(self.names, *of, strict=True) if one[3]])
            for of in zip(ranks, values, shares, strict=True)
        ]


def rank(
    ids: Sequence[str], signals: Mapping[str, NDArray[np.float32]], weights: Mapping[str, float]
) -> Ranking:
    """Candidates by the weighted sum of what the signals say of them."""
    names = list(signals)
    values = np.zeros((len(names), len(ids)), dtype=np.float32)
    for at, name in enumerate(names):
        values[at] = signals[name]
    given = np.array([weights[name] for name in names])
    shares = values.astype(np.float64) * given[:, None]
    totals = shares.sum(axis=0)
    return Ranking(ids, names, values, shares, totals, _order(ids, totals))


def _order(ids: Sequence[str], totals: NDArray[np.float64]) -> list[int]:
    by_id = sorted(range(len(ids)), key=ids.__getitem__)
    return sorted(by_id, key=totals.tolist().__getitem__, reverse=True)


@dataclass(frozen=True, slots=True)
class RankedCandidates:
    """The candidates (``inputs.candidates``) and their ranking, in the same order."""

    query: SearchQuery
    inputs: SignalInputs
    ranking: Ranking
    kinds: Mapping[str, float]
    """What share of the texts is of each kind."""
    reason: str | None = None
    """Why a part of it was not looked for, if so."""

    def best(self, count: int) -> list[int]:
        """The places of the best that may be shown, best first."""
        return list(islice(filter(self._may_show, self.ranking.order), count))

    def _may_show(self, place: int) -> bool:
        """Of the kind that is asked for; and at a moment, not from later, unless it states what
        held then."""
        candidate, facts = self.inputs.candidates[place], self.inputs.facts
        turn = None if candidate.id in facts else candidate.text.turn
        if not candidate.shown or (turn is not None and candidate.text.only_heading):
            return False
        if ("fact" if turn is None else "turn") not in self.query.kinds:
            return False
        at = self.query.view.at
        if at is None or turn is None or turn.occurred_at is None or turn.occurred_at <= at:
            return True
        return any(turn.id == source.turn_id for f in facts.values() for source in f.sources)
