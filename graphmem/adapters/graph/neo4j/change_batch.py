"""How a batch of changes becomes rows for Neo4j, in portions that a transaction can hold.

Unlike the embedded engines, which want one row a statement, a server wants few statements with
many rows each. All that puts something is one statement, made of the named ones, so that a small
batch takes one round trip; each part of it does nothing when its list is empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache, partial
from typing import Any

from graphmem.adapters.graph.cypher_files import statement_text
from graphmem.adapters.graph.rows import edges_of, nodes_of, text_in
from graphmem.ports.graph import GraphChanges

ParameterRows = dict[str, list[Any]]
"""The parameters of one statement: lists of rows by name."""

NODES = {"Episode": "episodes", "Entity": "entities", "Fact": "facts"}
"""The list of each label."""

_EDGES = {
    "NEXT": "next",
    "STATES": "states",
    "ABOUT": "about",
    "RELATES": "relates",
    "SUPERSEDES": "supersedes",
    "MENTIONS": "mentions",
}
_LISTS = (*NODES.values(), *_EDGES.values())
"""Nodes before edges: a portion holds a stretch of this order."""

_MOST_ROWS = 2000
_MOST_TEXT = 4_000_000
_PORTIONS = 5
"""How many portions a transaction may hold: 10,000 rows, 20 million characters."""


write_text = partial(statement_text, "write.neo4j.cypher")
"""The text of a named statement that writes."""


class ChangeBatch:
    """One batch on its way into the graph."""

    def __init__(self, changes: GraphChanges) -> None:
        self._nodes = nodes_of(changes)
        self._edges = edges_of(changes)
        self.removed: ParameterRows = {
            "episodes": _distinct(changes.removed_episodes),
            "entities": _distinct(changes.removed_entities),
            "facts": _distinct(changes.removed_facts),
            "renewed": _distinct(changes.renewed_mentions),
        }
        self.removes = any(self.removed.values())

    @property
    def ids(self) -> ParameterRows:
        """The ids of the nodes that it writes."""
        return {name: list(self._nodes[label]) for label, name in NODES.items()}

    def stolen(self, known: Mapping[str, Mapping[str, str]]) -> str | None:
        """A node that it would write, but that belongs to another scope; None when all is well.

        ``known`` are the scopes of what is stored, by list and id."""
        for label, name in NODES.items():
            removed = set(self.removed[name])
            for id, scope in known[name].items():
                if id not in removed and self._nodes[label][id].scope != scope:
                    return f"the {label.lower()} {id[:100]} belongs to another scope"
        return None

    def transactions(self) -> Iterator[list[ParameterRows]]:
        """The portions of each transaction, in order; one at least, so that the checkpoint
        moves."""
        group: list[ParameterRows] = []
        for portion in self._portions():
            group.append(portion)
            if len(group) == _PORTIONS:
                yield group
                group = []
        yield group

    def _portions(self) -> Iterator[ParameterRows]:
        portion, rows, text = _empty(), 0, 0
        for name, row, size in self._rows():
            if rows and (rows >= _MOST_ROWS or text + size > _MOST_TEXT):
                yield portion
                portion, rows, text = _empty(), 0, 0
            portion[name].append(row)
            rows, text = rows + 1, text + size
        if rows:
            yield portion

    def _rows(self) -> Iterator[tuple[str, dict[str, Any], int]]:
        for label, name in NODES.items():
            for node in self._nodes[label].values():
                yield name, {"id": node.id, **node.properties}, text_in(node.properties)
        for type, name in _EDGES.items():
            for edge in self._edges[type]:
                row = {"source": edge.source, "target": edge.target, "rest": dict(edge.properties)}
                yield name, row, text_in(edge.properties)


@cache
def put_text() -> str:
    """Everything that puts nodes and edges, as one statement."""
    return _combined(*(f"put_{name}" for name in _LISTS))


@cache
def remove_text() -> str:
    """Everything that removes nodes, and mentions that are told anew, as one statement."""
    return _combined(
        "drop_relates", "remove_facts", "remove_episodes", "remove_entities", "drop_mentions"
    )


@cache
def drop_text() -> str:
    """Everything that takes from known nodes the edges that they own, as one statement."""
    return _combined("drop_relates", "drop_fact_edges", "drop_states", "drop_next")


def _combined(*names: str) -> str:
    calls = (f"CALL () {{\n{write_text(name)}\n}}" for name in names)
    return "\n".join(("CYPHER replan=skip", *calls))


def _empty() -> ParameterRows:
    return {name: [] for name in _LISTS}


def _distinct(ids: tuple[str, ...]) -> list[str]:
    return list(dict.fromkeys(ids))
