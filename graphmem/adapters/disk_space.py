"""Room on the disk for engines that do not survive a full one: looked for before they write, and,
where there is little, taken for their files, so that nobody else can take it meanwhile."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

from graphmem.errors import Unavailable, UsageError

MIB = 1 << 20
_PLENTY = 4096 * MIB
"""Of what is free; not even a program that only writes takes as much in the moment between looking
and writing."""
_LARGEST_FILE = 64 * MIB
"""Of an empty store: the vectors' files have 32 MiB each from the beginning."""
_KEEP_SIZE = 1  # FALLOC_FL_KEEP_SIZE: blocks beyond the end, which stays where it is
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def need(folder: Path, wanted: int, what: str) -> None:
    """:class:`~graphmem.errors.Unavailable` when the disk of a folder has fewer bytes left than
    ``what`` may need. Takes a few microseconds. Of a folder that cannot be looked at, whoever uses
    it tells more."""
    left = _left(folder)
    if left is not None and left < wanted:
        raise _nearly_full(wanted, left, what)


def need_large_files(what: str) -> None:
    """:class:`~graphmem.errors.UsageError` where this process may not write files as large as the
    engines do, which wait for ever then, or end the process."""
    if sys.platform == "win32":
        return
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if limit != resource.RLIM_INFINITY and limit < _LARGEST_FILE:
        raise UsageError(
            f"{what} needs files of up to {_LARGEST_FILE // MIB} MiB, and this process may write "
            f"{limit / MIB:,.1f} MiB (ulimit -f): raise the limit, or set GRAPHMEM_GRAPH and "
            "GRAPHMEM_VECTORS to servers"
        )


def scarce(folder: Path) -> bool:
    """Whether so little is left that another process could take it while an engine writes."""
    left = _left(folder)
    return left is not None and left < _PLENTY


def reserve(path: Path, start: int | None, length: int, what: str) -> None:
    """Take the blocks of ``length`` bytes of a file from ``start`` on (None: from the first hole
    in it); its size and content stay. :class:`~graphmem.errors.Unavailable` when there are not
    so many left. Where the system or the file system cannot do it, nothing is done."""
    allocate = _allocator()
    if allocate is None or length <= 0:
        return
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return
    try:
        at = os.lseek(file, 0, os.SEEK_HOLE) if start is None else start
        problem = allocate(file, at, length)
    finally:
        os.close(file)
    if problem in _NO_ROOM:
        raise _nearly_full(length, _left(path.parent) or 0, what)


@cache
def _allocator() -> Callable[[int, int, int], int] | None:
    """Takes a file, a place in it and a length; returns the error number, or 0. Only Linux can
    take blocks and leave the size, which the engines read files by."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None, use_errno=True)
    call = getattr(library, "fallocate64", None) or getattr(library, "fallocate", None)
    if call is None:
        return None
    call.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]

    def allocate(file: int, start: int, length: int) -> int:
        return ctypes.get_errno() if call(file, _KEEP_SIZE, start, length) else 0

    return allocate


def _left(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def _nearly_full(wanted: int, left: int, what: str) -> Unavailable:
    return Unavailable(
        f"the disk is nearly full: {what} may need {-(-wanted // MIB):,} MiB, and "
        f"{left // MIB:,} MiB are left; free some room, or move the store to a larger disk. "
        "What was told is kept: the ledger has it"
    )
