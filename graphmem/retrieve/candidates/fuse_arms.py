"""What several arms found, roughly best first: which candidates to look at more closely.

Scores are scaled and summed, not ranks (rank fusion throws away how much better the better arm's
first hits are; see docs/decisions).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphmem.ports.vectors import Scored

_WEIGHTS = {"bm25": 1.0, "dense": 0.4}


@dataclass(frozen=True, slots=True)
class ArmHits:
    """What one arm found of facts or turns, best first."""

    arm: str
    hits: Sequence[Scored]


def fuse_arms(arms: Sequence[ArmHits]) -> dict[str, float]:
    """All candidates of all arms with how good they look, best first."""
    totals: dict[str, float] = {}
    for found in arms:
        if not found.hits:
            continue
        scores = [hit.score for hit in found.hits]
        low = min(scores) if found.arm == "dense" else 0.0
        span = max(max(scores) - low, 1e-9)
        for hit in found.hits:
            share = _WEIGHTS[found.arm] * (hit.score - low) / span
            totals[hit.id] = totals.get(hit.id, 0.0) + share
    return {id: totals[id] for id in sorted(totals, key=lambda id: (-totals[id], id))}
