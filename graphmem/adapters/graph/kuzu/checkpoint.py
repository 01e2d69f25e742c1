"""The checkpoint of a graph, which is one of its nodes, and the tables that a new graph needs."""

from __future__ import annotations

from pathlib import Path

from graphmem.adapters.graph.cypher_files import statement_text, statements
from graphmem.adapters.graph.kuzu.session import Session
from graphmem.errors import Rejected
from graphmem.ports.graph import Checkpoint

KUZU_FORMAT = 3
"""Version of the graph's content. A graph of another format is emptied and rebuilt."""


def create_tables(writer: Session, store_id: str) -> None:
    """Make an empty database an empty graph of this store."""
    for table in statements("schema.kuzu.cypher").values():
        writer.run(table.text)
    set_checkpoint(writer, store_id, 0)


def set_checkpoint(writer: Session, store_id: str, applied_seq: int) -> None:
    """Note the last event that the graph holds, in the transaction that is open."""
    checkpoint = {"store_id": store_id, "applied_seq": applied_seq, "format": KUZU_FORMAT}
    writer.run(statement_text("write.cypher", "set_checkpoint"), checkpoint)


def checkpoint_of(path: Path, writer: Session) -> Checkpoint | None:
    """The checkpoint; None when the graph is new or of another format. ``path`` is named where the
    database is not a graph."""
    tables = {name for (name,) in writer.run(statement_text("read.cypher", "show_tables"))}
    if not tables:
        return None
    if "Store" not in tables:
        raise Rejected(
            f"{path} is a database, but not graphmem's: it holds {', '.join(sorted(tables))}. Name "
            "another file for the graph"
        )
    rows = writer.run(statement_text("read.cypher", "get_checkpoint"))
    if not rows or rows[0][2] != KUZU_FORMAT:
        return None
    return Checkpoint(rows[0][0], rows[0][1])
