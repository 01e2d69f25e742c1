"""A wire to a server that counts round trips, and is cut where a test wants it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Literal

from psycopg.conninfo import conninfo_to_dict


class Waits:
    """Counts the Sync and Flush messages of PostgreSQL's protocol (version 3, chapter "Message
    Formats"): whoever sends one waits for an answer."""

    def __init__(self) -> None:
        self._rest = b""
        self._started = False
        self._asked = False

    def count(self, data: bytes) -> int:
        self._rest += data
        found = 0
        while True:
            head = 1 if self._started else 0  # what comes before the start-up has no type
            if len(self._rest) < head + 4:
                return found
            end = head + int.from_bytes(self._rest[head : head + 4], "big")
            if len(self._rest) < end:
                return found
            message, self._rest = self._rest[:end], self._rest[end:]
            if not self._started:
                self._started = message[4:6] == b"\0\3"
            else:
                fetches = message[:1] in {b"S", b"H"}
                found += fetches and not self._asked  # one after another they wait for the same
                self._asked = fetches


class Proxy:
    """Passes bytes on. ``trips`` counts how often the client asked for the answers so far."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self.trips = 0
        self.cut: Literal["before", "after"] | None = None
        """Cut at the next COMMIT: before the server sees it, or before its answer arrives."""
        self.silent = False
        """Swallow what the server says."""
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.hang_up()

    def hang_up(self) -> None:
        for writer in self._writers:
            writer.close()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, to_server = await asyncio.open_connection(*self._address)
        self._writers += [writer, to_server]
        cut_at_answer = asyncio.Event()
        waits = Waits()

        async def forward() -> None:
            while data := await reader.read(65_536):
                self.trips += waits.count(data)
                if b"COMMIT" in data and self.cut is not None:
                    how, self.cut = self.cut, None
                    if how == "before":
                        break
                    cut_at_answer.set()
                to_server.write(data)
                await to_server.drain()
            to_server.close()
            writer.close()

        async def back() -> None:
            while data := await upstream.read(65_536):
                if cut_at_answer.is_set() and b"COMMIT" in data:
                    break
                if not self.silent:
                    writer.write(data)
                    await writer.drain()
            to_server.close()
            writer.close()

        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await asyncio.gather(forward(), back())


@contextlib.asynccontextmanager
async def proxied(url: str) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy before the server of a URL, and the URL that goes through it."""
    base, _, query = url.partition("?")
    parts = conninfo_to_dict(base)
    proxy = Proxy(str(parts["host"]), int(str(parts.get("port") or 5432)))
    port = await proxy.start()
    user = f"{parts['user']}:{parts['password']}"
    try:
        yield proxy, f"postgresql://{user}@127.0.0.1:{port}/{parts['dbname']}?{query}"
    finally:
        await proxy.stop()
