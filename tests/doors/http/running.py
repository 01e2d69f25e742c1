"""A server in a thread of this process, on a port that is free."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from graphmem import AsyncMemory, Memory, Settings, open_memory
from graphmem.access import Administration
from graphmem.client import AsyncRemoteMemory
from graphmem.doors.http.app import make_app
from graphmem.doors.http.head_timeout import HeadTimeoutProtocol
from graphmem.wiring.access import administration_of


class RunningServer:
    """``url`` is where it answers, ``key`` an administrator's."""

    key = ""
    prepared: Any = None
    """What ``prepare`` gave."""

    def __init__(self, app: Any, http: Any = HeadTimeoutProtocol) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(app, log_config=None, access_log=False, http=http, ws="none")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))

    def wait(self) -> None:
        while not self._server.started and self._thread.is_alive():
            self._thread.join(0.02)
        assert self._server.started

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(30)
        assert not self._thread.is_alive()
        self._socket.close()

    def memory(self, **given: Any) -> Memory:
        """The synchronous client."""
        usual = {"api_key": self.key, "settings": Settings.load({})}
        return Memory(self.url, **{**usual, **given})

    def client(self, **given: Any) -> AsyncRemoteMemory:
        """The asynchronous one."""
        return AsyncRemoteMemory(self.url, **{"api_key": self.key, **given})

    def http(self, key: str | None = "", **headers: str) -> httpx.Client:
        """Plain requests; None is without a key."""
        given = {} if key is None else {"authorization": f"Bearer {key or self.key}"}
        return httpx.Client(base_url=self.url, headers={**given, **headers}, timeout=60)


@contextmanager
def serving(
    folder: str | Path = "memory://",
    *,
    settings: Settings | None = None,
    prepare: Callable[[Administration], Awaitable[Any]] | None = None,
    http: type[HeadTimeoutProtocol] = HeadTimeoutProtocol,
    **options: Any,
) -> Iterator[RunningServer]:
    """A server over a memory that is opened so; ``prepare`` sets up who may come."""
    settings = settings or Settings.load({})

    key, prepared = "", None

    async def opened() -> AsyncMemory:
        nonlocal key, prepared
        memory = await open_memory(folder, settings=settings, **options)
        administration = administration_of(memory)
        key = (await administration.add_key(None, "test")).secret
        prepared = await prepare(administration) if prepare else None
        return memory

    server = RunningServer(make_app(opened, settings), http)
    try:
        server.wait()
        server.key, server.prepared = key, prepared
        yield server
    finally:
        server.stop()
