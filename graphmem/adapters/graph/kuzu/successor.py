"""A graph that is filled beside the one that serves, and takes its place: one file for another."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path

from graphmem.adapters.graph.kuzu.database_files import NEXT_NAME, remove_beside, remove_files
from graphmem.adapters.graph.kuzu.pool import Pool


class KuzuSuccessor:
    """See :class:`~graphmem.ports.successor.Successor`."""

    def __init__(self, pool: Pool, take_over: Callable[[Path], Awaitable[None]]) -> None:
        self._pool = pool
        self._take_over = take_over

    def begin(self) -> str:
        path = Path(f"{self._pool.path}{NEXT_NAME}{secrets.token_hex(8)}")
        self._pool.successors.add(path)
        return f"{self._pool.engine.name}:///{path}"

    async def take_over(self, url: str) -> None:
        path = _path(url)
        await self._take_over(path)
        self._pool.successors.discard(path)

    async def drop(self, url: str) -> None:
        path = _path(url)
        await asyncio.to_thread(_remove, path)
        self._pool.successors.discard(path)


def _path(url: str) -> Path:
    return Path(url.partition(":///")[2])


def _remove(path: Path) -> None:
    remove_files(path)
    remove_beside(path)
