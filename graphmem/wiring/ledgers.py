"""Ledgers without the rest of a store: to be written as a backup, or only to be read."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from graphmem.model import Episode, Turn
from graphmem.ports.graph import GraphDump
from graphmem.ports.ledger import Ledger, LedgerRows
from graphmem.settings import Settings
from graphmem.wiring.adapters import make, path_of

if TYPE_CHECKING:
    from graphmem.adapters.ledger.sqlite.salvage import SalvagedLedger


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


def salvage_ledger(
    damaged: Path,
    target: Path,
    at: datetime,
    *,
    cut: Callable[[str, str], Sequence[Turn]],
    in_graph: Mapping[str, Episode],
    applied_seq: int,
) -> SalvagedLedger:
    """A new ledger's file of what a damaged one still holds."""
    from graphmem.adapters.ledger.sqlite.salvage import salvage_sqlite

    return salvage_sqlite(damaged, target, at, cut=cut, in_graph=in_graph, applied_seq=applied_seq)


async def kuzu_copy(path: Path, settings: Settings) -> tuple[int, GraphDump | None]:
    """How far a graph's files have come, and all that they hold; None where they are of no store.
    They may be changed in that: give a copy, by its whole path."""
    url = f"kuzu:///{path}"
    graph = make("graph", url, settings)
    owner = await graph.owner()
    if owner is None:
        return 0, None
    graph = make("graph", url, settings)
    checkpoint = await graph.open(owner)
    try:
        return checkpoint.applied_seq, await graph.dump()
    finally:
        await graph.close()


def settled_rows(path: Path, settings: Settings) -> AbstractAsyncContextManager[LedgerRows]:
    """The ledger in a file that nobody writes any more; it may lie where nothing can be written."""
    from graphmem.adapters.ledger.sqlite.ledger import sqlite_rows

    return sqlite_rows(path, settled=True, key=settings.encryption_key)
