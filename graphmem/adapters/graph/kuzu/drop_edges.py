"""Edges dropped so that the engine keeps all others.

Kuzu 0.11.3 holds the edges of 131,072 nodes together, in regions of 1,024 nodes, once for the nodes
where they start and once for those where they end. At a checkpoint it looks at the regions that
changed, and when no edge is left in any of those it throws away the edges of all 131,072 nodes: of
500 edges and one far from them, dropping the one loses the 500. So whoever drops edges sets, in the
same transaction, one of those that stay to what it is: then a region that is not empty has changed
too. (Ladybug 0.22 counts right.)
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
_ALONE = "drop_fact_relates"  # takes the ends of the relation, too
_Part = tuple[str, int, int]
"""Edges held together: their type, by which end, and the number of that end's 131,072 nodes."""


class EdgeDrops:
    """Drops edges, for one writer: :meth:`keep_others` comes before the end of each transaction."""

    def __init__(self) -> None:
        self._dropped: set[_Part] = set()
        self._staying: dict[_Part, tuple[str, str]] = {}
        """An edge by its ends, which stayed the last time: most often it still does."""

    def drop(self, session: Session, name: str, **parameters: str) -> None:
        """Run the statement of ``write.cypher`` that drops edges."""
        for rows in session.run(statement_text("write.cypher", name), parameters):
            self._dropped |= _parts_of(_TYPE_OF_DROP[name], rows)

    def drop_all_of(self, session: Session, label: str, id: str) -> None:
        """What empties a node of its edges before it is removed; of a fact all but its relation."""
        for name in _TYPE_OF_DROP:
            if name.startswith(f"drop_{label.lower()}_") and name != _ALONE:
                self.drop(session, name, id=id)

    def keep_others(self, session: Session) -> None:
        """Make sure that the next checkpoint keeps what was not dropped."""
        for part in sorted(self._dropped):
            if part in self._dropped:
                self._dropped -= {part} | self._keep_others_in(session, part)

    def _keep_others_in(self, session: Session, part: _Part) -> set[_Part]:
        """Every part that the edge belongs to which now counts as changed."""
        known = self._staying.pop(part, None)
        kept = _set_as_it_is(session, part, known) if known else set()
        if not kept and (known := _some_edge(session, part)):
            kept = _set_as_it_is(session, part, known)
        if kept and known:
            self._staying[part] = known
        return kept


def _parts_of(type: str, rows: Sequence[int]) -> set[_Part]:
    """What an edge belongs to, by the rows of its ends."""
    return {(type, by, rows[by] // _NODES_TOGETHER) for by in (_START, _END)}


def _set_as_it_is(session: Session, part: _Part, ends: tuple[str, str]) -> set[_Part]:
    """Set an edge to what it is; nothing where it is gone."""
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
