"""The engines Kuzu and ladybug: loading one, opening a database, and one connection to it."""

from __future__ import annotations

import ctypes
import errno
import importlib
import os
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from graphmem.adapters.graph.cypher_files import statement_text
from graphmem.errors import BackendError, Rejected, Unavailable, UsageError
from graphmem.files import check_open_files

EngineName = Literal["kuzu", "ladybug"]
_T = TypeVar("_T")

ADDRESS_SPACE = 1 << 38  # 256 GiB of addresses, not memory; few graphs fit with the default 8 TiB
DISK_FULL = os.strerror(errno.ENOSPC)
"""Part of an engine's message about a full disk."""
NO_ADDRESSES = "Mmap for size"
"""Part of its message when it cannot reserve addresses, which it does before it reads the file."""
_NO_MEMORY = ("uffer manager", "uffer pool", "bad_alloc")
_PERTURB = -6
"""``M_PERTURB`` of glibc's ``mallopt``: new memory is filled with the complement of a byte, freed
memory with that byte; nothing is filled when it is 0."""
_mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
_blanking: list[None] = []
_blanking_lock = threading.Lock()


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


@contextmanager
def blank_memory() -> Iterator[None]:
    """For whatever makes a checkpoint, opening and closing a database too: then the engine writes
    pages that it has not filled, the header and the ends of the catalog and of the statistics. What
    this process last kept in that memory, such as a text since erased or a key, would be in the
    file. So memory that anyone takes here is filled with zeros. Without effect where the C library
    is not glibc."""
    with _blanking_lock:
        _blanking.append(None)
        _fill_memory(0xFF)
    try:
        yield
    finally:
        with _blanking_lock:
            _blanking.pop()
            if not _blanking:
                _fill_memory(0)


def _fill_memory(value: int) -> None:
    if _mallopt is not None:
        _mallopt(_PERTURB, value)


class Session:
    """One connection and its prepared statements. Used by one thread at a time."""

    def __init__(self, module: Any, engine: Engine, database: Any) -> None:
        self._module = module
        self._engine = engine
        self._connection = module.Connection(database, num_threads=1)
        self._prepared: dict[str, Any] = {}
        self._stop = threading.Event()

    def run(self, text: str, parameters: Mapping[str, Any] | None = None) -> list[list[Any]]:
        """All rows of one statement. The engine's failures are raised as graphmem errors."""
        with closing(self._execute(text, dict(parameters or {}), keep=True)) as result:
            return list(result.get_all())

    def stream(
        self, text: str, parameters: Mapping[str, Any], *, timeout_s: float
    ) -> Generator[list[Any], None, None]:
        """The names of the columns, then the rows one by one; Interrupted after ``timeout_s``."""
        ends = time.monotonic() + timeout_s
        self._connection.set_query_timeout(max(1, int(timeout_s * 1000)))
        with closing(self._execute(text, dict(parameters), keep=False)) as result:
            yield list(result.get_column_names())
            while result.has_next():
                if time.monotonic() > ends:
                    raise Interrupted("interrupted while rows were read")
                yield list(result.get_next())

    def rows(self, text: str) -> Iterator[list[Any]]:
        """The rows of one statement, one by one: all may be more than fits into memory."""
        with closing(self._execute(text, {}, keep=False)) as result:
            while result.has_next():
                yield list(result.get_next())

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
            raise translated(error, self._engine.name) from error

    def interrupt(self) -> None:
        """From another thread: stop the running statement, and let no other begin."""
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

    @blank_memory()
    def commit(self) -> None:
        """End the transaction. After a COPY that is a checkpoint, too."""
        self.run("COMMIT")

    @blank_memory()
    def checkpoint(self) -> None:
        """Fold the write-ahead log into the file."""
        self.run(statement_text("read.cypher", "checkpoint"))

    def close(self) -> None:
        self._prepared.clear()
        self._connection.close()


def new_database(module: Any, path: str, buffer_pool_bytes: int, *, read_only: bool = False) -> Any:
    """Open a database file, or create it."""
    return module.Database(
        path,
        buffer_pool_size=buffer_pool_bytes,
        max_db_size=ADDRESS_SPACE,
        auto_checkpoint=False,
        read_only=read_only,
    )


def in_transaction(session: Session, job: Callable[[Session], _T]) -> _T:
    """Run a job in one transaction: committed when it returns, rolled back when it raises."""
    session.run("BEGIN TRANSACTION")
    try:
        value = job(session)
        session.commit()
    except BaseException:
        session.rollback()
        raise
    return value


def translated(error: Exception, engine: str) -> BackendError:
    message = str(error).strip()
    if message == "Interrupted.":
        return Interrupted("interrupted")
    if isinstance(error, MemoryError) or any(sign in message for sign in _NO_MEMORY):
        return Unavailable(f"{engine} ran out of memory; give it a larger buffer pool: {message}")
    check_open_files(error, f"the graph ({engine})")
    if DISK_FULL in message:
        return Unavailable(f"{engine} cannot write, the disk is full: {message}")
    return Rejected(f"{engine}: {message}")


def label_of(element: Mapping[str, Any]) -> str:
    return str(element["_label"] if "_label" in element else element["_LABEL"])


def properties_of(element: Mapping[str, Any], *without: str) -> dict[str, Any]:
    return {k: v for k, v in element.items() if not k.startswith("_") and k not in without}


def without_ids(value: Any) -> Any:
    """A value of the engine without its internal ids. A node or an edge becomes its properties and
    its ``label``; a path becomes ``nodes`` and ``edges``."""
    if isinstance(value, list):
        return [without_ids(item) for item in value]
    if not isinstance(value, dict):
        return value
    own = {k.lower(): v for k, v in value.items() if k.startswith("_")}  # ladybug writes _LABEL
    if own.keys() == {"_nodes", "_rels"}:
        return {"nodes": without_ids(own["_nodes"]), "edges": without_ids(own["_rels"])}
    if own.keys() >= {"_id", "_label"}:
        rest = {k: without_ids(v) for k, v in properties_of(value).items() if v is not None}
        return {"label": own["_label"], **rest}
    return {k: without_ids(v) for k, v in value.items()}
