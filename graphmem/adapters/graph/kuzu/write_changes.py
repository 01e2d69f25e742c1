"""Writes a batch of changes to Kuzu and ladybug by statements, inside one transaction."""

from __future__ import annotations

import glob
import json
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from graphmem.adapters.graph.cypher_files import statement_text
from graphmem.adapters.graph.kuzu.database_files import ROWS_NAME
from graphmem.adapters.graph.kuzu.drop_edges import EdgeDrops
from graphmem.adapters.graph.kuzu.new_lists import LIST_PROPERTIES, ListChange, set_list
from graphmem.adapters.graph.kuzu.session import Session
from graphmem.adapters.graph.rows import (
    EDGE_ENDS,
    Edge,
    Node,
    by_type,
    edges_of,
    nodes_of,
    size_of,
    stated_in,
    text_in,
)
from graphmem.errors import Rejected, Unavailable
from graphmem.ports.graph import GraphChanges

_LONG = 10_000
_LOG_BYTES_A_ROW = 4096  # beside its text
_encode = msgspec.json.Encoder().encode

_Row = TypeVar("_Row", Node, Edge)

_read = partial(statement_text, "read.cypher")
_write = partial(statement_text, "write.cypher")
_KNOWN = {"Episode": "known_episodes", "Entity": "known_entities", "Fact": "known_facts"}


