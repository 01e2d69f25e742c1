"""The ledger in SQLite: one file, WAL, ``synchronous=FULL``. See ``sql/queries.sql``."""

from __future__ import annotations

from pathlib import Path

from graphmem.adapters.ledger.sql.ledger import SqlLedger
from graphmem.adapters.ledger.sqlite.database import SqliteDatabase
from graphmem.clock import Clock


class SqliteLedger(SqlLedger):
    """:class:`~graphmem.ports.ledger.Ledger` in one SQLite file (``path`` None: in memory)."""

    def __init__(self, path: Path | None, clock: Clock | None = None) -> None:
        super().__init__(SqliteDatabase(path), clock)
