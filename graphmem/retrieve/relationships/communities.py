"""Communities of a graph: Louvain's method (Blondel et al. 2008), as networkx has it, seeded.

It runs over the relations that the ledger holds, in an order that does not depend on ids drawn at
random: the same relations give the same communities, whatever store holds the graph.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any

import networkx as nx

_SEED = 20_081_009
_NAMED_BY = 3


def find_communities(graph: nx.MultiDiGraph[Any], least: int) -> list[list[Hashable]]:
    """The nodes of each community of at least so many, the largest first, the central ones first in
    each. Central is who has most relations within."""
    order = sorted(graph.nodes, key=lambda id: (graph.nodes[id]["name"], str(id)))
    number = {id: at for at, id in enumerate(order)}
    # By number: sets of text have another order in every process.
    counted = Counter(
        tuple(sorted((number[a], number[b]))) for a, b in graph.edges() if number[a] != number[b]
    )
    plain: nx.Graph[int] = nx.Graph()
    plain.add_nodes_from(sorted({end for pair in counted for end in pair}))
    for (one, other), weight in sorted(counted.items()):
        plain.add_edge(one, other, weight=weight)
    if not counted:
        return []
    found = nx.community.louvain_communities(plain, weight="weight", seed=_SEED)
    large = [members for members in found if len(members) >= least]
    central = [_central_first(plain, sorted(members)) for members in large]
    central.sort(key=lambda members: (-len(members), members))
    return [[order[at] for at in members] for members in central]


def community_name(names: Sequence[str]) -> str:
    """Of the names of its entities, the central ones first."""
    return ", ".join(names[:_NAMED_BY])


def _central_first(graph: nx.Graph[int], members: Sequence[int]) -> list[int]:
    within = graph.subgraph(members)
    degree = dict(within.degree(weight="weight"))
    return sorted(members, key=lambda one: (-degree[one], one))
