"""The methods that look after the stores: counts, health, verification, rebuilding, closing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Unpack

from graphmem.budget.governor import spend_of, tenant_digest
from graphmem.engine.checks import checked_callback
from graphmem.engine.core import Core
from graphmem.errors import GraphmemError
from graphmem.model import (
    Health,
    Receipt,
    SetAside,
    Stats,
    Verification,
)
from graphmem.portability.copy import INDEXED_SEQ
from graphmem.ports.arguments import ScopeArgs
from graphmem.projection.verify import compare_stores

_TRIES = 10  # to find a moment without writes, when there are many


class Care(Core):
    """Looking after what is stored."""

    async def stats(self, **scope: Unpack[ScopeArgs]) -> Stats:
        self._check_open()
        given = any(v is not None for v in (*self._defaults.values(), *scope.values()))
        where = self._scope(scope) if given else None
        found = await self._parts.ledger.stats(where)
        if where is not None and (where.narrow_agent_id or where.run_id):
            return found
        charges = await self._parts.ledger.charges(tenant_digest(where.tenant) if where else None)
        # What was booked for a call that never came to be is given back, and leaves an empty line.
        spent = [c for c in charges if c.calls or c.tokens_in or c.tokens_out or c.micros]
        return replace(found, spend=tuple(map(spend_of, spent)))

    async def health(self) -> Health:
        self._check_writable()
        head = await self._parts.ledger.head()
        lag = {p.name: head - p.applied_seq for p in (self._graph, self._vectors)}
        parts = {"ledger": "ok"}
        for projection in (self._graph, self._vectors):
            try:
                await projection.catch_up()
                parts[projection.name] = "ok"
            except GraphmemError as error:
                parts[projection.name] = str(error)
        settings = self._parts.settings
        parts["extraction"] = self._parts.extractor.name
        parts["embedder"] = self._parts.embedder.name
        pending = (await self._parts.ledger.stats()).pending
        parts["queue"] = _queue_state(len(self._queue), self._queue.unfinished())
        why = await self._parts.ledger.pending_reason() if pending else None
        parts["pending"] = str(pending) if why is None else f"{pending}: {why}"
        aside = await self._set_aside()
        ok = all(parts[p.name] == "ok" for p in (self._graph, self._vectors))
        ok = ok and why is None and not aside and max(lag.values()) <= 2 * settings.max_lag
        return Health(ok=ok, parts=parts, lag=lag, set_aside=aside)

    async def verify(self) -> Verification:
        self._check_writable()
        parts = self._parts
        for _ in range(_TRIES):
            head = await parts.ledger.head()
            await self._follow()
            found = await compare_stores(parts.ledger, parts.graph, parts.vectors)
            # What was written meanwhile is in one of the stores already: no difference at all.
            if found.ok or head == await parts.ledger.head():
                break
        aside = await self._set_aside()
        return replace(found, ok=found.ok and not aside, set_aside=aside)

    async def _set_aside(self) -> tuple[SetAside, ...]:
        return (*await self._graph.set_aside(), *await self._vectors.set_aside())

    async def rebuild(self, *, progress: Callable[[int, int], None] | None = None) -> Verification:
        self._check_writable()
        checked_callback(progress, "progress")
        head = await self._parts.ledger.head()
        both = 2 * head

        def reporter(already: int) -> Callable[[int], None] | None:
            return None if progress is None else lambda done: progress(already + done, both)

        self._indexed_seq = 0
        await self._parts.ledger.remember_setting(INDEXED_SEQ, "0")
        await self._graph.start_over(self._parts.graph.clear)
        await self._graph.catch_up(reporter(0))
        await self._vectors.start_over(self._parts.vectors.clear)
        await self._vectors.catch_up(reporter(head))
        await self._end_load()
        return await self.verify()

    async def close(self) -> None:
        if self._present.closed:
            return
        loop = self._present.loop
        loop_ended = loop is not None and loop.is_closed()
        if not loop_ended:
            self._check_open()  # elsewhere its tasks go on
        self._present.closed = True
        try:
            if not loop_ended:
                await self._queue.close()
            if self._indexing:
                self._indexing.cancel()
            both = (self._background, self._indexing)
            # Those of a loop that has ended have ended with it.
            running = [task for task in both if task and not task.done()]
            # What the background could not do, the next opening does.
            await asyncio.gather(*running, return_exceptions=True)
        finally:
            await self._close_parts(loop_ended=loop_ended)


def _queue_state(waiting: int, unfinished: Sequence[Receipt]) -> str:
    """What waits in the background, and what was left there, with the last reason."""
    if not unfinished:
        return f"{waiting:,} waiting"
    last = unfinished[-1].reason
    return f"{waiting:,} waiting, {len(unfinished):,} left unfinished: {last}"
