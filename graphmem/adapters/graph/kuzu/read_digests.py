"""Reads the digests of an embedded graph row by row: columns cost half as much as whole nodes."""

from __future__ import annotations

import re
from collections.abc import Hashable
from functools import cache, partial

from graphmem.adapters.graph.cypher_files import statement_text
from graphmem.adapters.graph.digests import DigestSum
from graphmem.adapters.graph.kuzu.session import Session
from graphmem.adapters.graph.rows import EDGE_ENDS, NODE_LABELS, Properties
from graphmem.ports.graph import Digests
from graphmem.ports.part import Part

_read = partial(statement_text, "read.kuzu.cypher")
_COLUMN = re.compile(r"\b(\w+) (?:STRING|INT64|DOUBLE)")


def read_digests(reader: Session, *, part: Part | None = None) -> Digests:
    """Read the digests in one pass over each table, in one transaction."""
    total = DigestSum(part)
    reader.run("BEGIN TRANSACTION READ ONLY")
    for label in NODE_LABELS:
        text = _read("rows_of_nodes").replace("LABEL", label)
        for id, *values in reader.rows(_of_columns(text, label, "n")):
            total.node(label, id, _hashable(values))
    for type, (start, end) in EDGE_ENDS.items():
        text = _read("rows_of_edges")
        text = text.replace("FROM", start).replace("TYPE", type).replace("TO", end)
        columns = _columns(type)
        fact_id = columns.index("fact_id") if "fact_id" in columns else None
        for source, target, *values in reader.rows(_of_columns(text, type, "r")):
            owner = None if fact_id is None else values[fact_id]
            total.edge(type, source, target, owner, _hashable(values))
    reader.run("COMMIT")
    return total.found


def in_columns(table: str, properties: Properties) -> Hashable:
    """The properties of a node or an edge, in the order of its table's columns."""
    return _hashable([properties.get(name) for name in _columns(table)])


@cache
def _columns(table: str) -> tuple[str, ...]:
    """The columns of a table in the schema, without the id."""
    text = statement_text("schema.kuzu.cypher", table.lower())
    return tuple(name for name in _COLUMN.findall(text) if name != "id")


def _hashable(values: list[object]) -> Hashable:
    return tuple([tuple(value) if type(value) is list else value for value in values])


def _of_columns(text: str, table: str, name: str) -> str:
    return text.replace("COLUMNS", ", ".join(f"{name}.{column}" for column in _columns(table)))
