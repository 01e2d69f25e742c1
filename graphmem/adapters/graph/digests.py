"""What a graph holds as one number for each thing: to be compared with what it should hold.

The number of an episode, an entity or a fact is the sum of those of its node and of the edges that
it owns, so that an edge that is missing, doubled or changed shows in what it belongs to. Numbers
are of one process: they are never stored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable

from graphmem.adapters.graph.rows import Properties, edges_of, nodes_of
from graphmem.ports.graph import Digests, GraphChanges, GraphDump
from graphmem.ports.part import Part

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
    """Numbers added up by what they belong to. ``content`` is the properties as something that can
    be hashed, made alike on both sides of a comparison. With a ``part`` what belongs to other
    things is left out."""

    def __init__(self, part: Part | None = None) -> None:
        self._part = part
        self.found: dict[tuple[str, str], int] = defaultdict(int)

    def node(self, label: str, id: str, content: Hashable) -> None:
        self._add((label, id), (label, id, content))

    def edge(self, type: str, source: str, target: str, fact_id: object, content: Hashable) -> None:
        """``fact_id`` is a property of those that carry it."""
        if type == "RELATES":
            owner = ("Fact", str(fact_id))
        else:
            label, end = _OWNERS[type]
            owner = (label, (source, target)[end])
        self._add(owner, (type, source, target, content))

    def _add(self, owner: tuple[str, str], what: Hashable) -> None:
        if self._part is None or self._part.takes(owner[1]):
            self.found[owner] = (self.found[owner] + hash(what)) & _WHOLE


def by_name(_: str, properties: Properties) -> Hashable:
    """The properties of a node or an edge, whatever their order, without those that are empty."""
    return frozenset(
        (name, tuple(value) if type(value) is list else value)
        for name, value in properties.items()
        if value is not None and value not in ([], ())
    )


def digests_of_changes(
    changes: GraphChanges, content: Callable[[str, Properties], Hashable] = by_name
) -> Digests:
    """What these changes come to in a graph that holds all that they refer to. ``content`` is told
    the label or the type, too."""
    total = DigestSum()
    scopes: dict[tuple[str, str], str] = {}
    for label, nodes in nodes_of(changes).items():
        for node in nodes.values():
            scopes[label, node.id] = node.scope
            total.node(label, node.id, content(label, node.properties))
    for type, edges in edges_of(changes).items():
        for edge in edges:
            properties = edge.properties
            if "scope" not in properties:
                label, end = _OWNERS[type]
                properties = {**properties, "scope": scopes[label, (edge.source, edge.target)[end]]}
            made = content(type, properties)
            total.edge(type, edge.source, edge.target, properties.get("fact_id"), made)
    return total.found


def digests_of_dump(dump: GraphDump, part: Part | None = None) -> Digests:
    total = DigestSum(part)
    for label, id, pairs in dump.nodes:
        total.node(label, id, by_name(label, dict(pairs)))
    for type, source, target, pairs in dump.edges:
        properties = dict(pairs)
        made = by_name(type, properties)
        total.edge(type, source, target, properties.get("fact_id"), made)
    return total.found
