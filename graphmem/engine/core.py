"""The base of :class:`~graphmem.engine.AsyncMemory`: reads of the present, and background work."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Unpack

from graphmem.clock import LAST_MOMENT
from graphmem.engine.calls import current_actor
from graphmem.engine.checks import checked_flag
from graphmem.engine.counts_and_titles import Titles, UseCounter
from graphmem.engine.current_stores import CurrentStores, Parts
from graphmem.engine.known_at import StoresAsOf
from graphmem.engine.reads import ViewReads
from graphmem.engine.rebuilding import Rebuilder
from graphmem.errors import UsageError, logged_failure
from graphmem.ingest.background import BackgroundQueue
from graphmem.ingest.pipeline import Ingest
from graphmem.model import Fact, Receipt, Scope
from graphmem.portability.copy import INDEXED_SEQ
from graphmem.ports.api.arguments import ReadArgs, ScopeArgs
from graphmem.projection.catch_up import Projection
from graphmem.projection.fill import Filled, Report

_log = logging.getLogger("graphmem")
_INDEX_EVERY = 5_000  # events: fewer are searched as fast one by one
_WAITED_FOR = 4  # times the events that may wait: then whoever told many of them waits,
_BY_ALL = 40  # and here whoever writes
_FEW = 100


class Core(ViewReads):
    """The reads of the present; the ingest pipeline that writes rest on; and the background tasks
    that bring the graph and the vectors up to date."""

    def __init__(
        self, parts: Parts, defaults: Mapping[str, str | None] | None = None, **given: object
    ) -> None:
        # Whoever knows Memory(folder, user_id=…) tries the same here, where opening is awaited.
        if not isinstance(parts, Parts) or defaults is None or given:
            raise UsageError("an AsyncMemory is opened so: await graphmem.open_memory(folder, …)")
        current = CurrentStores(parts, defaults)
        super().__init__(current, StoresAsOf(current, None) if parts.read_only else current)
        self._parts = parts
        self._defaults = current.defaults
        self._scope, self._check_open = current.scope, current.check_open
        self._scope_of = current.scope_of
        self._follow = current.follow
        self._graph, self._vectors = current.graph, current.vectors
        self._embedder = current.embedder
        self._relate, self._retrieve = current.relate, current.retrieve
        self._ingest = Ingest(
            parts.ledger,
            parts.extractor,
            parts.clock,
            duplicate_window_s=parts.settings.duplicate_window_s,
            at_once=parts.extractions_at_once,
            options=parts.extraction,
            ambiguity_model=parts.ambiguity_model,
            renamed=current.renamed,
        )
        self._queue = BackgroundQueue(self._finish_queued, parts.settings.max_queued)
        counting = parts.settings.count_reads and not parts.read_only
        self._uses = UseCounter(parts.ledger, parts.clock, counting=counting)
        self._note_reads = self._uses.note
        self._titles: Titles | None = None
        after_s = parts.settings.title_after_s
        if parts.summary_model is not None and after_s and not parts.read_only:
            self._titles = Titles(parts.ledger, parts.summary_model, after_s)
        self._rebuilder = Rebuilder(current)
        self._background: asyncio.Task[None] | None = None
        self._following = True
        self._indexing: asyncio.Task[None] | None = None
        self._cleaning: asyncio.Task[None] | None = None
        self._retaining: asyncio.Task[None] | None = None
        self._resuming: asyncio.Task[None] | None = None
        self._failing_since: dict[str, datetime] = {}
        self._finishing = asyncio.Lock()
        self._indexed_seq = 0

    async def get(self, fact_id: str, **scope: Unpack[ReadArgs]) -> Fact:
        fact = await self._fact(fact_id, scope)
        used = (await self._parts.ledger.uses([fact.id])).get(fact.id)
        self._note_reads([fact.id])
        if used is None:
            return replace(fact, access_count=0)
        return replace(fact, access_count=used.count, last_accessed_at=used.last_at)

    async def _fact(self, fact_id: str, scope: ScopeArgs) -> Fact:
        """Get a fact in order to change it. Unlike :meth:`get` it does not count as a read."""
        return await super().get(fact_id, **scope)

    async def _renew(
        self, projection: Projection, report: Report | None = None, *, compare: bool = False
    ) -> Filled | None:
        """Make a store anew; see :class:`~graphmem.engine.rebuilding.Rebuilder`."""
        filled = await self._rebuilder.renew(projection, report, compare=compare)
        if projection is self._vectors:
            # Those that were filled beside the others were indexed there.
            self._indexed_seq = filled.applied_seq if filled else 0
            await self._parts.ledger.remember_setting(INDEXED_SEQ, str(self._indexed_seq))
        return filled

    async def _close_parts(self, *, loop_ended: bool = False) -> None:
        """Close every part and release the folder, even when one of them fails. When the event loop
        has already ended, its connections have ended too: errors about that are ignored."""
        parts = self._parts
        closers: list[Callable[[], Awaitable[None]]] = [
            parts.extractor.close,
            parts.embedder.close,
            parts.vectors.close,
            parts.graph.close,
            parts.ledger.close,
        ]
        if parts.reranker is not None:
            closers.append(parts.reranker.close)
        try:
            ended = await asyncio.gather(*(close() for close in closers), return_exceptions=True)
        finally:
            parts.release()  # also where the caller gives up waiting for one of them
        errors = [
            error
            for error in ended
            if isinstance(error, BaseException)
            and not (loop_ended and isinstance(error, RuntimeError))
        ]
        if errors:
            raise errors[0]

    def _check_writable(self) -> None:
        """Refuse a call on a read-only memory before it asks another store or a model; what only
        writes the ledger is refused there."""
        self._check_open()
        if self._parts.read_only:
            raise UsageError(
                "this memory is open to read only: open it without read_only, once nobody else "
                "holds it"
            )
        self._parts.check_folder()

    async def _finish_queued(self, ids: Sequence[str]) -> list[Receipt]:
        receipts = await self._ingest.finish(ids)
        await self._keep_lag_bounded()
        return receipts

    def _named(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """The options of a write, with the actor filled in."""
        if options.get("actor") is None and (actor := current_actor(self._parts.actor)):
            return {**options, "actor": actor}
        return options

    def _actor(self, usual: str) -> str:
        """The actor to record for this call; ``usual`` when neither call nor opening named one."""
        return current_actor(self._parts.actor) or usual

    async def _whole_tenant(self, given: ScopeArgs, *, all_scopes: bool) -> Scope | None:
        """The tenant that a call is about as a whole, or None for everybody's (``all_scopes``). A
        scope narrowed to an agent or a run is a UsageError."""
        checked_flag(all_scopes, "all_scopes")
        if all_scopes:
            if any(value is not None for value in given.values()):
                raise UsageError("all_scopes is everybody's: give no scope with it")
            self._current.note_wide("everybody's")
            return None
        where = await self._scope(given)
        if where.narrow_agent_id or where.run_id:
            raise UsageError(
                "this is about all that a user, or an agent by itself, has in a project: give no "
                "agent_id beside a user_id, and no run_id"
            )
        return where

    async def _try_to_follow(self) -> None:
        """Bring the projections up to date in the background. An error is logged, not raised: the
        data is safe in the ledger, and ``health`` reports the lag."""
        followed = False
        with logged_failure(_log, "graph or vectors lag behind"):
            await self._follow()
            followed = True
        self._following = followed

    async def _keep_lag_bounded(self, *, loading: bool = False, by: str | None = None) -> None:
        """Start catching up in the background when many events are waiting; one task at a time.
        When very many are, it is waited for: of a single addition, ``by`` which tenant, only where
        that tenant has told much of what waits, so that one's load is not waited for by all.

        ``loading`` postpones the indexing of vectors until the load ends, because what is added
        meanwhile would have to be indexed again.
        """
        applied = min(self._graph.applied_seq, self._vectors.applied_seq)
        lag = await self._parts.ledger.head() - applied
        most = self._parts.settings.max_lag
        if lag > most and (self._background is None or self._background.done()):
            self._background = asyncio.create_task(self._try_to_follow())
        # A store or an embedder that is down must not hold up what needs neither.
        background = self._background
        waited_for = lag > _WAITED_FOR * most and background is not None and self._following
        if waited_for and lag <= _BY_ALL * most and by is not None:
            waited_for = await self._brought_much(applied, by)
        if background is not None and waited_for:
            await asyncio.shield(background)
        if not loading:
            self._keep_indexed()

    async def _brought_much(self, seq: int, tenant: str) -> bool:
        """Whether more than a few of the events that wait are this tenant's."""
        ledger = self._parts.ledger
        return len(await ledger.events(seq, _FEW, tenant=tenant, until=LAST_MOMENT)) == _FEW

    def _keep_indexed(self) -> None:
        """Index the vectors in the background once about half of them are new since the last
        time."""
        applied = self._vectors.applied_seq
        idle = self._indexing is None or self._indexing.done()
        if idle and self._due_to_index(applied):
            before, self._indexed_seq = self._indexed_seq, applied
            self._indexing = asyncio.create_task(self._index(before, applied))

    def _due_to_index(self, seq: int) -> bool:
        return seq - self._indexed_seq >= max(_INDEX_EVERY, seq // 2)

    async def _end_load(self) -> None:
        """After a load large enough to need indexing, wait until its vectors are stored and
        indexed: a process that only loads would exit before the background task has done it."""
        if self._due_to_index(await self._parts.ledger.head()):
            await self._try_to_follow()
            for _ in range(2):  # one that began before the load may be given up because of it
                self._keep_indexed()
                if self._indexing is not None:
                    # What becomes of it is its own to tell, also when the memory is closed.
                    await asyncio.wait([self._indexing])

    async def _index(self, before: int, applied: int) -> None:
        # Searches stay right without it, only slower; the next time tries again.
        with logged_failure(_log, "the vectors could not be indexed"):
            if await self._parts.vectors.optimize():
                await self._parts.ledger.remember_setting(INDEXED_SEQ, str(applied))
            elif self._indexed_seq == applied:
                # Given up, as at the beginning of a load: its end is to do it.
                self._indexed_seq = before
