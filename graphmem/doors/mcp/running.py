"""Running the server: over stdio for the program that started it, or over HTTP for any."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from mcp.server.stdio import stdio_server
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from graphmem.doors.http.middleware import given_key, problem_response
from graphmem.doors.mcp.frames import Frames
from graphmem.doors.mcp.server import make_server
from graphmem.doors.mcp.shared import SharedMemory
from graphmem.errors import GraphmemError, UsageError
from graphmem.settings import Settings


async def serve_stdio(memory: SharedMemory, report: Callable[[str], None]) -> None:
    """Answer over stdin and stdout until that ends, or the process is told to. It closes the
    memory."""
    _end_on_signals(memory)
    server = make_server(memory)
    opening = asyncio.create_task(_opened(memory, report))
    try:
        async with stdio_server() as (reading, writing):
            frames: Any = Frames(reading, writing)
            await server.run(frames, writing, server.create_initialization_options())
    finally:
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        await memory.close()


async def _opened(memory: SharedMemory, report: Callable[[str], None]) -> None:
    """Open it while the client asks what there is; what is wrong, each call says again."""
    try:
        await memory.open()
    except GraphmemError as error:
        report(f"{type(error).__name__}: {error}")


async def serve_http(
    memory: SharedMemory, settings: Settings, report: Callable[[str], None]
) -> None:
    """Answer over HTTP at the address of the settings, until the process is told to end; closes the
    memory.

    On loopback whoever is on this machine may ask; elsewhere each request needs a key of the store
    (``graphmem keys add``), and is made by whom that stands for. UsageError for a store that keys
    cannot open: one that is in no folder and behind no server.
    """
    from graphmem.doors.http.serve import LOOPBACK, PartServer, listen_at, url_at

    keys = settings.server_host not in LOOPBACK
    listening = listen_at(settings)
    try:
        await memory.open()
        if keys and not memory.has_keys:
            raise UsageError(
                f"to listen on {settings.server_host} needs keys, which are in a folder or behind "
                "a server: give one as --store"
            )
        host = "0.0.0.0" if keys else settings.server_host  # noqa: S104 - only a name: no loopback
        app: ASGIApp = make_server(memory, keys=keys).streamable_http_app(host=host)
        server = PartServer(KeyGate(app, memory) if keys else app, settings)
        _call_on_signals(lambda: setattr(server, "should_exit", True))
        url = url_at(settings, listening.getsockname()[1])
        report(f"graphmem answers models at {url}/mcp{', with a key' if keys else ''}")
        await server.serve(sockets=[listening])
    finally:
        listening.close()
        await memory.close()


class KeyGate:
    """An ASGI application that lets nobody through without a key that is good."""

    def __init__(self, app: ASGIApp, memory: SharedMemory) -> None:
        self._app = app
        self._memory = memory

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            try:
                await self._memory.check_key(given_key(Request(scope)) or "")
            except GraphmemError as error:
                await problem_response(error, scope["path"])(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _end_on_signals(memory: SharedMemory) -> None:
    """A thread waits for stdin and cannot be stopped: told to end, the memory is put away and the
    process ends without it."""
    loop = asyncio.get_running_loop()

    async def end() -> None:
        try:
            await memory.close()
        finally:
            sys.stderr.flush()
            os._exit(0)

    ending: list[asyncio.Task[None]] = []

    def begin_to_end() -> None:
        if not ending:
            ending.append(loop.create_task(end()))

    _call_on_signals(begin_to_end)


def _call_on_signals(call: Callable[[], None]) -> None:
    """Call it when the process is told to end (SIGTERM, Ctrl-C)."""
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            asyncio.get_running_loop().add_signal_handler(number, call)
        except NotImplementedError:  # Windows ends programs otherwise
            return
