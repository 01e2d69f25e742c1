"""Personalised PageRank over the few entities and texts around a question.

After HippoRAG 2 (Gutiérrez et al. 2025, section 3): attention starts at the seeds and is handed on
along the links, a part of it returning to the seeds at every step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

DAMPING = 0.7
"""What a node hands on of what it has; the rest goes back to the seeds."""
_ROUNDS = 12  # of the rest, less than 2 % is still on its way


def pagerank(
    links: Sequence[tuple[str, str]],
    seeds: Mapping[str, float],
    degrees: Mapping[str, int],
) -> dict[str, float]:
    """What reaches each node; links go both ways, and all add up to at most 1.

    A node hands on to each of its links the share that it would if all its links were here:
    ``degrees`` has how many it really has, where that is known, so that hubs give little.
    """
    nodes = dict.fromkeys([*seeds, *(end for link in links for end in link)])
    at = {node: n for n, node in enumerate(nodes)}
    total = sum(seeds.values())
    if total <= 0:
        return {}
    start = np.zeros(len(at))
    for node, weight in seeds.items():
        start[at[node]] = weight / total
    one = np.array([at[a] for a, _ in links], dtype=np.intp)
    two = np.array([at[b] for _, b in links], dtype=np.intp)
    source, target = np.concatenate([one, two]), np.concatenate([two, one])
    here = np.bincount(source, minlength=len(at))
    real = np.array([degrees.get(node, 0) for node in at])
    share = DAMPING / np.maximum(np.maximum(here, real), 1)
    scores: NDArray[np.float64] = start
    for _ in range(_ROUNDS):
        handed = np.bincount(target, weights=(scores * share)[source], minlength=len(at))
        scores = (1 - DAMPING) * start + handed
    return dict(zip(at, scores.tolist(), strict=True))
