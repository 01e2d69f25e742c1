"""Vectors in Qdrant's own engine, in this process: one folder, no server (``qdrant-edge://``).

A folder holds ``checkpoint.json`` and one shard per collection. One process at a time has it open.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from graphmem.adapters.file_successor import FileSuccessor
from graphmem.adapters.vectors import validation
from graphmem.adapters.vectors.qdrant_edge.checkpoint import NEXT_NAME, EdgeCheckpoint
from graphmem.adapters.vectors.qdrant_edge.folder import EdgeFolder, not_open
from graphmem.errors import Unavailable
from graphmem.ports.graph import Checkpoint
from graphmem.ports.vectors import (
    COLLECTIONS,
    Collection,
    Point,
    Scored,
    VectorChanges,
    VectorQuery,
)

_T = TypeVar("_T")


class EdgeVectors:
    """A :class:`~graphmem.ports.vectors.VectorStore` in the folder ``path``.

    Writes run in one thread and searches in another. A search sees a write of up to 128 points
    whole or not at all; a larger one slice by slice, as it would keep all searches waiting. A call
    that is cancelled while its write runs leaves the write to finish, checkpoint included.

    Searches find the nearest up to 128 MiB of vectors per tenant (131,072 of 256 numbers). Above
    that, once optimized, dense search uses HNSW and may miss some of them: on random vectors, the
    hardest case, it missed most (see ``shard.py``). Scores are always exact, and those of one
    tenant depend on nothing in another.
    """

    def __init__(self, path: Path) -> None:
        self._path = Path(path)
        self._folder = EdgeFolder(self._path)
        self._closing: asyncio.Future[None] | None = None
        self._writer: ThreadPoolExecutor | None = None
        self._reader: ThreadPoolExecutor | None = None

    def __repr__(self) -> str:
        return f"EdgeVectors({str(self._path)!r})"

    # -- the port ------------------------------------------------------------------------------

    @property
    def successor(self) -> FileSuccessor:
        """Fills a folder inside this one; the checkpoint file says which shards are in use."""
        return FileSuccessor(
            "qdrant-edge",
            str(self._path / NEXT_NAME),
            self._folder.successors,
            self._give_place_to,
            partial(shutil.rmtree, ignore_errors=True),
        )

    async def owner(self) -> str | None:
        """The id of the store that the folder belongs to, or None. To be called before
        :meth:`open`, which empties another store's vectors."""
        found = await asyncio.to_thread(EdgeCheckpoint.read, self._path)
        return found.store_id if found is not None else None

    async def open(self, store_id: str, embedder: str, size: int) -> Checkpoint:
        """See the port. :class:`~graphmem.errors.Damaged` for a damaged folder; :meth:`clear` it.

        After a power cut the checkpoint may be behind what was acknowledged, but never ahead of
        what is stored; a killed process loses nothing.
        """
        validation.check_embedding(embedder, size)
        self._start_threads()
        return await self._write(self._folder.open, store_id, embedder, size)

    async def apply(self, changes: VectorChanges, applied_seq: int) -> None:
        await self._write(self._folder.apply, changes, applied_seq)

    async def search(self, queries: Sequence[VectorQuery]) -> list[list[Scored]]:
        # The engine holds the interpreter's lock while it searches, so a thread would free nothing
        # and only cost the switch. It is used only where the search has to wait.
        found = self._folder.search_if_free(queries)
        return await self._read(self._folder.search, tuple(queries)) if found is None else found

    async def ids(self, collection: Collection, tenant: str | None = None) -> set[str]:
        return await self._read(self._folder.ids, collection, tenant)

    async def differing(self, collection: Collection, points: Sequence[Point]) -> set[str]:
        return await self._read(self._folder.differing, collection, points)

    async def optimize(self) -> bool:
        """Merge, clean up and index what was written, in a process of its own. Searches go on until
        the result is loaded (1.5 s for a million points); writes also wait while a collection is
        copied. If cancelled, everything stays as it was.
        """
        owner = object()
        try:
            for collection in COLLECTIONS:
                job = await self._write(self._folder.begin_optimizing, owner, collection)
                if job is None:
                    continue
                await asyncio.to_thread(job.process.wait)
                if job.abandoned:
                    return False
                if not await self._write(self._folder.end_optimizing, job):
                    return False
            return True
        finally:
            # The thread may have started a job although this call was cancelled before it got it.
            await asyncio.shield(self._stop_if_open(owner))

    async def _stop_if_open(self, owner: object) -> None:
        """Stop the job of this call. Closing the store stops it too, and cannot come between the
        check and the call here."""
        if self._writer is not None:
            await self._write(self._folder.stop_optimizing, owner)

    async def clear(self) -> None:
        """See the port. Works on a folder that is open, closed or damaged; an open one stays open,
        empty."""
        await self._write_also_closed(self._folder.clear)

    async def _give_place_to(self, home: Path) -> None:
        """Switch to the shards of another folder, which was filled and closed."""
        await self._write_also_closed(self._folder.take_over, home)

    async def _write_also_closed(self, job: Callable[..., None], *args: object) -> None:
        """Run a job in the writer's thread, even if the store is closed: then it is closed again
        after the job."""
        closed_before = self._writer is None
        self._start_threads()
        try:
            await self._write(job, *args)
        finally:
            if closed_before:
                await self.close()

    async def close(self) -> None:
        """Flush and release the folder. May be called twice, and opened again afterwards. If
        cancelled, closing goes on, and the next call waits for it."""
        if self._writer is None:
            closing = self._closing
            if closing is not None and closing.get_loop() is asyncio.get_running_loop():
                await asyncio.wait([closing])
            return
        loop = asyncio.get_running_loop()
        self._closing = loop.run_in_executor(self._writer, self._folder.close)
        try:
            await asyncio.shield(self._closing)
        except OSError as error:
            raise self._unusable(error) from error
        finally:
            pools, self._writer, self._reader = (self._writer, self._reader), None, None
            for pool in pools:
                if pool is not None:
                    pool.shutdown(wait=False)

    def _start_threads(self) -> None:
        if self._writer is None:
            self._writer = ThreadPoolExecutor(1, "graphmem-vectors-write")
            self._reader = ThreadPoolExecutor(1, "graphmem-vectors-read")

    async def _write(self, job: Callable[..., _T], *args: object) -> _T:
        return await self._run(self._writer, job, *args)

    async def _read(self, job: Callable[..., _T], *args: object) -> _T:
        return await self._run(self._reader, job, *args)

    async def _run(
        self, pool: ThreadPoolExecutor | None, job: Callable[..., _T], *args: object
    ) -> _T:
        if pool is None:
            raise not_open(self._path)
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, job, *args)
        except OSError as error:  # a full disk, a folder that went away
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> Unavailable:
        return Unavailable(f"the vectors in {self._path} cannot be used now: {error}")
