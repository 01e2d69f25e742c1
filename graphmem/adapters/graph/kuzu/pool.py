"""Kuzu and ladybug, made safe to share: one database, one writer, a few readers, own threads.

The engines' own asynchronous connection swallows cancellation and spreads a transaction over
several connections. Here every blocking call runs in a thread of this pool, a connection serves
one call at a time, a cancelled read interrupts its own connection only, and a write that has
started always ends (committed or rolled back) before its caller sees the cancellation.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import importlib
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from graphmem.adapters.disk_space import MIB, need, reserve, scarce
from graphmem.errors import BackendError, Rejected, Unavailable, UsageError

EngineName = Literal["kuzu", "ladybug"]
_T = TypeVar("_T")

_READERS = 3
_ADDRESS_SPACE = 1 << 38  # 256 GiB of addresses, not memory; the default of 8 TiB fits few times
_LEAST_FREE = 32 * MIB
"""A write that the disk cuts short leaves the engine unable to go on, and it may crash."""
_LOG_AHEAD = MIB
_DISK_FULL = os.strerror(errno.ENOSPC)
_open_paths: set[Path] = set()
_open_paths_lock = threading.Lock()
_left_open: dict[Path, Any] = {}
"""Databases that were closed when the disk was full: with something of their logs to be written the
engine ends the process then, so they wait for room, or for the end of the process."""


class Interrupted(BackendError):
    """The engine was told to stop: by cancellation, or because a query took too long."""


@dataclass(frozen=True, slots=True)
class Engine:
    """What differs between the two engines, which share one API."""

    name: EngineName
    prepares: bool
    """Whether a prepared statement saves time (ladybug caches plans by itself)."""
    copies: bool
    """Whether COPY inside a transaction is sound (ladybug 0.22 crashes on a filled table)."""


ENGINES: Mapping[EngineName, Engine] = {
    "kuzu": Engine("kuzu", prepares=True, copies=True),
    "ladybug": Engine("ladybug", prepares=False, copies=False),
}


def load_engine(name: EngineName) -> Any:
    """Import one engine. Never both in one process: the second import fails and may crash it."""
    other = "ladybug" if name == "kuzu" else "kuzu"
    if other in sys.modules:
        raise UsageError(
            f"{name} cannot be used in this process because {other} is loaded already: both "
            "register the same native types, and a process that loads both may crash. Use one "
            "of them, or start another process"
        )
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UsageError(
            f"the graph store {name} is not installed: pip install graphmem"
            + ("[ladybug]" if name == "ladybug" else "")
        ) from error


class Session:
    """One connection and its prepared statements. Used by one thread at a time."""

    def __init__(self, module: Any, engine: Engine, database: Any) -> None:
        self._module = module
        self._engine = engine
        self._connection = module.Connection(database, num_threads=1)
        self._prepared: dict[str, Any] = {}
        self._stop = threading.Event()

    def run(self, text: str, parameters: Mapping[str, Any] | None = None) -> list[list[Any]]:
        """All rows of one statement. The engine's failures as graphmem errors."""
        result = self._execute(text, dict(parameters or {}), keep=True)
        try:
            return list(result.get_all())
        finally:
            result.close()

    def table(
        self, text: str, parameters: Mapping[str, Any], *, max_rows: int, timeout_s: float
    ) -> tuple[list[str], list[list[Any]], bool]:
        """Columns, at most ``max_rows`` rows, and whether there were more."""
        ends = time.monotonic() + timeout_s
        self._connection.set_query_timeout(max(1, int(timeout_s * 1000)))
        try:
            result = self._execute(text, dict(parameters), keep=False)
            try:
                rows: list[list[Any]] = []
                while result.has_next():
                    if len(rows) == max_rows:
                        return list(result.get_column_names()), rows, True
                    if time.monotonic() > ends or self._stop.is_set():
                        raise Interrupted("interrupted while rows were read")
                    rows.append(list(result.get_next()))
                return list(result.get_column_names()), rows, False
            finally:
                result.close()
        finally:
            self._connection.set_query_timeout(0)

    def _execute(self, text: str, parameters: dict[str, Any], *, keep: bool) -> Any:
        if self._stop.is_set():
            raise Interrupted("interrupted before a statement")
        try:
            if not (keep and parameters and self._engine.prepares):
                return self._connection.execute(text, parameters)
            if text not in self._prepared:
                self._prepared[text] = self._module.PreparedStatement(
                    self._connection, text, parameters
                )
            return self._connection.execute(self._prepared[text], parameters)
        except (RuntimeError, ValueError, TypeError, OverflowError, MemoryError) as error:
            raise _translated(error, self._engine.name) from error

    def interrupt(self) -> None:
        """From another thread: end what runs, and let nothing more begin."""
        self._stop.set()
        self._connection.interrupt()

    def rollback(self) -> bool:
        """End the transaction, if there is one; False when this connection must not be reused."""
        self._stop.clear()
        try:
            self.run("ROLLBACK")
        except BackendError as error:
            return "no active transaction" in str(error).lower()
        return True

    def close(self) -> None:
        self._prepared.clear()
        self._connection.close()


