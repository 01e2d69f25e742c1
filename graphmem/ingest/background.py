"""Episodes that nobody waits for: journalled, then taken through the stages behind the callers.

A queue for each tenant, worked off in order: a model that is slow for one holds up no other. What
is queued is in the ledger already, as pending; here are only ids, so that a process that ends
loses nothing that ``resume`` would not find.
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

_AT_A_TIME = 16  # episodes that a queue takes on together
_MOST_LEFT = 1_000  # receipts kept of what could not be finished

Process = Callable[[Sequence[str]], Awaitable[Sequence[Receipt]]]


@dataclass(slots=True)
class _TenantQueue:
    """What one tenant waits for."""

    waiting: dict[str, Scope] = field(default_factory=dict)
    """By id, in order; until it is finished, or could not be."""
    reserved: int = 0
    callers: int = 0
    """Who waits for room, or has it and is about to queue."""
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    worker: asyncio.Task[None] | None = None


class BackgroundQueue:
    """Bounded for each tenant: who adds to a full one waits until there is room."""

    def __init__(self, process: Process, most: int) -> None:
        """``process`` takes episodes through the stages, by id; those that are not to be found, or
        are done, it passes over."""
        self._process = process
        self._most = most
        self._queues: dict[str, _TenantQueue] = {}
        self._left: dict[str, tuple[Scope, Receipt]] = {}
        self._closed = False

    def __len__(self) -> int:
        """How many episodes wait, of all tenants."""
        return sum(len(queue.waiting) for queue in self._queues.values())

    @contextlib.asynccontextmanager
    async def room(self, counts: Mapping[str, int]) -> AsyncIterator[None]:
        """Room for so many more of these tenants, kept until they are queued or the block ends.
        Whoever waits for it has stored nothing yet."""
        async with contextlib.AsyncExitStack() as places:
            for tenant in sorted(counts):  # in one order, so that none waits for another in a ring
                await places.enter_async_context(self._room_in(tenant, counts[tenant]))
            yield

    @contextlib.asynccontextmanager
    async def _room_in(self, tenant: str, count: int) -> AsyncIterator[None]:
        queue = self._queues.setdefault(tenant, _TenantQueue())
        queue.callers += 1
        try:
            # More at once than a queue holds go in when it is empty.
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
        """Queue an episode that is journalled; once, however often it is asked for."""
        queue = self._queues.setdefault(scope.tenant, _TenantQueue())
        queue.waiting.setdefault(id, scope)
        if not self._closed and (queue.worker is None or queue.worker.done()):
            queue.worker = asyncio.create_task(self._work_off(scope.tenant, queue))

    async def flush(self, within: Callable[[Scope], bool]) -> list[Receipt]:
        """Wait for what is queued now, as far as ``within`` lets it pass, and take the receipts of
        what was left unfinished since the last time."""
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
        """Receipts of what was left unfinished and no flush has taken yet, the newest last."""
        return [receipt for _, receipt in self._left.values()]

    async def close(self) -> None:
        """Stop where it is: the rest stays pending in the ledger."""
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
        """What became of them. Here nobody is above who could be told of an error: it is logged,
        and is the reason of each receipt."""
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
        """A store has many tenants, of which few wait for something."""
        queue = self._queues.get(tenant)
        if queue is not None and not queue.waiting and not queue.callers:
            del self._queues[tenant]