class Loader:
    """Writes one batch: by :meth:`remove`, :meth:`put_nodes`, :meth:`put_edges` and, where there
    are :attr:`changed_lists` then, :meth:`set_lists`.

    A batch is one transaction, except in two cases: uncommitted rows must fit into the buffer pool,
    so text beyond ``most_text`` characters is committed in between; and rows created singly before
    a COPY into the same table are committed before it (else Kuzu 0.11.3 confuses rows). The
    checkpoint comes last, so a process killed in between applies the batch again.

    From ``copy_from`` rows of one kind on (None: never), they are written by COPY. ``bulky``: this
    batch has such rows, and no read may be in flight. ``copied``: a COPY is not committed; rolled
    back, it loses other rows too (Kuzu 0.11.3), and the graph must not be used any more.
    """

    def __init__(
        self,
        changes: GraphChanges,
        drops: EdgeDrops,
        path: Path,
        *,
        copy_from: int | None,
        most_text: int,
    ) -> None:
        """``path`` is the graph's file; temporary files for COPY are made beside it."""
        self._changes = changes
        self._drops = drops
        self._path = path
        self._copy_from = copy_from
        self._most_text = most_text
        self._text = 0
        self._nodes = nodes_of(changes)
        self._edges = edges_of(changes)
        sizes = [len(found) for found in (*self._nodes.values(), *self._edges.values())]
        self.bulky = copy_from is not None and max(sizes) >= copy_from
        self.copied = False
        self._scopes: dict[str, dict[str, str]] = {label: {} for label in self._nodes}
        """Nodes known to be in the graph: scope by label and id."""
        self._created: set[str] = set()
        """Episodes that this batch created: they have no mentions yet."""
        self._there: dict[str, tuple[set[str], set[str]]] = {}
        """For each fact that kept edges, the episodes that state it and the facts it supersedes."""
        self.changed_lists: list[ListChange] = []
        """The lists of existing nodes that :meth:`set_lists` is to set."""
        self.created: list[Node] = []
        """The nodes that were created singly."""
        self._facts = {fact.id: fact for fact in changes.facts} if self.bulky else {}

    def remove(self, session: Session) -> None:
        """Remove the nodes that are to be removed, with all their edges."""
        for fact_id in dict.fromkeys(self._changes.removed_facts):
            stored = self._stored(session, "Fact", fact_id)
            if stored is not None:
                self._drop_relation(session, fact_id, stored)
                self._remove_node(session, "Fact", fact_id)
        for label, ids in (
            ("Episode", self._changes.removed_episodes),
            ("Entity", self._changes.removed_entities),
        ):
            for id in dict.fromkeys(ids):
                if self._stored(session, label, id) is not None:
                    self._remove_node(session, label, id)
        for id in dict.fromkeys(self._changes.renewed_mentions):
            self._drops.drop(session, "drop_episode_mentions", id=id)

    def put_nodes(self, session: Session) -> None:
        """Create new nodes; set existing ones, and drop their own edges."""
        stored = {label: self._look_up(session, label) for label in self._nodes}
        for label, nodes in self._nodes.items():
            for id, row in stored[label].items():
                if row[0] != nodes[id].scope:
                    raise Rejected(f"the {label.lower()} {id} belongs to another scope")
        for label, nodes in self._nodes.items():
            for id, row in stored[label].items():
                if not (self.bulky and label == "Fact" and self._set_what_changed(session, id)):
                    self._set_node(session, nodes[id], row)
            new = [node for id, node in nodes.items() if id not in stored[label]]
            self._create_nodes(session, label, new)
            self._scopes[label].update((id, node.scope) for id, node in nodes.items())

    def _look_up(self, session: Session, label: str) -> dict[str, list[Any]]:
        """The stored rows, by id, of this batch's nodes that the graph has already."""
        ids: Iterable[str] = self._nodes[label]
        if self._by_copy(self._nodes[label]):
            ids = self._many(session, label, ids)
        rows = {id: self._stored(session, label, id) for id in ids}
        return {id: row for id, row in rows.items() if row is not None}

    def put_edges(self, session: Session) -> None:
        """Create the edges of the batch; those with a missing end, or with ends in two scopes,
        are left out. COPY comes last."""
        self._drops.keep_others(session)
        self._edges["MENTIONS"] = self._new_mentions(session)
        if self._there:
            none: tuple[set[str], set[str]] = (set(), set())
            for type, own, other, side in (
                ("STATES", "target", "source", 0),
                ("SUPERSEDES", "source", "target", 1),
            ):
                self._edges[type] = [
                    edge
                    for edge in self._edges[type]
                    if getattr(edge, other) not in self._there.get(getattr(edge, own), none)[side]
                ]
        ready: dict[str, list[dict[str, Any]]] = {}
        mixed = False
        for type, edges in self._edges.items():
            single, many = self._divided(edges)
            self._create_edges(session, type, single)
            ready[type] = self._with_ends(session, many)
            mixed |= bool(single and many)
        if mixed:
            self._commit(session)
        for type, rows in ready.items():
            self._copy(session, type, rows)

    def _create_edges(self, session: Session, type: str, edges: Iterable[Edge]) -> None:
        text = _write(f"create_{type.lower()}")
        for edge in edges:
            rest = edge.properties
            if type != "RELATES":  # the others get their scope from their ends
                rest = {name: value for name, value in rest.items() if name != "scope"}
            session.run(text, {"source": edge.source, "target": edge.target, **rest})
            self._add(session, text_in(rest))

    def load(self, session: Session, nodes: Sequence[Node], edges: Sequence[Edge]) -> None:
        """Fill an empty graph with rows."""
        for node in nodes:
            self._nodes[node.label][node.id] = node
        for label, found in self._nodes.items():
            self._create_nodes(session, label, list(found.values()))
            self._scopes[label].update((id, node.scope) for id, node in found.items())
            self._created.update(found if label == "Episode" else ())
        self._edges = by_type(edges)
        self.put_edges(session)

    def _by_copy(self, rows: Sized) -> bool:
        return self._copy_from is not None and len(rows) >= self._copy_from

    def _divided(self, rows: Sequence[_Row]) -> tuple[list[_Row], list[_Row]]:
        """The rows to write by single statements, and those to write by COPY."""
        if not self._by_copy(rows):
            return list(rows), []
        single: list[_Row] = []
        many: list[_Row] = []
        for row in rows:
            (many if _copies(row) else single).append(row)
        return single, many

    def _stored(self, session: Session, label: str, id: str) -> list[Any] | None:
        rows = session.run(_read(f"get_{label.lower()}"), {"id": id})
        return rows[0] if rows else None

    def _many(self, session: Session, label: str, ids: Iterable[str]) -> dict[str, str]:
        wanted = list(ids)
        if not wanted:
            return {}
        return dict(session.run(_read(_KNOWN[label]), {"ids": wanted}))

    def _set_node(self, session: Session, node: Node, stored: list[Any]) -> None:
        if node.label == "Fact":
            self._drop_relation(session, node.id, stored)
            for name in ("drop_fact_about", "drop_fact_states", "drop_fact_supersedes"):
                self._drops.drop(session, name, id=node.id)
        elif node.label == "Episode":
            self._drops.drop(session, "drop_episode_previous", id=node.id)
        lists = LIST_PROPERTIES[node.label]
        for name, before in zip(lists, stored[1 : 1 + len(lists)], strict=True):
            self._set_list(node, name, before)
        kept = ("scope", *lists)
        rest = {name: value for name, value in node.properties.items() if name not in kept}
        session.run(_write(f"set_{node.label.lower()}"), {"id": node.id, **rest})
        self._add(session, text_in(rest))

    def _set_list(self, node: Node, name: str, before: list[Any] | None) -> None:
        value = node.properties[name]
        if (before or None) != (value or None):
            self.changed_lists.append(ListChange(node.label, node.id, name, value))

    def set_lists(self, session: Session) -> None:
        """Set :attr:`changed_lists`: see :mod:`.new_lists`."""
        for change in self.changed_lists:
            set_list(session, change)

    def _set_what_changed(self, session: Session, id: str) -> bool:
        """Set a plain fact property by property, and keep those of its edges that are still right;
        False for a fact about entities. Setting all properties would make the engine hold 2,048
        rows of each column until a checkpoint: 0.7 MB per fact, where facts are far apart."""
        node = self._nodes["Fact"][id]
        if node.properties["entity_ids"] or node.properties["type"]:
            return False
        (row,) = session.run(_read("whole_fact"), {"id": id})
        stored = dict(zip(node.properties, row, strict=True))
        if stored["entity_ids"] or stored["type"]:
            return False
        text = _write("set_property").replace("LABEL", "Fact")
        for name, value in node.properties.items():
            if name in LIST_PROPERTIES["Fact"]:
                self._set_list(node, name, stored[name])
            elif (stored[name] or None) != (value or None):
                session.run(text.replace("PROPERTY", name), {"id": id, "value": value})
        sources = {source for (source,) in session.run(_read("stated_by"), {"id": id})}
        before = {other for (other,) in session.run(_read("took_place_of"), {"id": id})}
        fact = self._facts[id]
        if not sources.issubset(stated_in(fact)):
            self._drops.drop(session, "drop_fact_states", id=id)
            sources = set()
        if not before <= {fact.supersedes_id}:
            self._drops.drop(session, "drop_fact_supersedes", id=id)
            before = set()
        self._there[id] = (sources, before)
        return True

    def _drop_relation(self, session: Session, fact_id: str, stored: list[Any]) -> None:
        subject_id, object_id = stored[-2:]
        if subject_id is not None and object_id is not None:
            ends = {"subject_id": subject_id, "object_id": object_id}
            self._drops.drop(session, "drop_fact_relates", id=fact_id, **ends)

    def _remove_node(self, session: Session, label: str, id: str) -> None:
        self._drops.drop_all_of(session, label, id)
        session.run(_write(f"remove_{label.lower()}"), {"id": id})

    def _create_nodes(self, session: Session, label: str, nodes: list[Node]) -> None:
        if label == "Episode":
            self._created.update(node.id for node in nodes)
        single, many = self._divided(nodes)
        text = _write(f"create_{label.lower()}")
        self.created += single
        for node in single:
            session.run(text, {"id": node.id, **node.properties})
            self._add(session, text_in(node.properties))
        if single and many:
            self._commit(session)
        self._copy(session, label, [{"id": node.id, **node.properties} for node in many])

    def _new_mentions(self, session: Session) -> list[Edge]:
        by_episode: dict[str, list[Edge]] = defaultdict(list)
        for edge in self._edges.get("MENTIONS", ()):
            by_episode[edge.source].append(edge)
        new: list[Edge] = []
        for episode_id, edges in by_episode.items():
            known: set[str] = set()
            if episode_id not in self._created:
                known = {id for (id,) in session.run(_read("mentioned"), {"id": episode_id})}
            new += [edge for edge in edges if edge.target not in known]
        return new

    def _with_ends(self, session: Session, edges: list[Edge]) -> list[dict[str, Any]]:
        """Edges as rows for COPY, which fails on a missing end: only those with both ends in the
        graph, and in one scope."""
        if not edges:
            return []
        starts, ends = (self._scopes[label] for label in EDGE_ENDS[edges[0].type])
        for label, side in zip(EDGE_ENDS[edges[0].type], ("source", "target"), strict=True):
            known = self._scopes[label]
            unknown = {getattr(edge, side) for edge in edges}.difference(known)
            known.update(self._many(session, label, sorted(unknown)))
        rows = []
        for edge in edges:
            scope = starts.get(edge.source)
            wanted = edge.properties.get("scope", scope)
            if scope is not None and scope == ends.get(edge.target) == wanted:
                row = {"from": edge.source, "to": edge.target, "scope": scope}
                rows.append({**row, **edge.properties})
        return rows

    def _copy(self, session: Session, table: str, rows: list[dict[str, Any]]) -> None:
        for part, text in self._parts(rows):
            self.copied = True
            _copy_rows(session, table, part, self._path)
            self._add(session, text)

    def _parts(self, rows: list[dict[str, Any]]) -> Iterator[tuple[list[dict[str, Any]], int]]:
        """Rows in parts of not much more text than ``most_text``, each with its amount of text."""
        part: list[dict[str, Any]] = []
        text = 0
        for row in rows:
            part.append(row)
            text += text_in(row)
            if text > self._most_text:
                yield part, text
                part, text = [], 0
        if part:
            yield part, text

    def _add(self, session: Session, text: int) -> None:
        """Count written text, and commit when there is too much of it to stay uncommitted."""
        self._text += text
        if self._text > self._most_text:
            self._commit(session)

    def _commit(self, session: Session) -> None:
        self._drops.keep_others(session)
        session.commit()
        self._text, self.copied = 0, False
        session.run("BEGIN TRANSACTION")


