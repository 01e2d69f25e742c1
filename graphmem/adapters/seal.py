"""The checksums of files that were closed whole, and a look at those that were not.

An engine that opens garbled files may end the process: Qdrant Edge asks for 101 GB and aborts, Kuzu
reads past its pages. So whoever closes files notes what they hold (a seal), and whoever opens them
compares it: a byte that changed since is damage, told before the engine sees it. The seal is broken
as soon as files are opened; where a killed process left none, they are first read through by a
process of their own, which may die instead.

Holes are not read, so that 300 MB of mostly empty files take 10 ms; a gigabyte takes about 1 s.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import sys
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from graphmem.adapters.child_process import can_start, child_environment

_BLOCK = 1 << 18
_ZEROS = bytes(_BLOCK)
_LONGEST_LOOK_S = 600


def write_seal(seal: Path, files: Iterable[Path]) -> None:
    """Note what closed files hold. Without room for it there is none, and they are looked at."""
    with contextlib.suppress(OSError):
        home = seal.parent
        sums = {str(path.relative_to(home)): _checksum(path) for path in sorted(files)}
        draft = seal.with_name(f"{seal.name}.new")
        draft.write_text(json.dumps({"files": sums, "sum": _own_sum(sums)}), "utf-8")
        draft.replace(seal)


def what_changed(seal: Path, files: Iterable[Path]) -> str | None:
    """The first file that is another than when it was sealed: ``""`` when none is, None when
    there is no seal that can be read."""
    try:
        found = json.loads(seal.read_text("utf-8"))
        sealed = found["files"]
        if found["sum"] != _own_sum(sealed):
            return None
    except (OSError, ValueError, TypeError, KeyError):
        return None
    here = {str(path.relative_to(seal.parent)): path for path in files}
    for name in sorted({*sealed, *here}):
        if name not in here:
            return f"{name} is missing"
        if name not in sealed:
            return f"{name} was not there when it was closed"
        size, number = _checksum(here[name])
        if [size, number] != sealed[name]:
            was = sealed[name][0]
            how = "holds other bytes" if size == was else f"has {size:,} bytes, not {was:,}"
            return f"{name} {how} than when it was closed" if size == was else f"{name} {how}"
    return ""


def break_seal(seal: Path) -> None:
    """From here on the files may change. Outlives a power cut, or the next opening would take
    what was written for damage."""
    if seal.exists():
        clear_place(seal)
        if os.name != "nt":  # folders cannot be opened there
            handle = os.open(seal.parent, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def clear_place(path: Path) -> None:
    """Remove the file at a path, if there is one. A folder in its place is not graphmem's, and gets
    another name."""
    if path.is_dir() and not path.is_symlink():
        rename_beside(path)
    else:
        path.unlink(missing_ok=True)


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
        done = subprocess.run(  # noqa: S603 - this interpreter, a constant program
            [sys.executable, "-P", "-c", program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=child_environment(),
            timeout=_LONGEST_LOOK_S,
            check=False,
        )
    except OSError:
        return None  # no process can be started now: as before
    except subprocess.TimeoutExpired:
        return f"reading it did not end within {_LONGEST_LOOK_S} s"
    if done.returncode in (0, but):
        return "" if done.returncode else None
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    if done.returncode < 0:
        return f"the engine dies of it (signal {-done.returncode})"
    return lines[-1][:300] if lines else f"reading it ended with {done.returncode}"


def _own_sum(sums: object) -> int:
    return zlib.crc32(json.dumps(sums, sort_keys=True).encode())


def _checksum(path: Path) -> tuple[int, int]:
    """Size and a checksum of what is in a file, wherever it has holes."""
    number = 0
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        for start, end in _extents(file.fileno(), size):
            # By blocks of the file, not of the extent: what is a hole here may be zeros elsewhere.
            at = start - start % _BLOCK
            while at < end:
                file.seek(at)
                block = file.read(_BLOCK)
                if not block:
                    break
                if block != _ZEROS[: len(block)]:
                    number = zlib.crc32(block, zlib.crc32(at.to_bytes(8, "little"), number))
                at += _BLOCK
    return size, number


def _extents(handle: int, size: int) -> Iterator[tuple[int, int]]:
    """Where a file holds data, in blocks that do not overlap."""
    if not hasattr(os, "SEEK_DATA"):
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
