"""The program that answers console queries: it runs in a process of its own (see ``console``).

It reads orders from its standard input and answers on its standard output, each a line of JSON. It
opens only a copy of the graph, which it removes from the folder at once. A query that crashes the
engine, takes all memory or never ends affects no other process.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from graphmem.adapters.graph.kuzu.session import (
    ENGINES,
    Session,
    load_engine,
    new_database,
    without_ids,
)
from graphmem.errors import Unavailable

MOST_HEAP = 256 << 20
"""Bytes of memory beside the engine's buffer pool: for intermediate values and the answer."""
MOST_ANSWER = 64 << 20
"""Bytes of the rows of one answer, as JSON."""
IDLE_S = 60.0
"""A process without an order for so long ends."""
GRACE_S = 2.0
"""How long after its timeout a query that ignores the engine's timeout has its process ended."""
_LONGEST_MESSAGE = 4_000


class TooLarge(Exception):
    """The answer has more than ``MOST_ANSWER`` bytes."""


class CopyReader:
    """One engine, and the copy of a graph that is open in it."""

    def __init__(self, engine: str, buffer_pool_bytes: int) -> None:
        self._engine = next(one for one in ENGINES.values() if one.name == engine)
        self._module = load_engine(self._engine.name)
        self._buffer_pool_bytes = buffer_pool_bytes
        self._session: Session | None = None
        self._database: Any = None

    def open(self, path: str) -> bytes:
        """Open a copy in place of the previous one. Its files are unlinked now, and so freed when
        this process ends, however it ends."""
        _set_limit("RLIMIT_AS", None)
        if self._session is not None:
            self._session.close()
            self._database.close()
        self._database = new_database(self._module, path, self._buffer_pool_bytes, read_only=True)
        self._session = Session(self._module, self._engine, self._database)
        for suffix in ("", ".wal"):
            with suppress(OSError):
                os.unlink(path + suffix)
        _limit_heap()
        return b"{}"

    def ask(self, text: str, parameters: dict[str, Any], max_rows: int, timeout_s: float) -> bytes:
        """The answer to a query as JSON: what :class:`~graphmem.model.Table` holds."""
        session = self._session
        if session is None:
            raise Unavailable("no copy of the graph is open")
        session.run("BEGIN TRANSACTION READ ONLY")
        try:
            found = session.stream(text, parameters, timeout_s=timeout_s)
            columns, size, more = next(found), 0, False
            rows: list[str] = []
            for row in found:
                more = len(rows) == max_rows
                if more:
                    break
                rows.append(json.dumps([without_ids(value) for value in row]))
                size += len(rows[-1])
                if size > MOST_ANSWER:
                    raise TooLarge
            found.close()
        finally:
            session.rollback()
        names = json.dumps({"columns": columns, "more": more})
        return f'{names[:-1]}, "rows": [{",".join(rows)}]}}'.encode()


def answer_queries(engine: str, buffer_pool_bytes: str) -> None:
    """Answer orders until standard input ends."""
    orders, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # for whatever the engine prints
    _set_limit("RLIMIT_CORE", 0)
    _end_in(IDLE_S)
    answering = CopyReader(engine, int(buffer_pool_bytes))
    while (order := receive(orders)) is not None:
        _end_in(order.pop("within_s") + GRACE_S)
        try:
            answer = answering.open(**order) if "path" in order else answering.ask(**order)
        except Exception as error:  # noqa: BLE001 - sent to the caller, which raises it
            answer = _failure(error)
        _end_in(IDLE_S)
        send(answers, answer)


def send(file: IO[bytes], message: bytes) -> None:
    """Write one message."""
    file.write(message + b"\n")
    file.flush()


def receive(file: IO[bytes]) -> dict[str, Any] | None:
    """Read one message; None when the other side has gone, even in the middle of a message."""
    line = file.readline()
    message: dict[str, Any] | None = json.loads(line) if line.endswith(b"\n") else None
    return message


def _failure(error: Exception) -> bytes:
    kind = "Unavailable" if isinstance(error, MemoryError) else type(error).__name__
    failure: Mapping[str, str] = {"error": kind, "message": str(error)[:_LONGEST_MESSAGE]}
    return json.dumps(failure).encode()


def _end_in(after_s: float) -> None:
    """End this process after so long, unless called again: the kernel does it, whatever runs."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, after_s)


def _limit_heap() -> None:
    """Allow no more than ``MOST_HEAP`` beside what is mapped already, which only Linux reports."""
    with suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        _set_limit("RLIMIT_AS", pages * os.sysconf("SC_PAGE_SIZE") + MOST_HEAP)


def _set_limit(name: str, value: int | None) -> None:
    """Set a resource limit of this process; None for the highest that is allowed."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    kind = getattr(resource, name)
    hardest = resource.getrlimit(kind)[1]
    with suppress(ValueError, OSError):
        resource.setrlimit(kind, (hardest if value is None else value, hardest))
