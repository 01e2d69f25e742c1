"""Console queries in processes of their own, on copies of the graph.

Kuzu 0.11.3 can be crashed by a query that only reads (``1 IN null``), and neither its timeout nor
its buffer pool stops one that doubles a text thirty times. A file that one process has open cannot
be opened by another, not even to read, so queries run on a copy. The copy is renewed after the
graph has changed; the process is kept for the next query.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from graphmem.adapters.child_process import can_start, end_process
from graphmem.adapters.graph.cypher_files import statement_text
from graphmem.adapters.graph.kuzu.console_program import (
    GRACE_S,
    IDLE_S,
    MOST_ANSWER,
    MOST_HEAP,
    receive,
    send,
)
from graphmem.adapters.graph.kuzu.fair_queue import FairQueue
from graphmem.adapters.graph.kuzu.pool import Pool, remove_copy
from graphmem.errors import Unavailable, UsageError
from graphmem.model import Table

_T = TypeVar("_T")

_AT_ONCE = 2
_OPENING_S = 120.0
_PROGRAM = (
    "import sys; sys.path[:0] = sys.argv[3:]; "
    "from graphmem.adapters.graph.kuzu.console_program import answer_queries as answer; "
    "answer(*sys.argv[1:3])"
)
_PROPERTY = re.compile(r"(\w+) (?:STRING|INT64|DOUBLE)")
_INHERITED = ("HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "SYSTEMROOT", "TEMP", "TMPDIR")
"""The environment variables that such a process gets: no API key is among them."""


class Console:
    """Answers queries on copies of one graph; at most two at a time, each in its own process."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._idle: list[_Process] = []
        self._turns = FairQueue(_AT_ONCE)
        self._threads: ThreadPoolExecutor | None = None

    async def ask(
        self,
        text: str,
        parameters: Mapping[str, Any],
        *,
        tenant: str,
        max_rows: int,
        timeout_s: float,
    ) -> Table:
        """The rows of a query, once it is its tenant's turn. UsageError when it fails, takes too
        long or too much memory, or crashes the engine; cancelling ends its process."""
        order = {
            "text": text,
            "parameters": dict(parameters),
            "max_rows": max_rows,
            "timeout_s": timeout_s,
        }
        async with self._turns.one(tenant):
            process = self._idle.pop() if self._idle else None
            if process is not None and process.is_stale:
                process.end()
                process = None
            used = process is not None
            answer = await self._answered(process or await self._started(), order)
            if used and answer.get("error") == "Unavailable":
                # Memory that earlier queries left in use in that process must not count.
                answer = await self._answered(await self._started(), order)
        return _table(answer, self._pool.engine.name, timeout_s)

    async def _answered(self, process: _Process, order: Mapping[str, Any]) -> dict[str, Any]:
        try:
            if process.changes != self._pool.changes:
                await self._renew(process)
            answer = await self._in_thread(
                process, lambda: process.answer(order["timeout_s"], **order)
            )
        except BaseException:
            process.end()
            raise
        if answer.get("error") == "Unavailable":
            process.end()  # out of memory: its state is not known
        else:
            self._idle.append(process)
        return answer

    async def close(self) -> None:
        """Wait for running queries, and end all processes."""
        async with self._turns.all():
            while self._idle:
                self._idle.pop().end()
            if self._threads is not None:
                self._threads.shutdown(wait=True)
                self._threads = None

    async def _started(self) -> _Process:
        if not can_start():
            raise UsageError(
                "Cypher: a query runs in a process of its own, and this program has no Python "
                "interpreter to start one with"
            )
        return _Process(self._pool.engine.name, self._pool.buffer_pool_bytes)

    async def _renew(self, process: _Process) -> None:
        path, changes = await self._pool.copy()
        try:
            answer = await self._in_thread(
                process, lambda: process.answer(_OPENING_S, path=str(path))
            )
        finally:
            remove_copy(path)
        if "error" in answer:
            raise Unavailable(f"the copy of the graph cannot be opened: {answer['message']}")
        process.changes = changes

    async def _in_thread(self, process: _Process, job: Callable[[], _T]) -> _T:
        """Run a job to its end; on cancellation, its process is killed first."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_AT_ONCE, "graphmem-console")
        future = asyncio.get_running_loop().run_in_executor(self._threads, job)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            process.kill()
            await asyncio.wait([future])
            raise


class _Process:
    """One process, and the copy that it has open."""

    def __init__(self, engine: str, buffer_pool_bytes: int) -> None:
        self.changes = -1
        self._used_at = time.monotonic()
        homes = (_home("graphmem"), _home(engine))
        program = [sys.executable, "-I", "-S", "-c", _PROGRAM, engine, str(buffer_pool_bytes)]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter, a constant program
                [*program, *homes],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={name: os.environ[name] for name in _INHERITED if name in os.environ},
                start_new_session=True,  # Ctrl-C is the parent's to handle
            )
        except OSError as error:
            raise Unavailable(f"no process for the query can be started: {error}") from error
        self.end = weakref.finalize(self, end_process, self._process)
        """Kills the process and closes its pipes; also called when this object is collected."""

    @property
    def is_stale(self) -> bool:
        """Whether it has ended, or is about to because it was idle."""
        waited_s = time.monotonic() - self._used_at
        return self._process.poll() is not None or waited_s > IDLE_S / 2

    def answer(self, within_s: float, **order: Any) -> dict[str, Any]:
        """Send an order and return its answer; an ``error`` of kind Interrupted or Crashed if the
        process ended."""
        to, back = self._process.stdin, self._process.stdout
        assert to is not None and back is not None  # noqa: S101, PT018 - both are pipes
        begun = time.monotonic()
        late = threading.Timer(within_s + GRACE_S, self.kill)
        late.start()
        try:
            send(to, json.dumps({"within_s": within_s, **order}).encode())
            found = receive(back)
        except BrokenPipeError:
            found = None
        finally:
            late.cancel()
        self._used_at = time.monotonic()
        if found is not None:
            return found
        ended = self._process.wait()
        kind = "Interrupted" if time.monotonic() - begun > within_s else "Crashed"
        return {"error": kind, "message": _signal_name(ended)}

    def kill(self) -> None:
        """Kill the process; may be called from any thread."""
        self._process.kill()


def _table(answer: Mapping[str, Any], engine: str, timeout_s: float) -> Table:
    kind, message = answer.get("error"), answer.get("message", "")
    if kind is None:
        rows = tuple(map(tuple, answer["rows"]))
        return Table(tuple(answer["columns"]), rows, bool(answer["more"]))
    if kind == "Interrupted":
        raise UsageError(
            f"the query did not finish within {timeout_s:g} s: narrow it, or give it more time"
        )
    if kind == "TooLarge":
        raise UsageError(
            f"the answer has more than {MOST_ANSWER >> 20} MiB: return less of it, or in parts, "
            "with SKIP and LIMIT"
        )
    if kind == "Unavailable":
        raise UsageError(
            f"the query needs more memory than one may have ({MOST_HEAP >> 20} MiB beside the "
            "graph's buffer pool): narrow it"
        )
    if kind == "Crashed":
        raise UsageError(
            f"the query crashed {engine} ({message}) in the process of its own that it ran in; "
            "nothing else is affected: write it differently (a NULL where a list, a node or a "
            "path is wanted does this)"
        )
    raise UsageError(_query_error(message))


def _query_error(message: str) -> str:
    """Why a query failed, without any data: an engine's conversion error quotes the value that it
    failed on."""
    kind = message.partition(": ")[2].partition(" exception")[0]
    if kind in ("Parser", "Binder", "Catalog", "Parameter"):
        known = f" {_properties()}" if "Cannot find property" in message else ""
        return f"the graph does not accept this query: {message}{known}"
    known = kind if kind.isalpha() else "unknown"
    return f"the query failed while it ran ({known}): check its arithmetic and types"


def _properties() -> str:
    """Which properties nodes and relations have, as the schema names them."""
    tables = {"Episode": "episode", "Entity": "entity", "Fact": "fact", "RELATES": "relates"}
    found = {
        table: _PROPERTY.findall(statement_text("schema.kuzu.cypher", name))
        for table, name in tables.items()
    }
    return "; ".join(
        f"{table} has {', '.join(one for one in names if one != 'scope')}"
        for table, names in found.items()
    )


def _signal_name(ended: int) -> str:
    try:
        return signal.Signals(-ended).name
    except ValueError:
        return f"exit {ended}"


def _home(package: str) -> str:
    """The folder that a package is imported from."""
    found = importlib.util.find_spec(package)
    origin = None if found is None else found.origin
    if origin is None:
        raise UsageError(f"Cypher: {package} cannot be found for the process of a query")
    return str(Path(origin).parent.parent)
