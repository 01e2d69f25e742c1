"""Connections to a ledger's file, and who else has one. The file may be encrypted as a whole
(SQLCipher): each page, the write-ahead log too, and nothing of it is plain but its length."""

from __future__ import annotations

import os
import sqlite3
import sys
from pathlib import Path
from typing import Any, TypeAlias, cast
from urllib.parse import unquote

from graphmem.errors import UsageError

_PLAIN = b"SQLite format 3\0"
_DRIVER = "sqlcipher3.dbapi2"
_LOCKS = Path("/proc/locks")

PAGE_BYTES = 8192
"""Of a new file. Of an encrypted one for ever: who opens it has to know."""

Key: TypeAlias = str
"""32 bytes in hexadecimal digits, used as they are."""


def connect(
    place: str, key: Key | None, *, readers: bool = False, **how: Any
) -> sqlite3.Connection:
    """A connection to ``place``; with ``key`` to an encrypted file. ``readers``: a plain file is
    read as such all the same."""
    path = Path(unquote(place.partition("?")[0].removeprefix("file://")))
    if key is None or (readers and is_plain(path)):
        connection: sqlite3.Connection = sqlite3.connect(place, **how)
        connection.row_factory = sqlite3.Row
        return connection
    driver = _driver()
    # The same interface under other names: that of the standard library, built with SQLCipher.
    made = driver.connect(place, **how)
    made.row_factory = driver.Row
    made.execute("PRAGMA cipher_log_level = NONE")  # what fails is an error here, no line elsewhere
    made.execute(f"PRAGMA key = \"x'{key}'\"")
    made.execute(f"PRAGMA cipher_page_size = {PAGE_BYTES}")
    try:
        made.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except driver.DatabaseError as error:
        made.close()
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_NOTADB:
            raise
        raise UsageError(_refusal(path)) from error
    return cast(sqlite3.Connection, made)


def _refusal(path: Path) -> str:
    if is_plain(path):
        return (
            f"the ledger {path} is not encrypted: open it without a key; `graphmem migrate` copies "
            "it to an encrypted store"
        )
    return (
        f"the key does not open the ledger {path}: it is that of another one (or the first page of "
        "the file is damaged). Nothing was changed"
    )


def is_plain(path: Path) -> bool:
    """Whether a file is there that begins as those of SQLite do."""
    try:
        with path.open("rb") as file:
            return file.read(len(_PLAIN)) == _PLAIN
    except OSError:
        return False


def errors_named(name: str) -> tuple[type[sqlite3.Error], ...]:
    """A class of errors by its name, of every driver that is in use."""
    drivers = [sqlite3, sys.modules.get(_DRIVER)]
    return tuple(getattr(driver, name) for driver in drivers if driver is not None)


def _driver() -> Any:
    try:
        from sqlcipher3 import dbapi2
    except ModuleNotFoundError as error:
        raise UsageError(
            "an encrypted ledger needs the package sqlcipher3: pip install 'graphmem[encryption]'"
        ) from error
    return dbapi2


def openers_of(path: Path) -> str:
    """The other processes that have locked the file that all readers of a ledger share: from the
    system's list of locks, where there is one. The locks themselves are not asked: to open and
    close the file would let go of our own (POSIX)."""
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
