"""Drops edges in such a way that the engine keeps all others.

Kuzu 0.11.3 stores the edges of 131,072 nodes together, in regions of 1,024 nodes, once by the nodes
where they start and once by those where they end. At a checkpoint it looks only at regions that
changed, and if no edge is left in any of them, it discards the edges of all 131,072 nodes: of 500
edges and one far from them, dropping the one loses the 500. So after dropping edges, one that stays
is set to its own values in the same transaction: then a region that is not empty has changed too.
(Ladybug 0.22 does not need this.)
"""

from __future__ import annotations

from collections.abc import Sequence

from graphmem.adapters.graph.cypher_files import statement_text
from graphmem.adapters.graph.kuzu.session import Session
from graphmem.adapters.graph.rows import EDGE_ENDS

_NODES_TOGETHER = 1 << 17
_START, _END = 0, 1
_TYPE_OF_DROP = {
    "drop_episode_previous": "NEXT",
    "drop_episode_next": "NEXT",
    "drop_episode_states": "STATES",
    "drop_episode_mentions": "MENTIONS",
    "drop_entity_mentions": "MENTIONS",
    "drop_entity_about": "ABOUT",
    "drop_entity_relates_from": "RELATES",
    "drop_entity_relates_to": "RELATES",
    "drop_fact_about": "ABOUT",
    "drop_fact_states": "STATES",
    "drop_fact_relates": "RELATES",
    "drop_fact_supersedes": "SUPERSEDES",
    "drop_fact_superseded": "SUPERSEDES",
}
_ALONE = "drop_fact_relates"  # needs the ends of the relation, too
_Part = tuple[str, int, int]
"""Edges that are stored together: their type, by which end, and the number of the group of 131,072
nodes that this end is in."""


class EdgeDrops:
    """Drops edges, for one writer, which must call :meth:`keep_others` before each transaction
    ends."""

    def __init__(self) -> None:
        self._dropped: set[_Part] = set()
        self._staying: dict[_Part, tuple[str, str]] = {}
        """For each part, the ends of an edge that stayed last time: it is probably still there."""

    def drop(self, session: Session, name: str, **parameters: str) -> None:
        """Run the statement of ``write.cypher`` that drops edges."""
        for rows in session.run(statement_text("write.cypher", name), parameters):
            self._dropped |= _parts_of(_TYPE_OF_DROP[name], rows)

    def drop_all_of(self, session: Session, label: str, id: str) -> None:
        """Drop all edges of a node before it is removed; of a fact, all but its relation."""
        for name in _TYPE_OF_DROP:
            if name.startswith(f"drop_{label.lower()}_") and name != _ALONE:
                self.drop(session, name, id=id)

    def keep_others(self, session: Session) -> None:
        """Make sure that the next checkpoint keeps the edges that were not dropped."""
        for part in sorted(self._dropped):
            if part in self._dropped:
                self._dropped -= {part} | self._keep_others_in(session, part)

    def _keep_others_in(self, session: Session, part: _Part) -> set[_Part]:
        """Rewrite one edge of the part; return the parts that it belongs to, none if there is no
        edge."""
        known = self._staying.pop(part, None)
        kept = _set_as_it_is(session, part, known) if known else set()
        if not kept and (known := _some_edge(session, part)):
            kept = _set_as_it_is(session, part, known)
        if kept and known:
            self._staying[part] = known
        return kept


def _parts_of(type: str, rows: Sequence[int]) -> set[_Part]:
    """The two parts that an edge belongs to, from the row numbers of its ends."""
    return {(type, by, rows[by] // _NODES_TOGETHER) for by in (_START, _END)}


def _set_as_it_is(session: Session, part: _Part, ends: tuple[str, str]) -> set[_Part]:
    """Set an edge to its own values; return its parts, none if the edge is gone."""
    found = session.run(
        _statement("keep_edge", part[0]), {"source": ends[_START], "target": ends[_END]}
    )
    return _parts_of(part[0], found[0]) if found else set()


def _some_edge(session: Session, part: _Part) -> tuple[str, str] | None:
    type, by, number = part
    first = number * _NODES_TOGETHER
    name = "some_edge_from" if by == _START else "some_edge_to"
    rows = session.run(
        _statement(name, type), {"first": first, "last": first + _NODES_TOGETHER - 1}
    )
    return (rows[0][0], rows[0][1]) if rows else None


def _statement(name: str, type: str) -> str:
    text = statement_text("write.kuzu.cypher", name)
    start, end = EDGE_ENDS[type]
    return text.replace("FROM", start).replace("TYPE", type).replace("TO", end)
