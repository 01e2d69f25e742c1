"""One server process: started, waited for, killed, started again, stopped.

It dies with the process that started it, also where that is killed; the folder that is left then
goes when the next server is made.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TypeVar

import psutil
import pytest
from filelock import FileLock, Timeout

PASSWORD = "for-tests-only"
_GUARD = Path(__file__).with_name("dies_with_parent.py")
_STARTER = ThreadPoolExecutor(1, "servers")
"""Starts every server: Linux takes a child for orphaned when the thread that started it ends."""
_PREFIX = "graphmem-"
_LOCK = "in-use.lock"
_READY_S = 90.0
_STOP_S = 30.0
_T = TypeVar("_T")


class ServerMissing(RuntimeError):
    """What a server needs is not on this machine; the message says what."""


class Server:
    """A server in a folder of its own, which goes when it is stopped for good."""

    name = "server"
    last_signal = signal.SIGKILL
    """What it gets when its parent has died."""

    def __init__(self) -> None:
        self.folder, self._in_use = _new_folder(self.name)
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    @property
    def uri(self) -> str:
        """The address with user and password, as a setting takes it."""
        raise NotImplementedError

    def command(self) -> list[str]:
        raise NotImplementedError

    def ready(self) -> bool:
        """Whether it answers as a client would want."""
        raise NotImplementedError

    def listening(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    @property
    def owner(self) -> int | None:
        """The user to run as, when it may not be this one."""
        return None

    def start(self) -> None:
        """Start, or start again where it was killed, and wait until it answers."""
        self._log = (self.folder / "output.log").open("ab")
        owner = "-" if self.owner is None else str(self.owner)
        guarded = [str(os.getpid()), str(int(self.last_signal)), owner, *self.command()]
        self._process = _STARTER.submit(
            subprocess.Popen,
            [sys.executable, str(_GUARD), *guarded],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in the terminal is for the tests
        ).result()
        deadline = time.monotonic() + _READY_S
        while not (self.listening() and self.ready()):
            if self._process.poll() is not None or time.monotonic() > deadline:
                output = (self.folder / "output.log").read_text(errors="replace")[-3000:]
                self.kill()
                raise RuntimeError(f"{self.name} did not start:\n{output}")
            time.sleep(0.1)

    def kill(self) -> None:
        """As a power cut would: no goodbye."""
        self._end()

    def stop(self) -> None:
        """End it, and remove what it stored: nothing is left that a goodbye could save."""
        self._end()
        shutil.rmtree(self.folder, ignore_errors=True)
        self._in_use.release()

    def _end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            # The first goes before the others, which it would start anew.
            own = psutil.Process(self._process.pid)
            all_of_it = [own, *own.children(recursive=True)]
            for process in all_of_it:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            self._process.wait(_STOP_S)
            psutil.wait_procs(all_of_it, timeout=_STOP_S)
        self._process = None
        if self._log is not None:
            self._log.close()


def remove_stale(folder: Path) -> None:
    """Remove the folders of servers whose tests ended without a goodbye: nobody holds their lock,
    for that ends with the process."""
    for found in folder.glob(f"{_PREFIX}*/{_LOCK}"):
        lock = FileLock(found)
        with contextlib.suppress(Timeout, OSError), lock.acquire(timeout=0):
            shutil.rmtree(found.parent, ignore_errors=True)


def _new_folder(name: str) -> tuple[Path, FileLock]:
    """A folder that is ours until its lock is let go."""
    scratch = Path(tempfile.gettempdir())
    with FileLock(scratch / f"{_PREFIX}lock"):  # nobody finds it before it is locked
        remove_stale(scratch)
        folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{name}-"))
        lock = FileLock(folder / _LOCK)
        lock.acquire()
    return folder, lock


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def had_or_skipped(make: Callable[[], _T]) -> _T:
    """What is made. Where it cannot be had the tests are skipped, but fail in CI."""
    try:
        return make()
    except ServerMissing as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@contextlib.contextmanager
def running(kind: Callable[[], Server]) -> Iterator[Server]:
    """A started server."""
    server = had_or_skipped(kind)
    try:
        server.start()
        yield server
    finally:
        server.stop()
