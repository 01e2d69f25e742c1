"""Room on the disk, looked for before an engine writes that does not survive a full one."""

from __future__ import annotations

import shutil
from pathlib import Path

from graphmem.errors import Unavailable

MIB = 1 << 20


def need(folder: Path, wanted: int, what: str) -> None:
    """:class:`~graphmem.errors.Unavailable` when the disk of a folder has fewer bytes left than
    ``what`` may need. Takes a few microseconds. Of a folder that cannot be looked at, whoever uses
    it tells more."""
    try:
        left = shutil.disk_usage(folder).free
    except OSError:
        return
    if left < wanted:
        raise Unavailable(
            f"the disk is nearly full: {what} may need {-(-wanted // MIB):,} MiB, and "
            f"{left // MIB:,} MiB are left; free some room, or move the store to a larger disk. "
            "What was told is kept: the ledger has it"
        )
