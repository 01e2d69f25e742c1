"""Reads files, and nothing that only stands in their place; makes names in a folder durable."""

from __future__ import annotations

import os
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


def sync_folder(folder: Path) -> None:
    """Write to the disk which files are in a folder."""
    if os.name == "nt":  # folders cannot be opened there
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
