"""Reads counted: in memory, and now and then in the ledger, never in the path of a read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from datetime import datetime

from graphmem.clock import Clock
from graphmem.errors import log_failure
from graphmem.model import FactUse
from graphmem.off_loop import to_its_end
from graphmem.ports.lifecycle import UseBook

_log = logging.getLogger("graphmem")
MOST_UNWRITTEN = 256
"""Facts whose counts are not in the ledger yet: what a killed process loses, at most."""
LONGEST_UNWRITTEN_S = 5.0


class UseCounter:
    """Counts the facts that reads gave, and writes the counts in the background."""

    def __init__(self, book: UseBook, clock: Clock, *, counting: bool) -> None:
        self._book = book
        self._clock = clock
        self._counting = counting
        self._counts: dict[str, tuple[int, datetime]] = {}
        self._writing: asyncio.Task[None] | None = None

    def note(self, fact_ids: Iterable[str]) -> None:
        """These were read, each once."""
        if not self._counting:
            return
        now = self._clock.now()
        for id in fact_ids:
            count = self._counts[id][0] + 1 if id in self._counts else 1
            self._counts[id] = count, now
        if self._counts and (self._writing is None or self._writing.done()):
            self._writing = asyncio.create_task(self._write_soon())
        if len(self._counts) >= MOST_UNWRITTEN and self._writing is not None:
            self._full.set()

    @property
    def _full(self) -> asyncio.Event:
        if not hasattr(self, "_event"):
            self._event = asyncio.Event()
        return self._event

    async def _write_soon(self) -> None:
        try:
            await asyncio.wait_for(self._full.wait(), LONGEST_UNWRITTEN_S)
        except TimeoutError:
            pass
        finally:
            self._full.clear()
        await self._try_to_write()

    async def _try_to_write(self) -> None:
        try:
            await self.flush()
        except Exception as error:  # noqa: BLE001 - nobody is above who could be told
            log_failure(_log, "what was read could not be counted", error)

    async def flush(self) -> None:
        """Write what was counted; what cannot be written is kept for the next time."""
        counts, self._counts = self._counts, {}
        if not counts:
            return
        uses = [FactUse(id, *one) for id, one in counts.items()]
        writing = asyncio.ensure_future(self._book.add_uses(uses))
        try:
            # Cut short, nobody would know whether they are in the ledger.
            await to_its_end(writing)
        finally:
            if writing.cancelled() or writing.exception() is not None:
                for id, (count, at) in counts.items():
                    more, last = self._counts.get(id, (0, at))
                    self._counts[id] = count + more, max(at, last)

    async def close(self) -> None:
        """Write what is left."""
        if self._writing is not None and not self._writing.done():
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        await self._try_to_write()
