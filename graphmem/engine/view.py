"""A memory at a moment, to be read: see :meth:`graphmem.ports.api.MemoryAPI.as_of`."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Unpack

from graphmem.clock import parse_when_or_none, stamp
from graphmem.engine.as_of import LedgerThen, Past, build, erased
from graphmem.engine.core import (
    checked_budget,
    checked_hops,
    checked_limit,
    checked_text,
    checked_text_or_none,
)
from graphmem.engine.reading import Asking
from graphmem.errors import UsageError
from graphmem.filters import Filter, Read
from graphmem.model import (
    Change,
    Citation,
    Context,
    Entity,
    Episode,
    Explanation,
    Fact,
    Hit,
    HitKind,
    Moment,
    Page,
    Path,
    Relation,
    Scope,
    SearchResult,
    Subgraph,
    Table,
)
from graphmem.ports.arguments import ScopeArgs, When
from graphmem.ports.ledger import LedgerView
from graphmem.ports.view import ViewAPI
from graphmem.retrieve.relationships.queries import Relate
from graphmem.retrieve.view import View

if TYPE_CHECKING:
    import networkx as nx

_LAST = datetime.max.replace(tzinfo=UTC)


class AsyncMemoryView(ViewAPI):
    """Reads of one memory, as of a moment. Every method is documented in
    :class:`~graphmem.ports.view.ViewAPI`."""

    def __init__(
        self, memory: Asking, valid_at: datetime | None, known_at: datetime | None
    ) -> None:
        if valid_at is None and known_at is None:
            raise UsageError("as_of needs valid_at, known_at or both; for now, ask without it")
        self._memory = memory
        self._valid_at = valid_at
        self._known_at = known_at
        # What was known then but not asked for a date is what would have been answered then.
        self._view = View(at=valid_at) if valid_at else View(current=known_at)
        ledger = memory._parts.ledger
        self._ledger: LedgerView = ledger
        if known_at is not None:
            final = known_at < memory._parts.clock.now()
            self._ledger = LedgerThen(ledger, known_at, final=final)
        self._told = Relate(self._ledger, memory._parts.graph)
        self._pasts: dict[str, Past] = {}
        self._building = asyncio.Lock()

    def __repr__(self) -> str:
        said = [
            f"{name}={stamp(moment)}"
            for name, moment in (("valid_at", self._valid_at), ("known_at", self._known_at))
            if moment is not None
        ]
        return f"View({', '.join(said)})"

    @property
    def valid_at(self) -> datetime | None:
        return self._valid_at

    @property
    def known_at(self) -> datetime | None:
        return self._known_at

    @property
    def view(self) -> View:
        """Which facts it shows, by the world's time."""
        return self._view

    @property
    def ledger(self) -> LedgerView:
        """What was known."""
        return self._ledger

    @property
    def told(self) -> Relate:
        """Relationship queries that do not walk the graph."""
        return self._told

    async def _past(self, here: Scope) -> Past | None:
        """Graph and vectors of then; None when those of now will do."""
        if self._known_at is None:
            return None
        parts = self._memory._parts
        async with self._building:
            found = self._pasts.get(here.tenant)
            head = await parts.ledger.head()
            # By a moment that is still to come, more may be recorded.
            if found is not None and found.head != head:
                stays = found.final and not await erased(
                    parts.ledger, here.tenant, found.head, head
                )
                found = replace(found, head=head) if stays else None
            if found is None:
                made = parts.scratch()
                found = await build(
                    parts.ledger,
                    parts.embedder,
                    self._memory._retriever,
                    (made.graph, made.vectors),
                    tenant=here.tenant,
                    known_at=self._known_at,
                    head=head,
                    final=self._known_at < parts.clock.now(),
                )
            self._pasts[here.tenant] = found
            return found

    async def _filtered(self, where: Filter | None, here: Scope, read: Read = "facts") -> View:
        return await self._memory._filtered(self._view, where, self._ledger, here, read)

    async def _walked(self, here: Scope) -> Relate:
        past = await self._past(here)
        return past.relate if past else await self._memory._walking()

    async def search(
        self,
        query: str,
        *,
        limit: int = 10,
        kinds: Sequence[HitKind] = ("fact", "turn"),
        where: Filter | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> SearchResult:
        here = self._memory._scope(scope)
        view = await self._filtered(where, here, "search")
        question = self._memory._question(query, limit, kinds, view, here)
        past = await self._past(here)
        return await (past.retrieve.search if past else self._memory._found)(question)

    async def context(
        self,
        query: str,
        *,
        budget_tokens: int = 1000,
        where: Filter | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> Context:
        most = checked_budget(budget_tokens)
        here = self._memory._scope(scope)
        found = await self.search(query, limit=most, where=where, **scope)
        return await self._memory._context(
            self._ledger, here, found, (), view=self._view, budget_tokens=budget_tokens
        )

    async def explain(self, cited: str | Hit | Citation, **scope: Unpack[ScopeArgs]) -> Explanation:
        return await self._memory._explained(self._ledger, self._memory._scope(scope), cited)

    async def get(self, fact_id: str, **scope: Unpack[ScopeArgs]) -> Fact:
        return await self._memory._one_fact(self._ledger, self._memory._scope(scope), fact_id)

    async def get_all(
        self,
        *,
        limit: int = 100,
        after: str | None = None,
        where: Filter | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> Page:
        here = self._memory._scope(scope)
        view = await self._filtered(where, here)
        return await self._memory._page(self._ledger, here, view, after, limit)

    async def episode(self, episode_id: str, **scope: Unpack[ScopeArgs]) -> Episode:
        here = self._memory._scope(scope)
        return await self._memory._one_episode(self._ledger, here, episode_id)

    async def history(self, fact_id: str, **scope: Unpack[ScopeArgs]) -> list[Change]:
        return await self._memory._changes(self._ledger, self._memory._scope(scope), fact_id)

    async def entities(
        self,
        name: str | None = None,
        *,
        kind: str | None = None,
        limit: int = 100,
        where: Filter | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> list[Entity]:
        here = self._memory._scope(scope)
        return await self._memory._listed(self._ledger, here, name, kind, limit, where=where)

    async def entity(self, name_or_id: str, **scope: Unpack[ScopeArgs]) -> Entity:
        here = self._memory._scope(scope)
        return await self._told.entity(here, checked_text(name_or_id, "name_or_id"))

    async def relations(
        self,
        entity: str | None = None,
        *,
        type: str | None = None,
        other: str | None = None,
        limit: int = 100,
        where: Filter | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> list[Relation]:
        here = self._memory._scope(scope)
        return await self._told.relations(
            here,
            checked_text_or_none(entity, "entity"),
            types=await self._memory._types_meant(checked_text_or_none(type, "type")),
            other=checked_text_or_none(other, "other"),
            view=await self._filtered(where, here),
            limit=checked_limit(limit),
        )

    async def neighbours(
        self,
        entity: str,
        *,
        hops: int = 1,
        limit: int = 50,
        where: Filter | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> Subgraph:
        here, start = self._memory._scope(scope), checked_text(entity, "entity")
        steps, most = checked_hops(hops), checked_limit(limit)
        view = await self._filtered(where, here)
        relate = await self._walked(here)
        return await relate.neighbours(here, start, steps, most, view)

    async def paths(
        self,
        source: str,
        target: str,
        *,
        max_hops: int = 4,
        limit: int = 5,
        where: Filter | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> list[Path]:
        here = self._memory._scope(scope)
        ends = checked_text(source, "source"), checked_text(target, "target")
        steps, most = checked_hops(max_hops), checked_limit(limit)
        view = await self._filtered(where, here)
        relate = await self._walked(here)
        return await relate.paths(here, *ends, max_hops=steps, limit=most, view=view)

    async def timeline(
        self,
        entity: str | None = None,
        *,
        since: When | None = None,
        until: When | None = None,
        limit: int = 100,
        where: Filter | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> list[Moment]:
        before = parse_when_or_none(until, name="until")
        if self._valid_at is not None and self._valid_at < _LAST:
            own = self._valid_at + timedelta(microseconds=1)
            before = own if before is None else min(before, own)
        here = self._memory._scope(scope)
        only = await self._filtered(where, here)
        return await self._told.timeline(
            here,
            checked_text_or_none(entity, "entity"),
            after=parse_when_or_none(since, name="since"),
            before=before,
            limit=checked_limit(limit),
            view=View(where=only.where),
        )

    async def cypher(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        max_rows: int = 1000,
        timeout_s: float = 10.0,
        **scope: Unpack[ScopeArgs],
    ) -> Table:
        here = self._memory._scope(scope)
        text, values = self._memory._checked_query(query, parameters, timeout_s)
        most = checked_limit(max_rows)
        past = await self._past(here)
        if past is None:
            raise UsageError(
                "a view without known_at has no graph of its own: the graph of now holds every "
                "date; ask it with memory.cypher, and say in the query which ones count"
            )
        return await past.graph.cypher(
            text, values, tenant=here.tenant, max_rows=most, timeout_s=timeout_s
        )

    async def to_networkx(
        self,
        *,
        where: Filter | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> nx.MultiDiGraph[str]:
        here = self._memory._scope(scope)
        return await self._told.to_networkx(here, await self._filtered(where, here))


for _name, _promised in vars(ViewAPI).items():
    if inspect.iscoroutinefunction(_promised):
        getattr(AsyncMemoryView, _name).__doc__ = inspect.getdoc(_promised)
