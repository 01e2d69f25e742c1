"""Communities of a graph by Louvain's method (Blondel et al. 2008), with networkx and a fixed seed.

It runs over the relations of the ledger, in an order that does not depend on random ids: the same
relations give the same communities, whatever store holds the graph.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any

import networkx as nx

_SEED = 20_081_009
_NAMED_BY = 3


def find_communities(graph: nx.MultiDiGraph[Any], least: int) -> list[list[Hashable]]:
    """The nodes of each community that has at least ``least``, largest community first; in each,
    nodes with most relations inside it first."""
    order = sorted(graph.nodes, key=lambda id: (graph.nodes[id]["name"], str(id)))
    number = {id: at for at, id in enumerate(order)}
    # By number: the order of a set of strings differs between processes.
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
    """A community's name: the first of its entities' names, which are given most central first."""
    return ", ".join(names[:_NAMED_BY])


def _central_first(graph: nx.Graph[int], members: Sequence[int]) -> list[int]:
    within = graph.subgraph(members)
    degree = dict(within.degree(weight="weight"))
    return sorted(members, key=lambda one: (-degree[one], one))
