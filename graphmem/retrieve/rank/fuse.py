"""Arms to one ranking: scores are scaled and summed, not ranks (rank fusion throws away how much
better the better arm's first hits are; see docs/decisions)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graphmem.model import ArmScore
from graphmem.ports.vectors import Scored

_FIRST_LOOK = {"bm25": 1.0, "dense": 0.4, "graph": 0.3}


@dataclass(frozen=True, slots=True)
class Arm:
    """One way of retrieving, with its hits over facts or turns, best first."""

    name: str
    hits: Sequence[Scored]


def first_look(arms: Sequence[Arm]) -> list[str]:
    """All candidates of all arms, roughly best first: which of them to look at more closely."""
    return list(first_scores(arms))


def first_scores(arms: Sequence[Arm]) -> dict[str, float]:
    """The same with how good they look, best first."""
    totals: dict[str, float] = {}
    for arm in arms:
        if not arm.hits:
            continue
        scores = [hit.score for hit in arm.hits]
        low = min(scores) if arm.name == "dense" else 0.0
        span = max(max(scores) - low, 1e-9)
        for hit in arm.hits:
            share = _FIRST_LOOK[arm.name] * (hit.score - low) / span
            totals[hit.id] = totals.get(hit.id, 0.0) + share
    return {id: totals[id] for id in sorted(totals, key=lambda id: (-totals[id], id))}


@dataclass(frozen=True, slots=True)
class Ranking:
    """Candidates by falling total, with what each arm gave."""

    ids: Sequence[str]
    """In the order of ``values``."""
    names: Sequence[str]
    values: NDArray[np.float32]
    """What each arm says of each candidate: one row per arm."""
    shares: NDArray[np.float64]
    """The same, weighted."""
    totals: NDArray[np.float64]
    order: Sequence[int]
    """Places in ``ids``, best first; ties by id, which is by age."""

    def given(self, name: str) -> NDArray[np.float32]:
        """What one arm says of each candidate."""
        found: NDArray[np.float32] = self.values[self.names.index(name)]
        return found

    def moved(self, arm: str, values: Mapping[int, float], shares: Mapping[int, float]) -> Ranking:
        """With one more arm, that says something of some places only."""
        said, share = np.zeros(len(self.ids), dtype=np.float32), np.zeros(len(self.ids))
        for place, value in values.items():
            said[place], share[place] = value, shares[place]
        totals = self.totals + share
        order = sorted(range(len(self.ids)), key=lambda at: (-totals[at], self.ids[at]))
        return Ranking(
            self.ids,
            [*self.names, arm],
            np.vstack([self.values, said]),
            np.vstack([self.shares, share]),
            totals,
            order,
        )

    def explained(self, places: Sequence[int]) -> list[tuple[ArmScore, ...]]:
        """What every arm that mattered gave to these candidates; a candidate's shares add up to its
        score."""
        if not places:
            return []
        chosen = self.values[:, list(places)]
        ranks = (1 + (self.values[:, None, :] > chosen[:, :, None]).sum(axis=2)).T.tolist()
        values, shares = chosen.T.tolist(), self.shares[:, list(places)].T.tolist()
        return [
            tuple(ArmScore(*said) for said in zip(self.names, *of, strict=True) if said[3])
            for of in zip(ranks, values, shares, strict=True)
        ]


def rank(
    ids: Sequence[str], arms: Mapping[str, NDArray[np.float32]], weights: Mapping[str, float]
) -> Ranking:
    """Candidates by the weighted sum of what the arms say of them."""
    names = list(arms)
    values = np.zeros((len(names), len(ids)), dtype=np.float32)
    for at, name in enumerate(names):
        values[at] = arms[name]
    given = np.array([weights[name] for name in names])
    shares = values.astype(np.float64) * given[:, None]
    totals = shares.sum(axis=0)
    by_id = sorted(range(len(ids)), key=ids.__getitem__)
    order = sorted(by_id, key=totals.tolist().__getitem__, reverse=True)
    return Ranking(ids, names, values, shares, totals, order)
