"""How embedded stores are made anew while they serve: in files beside theirs."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path


class FileSuccessor:
    """See :class:`~graphmem.ports.successor.Successor`.

    New stores have a URL of ``scheme`` and a path that begins with ``prefix``; those that are being
    filled are in ``pending``, which whoever clears up after killed processes leaves alone.
    """

    def __init__(
        self,
        scheme: str,
        prefix: str,
        pending: set[Path],
        take_over: Callable[[Path], Awaitable[None]],
        remove: Callable[[Path], None],
    ) -> None:
        self._scheme = scheme
        self._prefix = prefix
        self._pending = pending
        self._take_over = take_over
        self._remove = remove

    def begin(self) -> str:
        path = Path(f"{self._prefix}{secrets.token_hex(8)}")
        self._pending.add(path)
        return f"{self._scheme}:///{path}"

    async def take_over(self, url: str) -> None:
        path = _path(url)
        await self._take_over(path)
        self._pending.discard(path)

    async def drop(self, url: str) -> None:
        path = _path(url)
        await asyncio.to_thread(self._remove, path)
        self._pending.discard(path)


def _path(url: str) -> Path:
    return Path(url.partition(":///")[2])
