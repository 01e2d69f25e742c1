"""Vectors that are filled beside those that serve, in a folder inside theirs, and take their
place: the checkpoint file says which shards are in force."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

from graphmem.adapters.vectors.qdrant_edge.folder import EdgeFolder


class EdgeSuccessor:
    """See :class:`~graphmem.ports.successor.Successor`."""

    def __init__(self, folder: EdgeFolder, take_over: Callable[[Path], Awaitable[None]]) -> None:
        self._folder = folder
        self._take_over = take_over

    def begin(self) -> str:
        home = self._folder.begin_successor(secrets.token_hex(8))
        return f"qdrant-edge:///{home}"

    async def take_over(self, url: str) -> None:
        await self._take_over(_path(url))

    async def drop(self, url: str) -> None:
        home = _path(url)
        await asyncio.to_thread(shutil.rmtree, home, ignore_errors=True)
        self._folder.successors.discard(home)


def _path(url: str) -> Path:
    return Path(url.partition(":///")[2])
