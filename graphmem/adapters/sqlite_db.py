"""SQLite itself: connections, threads, transactions, migrations, errors."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from filelock import BaseFileLock, FileLock, Timeout

from graphmem.errors import Rejected, Unavailable, UsageError

T = TypeVar("T")

_APPLICATION_ID = 0x67726D65  # "grme": tells our files from other SQLite files
_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_READERS = 2


def _sql(name: str) -> str:
    return resources.files("graphmem.adapters.sql").joinpath(name).read_text("utf-8")


def load_statements(text: str) -> dict[str, str]:
    """Statements by the name above each (``-- name: x``)."""
    parts = _NAME.split(text)
    return {
        name: body.strip().removesuffix(";")
        for name, body in zip(parts[1::2], parts[2::2], strict=True)
    }


class Statements:
    """The ledger's named statements, with the fact queries filled in both directions."""

    def __init__(self) -> None:
        loaded = load_statements(_sql("sqlite.sql"))
        filters = loaded.pop("fact_filters")
        self._plain = {name: sql for name, sql in loaded.items() if "{" not in sql}
        self._ordered = {
            (name, newest): sql.format(
                filters=filters.partition("\n")[2],
                order="DESC" if newest else "ASC",
                past="<" if newest else ">",
            )
            for name, sql in loaded.items()
            if "{" in sql
            for newest in (False, True)
        }

    def __getitem__(self, name: str) -> str:
        return self._plain[name]

    def ordered(self, name: str, *, newest_first: bool) -> str:
        return self._ordered[name, newest_first]


STATEMENTS = Statements()


class Cursor:
    """Runs named statements on one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def run(self, name: str, values: Mapping[str, Any] | None = None) -> list[sqlite3.Row]:
        return self._connection.execute(STATEMENTS[name], values or {}).fetchall()

    def run_ordered(
        self, name: str, values: Mapping[str, Any], *, newest_first: bool
    ) -> list[sqlite3.Row]:
        statement = STATEMENTS.ordered(name, newest_first=newest_first)
        return self._connection.execute(statement, values).fetchall()

    def run_many(self, name: str, rows: list[dict[str, Any]]) -> None:
        if rows:
            self._connection.executemany(STATEMENTS[name], rows)

    def insert(self, name: str, values: Mapping[str, Any]) -> int:
        """Run an insert and return the new row's number."""
        return self._connection.execute(STATEMENTS[name], values).lastrowid or 0


class Database:
    """One SQLite file in WAL mode: one writer thread, a few readers.

    Every call runs in a thread of its own pool and cannot be cut short: a cancelled write is
    waited for, and has committed or rolled back as a whole when the cancellation goes on.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
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
        self._lock: BaseFileLock | None = None

    async def write(
        self, work: Callable[[Cursor], T], committed: Callable[[T], None] | None = None
    ) -> T:
        """Run ``work`` in one transaction: all of it is durable when this returns, or none.

        ``committed`` is told the result in the writer's thread, even when the caller was cancelled
        meanwhile and never sees it.
        """

        def whole() -> T:
            result = self._transaction(work)
            if committed is not None:
                committed(result)
            return result

        self._check_open()
        future = asyncio.get_running_loop().run_in_executor(self._writer, whole)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            # Whoever decides next must read what this left, so it is left first.
            await asyncio.wait([future])
            if not future.cancelled():
                future.exception()
            raise

    async def read(self, work: Callable[[Cursor], T]) -> T:
        """Run ``work`` on one consistent snapshot."""
        return await self._submit(self._reader, lambda: self._snapshot(work))

    async def open(self) -> None:
        self._hold()
        await self._submit(self._writer, self._migrate)

    async def checkpoint(self) -> None:
        """Move the write-ahead log into the file and cut it to nothing."""
        await self._submit(
            self._writer,
            lambda: self._connection().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall(),
        )

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for pool in {self._reader, self._writer}:
            await asyncio.to_thread(pool.shutdown)
        for connection in self._connections:
            connection.close()
        if self._lock is not None:
            self._lock.release()

    def _hold(self) -> None:
        """Hold the file: SQLite would let others write it too, behind this one's back."""
        if self.path is None or self._lock is not None:
            return
        lock = FileLock(f"{self.path}.lock", thread_local=False)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
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
            raise UsageError("this memory is closed; open it again")

    async def _submit(self, pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        self._check_open()
        return await asyncio.get_running_loop().run_in_executor(pool, work)

    def _transaction(self, work: Callable[[Cursor], T]) -> T:
        connection = self._connection()
        with self._errors():
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(Cursor(connection))
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            return result

    def _snapshot(self, work: Callable[[Cursor], T]) -> T:
        connection = self._connection()
        with self._errors():
            connection.execute("BEGIN")
            try:
                return work(Cursor(connection))
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
        with self._errors():
            connection = sqlite3.connect(
                self.path or ":memory:", isolation_level=None, check_same_thread=False, timeout=30
            )
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA cache_size = -65536")
            return connection

    def _migrate(self) -> None:
        scripts = sorted(
            entry.name
            for entry in resources.files("graphmem.adapters.sql").iterdir()
            if re.fullmatch(r"sqlite_\d{3}\.sql", entry.name)
        )
        connection = self._connection()
        with self._errors():
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            owner = connection.execute("PRAGMA application_id").fetchone()[0]
            tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
            if tables and owner != _APPLICATION_ID:
                raise Rejected(f"{self.path} is a SQLite file of something else, not a ledger")
            if version > len(scripts):
                raise Rejected(
                    f"{self.path} was written by a newer graphmem (ledger version {version}, this "
                    f"one knows up to {len(scripts)}); upgrade with: pip install -U graphmem"
                )
            for number, script in enumerate(scripts[version:], start=version + 1):
                # executescript commits what is open, so the transaction is part of the script.
                connection.executescript(
                    f"BEGIN IMMEDIATE;\n{_sql(script)}\n"
                    f"PRAGMA application_id = {_APPLICATION_ID};\n"
                    f"PRAGMA user_version = {number};\nCOMMIT;"
                )

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Wrap what SQLite raises; the cause is kept."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                raise Unavailable(f"the ledger {self.path} is busy: {error}") from error
            if error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}:
                raise Unavailable(f"the ledger {self.path} cannot be written: {error}") from error
            raise Rejected(f"the ledger {self.path}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise Rejected(f"the ledger {self.path} cannot be used: {error}") from error
