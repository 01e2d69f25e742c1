"""Makes Kuzu and ladybug safe to share: one database, one writer, a few readers, own threads.

The engines' own asynchronous connection swallows cancellation and spreads a transaction over
several connections. Here every blocking call runs in a thread of this pool, a connection serves
one call at a time, a cancelled read interrupts its own connection only, and a write that has
started always ends (committed or rolled back) before its caller sees the cancellation.
"""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from graphmem.adapters.disk_space import MIB, need, need_large_files, reserve, scarce
from graphmem.adapters.forks import keep_in_children, never_destroy
from graphmem.adapters.graph.kuzu import database_files
from graphmem.adapters.graph.kuzu.session import (
    ADDRESS_SPACE,
    DISK_FULL,
    ENGINES,
    NO_ADDRESSES,
    EngineName,
    Session,
    blank_memory,
    load_engine,
    new_database,
)
from graphmem.errors import BackendError, Unavailable, UsageError
from graphmem.files import check_open_files, make_folder

_T = TypeVar("_T")

_READERS = 3
_LEAST_FREE = 32 * MIB
"""Room that must be left for a write: after one that fails on a full disk the engine is unusable
and may crash."""
_LOG_AHEAD = MIB
_open_paths: set[Path] = set()
_open_paths_lock = threading.Lock()
_left_open: dict[Path, Any] = {}
"""Databases that should have been closed when the disk was full. The engine then ends the process
if part of the log is unwritten, so they stay open until there is room, or the process ends."""


class Pool:
    """A database with its threads and connections. Path None is a temporary file, removed with the
    pool."""

    def __init__(self, path: Path | None, engine: EngineName, buffer_pool_bytes: int) -> None:
        path_given = Path(path or "graph").expanduser().absolute()
        # Links in the path of its folder are followed; the file itself must not be a link.
        self.path = path_given.parent.resolve() / path_given.name
        self.passes = path is None
        self.engine = ENGINES[engine]
        self.buffer_pool_bytes = buffer_pool_bytes
        self.changes = 0
        """The number of writes so far."""
        self.successors: set[Path] = set()
        """Files that are being filled beside this one, to replace it."""
        self._forget_folder: Callable[[], object] = lambda: None
        """Removes the folder of a temporary file, also when the pool is never closed."""
        self._module: Any = None
        self._database: Any = None
        self._writer: Session | None = None
        self._idle: list[Session] = []
        self._threads: ThreadPoolExecutor | None = None
        self._writing = asyncio.Lock()
        self._reading = asyncio.Semaphore(_READERS)
        self._in_flight = 0
        keep_in_children(self, "_database")

    @property
    def is_open(self) -> bool:
        return self._database is not None

    async def open(self) -> None:
        """Take the file and start the threads. A file of another version of the engine is replaced
        by an empty one. Unavailable when it is in use, Damaged when it is no readable database."""
        async with self._writing:
            if self.is_open:
                return
            self._module = load_engine(self.engine.name)
            if self.passes:
                folder = Path(tempfile.mkdtemp(prefix="graphmem-"))
                self._forget_folder = weakref.finalize(self, shutil.rmtree, folder, True)
                self.path = folder / "graph"
            self._hold()
            self._threads = ThreadPoolExecutor(_READERS + 1, f"graphmem-{self.engine.name}")
            try:
                await self._in_thread(self._check_and_start, None)
            except BaseException:
                self._threads.shutdown(wait=True)
                self._threads = None
                self._let_go()
                raise

    async def close(self) -> None:
        """Wait for running jobs, checkpoint the log into the file, release the file. Safe to call
        twice."""
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
            self.changes += 1
            return await self._in_thread(lambda: job(writer), None)

    async def copy(self) -> tuple[Path, int]:
        """Copy the file and its log beside it; return the path and the number of writes it has.
        The caller removes the copy. Unavailable without room for it on the disk."""
        async with self._writing:
            self._check_open()
            changes = self.changes
            target = Path(f"{self.path}{database_files.COPY_NAME}{secrets.token_hex(8)}")
            await self._in_thread(lambda: self._copy(target), None)
            return target, changes

    def _copy(self, target: Path) -> None:
        size = self.path.stat().st_size + self.log_bytes()
        need(self.path.parent, size + _LEAST_FREE, f"a copy of the graph {self.path}")
        try:
            for suffix in ("", ".wal"):
                source = Path(f"{self.path}{suffix}")
                if source.exists():
                    _copy_quickly(source, Path(f"{target}{suffix}"))
        except OSError as error:
            remove_copy(target)
            raise Unavailable(f"the graph {self.path} cannot be copied: {error}") from error

    async def _alone(self, stack: AsyncExitStack) -> None:
        await stack.enter_async_context(self._writing)
        for _ in range(_READERS):
            await stack.enter_async_context(self._reading)

    @property
    def quiet(self) -> bool:
        """Whether no read is in flight right now."""
        return self._in_flight == 0

    def wipe(self) -> Session:
        """Start over with an empty database. Only inside a job that runs ``alone``, whose session
        this closes; returns the new writer."""
        self._stop(checkpoint=False)
        database_files.remove_files(self.path)
        return self._start()

    def switch_to(self, filled: Path) -> None:
        """Replace this file by another. Only inside a job that runs ``alone``, whose session this
        closes."""
        database_files.check_closed_whole(filled)
        self.need_disk_space()  # without room the old database could not be closed
        self._stop(checkpoint=False)
        database_files.replace_files(self.path, filled)
        self._start()

    def replace_files(self, filled: Path) -> None:
        """Replace this file by another while the pool is closed."""
        database_files.check_closed_whole(filled)
        self.set_aside()
        database_files.replace_files(self.path, filled)

    def set_aside(self) -> None:
        """Make room for a new database while the pool is closed; see ``database_files``."""
        if not self.passes:
            database_files.make_room_for_database(self.path)

    def need_disk_space(self, log_bytes: Callable[[], int] = lambda: 0) -> None:
        """Raise Unavailable when the disk is nearly full; to be called before every write.

        The engine ends the process if it is closed while its log cannot be written. So, where room
        is scarce, blocks for the log are reserved: for what the engine has not written of it yet,
        and for ``log_bytes``, which the next transaction may need."""
        what = f"the graph {self.path}, to be written,"
        need(self.path.parent, _LEAST_FREE, what)
        if scarce(self.path.parent):
            log = Path(f"{self.path}.wal")
            log.touch()
            reserve(log, log.stat().st_size, _LOG_AHEAD + log_bytes(), what)

    def log_bytes(self) -> int:
        """The size of the write-ahead log in bytes. Blocking: call it in jobs only."""
        log = Path(f"{self.path}.wal")
        return log.stat().st_size if log.exists() else 0

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
                # The engine forgets an interrupt that comes between two statements: repeat it.
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

    def _check_and_start(self) -> Session:
        database_files.remove_beside(self.path, but=self.successors)
        if not self.passes:
            database_files.check_files(self.path, self.engine.name, self.buffer_pool_bytes)
        return self._start()

    @blank_memory()
    def _start(self) -> Session:
        need_large_files(f"the graph {self.path}")
        if self.path in _left_open:
            self.need_disk_space()
            _left_open.pop(self.path).close()
        try:
            self._database = _WHILE_LOCKED(self._new_database)
        except (RuntimeError, OSError, ValueError, IndexError, MemoryError) as error:
            if "different version" not in str(error):
                raise _opening_failed(error, self.path, self.engine.name) from error
            database_files.remove_files(self.path)
            self._database = self._new_database()
        self._writer = self._connect()
        # Closed by nobody, it would be written when the interpreter lets go of it, with what is in
        # memory then. The log stays, and has it all.
        self._writer.run("CALL force_checkpoint_on_close=false")
        return self._writer

    def _new_database(self) -> Any:
        make_folder(self.path.parent)
        return new_database(self._module, str(self.path), self.buffer_pool_bytes)

    @blank_memory()
    def _stop(self, *, checkpoint: bool = True) -> None:
        if self._writer is not None:
            room = False
            try:
                # Without room the log stays, and is applied when the graph is opened.
                with suppress(Unavailable):
                    self.need_disk_space()
                    room = True
                    if checkpoint:
                        self._writer.checkpoint()
            finally:
                for session in (*self._idle, self._writer):
                    session.close()
                self._idle.clear()
                database, self._database, self._writer = self._database, None, None
                if room or self.passes:
                    database.close()
                    if checkpoint and not self.passes:
                        database_files.seal_files(self.path)
                else:
                    never_destroy(database)
                    _left_open[self.path] = database

    def _hold(self) -> None:
        """Mark the file as in use: the engines lock it only against other processes."""
        with _open_paths_lock:
            if self.path in _open_paths:
                raise _in_use(self.path, "in this process")
            _open_paths.add(self.path)

    def _let_go(self) -> None:
        with _open_paths_lock:
            _open_paths.discard(self.path)
        self._forget_folder()


