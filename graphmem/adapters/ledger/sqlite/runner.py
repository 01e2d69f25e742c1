"""Steps run on one SQLite connection, and what SQLite raises in our words."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from graphmem.adapters.ledger.sql.database import lone_surrogate
from graphmem.adapters.ledger.sql.dialects import SQLITE
from graphmem.adapters.ledger.sql.queries import Queries
from graphmem.adapters.ledger.sql.steps import Execute, Fetch, ResultRows, SqlValues, Steps
from graphmem.adapters.ledger.sqlite.bulk_insert import FEWEST_TOGETHER, insert_many
from graphmem.adapters.ledger.sqlite.connect import errors_named
from graphmem.errors import Damaged, Rejected, Unavailable
from graphmem.files import check_open_files

_T = TypeVar("_T")

_MIN_FREE_BYTES = 1 << 20  # bytes

APPLICATION_ID = 0x67726D65  # "grme": tells our files from other SQLite files
SQLITE_QUERIES = Queries(SQLITE)


class StepRunner:
    """Runs steps on one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def run(self, steps: Steps[_T]) -> _T:
        try:
            request = next(steps)
            while True:
                if isinstance(request, Execute):
                    self.execute(request.name, request.rows)
                    request = steps.send([])
                else:
                    request = steps.send([self.fetch(one) for one in request])
        except StopIteration as end:
            result: _T = end.value
            return result

    def fetch(self, fetch: Fetch) -> ResultRows:
        statement, more = SQLITE_QUERIES.filtered(fetch)
        values = _bound({**fetch.values, **more} if more else fetch.values)
        found: list[Any] = self._connection.execute(statement, values).fetchall()
        return found

    def execute(self, name: str, rows: Sequence[SqlValues]) -> None:
        if rows:
            lists = list in map(type, rows[0].values())
            bound = list(map(_bound, rows)) if lists else rows
            statement = SQLITE_QUERIES[name, False]
            many = len(rows) >= FEWEST_TOGETHER
            done = insert_many(self._connection, statement, bound) if many else 0
            self._connection.executemany(statement, bound[done:])


def _bound(values: SqlValues) -> SqlValues:
    """Lists as JSON text, which the statements take apart."""
    if list in map(type, values.values()):
        return {
            name: json.dumps(value) if type(value) is list else value
            for name, value in values.items()
        }
    return values


def check_owner(application_id: int, path: Path | None) -> None:
    if application_id != APPLICATION_ID:
        raise Rejected(f"{path} is a SQLite file of something else, not a ledger")


@contextlib.contextmanager
def ledger_errors(path: Path | None) -> Iterator[None]:
    """Wrap what SQLite raises over this file; the cause is kept."""
    try:
        yield
    except UnicodeEncodeError as error:
        raise lone_surrogate() from error
    except errors_named("OperationalError") as error:
        # Of a text that is none (no UTF-8) the driver gives no code.
        code = getattr(error, "sqlite_errorcode", None)
        if code is None:
            raise damaged_ledger(path, "a text in it is none") from error
        if code & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise Unavailable(f"the ledger {path} is busy: {error}") from error
        if code & 0xFF == sqlite3.SQLITE_CORRUPT:
            raise damaged_ledger(path, str(error)) from error
        if str(error).startswith(("no such table", "no such column")):
            raise damaged_ledger(path, f"it lacks what every ledger has: {error}") from error
        if code & 0xFF == sqlite3.SQLITE_READONLY:
            raise Unavailable(
                f"the ledger {path} cannot be written: it, the file beside it that ends in -wal or "
                "-shm, or their folder may only be read; put that right and open it again"
            ) from error
        check_open_files(error, f"the ledger {path}")
        if code & 0xFF == sqlite3.SQLITE_CANTOPEN:
            raise Unavailable(
                f"the ledger {path} cannot be opened: it, or the file beside it that ends in -wal "
                "or -shm, may not be read and written, is a folder, or is a link to nothing; put "
                "that right and open it again"
            ) from error
        if code & 0xFF in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}:
            why = "the disk is full" if _disk_full(path) else error
            raise Unavailable(f"the ledger {path} cannot be written: {why}") from error
        raise Rejected(f"the ledger {path}: {error}") from error
    except errors_named("DatabaseError") as error:
        code = error.sqlite_errorcode & 0xFF
        if code == sqlite3.SQLITE_NOTADB:
            why = f"{error} (or it is encrypted: open it with its key, GRAPHMEM_KEY_FILE)"
            raise damaged_ledger(path, why) from error
        if code == sqlite3.SQLITE_CORRUPT:
            raise damaged_ledger(path, str(error)) from error
        raise Rejected(f"the ledger {path} cannot be used: {error}") from error


def damaged_ledger(path: Path | None, why: str) -> Damaged:
    """Of a ledger nothing may be made anew: it is the truth."""
    return Damaged(
        f"the ledger {path} is damaged: {why}. Nothing was changed. Put back a backup of it; "
        "without one, `graphmem salvage` takes what can be had of it into a new store"
    )


def _disk_full(path: Path | None) -> bool:
    """Whether the disk has no room for what SQLite writes beside a ledger: it says only "disk I/O
    error" where the file that all readers share cannot grow."""
    if path is None:
        return False
    try:
        return shutil.disk_usage(path.parent).free < _MIN_FREE_BYTES
    except OSError:
        return False
