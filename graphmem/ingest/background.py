"""Episodes that were added with ``wait=False``: they are journalled, and a background task takes
them through the remaining stages.

Each tenant has its own queue, processed in order, so that a slow model for one does not hold up the
others. In the ledger the queued episodes are pending; the queue holds only their ids. ``resume``
finds what a process did not finish.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from graphmem.errors import GraphmemError, UsageError
from graphmem.model import Receipt, Scope

_log = logging.getLogger("graphmem")

_AT_A_TIME = 16  # episodes of a queue that are processed together
_MOST_LEFT = 1_000  # receipts of unfinished episodes that are kept

Process = Callable[[Sequence[str]], Awaitable[Sequence[Receipt]]]


@dataclass(slots=True)
class _TenantQueue:
    """The queue of one tenant."""

    waiting: dict[str, Scope] = field(default_factory=dict)
    """Scope by episode id, in order, until the episode has been processed, finished or not."""
    reserved: int = 0
    callers: int = 0
    """The number of callers that wait for room, or have it and are about to queue."""
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    worker: asyncio.Task[None] | None = None


class BackgroundQueue:
    """A queue for each tenant, of limited length: callers that add to a full one wait for room."""

    def __init__(self, process: Process, most: int) -> None:
        """``process`` takes episodes through the stages, by id, skipping those that are gone or
        done. ``most`` is the maximum length of a tenant's queue."""
        self._process = process
        self._most = most
        self._queues: dict[str, _TenantQueue] = {}
        self._left: dict[str, tuple[Scope, Receipt]] = {}
        self._closed = False

    def __len__(self) -> int:
        """The number of waiting episodes of all tenants."""
        return sum(len(queue.waiting) for queue in self._queues.values())

    @contextlib.asynccontextmanager
    async def room(self, counts: Mapping[str, int]) -> AsyncIterator[None]:
        """Reserve places (number by tenant) until the block ends. Callers wait here before they
        have stored anything; :class:`UsageError` if the queue is closed meanwhile."""
        async with contextlib.AsyncExitStack() as places:
            for tenant in sorted(counts):  # in a fixed order, so that callers cannot deadlock
                await places.enter_async_context(self._room_in(tenant, counts[tenant]))
            yield

    @contextlib.asynccontextmanager
    async def _room_in(self, tenant: str, count: int) -> AsyncIterator[None]:
        queue = self._queues.setdefault(tenant, _TenantQueue())
        queue.callers += 1
        try:
            # A caller with more episodes than a queue holds gets room when it is empty.
            fits = max(0, self._most - count)
            async with queue.changed:
                while len(queue.waiting) + queue.reserved > fits:
                    await queue.changed.wait()
                    if self._closed:
                        raise UsageError(
                            "this memory was closed while an add waited for room in its queue; "
                            "that one is not stored"
                        )
                queue.reserved += count
            try:
                yield
            finally:
                queue.reserved -= count
        finally:
            queue.callers -= 1
            await self._notify(queue)
            self._forget_if_empty(tenant)

    def put(self, id: str, scope: Scope) -> None:
        """Queue a journalled episode, once only."""
        queue = self._queues.setdefault(scope.tenant, _TenantQueue())
        queue.waiting.setdefault(id, scope)
        if not self._closed and (queue.worker is None or queue.worker.done()):
            queue.worker = asyncio.create_task(self._work_off(scope.tenant, queue))

    async def flush(self, within: Callable[[Scope], bool]) -> list[Receipt]:
        """Wait until the episodes of these scopes that are queued now have been processed. Return
        the receipts of those that could not be finished; each is returned only once."""
        for queue in list(self._queues.values()):
            ids = {id for id, scope in queue.waiting.items() if within(scope)}
            async with queue.changed:
                while not ids.isdisjoint(queue.waiting):
                    await queue.changed.wait()
                    if self._closed:
                        raise UsageError(
                            "this memory was closed while flush waited; what was queued stays "
                            "pending, and resume goes on"
                        )
        found = [id for id, (scope, _) in self._left.items() if within(scope)]
        return [self._left.pop(id)[1] for id in found]

    def unfinished(self) -> list[Receipt]:
        """Receipts of unfinished episodes that no flush has returned yet, the newest last."""
        return [receipt for _, receipt in self._left.values()]

    async def close(self) -> None:
        """Stop; what is queued stays pending in the ledger."""
        self._closed = True
        queues = list(self._queues.values())
        workers = [queue.worker for queue in queues if queue.worker]
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        for queue in queues:
            await self._notify(queue)

    async def _work_off(self, tenant: str, queue: _TenantQueue) -> None:
        while queue.waiting:
            ids = list(itertools.islice(queue.waiting, _AT_A_TIME))
            for receipt in await self._receipts(ids):
                if receipt.status in ("pending", "failed"):
                    self._leave(queue.waiting[receipt.episode_id], receipt)
            for id in ids:
                del queue.waiting[id]
            await self._notify(queue)
        self._forget_if_empty(tenant)

    async def _receipts(self, ids: Sequence[str]) -> Sequence[Receipt]:
        """Process these episodes. An error cannot be raised to a caller: it is logged, and becomes
        the reason of each receipt."""
        try:
            return await self._process(ids)
        except GraphmemError as error:
            reason = str(error)
            _log.warning("%d queued episodes are left pending: %s", len(ids), reason)
        except Exception as error:  # noqa: BLE001 - kept and logged, with where it was
            reason = f"unexpected {type(error).__name__}: {error}"
            _log.exception("%d queued episodes are left pending", len(ids))
        return [Receipt(id, "pending", reason=reason) for id in ids]

    def _leave(self, scope: Scope, receipt: Receipt) -> None:
        self._left.pop(receipt.episode_id, None)
        self._left[receipt.episode_id] = scope, receipt
        if len(self._left) > _MOST_LEFT:
            del self._left[next(iter(self._left))]

    async def _notify(self, queue: _TenantQueue) -> None:
        async with queue.changed:
            queue.changed.notify_all()

    def _forget_if_empty(self, tenant: str) -> None:
        """Drop the queue if it is empty: a store may have many tenants."""
        queue = self._queues.get(tenant)
        if queue is not None and not queue.waiting and not queue.callers:
            del self._queues[tenant]
