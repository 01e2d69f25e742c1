"""A checksum of every page of a ledger's file, so that bytes that changed on the disk are found.

SQLite checks the structure of its pages, not the texts in them. The checksums stand in a file of
their own and are renewed whenever the write-ahead log goes into the ledger: only then its
pages change. They belong to one state of the ledger, which has the same random name for it: with
an older or another copy of it they say nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import struct
import sys
import zlib
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from graphmem.adapters.file_checksums import clear_place, replace_file
from graphmem.adapters.ledger.sql.tables import LOG_OF, PAGE_SUMS
from graphmem.adapters.ledger.sqlite.connect import PAGE_BYTES, Key, connect, errors_named
from graphmem.adapters.ledger.sqlite.damaged_file import (
    is_big_endian,
    log_sum,
    own_salts,
    read_sums,
)
from graphmem.adapters.ledger.sqlite.runner import damaged_ledger
from graphmem.files import open_file, read_file

_FRAME = struct.Struct(">II8s8s")  # page, size after commit, salts, checksums
_WAL_HEADER = 32
_INDEX_HEADER = 48
_LOG_BYTES = 64 << 20
_WAIT_MS = 30_000
_FOR_READERS_MS = 500  # those of this process are short
_SET = (
    "INSERT INTO settings (name, value) VALUES (?, ?) "
    "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
_SET_BOTH = _SET.replace("(?, ?)", "(?, ?), (?, ?)")


class PageSums:
    """For the one thread that writes the ledger ``path``; 0 stands for what is not known."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = Path(f"{path}.sums")
        self._log = Path(f"{path}-wal")
        self._sums = array("I")
        self._opened: BinaryIO | None = None
        self.state = ""
        self.page_size = 0
        """In bytes; without it the file says, if it is not encrypted."""

    def close(self) -> None:
        """Let go of the ledger's file: when no connection of this process has it any more."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    @property
    def _ledger(self) -> BinaryIO:
        """The ledger's file, kept open: to close it drops every lock that this process has on it,
        SQLite's too, and another program would take itself for the last one that uses it."""
        if self._opened is None:
            # Unbuffered: what is read is what the file holds now.
            self._opened = open_file(self._path)
        return self._opened

    def load(self, state: str) -> None:
        """Those that were kept for this state of the ledger; none when it is another."""
        known, sums = read_sums(self._file)
        self._sums, self.state = sums if known == state else array("I"), state

    def forget(self) -> None:
        """Before pages change: whoever is killed meanwhile finds no checksums, not wrong ones."""
        clear_place(self._file)

    def renew(self, state: str, changed: Iterable[int]) -> None:
        """Take these pages as they are now, and keep all for this state."""
        size, pages = self._pages()
        self._sums = self._sums[:pages]
        self._sums.extend([0] * (pages - len(self._sums)))
        file = self._ledger
        for page in sorted(changed):
            if 1 <= page <= pages:
                file.seek((page - 1) * size)
                self._sums[page - 1] = _sum(file.read(size))
        self.state = state
        kept = self._sums.tobytes()
        head = json.dumps({"state": state, "sum": zlib.crc32(kept)}).encode()
        with contextlib.suppress(OSError):  # without room for them there are none
            replace_file(self._file, head + b"\n" + kept)

    def logged(self) -> set[int]:
        """The pages that the write-ahead log holds: they may be other in the ledger's file."""
        found: set[int] = set()
        with contextlib.suppress(OSError), open_file(self._log) as file:
            header = file.read(_WAL_HEADER)
            if len(header) < _WAL_HEADER:
                return found
            size, salts = struct.unpack(">I", header[8:12])[0], header[16:24]
            at, end = _WAL_HEADER, os.fstat(file.fileno()).st_size
            while at + _FRAME.size <= end:
                file.seek(at)
                page, _, own, _ = _FRAME.unpack(file.read(_FRAME.size))
                if own != salts:
                    break
                found.add(page)
                at += _FRAME.size + size
        return found

    def differing(self, first: int, last: int) -> tuple[list[int], list[int]]:
        """Of these pages, those whose bytes are others than were written, and those of which
        nothing is known; but for what the log holds."""
        logged, (size, pages) = self.logged(), self._pages()
        other: list[int] = []
        unknown: list[int] = []
        file = self._ledger
        for page in range(first, min(last, pages) + 1):
            if page in logged:
                continue
            known = self._sums[page - 1] if page <= len(self._sums) else 0
            if not known:
                unknown.append(page)
                continue
            file.seek((page - 1) * size)
            if _sum(file.read(size)) != known:
                other.append(page)
        return other, unknown

    @property
    def pages(self) -> int:
        return self._pages()[1]

    def _pages(self) -> tuple[int, int]:
        """The size of a page in bytes, and how many whole ones the file has."""
        file = self._ledger
        file.seek(0)
        head = file.read(18)
        length = os.fstat(file.fileno()).st_size
        size = int.from_bytes(head[16:18], "big") if len(head) == 18 else 0
        size = 65_536 if size == 1 else size
        size = self.page_size or size
        return (size, length // size) if size >= 512 else (512, 0)


def _settings_of(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    found = connection.execute(
        "SELECT name, value FROM settings WHERE name IN (?, ?)", (PAGE_SUMS, LOG_OF)
    )
    return [(str(row[0]), str(row[1])) for row in found.fetchall()]


def _sum(page: bytes) -> int:
    return zlib.crc32(page) or 1


class LogKeeper:
    """The write-ahead log of a ledger put into its file, and the checksums with it. For the
    writer's thread and connection."""

    def __init__(self, path: Path) -> None:
        self.sums = PageSums(path)
        self._path = path
        self._log = Path(f"{path}-wal")
        self._next = _LOG_BYTES
        self._states = ""
        self._marked = False

    def check(self, key: Key | None) -> None:
        """That the log which a killed process left is whole, and of this file: SQLite would put the
        log of any other into it, and what comes of that has no structure that is wrong. Before the
        file is opened to write. :class:`~graphmem.errors.Damaged` when it is not, as when an older
        copy of the file was put back beside the log; nothing is touched."""
        self._check_whole(key)
        if not self.sums.logged():
            return
        in_file, with_log = (self._settings(key, how) for how in ("immutable=1", "mode=ro"))
        if in_file is None or with_log is None or LOG_OF not in with_log:
            return  # the file holds nothing yet, or something else is wrong, or nobody noted it
        if in_file.get(PAGE_SUMS, "") not in with_log[LOG_OF].split(","):
            raise damaged_ledger(
                self._path,
                f"its write-ahead log {self._log} is of another ledger, or of another state of "
                "this one, as when a copy of it was put back and the log left beside it. If the "
                f"copy is what you want, move {self._log} and {self._path}-shm out of the way",
            )

    def _check_whole(self, key: Key | None) -> None:
        """That SQLite reads the log to its end: where a frame is not as it was written it would cut
        off all after it, without a word. Only of the last transaction frames may be torn, by a
        power cut: each is on the disk before the next begins."""
        head, frames = self._frames()
        ends = [number for number, (_, size) in enumerate(frames, 1) if size]
        if not ends or (read := self._frames_read(key)) is None or read >= ends[-1]:
            return
        end_of_torn = next(end for end in ends if end > read)
        if head and end_of_torn == len(frames):
            return
        raise damaged_ledger(
            self._path,
            f"its write-ahead log {self._log} is not as it was written: SQLite would read {read:,} "
            f"of its {len(frames):,} pages and cut off the others",
        )

    def _frames(self) -> tuple[bool, list[tuple[int, int]]]:
        """Whether the log's head is as it was written, and page and size of each frame that is no
        older one behind the others."""
        found: list[tuple[bytes, int, int]] = []
        with contextlib.suppress(OSError), open_file(self._log) as file:
            head = file.read(_WAL_HEADER)
            (size,) = struct.unpack(">I", head[8:12]) if len(head) == _WAL_HEADER else (0,)
            sound = log_sum(bytes(8), head[:24], big=is_big_endian(head)) == head[24:]
            if not sound:
                size = PAGE_BYTES
            at, end = _WAL_HEADER, os.fstat(file.fileno()).st_size
            while at + _FRAME.size + size <= end:
                file.seek(at)
                page, pages, own, _ = _FRAME.unpack(file.read(_FRAME.size))
                found.append((own, page, pages))
                at += _FRAME.size + size
            salts = own_salts(head, [own for own, _, _ in found])
            last = max((n for n, (own, _, _) in enumerate(found, 1) if own == salts), default=0)
            return sound, [(page, pages) for _, page, pages in found[:last]]
        return True, []

    def _frames_read(self, key: Key | None) -> int | None:
        """How many frames SQLite reads, as its index of the log says (walformat.html): the last
        that ends a transaction with nothing wrong before it."""
        try:
            place = f"{self._path.absolute().as_uri()}?mode=ro"
            with contextlib.closing(connect(place, key, readers=True, uri=True)) as connection:
                connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
                head = read_file(Path(f"{self._path}-shm"))[:_INDEX_HEADER]
        except OSError:
            return None
        except errors_named("Error"):
            return None
        return int.from_bytes(head[16:20], sys.byteorder) if len(head) == _INDEX_HEADER else None

    def _settings(self, key: Key | None, how: str) -> dict[str, str] | None:
        """Of the file alone, or of both; None where they cannot be read."""
        try:
            place = f"{self._path.absolute().as_uri()}?{how}"
            connection = connect(place, key, readers=True, uri=True)
        except errors_named("Error"):
            return None
        try:
            return dict(_settings_of(connection))
        except errors_named("Error"):
            return None
        finally:
            connection.close()

    def begin(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        self.sums.page_size = int(connection.execute("PRAGMA page_size").fetchone()[0])
        found = dict(_settings_of(connection))
        state = found.get(PAGE_SUMS, "")
        self.sums.load(state)
        self._states = found.get(LOG_OF, state) if self.sums.logged() else state

    def mark(self, connection: sqlite3.Connection) -> None:
        """With the first transaction of a log: note in it what it is the log of. Always another
        text, or it would not be written."""
        if not self._marked:
            connection.execute(_SET, (LOG_OF, f"{self._states},{os.urandom(8).hex()}"))

    def after_commit(self, connection: sqlite3.Connection) -> None:
        """Put the log away once it has grown; a microsecond otherwise. What a bulk load writes
        again and again goes to its place once."""
        self._marked = True
        try:
            size = os.stat(self._log).st_size
        except OSError:
            return
        if size > self._next:
            done = self.put_away(connection, wait=False)
            self._next = _LOG_BYTES if done else size + _LOG_BYTES // 8

    def put_away(self, connection: sqlite3.Connection, *, wait: bool = True) -> bool:
        """Write the log into the ledger's file and cut it to nothing; False when a reader keeps
        it, whom ``wait`` waits for a moment."""
        if not self.sums.logged():
            return True
        state = os.urandom(16).hex()
        self._states = f"{self._states},{state}"  # part of it may be put there, and no more
        connection.execute(_SET_BOTH, (PAGE_SUMS, state, LOG_OF, self._states))
        changed = self.sums.logged()
        self.sums.forget()
        connection.execute(f"PRAGMA busy_timeout = {_FOR_READERS_MS if wait else 0}")
        try:
            busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        finally:
            connection.execute(f"PRAGMA busy_timeout = {_WAIT_MS}")
        if busy:
            self.sums.load("")  # part of it may be in its place
            return False
        self.sums.renew(state, changed)
        self._states, self._marked = state, False
        return True

    def know(self, connection: sqlite3.Connection, pages: Iterable[int]) -> None:
        """Take these pages, which are not in the log, as they are."""
        if self.sums.state:
            self.sums.renew(self.sums.state, pages)
        else:
            connection.execute(
                "INSERT INTO settings (name, value) VALUES (?, '') ON CONFLICT (name) DO NOTHING",
                (PAGE_SUMS,),
            )
            self.put_away(connection, wait=False)
            self.sums.renew(self.sums.state, pages)