def in_transaction(session: Session, job: Callable[[Session], _T]) -> _T:
    """Run a job in one transaction: committed when it returns, rolled back when it raises."""
    session.run("BEGIN TRANSACTION")
    try:
        value = job(session)
        session.run("COMMIT")
    except BaseException:
        session.rollback()
        raise
    return value


def _translated(error: Exception, engine: str) -> BackendError:
    message = str(error).strip()
    if message == "Interrupted.":
        return Interrupted("interrupted")
    if "uffer manager" in message or "uffer pool" in message or isinstance(error, MemoryError):
        return Unavailable(f"{engine} ran out of memory; give it a larger buffer pool: {message}")
    if _DISK_FULL in message:
        return Unavailable(f"{engine} cannot write, the disk is full: {message}")
    return Rejected(f"{engine}: {message}")


class Pool:
    """A database with its threads and connections. Path None is a database in memory."""

    def __init__(self, path: Path | None, engine: EngineName, buffer_pool_bytes: int) -> None:
        self.path = None if path is None else Path(path).expanduser().resolve()
        self.engine = ENGINES[engine]
        self._buffer_pool_bytes = buffer_pool_bytes
        self._module: Any = None
        self._database: Any = None
        self._writer: Session | None = None
        self._idle: list[Session] = []
        self._threads: ThreadPoolExecutor | None = None
        self._writing = asyncio.Lock()
        self._reading = asyncio.Semaphore(_READERS)
        self._in_flight = 0

    @property
    def is_open(self) -> bool:
        return self._database is not None

    async def open(self) -> None:
        """Take the file and start the threads. A file of another version of the engine is begun
        anew. Unavailable when it is in use, Rejected when it is not a database."""
        async with self._writing:
            if self.is_open:
                return
            self._module = load_engine(self.engine.name)
            self._hold()
            self._threads = ThreadPoolExecutor(_READERS + 1, f"graphmem-{self.engine.name}")
            try:
                await self._in_thread(self._start, None)
            except BaseException:
                self._threads.shutdown(wait=True)
                self._threads = None
                self._let_go()
                raise

    async def close(self) -> None:
        """Wait for what runs, fold the log into the file, let the file go. Safe to call twice."""
        async with AsyncExitStack() as stack:
            await self._alone(stack)
            threads, self._threads = self._threads, None
            if threads is None:
                return
            try:
                await asyncio.shield(
                    asyncio.get_running_loop().run_in_executor(threads, self._stop)
                )
            finally:
                threads.shutdown(wait=True)
                self._let_go()

    async def read(self, job: Callable[[Session], _T]) -> _T:
        """Run a job on a reading connection of its own."""
        async with self._reading:
            self._check_open()
            self._in_flight += 1
            session = self._idle.pop() if self._idle else self._connect()
            reusable = False
            try:
                value = await self._in_thread(lambda: job(session), session)
                reusable = True
            finally:
                self._in_flight -= 1
                if reusable or session.rollback():
                    self._idle.append(session)
                else:
                    session.close()
            return value

    async def write(self, job: Callable[[Session], _T], *, alone: bool = False) -> _T:
        """Run a job on the writing connection; ``alone`` waits until no read is in flight."""
        async with AsyncExitStack() as stack:
            if alone:
                await self._alone(stack)
            else:
                await stack.enter_async_context(self._writing)
            self._check_open()
            writer = self._writer
            if writer is None:
                raise Unavailable("the graph lost its database; open it again")
            return await self._in_thread(lambda: job(writer), None)

    async def _alone(self, stack: AsyncExitStack) -> None:
        await stack.enter_async_context(self._writing)
        for _ in range(_READERS):
            await stack.enter_async_context(self._reading)

    @property
    def quiet(self) -> bool:
        """Whether no read is in flight right now."""
        return self._in_flight == 0

    def wipe(self) -> Session:
        """Begin with an empty database. Only inside a job that runs ``alone``, whose session ends
        with it; returns the new writer."""
        self._stop(checkpoint=False)
        self._remove_files()
        return self._start()

    def _remove_files(self) -> None:
        """The log goes first: a log without its file could be played into a new one."""
        if self.path is not None:
            for suffix in (".wal", ".shadow", ".tmp", ""):
                Path(f"{self.path}{suffix}").unlink(missing_ok=True)

    def need_disk_space(self, log_bytes: Callable[[], int] = lambda: 0) -> None:
        """Unavailable when the disk is nearly full; to be asked before anything is written.

        The engine ends the process when its log cannot be written and it is closed then. So, where
        room is scarce, the log's blocks are taken before: for what is held back of it, and for the
        ``log_bytes`` that the next transaction may come to."""
        if self.path is None:
            return
        what = f"the graph {self.path}, to be written,"
        need(self.path.parent, _LEAST_FREE, what)
        if scarce(self.path.parent):
            log = Path(f"{self.path}.wal")
            log.touch()
            reserve(log, log.stat().st_size, _LOG_AHEAD + log_bytes(), what)

    def log_bytes(self) -> int:
        """Size of the write-ahead log. Blocks: for jobs only."""
        log = None if self.path is None else Path(f"{self.path}.wal")
        return log.stat().st_size if log is not None and log.exists() else 0

    def _check_open(self) -> None:
        if not self.is_open:
            raise UsageError("the graph is not open: call open() first")

    async def _in_thread(self, job: Callable[[], _T], reader: Session | None) -> _T:
        """Run a job in a thread, to its end. With a ``reader``, cancellation interrupts it."""
        if self._threads is None:
            raise UsageError("the graph is not open: call open() first")
        future = asyncio.get_running_loop().run_in_executor(self._threads, job)
        cancelled: asyncio.CancelledError | None = None
        while not future.done():
            try:
                # An interrupt that comes between two statements is forgotten: say it again.
                pause = 0.05 if cancelled and reader else None
                await asyncio.wait([future], timeout=pause)
            except asyncio.CancelledError as error:
                cancelled = error
            if cancelled is not None and reader is not None:
                reader.interrupt()
        if cancelled is not None:
            future.exception()
            raise cancelled
        return future.result()

    def _connect(self) -> Session:
        return Session(self._module, self.engine, self._database)

    def _start(self) -> Session:
        if self.path in _left_open:
            self.need_disk_space()
            _left_open.pop(self.path).close()
        try:
            self._database = self._new_database()
        except (RuntimeError, OSError, ValueError, IndexError) as error:
            if "different version" not in str(error):
                raise _opening_failed(error, self.path, self.engine.name) from error
            self._remove_files()
            self._database = self._new_database()
        self._writer = self._connect()
        return self._writer

    def _new_database(self) -> Any:
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        return self._module.Database(
            ":memory:" if self.path is None else str(self.path),
            buffer_pool_size=self._buffer_pool_bytes,
            max_db_size=_ADDRESS_SPACE,
            auto_checkpoint=False,
        )

    def _stop(self, *, checkpoint: bool = True) -> None:
        if self._writer is not None:
            room = False
            try:
                # Without room the log stays, and is played when the graph is opened.
                with suppress(Unavailable):
                    self.need_disk_space()
                    room = True
                    if checkpoint:
                        self._writer.run("CHECKPOINT")
            finally:
                for session in (*self._idle, self._writer):
                    session.close()
                self._idle.clear()
                database, self._database, self._writer = self._database, None, None
                if room or self.path is None:
                    database.close()
                else:
                    _leave_open(self.path, database)

    def _hold(self) -> None:
        """The engines lock a file against other processes, but not against this one."""
        if self.path is None:
            return
        with _open_paths_lock:
            if self.path in _open_paths:
                raise _in_use(self.path, "in this process")
            _open_paths.add(self.path)

    def _let_go(self) -> None:
        if self.path is not None:
            with _open_paths_lock:
                _open_paths.discard(self.path)


def _leave_open(path: Path, database: Any) -> None:
    """Never destroyed, not even with the interpreter."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(database))
    _left_open[path] = database


def _in_use(path: Path, where: str) -> Unavailable:
    return Unavailable(
        f"the graph {path} is in use {where}: close the other one, or open another folder"
    )


def _opening_failed(error: Exception, path: Path | None, engine: str) -> BackendError:
    message = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
    if path is not None and "Could not set lock" in message:
        return _in_use(path, "by another process")
    if isinstance(error, PermissionError) or "ermission denied" in message or _DISK_FULL in message:
        return Unavailable(f"the graph {path} cannot be opened: {message}")
    return Rejected(
        f"the graph {path} cannot be opened by {engine}: {message}. It holds nothing that the "
        "ledger does not: if it is graphmem's, delete it and it is rebuilt when next opened"
    )
