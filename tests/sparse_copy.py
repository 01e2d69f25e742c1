"""Stores copied with holes in their files wherever nothing but zeros is: as they read, the vectors
of a store of a few facts take a hundred times as much, and a few dozen of them fill the memory that
tests may use."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_AT_ONCE = 1 << 16
_ZEROS = bytes(_AT_ONCE)


def copy_store(source: Path, to: Path) -> Path:
    """A copy of a folder at a place where nothing is yet."""
    return Path(shutil.copytree(source, to, copy_function=_copy_file))


def _copy_file(source: str, to: str) -> None:
    with Path(source).open("rb") as read, Path(to).open("wb") as write:
        size = os.fstat(read.fileno()).st_size
        end = 0
        while end < size:
            try:
                start = os.lseek(read.fileno(), end, os.SEEK_DATA)
            except OSError:  # nothing follows but a hole
                break
            end = os.lseek(read.fileno(), start, os.SEEK_HOLE)
            for at in range(start, end, _AT_ONCE):
                block = os.pread(read.fileno(), min(_AT_ONCE, end - at), at)
                if block != _ZEROS[: len(block)]:
                    os.pwrite(write.fileno(), block, at)
        write.truncate(size)
    shutil.copystat(source, to)
