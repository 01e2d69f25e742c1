"""The ledger in SQLite: one file, WAL, ``synchronous=FULL``. See ``sql/queries.sql``."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path

from graphmem.adapters.ledger.sql.ledger import SqlLedger
from graphmem.adapters.ledger.sqlite.connect import Key
from graphmem.adapters.ledger.sqlite.database import SqliteDatabase
from graphmem.adapters.ledger.sqlite.snapshot import connect_to_read, sqlite_snapshot
from graphmem.clock import Clock
from graphmem.ports.ledger import LedgerRows
from graphmem.ports.vectors import Vector


class SqliteLedger(SqlLedger):
    """:class:`~graphmem.ports.ledger.Ledger` in one SQLite file (``path`` None: in memory)."""

    def __init__(
        self,
        path: Path | None,
        clock: Clock | None = None,
        *,
        read_only: bool = False,
        key: Key | None = None,
    ) -> None:
        super().__init__(SqliteDatabase(path, read_only=read_only, key=key), clock)
        self._read_only = read_only

    async def cache(self, model: str, vectors: Mapping[str, Vector]) -> None:
        if not self._read_only:  # it only saves doing the same once more
            await super().cache(model, vectors)


@contextlib.asynccontextmanager
async def sqlite_rows(
    path: Path, *, settled: bool, key: Key | None = None
) -> AsyncIterator[LedgerRows]:
    """A ledger's file as it is now, only to be read: nothing is locked, migrated or written, and
    another process may hold and write it. ``settled`` says that nobody does, and nobody ever will:
    the file is then read where nothing can be written, too. With ``key`` it may be encrypted.

    :class:`~graphmem.errors.Rejected` when it is no ledger, or one of another version.
    """
    connect = partial(connect_to_read, path, settled=settled, key=key)
    async with sqlite_snapshot(connect, path) as moment:
        yield SqlLedger(moment)
