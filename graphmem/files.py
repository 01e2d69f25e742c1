"""Files that are read whole or in parts, and nothing that only stands in the place of one."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import BinaryIO


def open_file(path: Path, *, buffered: bool = False) -> BinaryIO:
    """Open a file to read it. OSError for anything else: to open a pipe would wait for somebody to
    write it, and a device may never end."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(f"{path} is no file")
    return path.open("rb") if buffered else path.open("rb", buffering=0)


def read_file(path: Path) -> bytes:
    """All of a file; OSError for anything else."""
    with open_file(path) as file:
        return file.read()
