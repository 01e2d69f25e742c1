"""Who else has a ledger's file open: read from the system's list of locks, where there is one.

The locks themselves are not asked: to open and close the file would let go of our own (POSIX).
"""

from __future__ import annotations

import os
from pathlib import Path

_LOCKS = Path("/proc/locks")


def openers_of(path: Path) -> str:
    """The other processes that have locked the file that all readers of a ledger share."""
    try:
        inode = os.stat(f"{path}-shm").st_ino
        lines = _LOCKS.read_text("ascii", "replace").splitlines()
    except OSError:
        return "another process"
    pids = {pid for line in lines if (pid := _locker(line, inode)) not in {None, os.getpid()}}
    if not pids:
        return "another process"
    return "process " + ", ".join(map(str, sorted(pid for pid in pids if pid)))


def _locker(line: str, inode: int) -> int | None:
    """``1: POSIX  ADVISORY  READ 1234 08:01:5678 120 120``: process and inode."""
    words = line.split()
    if len(words) < 6 or words[1] != "POSIX" or words[5].rpartition(":")[2] != str(inode):
        return None
    return int(words[4]) if words[4].isdigit() else None
