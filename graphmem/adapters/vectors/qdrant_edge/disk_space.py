"""Checks for room on the disk before Qdrant Edge writes to a folder.

The engine writes through memory maps of sparse files. If the disk has no block left for such a
page, the system kills the whole process (SIGBUS, "Bus error") instead of reporting an error, so
room is checked before, which takes a few microseconds. Where little is left, the blocks about to be
written are reserved, so that no other process can take them.

Measured with release 0.9: a new collection takes up to 24 MiB, grows by up to 32 MiB at once, and
has 230 MiB of files, most of them holes. In a memory file system (tmpfs), reading a hole allocates
it, too.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from graphmem.adapters.disk_space import MIB, need, reserve, scarce

_NEW = 24 * MIB
"""The most that a new collection takes."""
_GROWTH = 48 * MIB
"""The most that one slice of points takes: a chunk, and pages of other files."""
_AHEAD = MIB
"""What the next few hundred points take in a file that grows with each of them."""
_AHEAD_IN_INDEXES = 64 * 1024
_LARGE = 16 * MIB
_LOADING = 8 * MIB
_OPTIMIZING = 64 * MIB
_READ_IN_PART = frozenset({"wal", "payload_storage", "store"})
"""Folders and files of which only the written part is read when they are opened."""
_HOLES = 96 * MIB
"""What opening allocates for holes in a copy, and again in the optimized result."""


def need_to_write(folder: Path) -> None:
    """Check for room for one slice of points."""
    need(folder, _GROWTH, f"the vectors in {folder}, to be written,")


def need_to_load(shard: Path) -> None:
    """Check for room to read a collection's files, and to write what was not flushed when it was
    released."""
    holes = 0
    if fills_holes(shard):
        read = (one for place, one in _files(shard) if _READ_IN_PART.isdisjoint(place.parts))
        holes = sum(max(0, one.st_size - _allocated(one)) for one in read)
    need(shard, holes + _LOADING, f"the vectors in {shard}, to be opened,")


def hold_to_load(shard: Path) -> None:
    """Reserve blocks for holes, where room is scarce and reading a hole allocates it."""
    if scarce(shard) and fills_holes(shard):
        for place, one in _files(shard):
            if _READ_IN_PART.isdisjoint(place.parts) and _allocated(one) < one.st_size:
                reserve(shard / place, 0, one.st_size, f"the vectors in {shard}, to be opened,")


def hold_to_write(shard: Path) -> None:
    """Reserve blocks for the next points, where room is scarce: after the written part of each
    file, which the engine fills from its beginning. Takes a few milliseconds."""
    if not scarce(shard):
        return
    for place, one in _files(shard):
        if _allocated(one) < one.st_size:
            ahead = _AHEAD if one.st_size > _LARGE else _AHEAD_IN_INDEXES
            what = f"the vectors in {shard}, to be written,"
            reserve(shard / place, None, min(ahead, one.st_size), what)


def need_to_optimize(shard: Path) -> None:
    """Check for room for a copy and the optimized result."""
    allocated = sum(_allocated(one) for _, one in _files(shard))
    holes = 2 * _HOLES if fills_holes(shard) else 0
    wanted = 2 * allocated + _OPTIMIZING + holes
    need(shard, wanted, f"the vectors in {shard}, to be optimized,")


def need_space_for_new_shards(folder: Path, collections: int) -> None:
    """Check for room for so many new collections after the folder's content is removed."""
    allocated = sum(_allocated(one) for _, one in _files(folder))
    wanted = max(0, collections * _NEW - allocated)
    need(folder, wanted, f"the vectors in {folder}, to be made anew,")


def fills_holes(folder: Path) -> bool:
    """Whether reading a hole in a file allocates it; tested with one page. On a full disk, where
    that cannot be tested, it is taken to."""
    populate = getattr(mmap, "MAP_POPULATE", None)
    if populate is None:
        return False  # only memory file systems of Linux are known to
    with contextlib.suppress(OSError), tempfile.TemporaryFile(dir=folder) as file:
        file.truncate(mmap.PAGESIZE)
        # The system reads the page: where it has no block for it, we would be killed for doing so.
        flags = mmap.MAP_SHARED | populate
        with mmap.mmap(file.fileno(), mmap.PAGESIZE, flags=flags, prot=mmap.PROT_READ):
            filled = _allocated(os.fstat(file.fileno())) > 0
        return filled or shutil.disk_usage(folder).free < mmap.PAGESIZE
    return False


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for place, _, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(FileNotFoundError):
                path = Path(place, name)
                yield path.relative_to(folder), path.stat()


def _allocated(stat: os.stat_result) -> int:
    blocks: int | None = getattr(stat, "st_blocks", None)  # Windows does not tell
    return stat.st_size if blocks is None else 512 * blocks
