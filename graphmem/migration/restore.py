"""A store made of a backup, and a backup of a store that is not open here."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from graphmem.clock import SystemClock
from graphmem.engine.checks import checked_place
from graphmem.errors import Rejected
from graphmem.migration.store import (
    Moved,
    fill_target,
    in_own_loop,
    settle_target,
    source_end,
    target_end,
)
from graphmem.model import Backup
from graphmem.portability.backup import check_backup, make_backup
from graphmem.portability.copy import STORE_ID, CopyProgress
from graphmem.settings import LEDGER_FILE, Settings
from graphmem.wiring.ledgers import ledger_file, rows_at, settled_rows


def restore(
    backup: str | Path,
    target: str | Path | None,
    *,
    target_settings: Settings | None = None,
    progress: CopyProgress | None = None,
) -> Moved:
    """Make a store of a backup; the same as :func:`restore_memory`.

    >>> restore("backups/monday", "my-memory")
    """
    return in_own_loop(
        restore_memory(backup, target, target_settings=target_settings, progress=progress)
    )


async def restore_memory(
    backup: str | Path,
    target: str | Path | None,
    *,
    target_settings: Settings | None = None,
    progress: CopyProgress | None = None,
) -> Moved:
    """Make a store of what :meth:`~graphmem.AsyncMemory.backup` wrote, on any backends, and verify
    it.

    The target is named, may be, and is filled as that of :func:`migrate_memory`; it becomes the
    store that was backed up. The backup is only read, and must be whole: one that is damaged, or
    was never finished, is refused before anything is written.
    """
    there = target_end(target, target_settings)
    folder = checked_place(backup, "folder")
    manifest = await check_backup(folder)
    async with settled_rows(folder / LEDGER_FILE, there.settings) as moment:
        found = (await moment.setting(STORE_ID), await moment.head())
        if found != (manifest.store_id, manifest.seq):
            raise Rejected(f"the backup in {folder} is not what its manifest says: {found}")
        arrival, copied = await fill_target(moment, there, progress)
    return await settle_target(there, arrival, copied, progress)


async def backup_store(
    source: str | Path | None,
    folder: str | Path,
    *,
    source_settings: Settings | None = None,
    progress: CopyProgress | None = None,
) -> Backup:
    """Back up a store that need not be opened: :meth:`~graphmem.AsyncMemory.backup` of its ledger
    alone. Another process may hold it, and write it meanwhile."""
    here, place = source_end(source, source_settings), checked_place(folder, "folder")
    async with rows_at(here.urls["ledger"], here.settings) as moment:
        new_ledger = partial(ledger_file, here.settings)
        return await make_backup(moment, place, new_ledger, SystemClock().now(), progress)
