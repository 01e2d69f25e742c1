"""Ledgers without the rest of a store: to be written as a backup, or only to be read."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from graphmem.ports.ledger import Ledger, LedgerRows
from graphmem.settings import Settings
from graphmem.wiring.adapters import make, path_of


def ledger_file(settings: Settings, path: Path) -> Ledger:
    """A ledger in a file, not yet opened."""
    ledger: Ledger = make("ledger", f"sqlite:///{path.absolute()}", settings)
    return ledger


@contextlib.asynccontextmanager
async def rows_at(url: str, settings: Settings) -> AsyncIterator[LedgerRows]:
    """A ledger as it is at this moment, whoever holds it and writes it meanwhile."""
    if url.startswith("sqlite:"):
        from graphmem.adapters.ledger.sqlite.ledger import sqlite_rows

        async with sqlite_rows(path_of(url), settled=False, key=settings.encryption_key) as moment:
            yield moment
        return
    ledger: Ledger = make("ledger", url, settings)
    try:
        await ledger.open()
        async with ledger.snapshot() as moment:
            yield moment
    finally:
        await ledger.close()


def settled_rows(path: Path, settings: Settings) -> AbstractAsyncContextManager[LedgerRows]:
    """The ledger in a file that nobody writes any more; it may lie where nothing can be written."""
    from graphmem.adapters.ledger.sqlite.ledger import sqlite_rows

    return sqlite_rows(path, settled=True, key=settings.encryption_key)
