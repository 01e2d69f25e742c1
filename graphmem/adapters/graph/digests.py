"""What a graph holds as one number for each thing: to be compared with what it should hold.

The number of an episode, an entity or a fact is the sum of those of its node and of the edges that
it owns, so that an edge that is missing, doubled or changed shows in what it belongs to. Numbers
are of one process: they are never stored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from graphmem.adapters.graph.rows import edges_of, nodes_of
from graphmem.ports.graph import Digests, GraphChanges, GraphDump

_WHOLE = (1 << 64) - 1
_OWNERS = {
    "MENTIONS": ("Episode", 0),
    "NEXT": ("Episode", 1),
    "STATES": ("Fact", 1),
    "ABOUT": ("Fact", 0),
    "SUPERSEDES": ("Fact", 0),
}
"""Whose edge it is: the label, and whether it is where the edge starts or ends."""


class DigestSum:
    """Numbers added up by what they belong to."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], int] = defaultdict(int)

    def node(self, label: str, id: str, properties: Iterable[tuple[str, Any]]) -> None:
        self._add((label, id), hash((label, id, _content(properties))))

    def edge(self, type: str, source: str, target: str, properties: Mapping[str, Any]) -> None:
        if type == "RELATES":
            owner = ("Fact", str(properties.get("fact_id")))
        else:
            label, end = _OWNERS[type]
            owner = (label, (source, target)[end])
        self._add(owner, hash((type, source, target, _content(properties.items()))))

    def _add(self, owner: tuple[str, str], number: int) -> None:
        self.found[owner] = (self.found[owner] + number) & _WHOLE


def digests_of_changes(changes: GraphChanges) -> Digests:
    """What these changes come to in a graph that holds all that they refer to."""
    total = DigestSum()
    scopes: dict[tuple[str, str], str] = {}
    for label, nodes in nodes_of(changes).items():
        for node in nodes.values():
            scopes[label, node.id] = node.scope
            total.node(label, node.id, node.properties.items())
    for type, edges in edges_of(changes).items():
        for edge in edges:
            scope = edge.properties.get("scope")
            if scope is None:
                label, end = _OWNERS[type]
                scope = scopes[label, (edge.source, edge.target)[end]]
            total.edge(type, edge.source, edge.target, {**edge.properties, "scope": scope})
    return total.found


def digests_of_dump(dump: GraphDump) -> Digests:
    total = DigestSum()
    for label, id, properties in dump.nodes:
        total.node(label, id, properties)
    for type, source, target, properties in dump.edges:
        total.edge(type, source, target, dict(properties))
    return total.found


def _content(properties: Iterable[tuple[str, Any]]) -> frozenset[tuple[str, Any]]:
    return frozenset(
        (name, tuple(value) if type(value) is list else value)
        for name, value in properties
        if value is not None and value not in ([], ())
    )