def _copy_rows(session: Session, table: str, rows: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Write rows by COPY from a file of JSON lines: unlike CSV it distinguishes null, "" and []. If
    this process is killed, whoever opens the graph next finds the file beside it and removes it."""
    try:
        prefix = f"{path.name}{ROWS_NAME}"
        handle, name = tempfile.mkstemp(suffix=".json", prefix=prefix, dir=path.parent)
    except OSError as error:
        raise Unavailable(f"no temporary file for a bulk write: {error}") from error
    try:
        try:
            with os.fdopen(handle, "wb") as file:
                file.writelines(map(_line, rows))
        except OSError as error:
            raise Unavailable(f"the temporary file {name} for a bulk write: {error}") from error
        # The engine treats the name as a glob pattern.
        quoted = glob.escape(name).replace("\\", "\\\\").replace("'", "\\'")
        session.run(f"COPY {table} FROM '{quoted}'")
    finally:
        os.unlink(name)


def _line(row: Mapping[str, Any]) -> bytes:
    """A row as a line of JSON in ASCII."""
    line = _encode(row)
    return (line if line.isascii() else json.dumps(row).encode()) + b"\n"


def _ids(row: Node | Edge) -> tuple[str, ...]:
    return (row.id,) if isinstance(row, Node) else (row.source, row.target)


def _copies(row: Node | Edge) -> bool:
    """Whether a row may be written by COPY. If all of it is short, no text needs a closer look."""
    line = _encode((*_ids(row), row.properties))
    if len(line) <= _LONG and b"\\u0000" not in line:
        return True
    return _copyable(_ids(row)) and _copyable(row.properties.values())


def _copyable(values: Iterable[object]) -> bool:
    """Whether there is no long text, which costs COPY much memory, and no NUL, which it loses."""
    for value in values:
        if type(value) is str:
            if len(value) > _LONG or "\0" in value:
                return False
        elif type(value) is list and value and not _copyable(value):
            return False
    return True


def log_bytes(changes: GraphChanges) -> int:
    """The most bytes that a batch takes in the engine's log."""
    rows, characters = size_of(changes)
    return _LOG_BYTES_A_ROW * rows + 8 * characters
