"""The files of an embedded graph: checked before the engine opens them, sealed when it has closed
them, removed or renamed to make room for new ones."""

from __future__ import annotations

import glob
import os
from collections.abc import Collection
from pathlib import Path

from graphmem.adapters.file_checksums import (
    break_seal,
    clear_place,
    look_at,
    not_a_file,
    rename_beside,
    what_changed,
    write_seal,
)
from graphmem.errors import Damaged, Unavailable

_LOGS = (".wal", ".shadow", ".tmp")
COPY_NAME, ROWS_NAME, NEXT_NAME = ".console-", ".rows-", ".next-"
"""Follow the graph's name in the names of temporary files beside it: copies for the console, rows
for a COPY, and a graph that is being filled to replace it."""
_SMALLEST = 4096
_MAGIC = (b"KUZU", b"LBUG", b"LADY")
_UNREADABLE = 3
"""The exit code of the program below when the engine refuses to open the file: then opening it here
is safe, as it raises the same error."""

_PROGRAM = f"""
import sys
from graphmem.adapters.graph.kuzu.session import blank_memory, load_engine, new_database
engine = load_engine(sys.argv[2])
try:
    with blank_memory():
        database = new_database(engine, sys.argv[1], int(sys.argv[3]))
    connection = engine.Connection(database, num_threads=1)
    tables = connection.execute("CALL show_tables() RETURN name, type").get_all()
except Exception as error:
    print(error, file=sys.stderr)
    sys.exit({_UNREADABLE})
for name, kind in tables:
    columns = [
        f"sum(size(x.`{{row[1]}}`))" if row[2].endswith("[]") else f"min(x.`{{row[1]}}`)"
        for row in connection.execute(f"CALL table_info('{{name}}') RETURN *").get_all()
    ]
    if columns and kind in ("NODE", "REL"):
        pattern = f"(x:`{{name}}`)" if kind == "NODE" else f"()-[x:`{{name}}`]->()"
        connection.execute(f"MATCH {{pattern}} RETURN {{', '.join(columns)}}").get_all()
with blank_memory():
    connection.close()
    database.close()
"""


def seal_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.seal")


def files_of(path: Path) -> list[Path]:
    """The database and its logs, as far as they exist."""
    named = (Path(f"{path}{suffix}") for suffix in ("", *_LOGS))
    return [file for file in named if file.is_file()]


def check_files(path: Path, engine: str, buffer_pool_bytes: int) -> None:
    """Raise :class:`~graphmem.errors.Damaged` for files that the engine fails to read or that have
    changed since they were closed, and for links, which may lead to somebody else's files."""
    for suffix in ("", *_LOGS):
        if odd := not_a_file(Path(f"{path}{suffix}")):
            raise damaged_graph(path, odd)
    files = files_of(path)
    changed = what_changed(seal_of(path), files)
    if changed:
        raise damaged_graph(path, changed)
    if changed is None and files:
        if not path.is_file():
            raise damaged_graph(path, "its file is missing, a log of it is there")
        if path.stat().st_size < _SMALLEST:
            raise damaged_graph(path, f"it has {path.stat().st_size:,} bytes, which is no database")
        why = look_at(_PROGRAM, str(path), engine, str(buffer_pool_bytes), but=_UNREADABLE)
        if why:
            raise damaged_graph(path, why)
    break_seal(seal_of(path))


def seal_files(path: Path) -> None:
    write_seal(seal_of(path), files_of(path))


def remove_files(path: Path) -> None:
    """Remove a database, its log first: a log without its file could be applied to a new one."""
    break_seal(seal_of(path))
    for suffix in (*_LOGS, ""):
        clear_place(Path(f"{path}{suffix}"))


def remove_beside(path: Path, but: Collection[Path] = ()) -> None:
    """Remove temporary files that a killed process left beside the graph, except ``but``."""
    for kind in (COPY_NAME, ROWS_NAME, NEXT_NAME):
        for old in path.parent.glob(f"{glob.escape(path.name)}{kind}*"):
            ours = not not_a_file(old) and not any(old.name.startswith(one.name) for one in but)
            if ours:
                old.unlink(missing_ok=True)


def remove_all(path: Path) -> None:
    """Remove a database, and temporary files beside it."""
    remove_files(path)
    remove_beside(path)


def check_closed_whole(filled: Path) -> None:
    """Raise :class:`~graphmem.errors.Unavailable` for a file that was not closed completely, as
    when the disk was full: its seal, which is written last, is missing."""
    if not seal_of(filled).exists() or not filled.is_file():
        raise Unavailable(
            f"the graph {filled} could not be finished, perhaps because the disk is full; the one "
            "that it was to replace is as it was"
        )


def replace_files(path: Path, filled: Path) -> None:
    """Replace a closed database by a file that was closed completely. The old logs are removed
    first, so that none is applied to the new file: if this is killed in between, the old database
    is as it was at its last checkpoint."""
    with filled.open("r+b") as file:
        os.fsync(file.fileno())
    break_seal(seal_of(path))
    for suffix in _LOGS:
        clear_place(Path(f"{path}{suffix}"))
    if not_a_file(path):
        rename_beside(path)
    filled.replace(path)
    break_seal(seal_of(filled))


def make_room_for_database(path: Path) -> None:
    """Make room for a new database where a file cannot be opened. Graphmem's own file is removed,
    as the ledger has all of it; one that may be somebody else's is renamed."""
    if not_a_file(path) or (
        path.is_file() and not seal_of(path).exists() and not _is_database(path)
    ):
        rename_beside(path)
    remove_files(path)


def damaged_graph(path: Path, why: str) -> Damaged:
    return Damaged(
        f"the graph {path} is damaged: {why}. It holds nothing that the ledger does not: "
        "`graphmem verify --repair` makes it anew"
    )


def _is_database(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(4)
    return head in _MAGIC or not head.strip(b"\0")
