"""Retrieval metrics as published, and how sure a difference is.

``recall@k`` is the mean share of a question's gold among the first k; ``all@k`` the share of
questions with all of it among them; ``hit@1`` the share whose first unit is gold; ``ndcg@k`` with
binary gains (Järvelin and Kekäläinen 2002). A session stands where its best unit stands.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

Scores: TypeAlias = dict[str, float]

KS = (1, 2, 3, 5, 10, 20)
_RESAMPLES = 10_000
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class ConfidenceInterval:
    """The mean of paired differences over ``n`` questions, with its 95 % interval."""

    mean: float
    low: float
    high: float
    n: int

    @property
    def sure(self) -> bool:
        """Whether zero lies outside."""
        return self.low > 0 or self.high < 0


def distinct(ids: Sequence[str]) -> list[str]:
    """The ids without repetition, in order of first occurrence."""
    return list(dict.fromkeys(ids))


def scores(ranked: Sequence[str], gold: Collection[str], ks: Sequence[int] = KS) -> Scores:
    """The metrics of one question; ``ranked`` are distinct ids, best first, ``gold`` not empty."""
    wanted = set(gold)
    found: Scores = {"hit@1": float(bool(ranked) and ranked[0] in wanted)}
    gains = [float(id in wanted) for id in ranked]
    for k in ks:
        hits = sum(gains[:k])
        found[f"recall@{k}"] = hits / len(wanted)
        found[f"all@{k}"] = float(hits == len(wanted))
        gained = sum(gain / math.log2(at + 2) for at, gain in enumerate(gains[:k]))
        best = sum(1 / math.log2(at + 2) for at in range(min(k, len(wanted))))
        found[f"ndcg@{k}"] = gained / best
    return found


def newer_above_older(
    ranked: Sequence[str], newer: Collection[str], older: Collection[str]
) -> float:
    """1 when the first of the newer stands above the first of the older, or that is not found."""
    first = next((id for id in ranked if id in newer or id in older), None)
    return float(first is not None and first in newer)


def mean(rows: Sequence[Scores]) -> Scores:
    """The mean of each metric over questions."""
    if not rows:
        return {}
    return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}


def paired(
    ours: Mapping[str, float], theirs: Mapping[str, float], *, seed: int = 0
) -> ConfidenceInterval | None:
    """Ours minus theirs over the questions that both have; None when there are none.

    Percentile bootstrap over questions (Efron and Tibshirani 1993, chapter 13), 10,000 resamples
    from a fixed seed: the same files give the same interval.
    """
    shared = sorted(ours.keys() & theirs.keys())
    if not shared:
        return None
    differences = np.array([ours[id] - theirs[id] for id in shared])
    rng = np.random.default_rng(seed)
    count = len(shared)
    means = [
        differences[rng.integers(0, count, (_AT_ONCE, count))].mean(axis=1)
        for _ in range(_RESAMPLES // _AT_ONCE)
    ]
    low, high = np.quantile(np.concatenate(means), [0.025, 0.975])
    return ConfidenceInterval(float(differences.mean()), float(low), float(high), count)


def percentile(values: Sequence[float], share: float) -> float:
    """A percentile, between neighbours; 0 for nothing."""
    return float(np.quantile(np.array(values), share)) if values else 0.0
