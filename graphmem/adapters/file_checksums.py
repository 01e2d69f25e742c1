"""The checksums of files that were closed whole, and a look at those that were not.

An engine that opens garbled files may end the process: Qdrant Edge asks for 101 GB and aborts, Kuzu
reads past its pages. So whoever closes files notes what they hold (a seal), and whoever opens them
compares it: a byte that changed since is damage, told before the engine sees it. The seal is broken
as soon as files are opened; where a killed process left none, they are first read through by a
process of their own, which may die instead.

Holes are not read, so that 300 MB of mostly empty files take 10 ms; a gigabyte takes about 1 s.

What stands in the place of a file may be something else: a link to somebody's file, which must not
be replaced where it leads to; a pipe, which nobody ever writes. Neither is opened.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import stat
import subprocess
import zlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from graphmem.adapters.child_process import can_start, last_line, run_program
from graphmem.errors import Unavailable
from graphmem.files import read_file, sync_folder

_BLOCK, _PAGE = 1 << 18, 1 << 12
_ZEROS = bytes(_BLOCK)
_VERSION = 2
"""Of the checksums: a seal of others is as good as none, and the files are read through once."""
_LONGEST_LOOK_S = 600


def write_seal(seal: Path, files: Iterable[str | Path]) -> None:
    """Note what closed files hold. Without room for it there is none, and they are looked at."""
    with contextlib.suppress(OSError):
        sums = {name: _checksum(path) for name, path in sorted(_by_name(seal, files).items())}
        written = {"version": _VERSION, "files": sums, "sum": sum_of(sums)}
        replace_file(seal, json.dumps(written).encode())


def what_changed(seal: Path, files: Iterable[str | Path]) -> str | None:
    """The first file that is another than when it was sealed: ``""`` when none is, None when
    there is no seal that can be read. :class:`~graphmem.errors.Unavailable` where a file cannot."""
    try:
        found = json.loads(read_file(seal))
        sealed = found["files"]
        if found["version"] != _VERSION or found["sum"] != sum_of(sealed):
            return None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    here = _by_name(seal, files)
    for name in sorted({*sealed, *here}):
        if name not in here:
            return f"{name} is missing"
        if name not in sealed:
            return f"{name} was not there when it was closed"
        try:
            size, number = _checksum(here[name])
        except OSError as error:  # which says nothing of what is in it
            raise Unavailable(f"{here[name]} cannot be read: {error.strerror}") from error
        if [size, number] != sealed[name]:
            was = sealed[name][0]
            how = "holds other bytes" if size == was else f"has {size:,} bytes, not {was:,}"
            return f"{name} {how} than when it was closed" if size == was else f"{name} {how}"
    return ""


def break_seal(seal: Path) -> None:
    """From here on the files may change. Outlives a power cut, or the next opening would take
    what was written for damage."""
    if os.path.lexists(seal):
        clear_place(seal)
        sync_folder(seal.parent)


def clear_place(path: Path) -> None:
    """Remove the file at a path, if there is one. What is no file is not graphmem's, and gets
    another name; what a link leads to stays as it is."""
    if not_a_file(path):
        rename_beside(path)
    else:
        path.unlink(missing_ok=True)


def not_a_file(path: Path) -> str:
    """What stands at a path in place of a file, for people; ``""`` for a file, and for nothing."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return ""
    if stat.S_ISREG(mode):
        return ""
    if stat.S_ISLNK(mode):
        return f"{path.name} is a link, to {os.readlink(path)}"
    return f"{path.name} is {'a folder' if stat.S_ISDIR(mode) else 'no file'}"


def replace_file(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Put a new file in the place of one, whole or not at all, whatever stood there. ``durable``
    outlives a power cut as well."""
    draft = path.with_name(f"{path.name}.new")
    clear_place(draft)
    with draft.open("xb") as file:
        file.write(content)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    if not_a_file(path):
        rename_beside(path)
    draft.replace(path)
    if durable:
        sync_folder(path.parent)


def rename_beside(path: Path) -> None:
    """Give what is at a path a name beside it that nothing has."""
    numbers = itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
    names = (path.with_name(f"{path.name}.set-aside{number}") for number in numbers)
    path.rename(next(name for name in names if not os.path.lexists(name)))


def look_at(program: str, *arguments: str, but: int = 0) -> str | None:
    """Let a process of its own open and read files, by a Python program; what it said or died of,
    None when it read them all, ``""`` when it ended with ``but``. Not in a frozen program, which
    cannot start one."""
    if not can_start():
        return None
    try:
        done = run_program(program, *arguments, timeout_s=_LONGEST_LOOK_S)
    except OSError:
        return None  # no process can be started now: as before
    except subprocess.TimeoutExpired:
        return f"reading it did not end within {_LONGEST_LOOK_S} s"
    if done.returncode in (0, but):
        return "" if done.returncode else None
    if done.returncode < 0:
        return f"the engine dies of it (signal {-done.returncode})"
    return last_line(done.stderr)[:300] or f"reading it ended with {done.returncode}"


def _by_name(seal: Path, files: Iterable[str | Path]) -> dict[str, str]:
    """Files by where they are below the folder that is sealed."""
    home = f"{seal.parent}{os.sep}"
    return {path.removeprefix(home): path for path in map(str, files)}


def sum_of(data: object) -> int:
    """A checksum of plain data: a changed character may still be valid JSON."""
    return zlib.crc32(json.dumps(data, sort_keys=True).encode())


def _checksum(path: str) -> tuple[int, int]:
    """Size and a checksum of what is in a file, wherever it has holes."""
    number = 0
    with open(path, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        for start, end in _extents(file.fileno(), size):
            # By blocks of the file, not of the extent: what is a hole here may be zeros elsewhere.
            for at in range(start - start % _BLOCK, end, _BLOCK):
                file.seek(at)  # from where the look for holes has left it
                if block := _without_zeros_after(file.read(_BLOCK)):
                    number = zlib.crc32(block, zlib.crc32(at.to_bytes(8, "little"), number))
    return size, number


def _without_zeros_after(block: bytes) -> bytes:
    """A block up to about its last byte that is not 0: many files are one page of data, and to
    compare the rest takes a twentieth of the time that a checksum of it takes."""
    if block == _ZEROS:
        return b""
    size = len(block)
    while size:
        half = size // 2 if size > _PAGE else 0
        if not block.endswith(_zeros(size - half), 0, size):
            break
        size = half
    return block[:size]


@lru_cache(maxsize=64)
def _zeros(size: int) -> bytes:
    return bytes(size)


def _extents(handle: int, size: int) -> Iterator[tuple[int, int]]:
    """Where a file holds data, in blocks that do not overlap."""
    if size <= _BLOCK or not hasattr(os, "SEEK_DATA"):
        yield 0, size
        return
    done = 0
    while done < size:
        try:
            start = os.lseek(handle, done, os.SEEK_DATA)
            end = os.lseek(handle, start, os.SEEK_HOLE)
        except OSError:
            return  # nothing but a hole is left
        start = max(start - start % _BLOCK, done)
        end = min(-(-end // _BLOCK) * _BLOCK, size)
        yield start, end
        done = end
