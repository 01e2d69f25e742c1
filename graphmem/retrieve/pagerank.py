"""Personalised PageRank over a small graph around a question.

After HippoRAG 2 (Gutiérrez et al. 2025, section 3): attention starts at the seeds and is handed on
along the links, a part of it returning to the seeds at every step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 12


def pagerank(
    links: Sequence[tuple[str, str]],
    seeds: Mapping[str, float],
    *,
    damping: float,
    degrees: Mapping[str, int] | None = None,
) -> dict[str, float]:
    """What reaches each node; links go both ways, and all add up to at most 1.

    A node hands on ``damping`` of what it has, in equal shares to each of its links; the rest goes
    back to the seeds. ``degrees`` has how many links a node has in all, where that is
    known: the shares of those that are not here are lost, so that hubs give little.
    """
    nodes = dict.fromkeys([*seeds, *[end for link in links for end in link]])
    index = {node: n for n, node in enumerate(nodes)}
    total = sum(seeds.values())
    if total <= 0:
        return {}
    start = np.zeros(len(index))
    for node, weight in seeds.items():
        start[index[node]] = weight / total
    one = np.array([index[a] for a, _ in links], dtype=np.intp)
    two = np.array([index[b] for _, b in links], dtype=np.intp)
    source, target = np.concatenate([one, two]), np.concatenate([two, one])
    # Summed in the order of the sources, so that nodes which stand alike come out alike.
    order = np.argsort(source, kind="stable")
    source, target = source[order], target[order]
    degree = np.bincount(source, minlength=len(index))
    if degrees:
        degree = np.maximum(degree, [degrees.get(node, 0) for node in index])
    share = damping / np.maximum(degree, 1)
    scores: NDArray[np.float64] = start
    for _ in range(_ROUNDS):
        handed = np.bincount(target, weights=(scores * share)[source], minlength=len(index))
        scores = (1 - damping) * start + handed
    return dict(zip(index, scores.tolist(), strict=True))
