"""Processes of this interpreter: whether one can be started, with what, and one that is spoken
with in lines of JSON. Never by ``multiprocessing``: that would run the program's own file
again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any, TypeAlias, TypeVar

from graphmem.errors import Unavailable

JsonMessage: TypeAlias = dict[str, Any]
_T = TypeVar("_T")


def can_start() -> bool:
    """Whether there is an interpreter to start: not in a frozen or embedded program."""
    return bool(sys.executable) and not getattr(sys, "frozen", False)


def child_environment() -> dict[str, str]:
    """The child finds every package where this process does."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def run_program(
    program: str, *arguments: str, timeout_s: float | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a Python program, given as its text, to its end."""
    return subprocess.run(  # noqa: S603 - this interpreter, a constant program
        [sys.executable, "-P", "-c", program, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=child_environment(),
        timeout=timeout_s,
        check=False,
    )


def last_line(printed: bytes) -> str:
    """What a program said last, most often of what it died; "" when it said nothing."""
    return next(reversed(printed.decode("utf-8", "replace").strip().splitlines()), "")


class ChildProcess:
    """A module run in a process of its own, for ``what``; it ends with the block at the latest."""

    def __init__(self, module: str, what: str) -> None:
        self._module = module
        self._what = what
        self._thread = ThreadPoolExecutor(1, "graphmem-child")
        self._problems: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in _end
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> ChildProcess:
        try:
            await self._in_thread(self._start)
        except BaseException:
            await self.__aexit__()  # cancelled, the thread may have started it all the same
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()  # whatever the thread waits for ends with it
        await asyncio.shield(asyncio.ensure_future(self._in_thread(self._end)))
        self._thread.shutdown(wait=False)

    async def send(self, message: JsonMessage) -> None:
        """Give it a line. Of one that has died, :meth:`receive` tells."""
        await self._in_thread(lambda: self._write(message))

    async def receive(self) -> JsonMessage:
        """Its next line; :class:`~graphmem.errors.Unavailable` when it died instead."""
        line = await self._in_thread(self._read)
        if not line.endswith(b"\n"):
            raise Unavailable(await self._in_thread(self._death))
        found: JsonMessage = json.loads(line)
        return found

    def _start(self) -> None:
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter, a module of ours
                [sys.executable, "-P", "-m", self._module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._problems,
                env=child_environment(),
                start_new_session=True,  # Ctrl-C is the parent's to handle
            )
        except OSError as error:
            raise Unavailable(f"{self._what} cannot be started: {error}") from error

    def _write(self, message: JsonMessage) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                write_line(self._process.stdin, message)

    def _read(self) -> bytes:
        pipe = None if self._process is None else self._process.stdout
        return b"" if pipe is None else pipe.readline()

    def _death(self) -> str:
        code = 0 if self._process is None else self._process.wait()
        self._problems.seek(0)
        last = last_line(self._problems.read())
        why = f"signal {-code}" if code < 0 else f"exit code {code}"
        why = f"{why}: {last}" if last else why
        return f"{self._what} ended ({why}): memory or disk may be full"

    def _end(self) -> None:
        self._problems.close()
        if self._process is not None:
            end_process(self._process)

    async def _in_thread(self, job: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, job)


def end_process(process: subprocess.Popen[bytes]) -> None:
    """Kill a process, and close its pipes."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


class ParentProcess:
    """Who started this process, as the child sees it: when it ends, so does this one."""

    def __init__(self) -> None:
        # What a library prints is not for the parent.
        self._out = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def send(self, message: JsonMessage) -> None:
        write_line(self._out, message)

    def receive(self) -> JsonMessage:
        """The next line; waits for it."""
        found: JsonMessage = json.loads(self._lines.get())
        return found

    def _listen(self) -> None:
        for line in sys.stdin.buffer:
            self._lines.put(line)
        os._exit(1)


def write_line(pipe: IO[bytes], message: JsonMessage) -> None:
    """A message, as both sides read it."""
    pipe.write(json.dumps(message).encode() + b"\n")
    pipe.flush()
