"""Running the server: over stdio for the program that started it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from mcp.server.stdio import stdio_server

from graphmem.doors.mcp.server import make_server
from graphmem.doors.mcp.shared import SharedMemory
from graphmem.errors import GraphmemError
from graphmem.settings import Settings

_log = logging.getLogger("graphmem.mcp")


def serve_stdio(
    place: str | Path | None,
    settings: Settings,
    ids: Mapping[str, str],
    report: Callable[[str], None],
) -> None:
    """Answer over stdin and stdout until that ends, or the process is told to."""
    asyncio.run(_stdio(SharedMemory(place, settings, ids, report), report))


async def _stdio(memory: SharedMemory, report: Callable[[str], None]) -> None:
    _end_on_signals(memory)
    server = make_server(memory)
    opening = asyncio.create_task(_opened(memory, report))
    try:
        async with stdio_server() as (reading, writing):
            await server.run(reading, writing, server.create_initialization_options())
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

    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, begin_to_end)
        except NotImplementedError:  # Windows ends programs otherwise
            return
