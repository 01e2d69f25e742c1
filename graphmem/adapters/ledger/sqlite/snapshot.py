"""One moment of a SQLite file: a connection of its own inside one reading transaction."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from graphmem.adapters.ledger.sql.database import ReadOnlyDatabase, check_version
from graphmem.adapters.ledger.sql.dialects import SQLITE
from graphmem.adapters.ledger.sql.steps import Steps
from graphmem.adapters.ledger.sqlite.connect import Key, connect, errors_named
from graphmem.adapters.ledger.sqlite.runner import StepRunner, check_owner, ledger_errors
from graphmem.errors import Rejected

_T = TypeVar("_T")


class SqliteSnapshot(ReadOnlyDatabase):
    """Everything is asked in one thread, of one connection, in one transaction."""

    def __init__(self, connection: sqlite3.Connection, path: Path | None) -> None:
        self._connection = connection
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="graphmem-ledger-snapshot")

    async def read(self, begin: Callable[[], Steps[_T]]) -> _T:
        def work() -> _T:
            with ledger_errors(self._path):
                return StepRunner(self._connection).run(begin())

        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def end(self) -> None:
        """Let the moment go."""
        await asyncio.to_thread(self._thread.shutdown)
        self._connection.close()


@contextlib.asynccontextmanager
async def sqlite_snapshot(
    connect: Callable[[], sqlite3.Connection], path: Path | None
) -> AsyncIterator[SqliteSnapshot]:
    """The database behind a new connection as it is now. ``connect`` may block."""
    connection = await asyncio.to_thread(connect)
    moment = SqliteSnapshot(connection, path)
    try:
        with ledger_errors(path):
            connection.execute("BEGIN")
        # The first question is what takes the snapshot.
        await moment.head()
        yield moment
    finally:
        await moment.end()


def connect_to_read(path: Path, *, settled: bool, key: Key | None = None) -> sqlite3.Connection:
    """A connection that cannot write, to a ledger of this version. With ``key`` it may, or may not,
    be encrypted."""
    how = "immutable=1" if settled else "mode=ro"
    with ledger_errors(path):
        connection = connect(
            f"{path.absolute().as_uri()}?{how}",
            key,
            readers=True,
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=30,
        )
        try:
            owner = connection.execute("PRAGMA application_id").fetchone()[0]
            version = connection.execute("PRAGMA user_version").fetchone()[0]
        except errors_named("Error"):
            connection.close()
            raise
    try:
        check_owner(owner, path)
        _check_same_version(version, path)
    except Rejected:
        connection.close()
        raise
    return connection


def _check_same_version(version: int, path: Path) -> None:
    known = len(SQLITE.migrations())
    check_version(version, known, str(path))
    if version < known:
        raise Rejected(
            f"{path} was written by an older graphmem (ledger version {version}, this one reads "
            f"{known}): open it once as a store"
        )
