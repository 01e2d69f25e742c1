"""Graph and vectors made anew from the ledger while they serve."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from graphmem.engine.current_stores import CurrentStores, Opened
from graphmem.errors import LedgerLost, UsageError
from graphmem.ports.graph import Checkpoint, GraphStore
from graphmem.ports.ledger.values import ahead_of_ledger, kept_numbers
from graphmem.ports.successor import Successor
from graphmem.ports.vectors import VectorStore
from graphmem.projection.catch_up import Projection
from graphmem.projection.fill import Filled, Filling, Report, Watch


class Rebuilder:
    """Makes the stores of one memory anew, each once at a time."""

    def __init__(self, current: CurrentStores) -> None:
        self._current = current
        self._parts = current.parts
        self._renewing = {"graph": asyncio.Lock(), "vectors": asyncio.Lock()}
        self._running: set[asyncio.Task[Filled]] = set()
        self._closed = False
        self.opened: Opened | None = None

    def beside(self, projection: Projection) -> bool:
        """Whether the store can be rebuilt in another place while it serves."""
        return self._store(projection).successor is not None

    async def renew(
        self, projection: Projection, report: Report | None = None, *, compare: bool = False
    ) -> Filled | None:
        """Rebuild a store from the ledger. The pending erasures are done by that, as the ledger
        holds nothing of what was erased. The old store serves until the new one is complete, and
        goes on serving when this fails or is cancelled.

        Returns what became of a store that was rebuilt beside the old one (compared with the ledger
        if ``compare``); None for a store that was cleared and filled again.
        """
        async with self._renewing[projection.name]:
            if self._closed:
                self._current.check_not_closed()
            self._parts.check_folder()
            ledger = self._parts.ledger
            pending = await ledger.erasures(pending=True)
            successor = self._store(projection).successor
            if successor is None:
                filled = None
                await self._fill_again(projection, report)
            else:
                filled = await self._run(self._replace(projection, successor, report, compare))
            done = [one.id for one in pending if projection.name in one.pending]
            await ledger.erasures_done(done, projection.name)
            await projection.catch_up(report)
        return filled

    async def close(self) -> None:
        """Cancel every rebuild: another process may open the store next."""
        self._closed = True
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _run(self, replacing: Coroutine[Any, Any, Filled]) -> Filled:
        task = asyncio.create_task(replacing)
        self._running.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if self._closed and caller is not None and not caller.cancelling():
                self._current.check_not_closed()
            raise
        finally:
            self._running.discard(task)

    async def _replace(
        self, projection: Projection, successor: Successor, report: Report | None, compare: bool
    ) -> Filled:
        parts, url = self._parts, successor.begin()
        try:
            if projection.damage is not None and not isinstance(projection.damage, LedgerLost):
                await self._store(projection).clear()  # of no use, and room for the new one
            filling = Filling(
                kind="graph" if projection is self._current.graph else "vectors",
                url=url,
                store_id=await parts.ledger.setting("store_id") or "",
                size=sum(kept_numbers(await parts.ledger.setting("embedder_size")) or ()),
                compare=compare,
            )
            async with AsyncExitStack() as stack:
                # A read that began before the switch finds in the new one all that it expects.
                nearly = partial(stack.enter_async_context, projection.paused())
                watch = Watch(report, nearly)
                filled = await parts.fill(filling, parts.ledger, self._current.embedder, watch)
                await projection.switch_to(
                    partial(successor.take_over, url), self._reopen(projection), filled.aside
                )
            await self._no_longer_ahead(projection)
        finally:
            await asyncio.shield(successor.drop(url))
        return filled

    async def _fill_again(self, projection: Projection, report: Report | None) -> None:
        store, reopen = self._store(projection), self._reopen(projection)

        async def empty() -> None:
            await store.clear()
            await self._no_longer_ahead(projection)
            projection.begin(await reopen(), reopen)

        await projection.start_over(empty)
        await projection.catch_up(report)

    async def _no_longer_ahead(self, projection: Projection) -> None:
        """Note that it is made from this ledger, if it had come further than it."""
        if await self._parts.ledger.setting(ahead_of_ledger(projection.name)):
            await self._parts.ledger.remember_setting(ahead_of_ledger(projection.name), "")

    def _store(self, projection: Projection) -> GraphStore | VectorStore:
        return self._parts.graph if projection is self._current.graph else self._parts.vectors

    def _reopen(self, projection: Projection) -> Callable[[], Awaitable[Checkpoint]]:
        if self.opened is None:
            raise UsageError("what is not open is not made anew")
        of_graph = projection is self._current.graph
        return self.opened.reread_graph if of_graph else self.opened.reread_vectors