def _in_use(path: Path, where: str) -> Unavailable:
    return Unavailable(
        f"the graph {path} is in use {where}: close the other one, or open another folder"
    )


def _is_locked(error: BaseException) -> bool:
    return "Could not set lock" in str(error)


_WHILE_LOCKED = Retrying(
    retry=retry_if_exception(_is_locked),
    stop=stop_after_delay(3),
    wait=wait_fixed(0.05),
    reraise=True,
)
"""A killed program may leave the process that looked at the file for it (``check_files``), which
ends by itself soon."""


def _opening_failed(error: Exception, path: Path, engine: str) -> BackendError:
    message = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
    if _is_locked(error):
        return _in_use(path, "by another process")
    check_open_files(error, f"the graph {path}")
    if isinstance(error, PermissionError) or "ermission denied" in message or DISK_FULL in message:
        return Unavailable(f"the graph {path} cannot be opened: {message}")
    if isinstance(error, MemoryError) or NO_ADDRESSES in message:
        return Unavailable(
            f"the graph {path} cannot be opened, memory is short ({message}). It is not damaged: "
            f"let the process have more (where ulimit -v is set: {ADDRESS_SPACE >> 30} GiB of "
            "addresses for the graph, twice that to rebuild it, and what else it needs), then try "
            "again"
        )
    return database_files.damaged_graph(path, f"{engine} cannot open it: {message}")


def remove_copy(path: Path) -> None:
    """Remove a copy and its log, if they are there."""
    for suffix in ("", ".wal"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def _copy_quickly(source: Path, target: Path) -> None:
    """Copy a file, readable by its owner only; inside the kernel where possible, which shares the
    blocks on some file systems."""
    copy = getattr(os, "copy_file_range", None)
    with source.open("rb") as old, open(target, "xb", opener=_private) as new:
        try:
            while copy is not None and copy(old.fileno(), new.fileno(), 1 << 30):
                continue
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            copy = None
        if copy is None:
            old.seek(0)
            new.seek(0)
            shutil.copyfileobj(old, new, MIB)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
