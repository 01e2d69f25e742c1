"""The methods that take what is stored elsewhere: backups, exports, imports."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Unpack

from graphmem.engine.checks import checked_place, checked_progress
from graphmem.engine.core import Core
from graphmem.model import Backup, Exported, Imported
from graphmem.portability.backup import make_backup
from graphmem.portability.export import write_export
from graphmem.portability.imports import read_import
from graphmem.ports.arguments import ScopeArgs


class Transfer(Core):
    """Taking what is stored out, and in."""

    async def backup(
        self, folder: str | Path, *, progress: Callable[[str, int, int], None] | None = None
    ) -> Backup:
        self._check_open()
        checked_progress(progress, 3)
        place = checked_place(folder, "folder")
        parts = self._parts
        async with parts.ledger.snapshot() as moment:
            return await make_backup(moment, place, parts.ledger_file, parts.clock.now(), progress)

    async def export(
        self,
        file: str | Path,
        *,
        all_scopes: bool = False,
        progress: Callable[[str, int, int], None] | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> Exported:
        self._check_open()
        checked_progress(progress, 3)
        place, parts = checked_place(file, "file"), self._parts
        where = await self._whole_tenant(scope, all_scopes=all_scopes)
        async with parts.ledger.snapshot() as moment:
            return await write_export(moment, place, where, parts.clock.now(), progress)

    async def import_(
        self,
        file: str | Path,
        *,
        all_scopes: bool = False,
        progress: Callable[[str, int, int], None] | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> Imported:
        self._check_open()
        checked_progress(progress, 3)
        place = checked_place(file, "file")
        where = await self._whole_tenant(scope, all_scopes=all_scopes)
        found = await read_import(self._parts.ledger, place, where, progress)
        self._present.forget_users()
        await self._keep_lag_bounded()
        return found
