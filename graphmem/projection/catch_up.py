"""A store kept in step with the ledger: what it lacks is applied in batches; it can start over."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence, Set
from functools import partial

from graphmem.off_loop import run_off_loop
from graphmem.ports.graph import Checkpoint
from graphmem.ports.ledger import Event, Ledger
from graphmem.ports.ledger_off_loop import ReadsOffLoop
from graphmem.projection.batch import MUCH, ApplyBatch, ProjectionBatch, batch_of

BATCH_EVENTS = 5000


class Projection:
    """Keeps one store in step with the ledger.

    Where several processes share a ledger one of them projects at a time, and each reads how far
    the others got before it goes on from there.
    """

    def __init__(
        self,
        name: str,
        ledger: Ledger,
        target: ApplyBatch,
        changed: Callable[[Set[str] | None], None] | None = None,
    ) -> None:
        """``changed`` is told in which tenants the store holds something else; None: in any."""
        self.name = name
        self._changed = changed or (lambda _: None)
        self.applied_seq = 0
        self._ledger = ledger
        self._target = target
        self._checkpoint: Callable[[], Awaitable[Checkpoint]] | None = None
        self._lock = asyncio.Lock()

    def begin(self, checkpoint: Checkpoint, reread: Callable[[], Awaitable[Checkpoint]]) -> None:
        """Go on from ``checkpoint``; ``reread`` reads it from the store again."""
        self.applied_seq = checkpoint.applied_seq
        self._checkpoint = reread if self._ledger.shared else None

    async def catch_up(self, progress: Callable[[int], None] | None = None) -> None:
        """Apply every event up to the ledger's head; cheap when there is none."""
        if self.applied_seq >= await self._ledger.head():
            return
        async with self._alone() as still_alone:
            if self._checkpoint is not None:
                self.applied_seq = (await self._checkpoint()).applied_seq
                # Others may have written, or rebuilt the store, which leaves the checkpoint as it
                # was.
                self._changed(None)
            while self.applied_seq < await self._ledger.head():
                events = self._ledger.recent_events(self.applied_seq, BATCH_EVENTS)
                events = events or await self._ledger.events(self.applied_seq, BATCH_EVENTS)
                batch = await self._batch(events)
                await still_alone()
                await self._target(batch, events[-1].seq)
                self.applied_seq = events[-1].seq
                self._changed({event.tenant for event in events})
                if progress is not None:
                    progress(self.applied_seq)

    async def _batch(self, events: Sequence[Event]) -> ProjectionBatch:
        if len(events) <= MUCH:
            return await batch_of(events, self._ledger)
        return await run_off_loop(partial(batch_of, events, ReadsOffLoop(self._ledger)))

    async def start_over(self, clear: Callable[[], Awaitable[None]]) -> None:
        """Clear the store and forget how far it got, also where this is given up on the way: what
        was begun in a thread goes on, and whoever writes next has to know that nothing is there."""
        async with self._alone():
            self.applied_seq = 0
            clearing = asyncio.ensure_future(clear())
            try:
                await asyncio.shield(clearing)
            except asyncio.CancelledError:
                await asyncio.wait([clearing])
                raise
            finally:
                self._changed(None)

    @contextlib.asynccontextmanager
    async def _alone(self) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        async with self._lock, self._ledger.named_lock(f"project {self.name}") as still_alone:
            yield still_alone
