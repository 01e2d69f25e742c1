"""Arms to one ranking: scores are scaled and summed, not ranks (rank fusion throws away how much
better the better arm's first hits are; see docs/decisions).

BM25 is scaled by its best score over facts and turns together; cosine from the worst to the best
candidate; graph by its best. Weights are the measured ones of ``_WEIGHTS``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from graphmem.errors import UsageError
from graphmem.model import ArmScore
from graphmem.ports.vectors import Scored

_WEIGHTS = {
    "bm25": 1.0,
    "dense": 0.4,
    "graph": 0.3,
    "neighbours": 0.6,
    "facts": 0.3,
    "about": 0.4,
    "asks": -0.25,
    "present": 0.8,
    "outdated": -0.8,
}
ARMS = tuple(_WEIGHTS)
"""Every arm and signal that can give a share, by name."""


def checked_arms(names: str) -> frozenset[str]:
    """Names with commas as a set; :class:`~graphmem.errors.UsageError` for one that is no arm."""
    wanted = {name.strip() for name in names.split(",") if name.strip()}
    if unknown := sorted(wanted - set(ARMS)):
        raise UsageError(f"no arm {', '.join(unknown)}; known are: {', '.join(ARMS)}")
    return frozenset(wanted)


def without_arms(candidates: Sequence[Fused], names: Set[str]) -> list[Fused]:
    """The candidates as if these arms did not exist; what only they brought is gone."""
    if not names:
        return list(candidates)
    kept = ((c.id, [arm for arm in c.arms if arm.arm not in names]) for c in candidates)
    return ordered([_total(id, arms) for id, arms in kept if arms])


@dataclass(frozen=True, slots=True)
class Arm:
    """One way of retrieving, with its hits over facts or turns, best first."""

    name: str
    hits: Sequence[Scored]


@dataclass(frozen=True, slots=True)
class Fused:
    """A candidate with its total and what each arm gave."""

    id: str
    score: float
    arms: tuple[ArmScore, ...]


def fuse(arms: Sequence[Arm]) -> list[Fused]:
    """All candidates of all arms by falling total; arms of one name are scaled together."""
    spans = _spans(arms)
    shares: dict[str, list[ArmScore]] = {}
    for arm in arms:
        low, high = spans[arm.name]
        for rank, hit in enumerate(arm.hits, start=1):
            scaled = (hit.score - low) / (high - low) if high > low else 1.0
            share = _WEIGHTS[arm.name] * scaled
            shares.setdefault(hit.id, []).append(ArmScore(arm.name, rank, hit.score, share))
    return ordered([_total(id, found) for id, found in shares.items()])


def with_neighbours(fused: Sequence[Fused], neighbours: Mapping[str, Sequence[str]]) -> list[Fused]:
    """Add to each turn a part of what the better of the turns next to it has."""
    own = {candidate.id: candidate.score for candidate in fused}
    result = []
    for one in fused:
        best = max((own.get(id, 0.0) for id in neighbours.get(one.id, ())), default=0.0)
        extra = ArmScore("neighbours", 1, best, _WEIGHTS["neighbours"] * best)
        result.append(_total(one.id, [*one.arms, extra]) if best > 0 else one)
    return ordered(result)


def with_stated(
    turns: Sequence[Fused], facts: Sequence[Fused], stating: Mapping[str, Sequence[str]]
) -> list[Fused]:
    """Add to each turn a part of the best fact that it states, graph and all."""
    by_id = {turn.id: turn for turn in turns}
    told: dict[str, Fused] = {}
    for rank, fact in enumerate(facts, start=1):
        for turn_id in stating.get(fact.id, ()):
            if turn_id not in told:
                arm = ArmScore("facts", rank, fact.score, _WEIGHTS["facts"] * fact.score)
                own = by_id[turn_id].arms if turn_id in by_id else ()
                told[turn_id] = _total(turn_id, [*own, arm])
    return ordered([*told.values(), *(turn for turn in turns if turn.id not in told)])


def extra(arm: str, score: float, rank: int = 1) -> ArmScore:
    """What an arm that scores from 0 to 1 gives."""
    return ArmScore(arm, rank, score, _WEIGHTS[arm] * score)


def with_extras(
    candidates: Sequence[Fused], extras: Mapping[str, Sequence[ArmScore]]
) -> list[Fused]:
    """Add to each candidate what further arms give; what only they bring is a candidate too."""
    own = {candidate.id: candidate for candidate in candidates}
    changed = {
        id: _total(id, [*(own[id].arms if id in own else ()), *arms])
        for id, arms in extras.items()
        if arms
    }
    return ordered([*(c for c in candidates if c.id not in changed), *changed.values()])


def ordered(candidates: Sequence[Fused]) -> list[Fused]:
    """By falling score; ties by id, which is by age."""
    return sorted(candidates, key=lambda candidate: (-candidate.score, candidate.id))


def _total(id: str, arms: Sequence[ArmScore]) -> Fused:
    return Fused(id, sum(arm.share for arm in arms), tuple(arms))


def _spans(arms: Sequence[Arm]) -> dict[str, tuple[float, float]]:
    """From what to what each arm's scores are scaled. Only cosine has no natural zero."""
    spans: dict[str, tuple[float, float]] = {}
    for arm in arms:
        scores = [hit.score for hit in arm.hits]
        if scores:
            low, high = spans.get(arm.name, (min(scores), max(scores)))
            spans[arm.name] = (min(low, *scores), max(high, *scores))
        else:
            spans.setdefault(arm.name, (0.0, 0.0))
    return {name: (low if name == "dense" else 0.0, high) for name, (low, high) in spans.items()}
