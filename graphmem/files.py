"""Reads files, and nothing that only stands in their place; makes folders, and the names in them
durable; tells where there are no more files to be had."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from graphmem.errors import BackendError, GraphmemError, Unavailable

_NO_MORE = (os.strerror(errno.EMFILE), "TooManyOpenFiles")
"""Part of what an engine says where this process may open no more."""


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


def make_folder(folder: Path) -> None:
    """Make a folder, unless it is there, that only its owner may enter: what people told a memory
    is in the files, whatever their own rights are."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def sync_folder(folder: Path) -> None:
    """Write to the disk which files are in a folder."""
    if os.name == "nt":  # folders cannot be opened there
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def check_open_files(error: BaseException, what: str) -> None:
    """:class:`~graphmem.errors.Unavailable` when an engine failed for want of a file to open: what
    it has is not damaged for that. Of an error that does not say so, one is tried."""
    if not any(sign in str(error) for sign in _NO_MORE):
        if "unable to open" not in str(error):
            return
        try:
            os.close(os.open(os.devnull, os.O_RDONLY))
        except OSError as none:
            error = none
        else:
            return
    raise Unavailable(
        f"{what} cannot be used, this process may open no more files: close what it holds open, "
        "or let it have more (ulimit -n)"
    ) from error


def check_failed_call(error: BaseException) -> None:
    """The same of what ended a call or an opening: only what the system or a store said, or what
    another failure caused. Anything else may say so because the caller did, as the name of
    something."""
    caused = isinstance(error, GraphmemError) and error.__cause__ is not None
    if caused or isinstance(error, OSError | BackendError):
        check_open_files(error, "the memory")
