"""SQLite itself: connections, threads, transactions, migrations, errors."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from filelock import BaseFileLock, FileLock, Timeout

from graphmem.adapters.ledger.sql.database import check_version, closed_memory, last_seq
from graphmem.adapters.ledger.sql.dialects import SQLITE
from graphmem.adapters.ledger.sql.steps import (
    EventLog,
    Fetch,
    ResultRows,
    Steps,
    TransactionSteps,
    fetch_all,
)
from graphmem.adapters.ledger.sqlite.connect import PAGE_BYTES, Key, connect, openers_of
from graphmem.adapters.ledger.sqlite.page_sums import LogKeeper
from graphmem.adapters.ledger.sqlite.recent_events import RecentEvents
from graphmem.adapters.ledger.sqlite.runner import (
    APPLICATION_ID,
    StepRunner,
    check_owner,
    ledger_errors,
)
from graphmem.adapters.ledger.sqlite.snapshot import (
    SqliteSnapshot,
    connect_to_read,
    sqlite_snapshot,
)
from graphmem.errors import BackendError, Damaged, Unavailable, UsageError
from graphmem.files import make_folder
from graphmem.off_loop import to_its_end
from graphmem.ports.ledger import Event, LedgerCheck
from graphmem.ports.part import Part

_T = TypeVar("_T")

_READERS = 2
_PAGES_AT_ONCE = 1024


class SqliteDatabase:
    """One SQLite file in WAL mode: one writer thread, a few readers.

    Every call runs in a thread of its own pool and cannot be cut short: a cancelled write is
    waited for, and has committed or rolled back as a whole when the cancellation goes on.

    ``read_only`` takes no lock: it reads what another process holds, and writes, at each call.
    ``key`` is that of an encrypted file.
    """

    def __init__(
        self, path: Path | None, *, read_only: bool = False, key: Key | None = None
    ) -> None:
        self.path = path
        self._key = None if path is None else key
        self.read_only = read_only
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="graphmem-ledger-write")
        # In memory there is one connection, which its one thread reads and writes with.
        self._reader = (
            self._writer
            if path is None
            else ThreadPoolExecutor(_READERS, thread_name_prefix="graphmem-ledger-read")
        )
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._closed = False
        self._head = 0
        self._recent = RecentEvents()
        self._lock: BaseFileLock | None = None
        self._log = None if path is None or read_only else LogKeeper(path)

    @property
    def shared(self) -> bool:
        return False

    @contextlib.asynccontextmanager
    async def named_lock(self, _name: str) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        # The file is locked already.
        yield _nothing

    async def head(self) -> int:
        # One process writes this file, so what it last wrote is the head.
        return await self.read(last_seq) if self.read_only else self._head

    def recent_events(self, after: int, limit: int) -> list[Event]:
        return self._recent.after(after, limit)

    async def write(
        self, work: TransactionSteps[_T], _was_committed: Callable[[], Steps[bool]] | None = None
    ) -> tuple[_T, int]:
        """Run steps in one transaction: all of it is durable when this returns, or none."""
        self._check_open()
        if self.read_only:
            raise UsageError(
                f"{self.path} is open to read only: what writes has to open it without read_only, "
                "once nobody else holds it"
            )
        future = asyncio.get_running_loop().run_in_executor(self._writer, self._transaction, work)
        # Whoever decides next must read what this left, so it is left first.
        return await to_its_end(future)

    async def update(self, fetch: Fetch) -> ResultRows:
        def work(_: EventLog) -> Steps[ResultRows]:
            (found,) = yield from fetch_all([fetch])
            return found

        return (await self.write(work))[0]

    def fetch(self, *fetches: Fetch) -> Awaitable[list[ResultRows]]:
        self._check_open()
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._reader, self._answer, fetches)

    async def read(self, begin: Callable[[], Steps[_T]]) -> _T:
        """Run steps on one consistent snapshot."""
        return await self._submit(self._reader, lambda: self._snapshot(begin))

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[SqliteSnapshot]:
        self._check_open()
        if self.path is None:
            copied = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            copied.row_factory = sqlite3.Row
            await self._submit(self._writer, lambda: self._connection().backup(copied))
            connect: Callable[[], sqlite3.Connection] = lambda: copied  # noqa: E731
        else:
            connect = self._connect
        async with sqlite_snapshot(connect, self.path) as moment:
            yield moment
        if not self._closed:
            # What was erased or written meanwhile could not leave the write-ahead log.
            await self._empty_log()

    async def open(self) -> None:
        if self.read_only:
            await self._submit(self._reader, self._check_readable)
            return
        self._lock_file()
        await self._submit(self._writer, self._migrate)
        self._head = await self.read(last_seq)

    @property
    def keeps_erased(self) -> bool:
        return self.path is not None

    async def erased(self) -> str | None:
        """What was erased must not survive in the write-ahead log either: cut it to nothing. That
        has to wait for whoever reads the file, which another process may do for as long as it
        likes."""
        self._recent.clear()
        if await self._empty_log() or self.path is None:
            return None
        return f"the write-ahead log {self.path.name}-wal is held by {openers_of(self.path)}"

    async def remake(self) -> None:
        """SQLite overwrites what is deleted, but not the copies that stay in a page when it moves
        its rows together: only new pages hold none."""
        if self.path is not None:
            await self._submit(self._writer, self._vacuum)

    def _vacuum(self) -> None:
        with self._errors():
            self._connection().execute("VACUUM")

    async def _empty_log(self) -> bool:
        return await self._submit(self._writer, self._put_log_away)

    async def check(self, part: Part | None = None) -> LedgerCheck:
        """SQLite's own check of pages, tables and indexes; and the checksum of every page. Of a
        part, its pages' checksums."""
        if part is None:
            found = await self._submit(self._reader, self._integrity)
        else:
            found = LedgerCheck({}, ())
        if self._log is None or found.differences:
            return found
        other: list[int] = []
        unknown: list[int] = []
        sums = self._log.sums
        count = await self._submit(self._writer, lambda: sums.pages)
        compared = 0
        for first in range(1, count + 1, _PAGES_AT_ONCE):
            if part is not None and (first // _PAGES_AT_ONCE) % part.of != part.number:
                continue
            last = first + _PAGES_AT_ONCE - 1
            pages = await self._submit(self._writer, partial(self._log.sums.differing, first, last))
            other += pages[0]
            unknown += pages[1]
            compared += min(last, count) - first + 1
        if other:
            shown = ", ".join(map(str, other[:5])) + (", …" if len(other) > 5 else "")
            why = (
                f"ledger: {len(other):,} pages of {self.path} hold other bytes than were written "
                f"(page {shown}): it is damaged, or another program wrote to it; if one did that "
                f"you trust, close the store and remove {self.path}.sums"
            )
            return LedgerCheck(found.checked, (why,))
        if part is not None:  # SQLite itself was not asked: what is not known stays so
            return LedgerCheck({"ledger pages": compared}, ())
        if unknown:
            await self._submit(self._writer, partial(self._know_pages, unknown))
        return found

    def _know_pages(self, pages: Sequence[int]) -> None:
        """What SQLite finds nothing wrong with is from here on what it should be."""
        if self._log is not None:
            with self._errors():
                self._log.know(self._connection(), pages)

    def _put_log_away(self) -> bool:
        if self._log is None:
            return True
        with self._errors():
            return self._log.put_away(self._connection())

    def _integrity(self) -> LedgerCheck:
        try:
            with self._errors():
                pages = self._connection().execute("PRAGMA page_count").fetchone()[0]
                found = self._connection().execute("PRAGMA integrity_check(20)").fetchall()
        except Damaged as error:
            return LedgerCheck({}, (f"ledger: {error}",))
        wrong = [str(row[0]) for row in found if row[0] != "ok"]
        return LedgerCheck({"ledger pages": pages}, tuple(f"ledger: {one}" for one in wrong))

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        # In one thread, to its end: also where the caller gives up waiting for it.
        await asyncio.to_thread(self._let_go)

    def _let_go(self) -> None:
        if self._log is not None and self._connections:
            with contextlib.suppress(BackendError):
                self._writer.submit(self._put_log_away).result()
        for pool in {self._reader, self._writer}:
            pool.shutdown()
        for connection in self._connections:
            connection.close()
        if self._log is not None:
            self._log.sums.close()
        if self._lock is not None:
            self._lock.release()

    def _lock_file(self) -> None:
        """Lock the file: SQLite would let other processes write it too."""
        if self.path is None or self._lock is not None:
            return
        lock = FileLock(f"{self.path}.lock", thread_local=False)
        try:
            make_folder(self.path.parent)
            lock.acquire(timeout=0)
        except Timeout:
            raise Unavailable(
                f"the ledger {self.path} is in use: close the other one, or name another file"
            ) from None
        except OSError as error:
            raise UsageError(f"the ledger {self.path} cannot be opened: {error}") from error
        self._lock = lock

    def _check_open(self) -> None:
        if self._closed:
            raise closed_memory()

    async def _submit(self, pool: ThreadPoolExecutor, work: Callable[[], _T]) -> _T:
        self._check_open()
        return await asyncio.get_running_loop().run_in_executor(pool, work)

    def _transaction(self, work: TransactionSteps[_T]) -> tuple[_T, int]:
        connection = self._connection()
        with self._errors():
            connection.execute("BEGIN IMMEDIATE")
            try:
                runner, log = StepRunner(connection), EventLog()
                result = runner.run(work(log))
                runner.execute("add_event", log.number(self._head))
                if self._log is not None:
                    self._log.mark(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            # In the one writer's thread, as soon as it is durable: the caller may be gone.
            self._head = max(self._head, log.seq)
            self._recent.add(log)
            if self._log is not None:
                self._log.after_commit(connection)
            return result, self._head

    def _answer(self, fetches: Sequence[Fetch]) -> list[ResultRows]:
        if len(fetches) != 1:
            return self._snapshot(lambda: fetch_all(fetches))
        # One statement is a snapshot by itself.
        connection = self._connection()
        with self._errors():
            return [StepRunner(connection).fetch(fetches[0])]

    def _snapshot(self, begin: Callable[[], Steps[_T]]) -> _T:
        connection = self._connection()
        with self._errors():
            connection.execute("BEGIN")
            try:
                return StepRunner(connection).run(begin())
            finally:
                if connection.in_transaction:
                    connection.execute("COMMIT")

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._connect()
            self._local.connection = connection
            self._connections.append(connection)
        return connection

    def _connect(self) -> sqlite3.Connection:
        if self.read_only and self.path is not None:
            return connect_to_read(self.path, settled=False, key=self._key)
        with self._errors():
            connection = connect(
                str(self.path or ":memory:"),
                self._key,
                isolation_level=None,
                check_same_thread=False,
                timeout=30,
                cached_statements=512,
            )
            # Of a new file: fewer pages go to the log and to their place. An old one keeps its own.
            connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA secure_delete = ON")
            # 64 MiB: a page that the system has is read without a call (half of a lookup). Every
            # connection maps its own, which counts as memory of this process, as its cache does.
            connection.execute("PRAGMA mmap_size = 67108864")
            connection.execute("PRAGMA cache_size = -32768")
            return connection

    def _check_readable(self) -> None:
        """That it is a ledger of this version: who reads only does not migrate."""
        if self.path is None or not self.path.is_file():
            raise UsageError(f"there is no ledger {self.path} to be read")
        self._connection()

    def _migrate(self) -> None:
        scripts = SQLITE.migrations()
        if self._log is not None:
            self._log.check(self._key)
        connection = self._connection()
        with self._errors():
            # 64 MiB for the one that writes: what a bulk load changes again and again stays in it.
            connection.execute("PRAGMA cache_size = -65536")
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            owner = connection.execute("PRAGMA application_id").fetchone()[0]
            tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
            if tables:
                check_owner(owner, self.path)
            check_version(version, len(scripts), str(self.path))
            for number, script in enumerate(scripts[version:], start=version + 1):
                # executescript commits what is open, so the transaction is part of the script.
                connection.executescript(
                    f"BEGIN IMMEDIATE;\n{script}\n"
                    f"PRAGMA application_id = {APPLICATION_ID};\n"
                    f"PRAGMA user_version = {number};\nCOMMIT;"
                )
            if self._log is not None:
                self._log.begin(connection)

    def _errors(self) -> contextlib.AbstractContextManager[None]:
        return ledger_errors(self.path)


async def _nothing() -> None:
    """A lock on the file cannot be lost."""
