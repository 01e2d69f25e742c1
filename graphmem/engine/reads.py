"""The methods that ask: searches, relationship queries, Cypher."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Unpack

from graphmem.clock import parse_when, parse_when_or_none
from graphmem.engine.core import (
    checked_budget,
    checked_hops,
    checked_keys,
    checked_limit,
    checked_text,
    checked_text_or_none,
)
from graphmem.engine.diff import differences
from graphmem.engine.reading import Asking
from graphmem.engine.view import AsyncMemoryView
from graphmem.errors import UsageError
from graphmem.filters import Filter
from graphmem.model import (
    Change,
    Citation,
    Context,
    Difference,
    Entity,
    Episode,
    Explanation,
    Hit,
    HitKind,
    Moment,
    Page,
    Path,
    Relation,
    SearchResult,
    Subgraph,
    Table,
)
from graphmem.ports.arguments import AtMoment, ScopeArgs, When
from graphmem.retrieve.view import View

if TYPE_CHECKING:
    import networkx as nx


_KEYS = 10_000  # idempotency keys that are looked up at a time
_PAST = 5  # facts of any time that a context looks at, at least


class Reads(Asking):
    """Asking, in words, by relation, by path, in Cypher."""

    async def search(
        self,
        query: str,
        *,
        limit: int = 10,
        kinds: Sequence[HitKind] = ("fact", "turn"),
        current: bool = True,
        where: Filter | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> SearchResult:
        here = self._scope(scope)
        view = await self._filtered(self._view(current), where, self._parts.ledger, here, "search")
        return await self._found(self._question(query, limit, kinds, view, here))

    async def context(
        self,
        query: str,
        *,
        budget_tokens: int = 1000,
        where: Filter | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> Context:
        most = checked_budget(budget_tokens)
        here = self._scope(scope)
        found = await self.search(query, limit=most, where=where, **scope)
        any_time = await self._filtered(
            self._view(False), where, self._parts.ledger, here, "search"
        )
        extra = self._question(query, max(_PAST, most // 4), ("fact",), any_time, here)
        # What has ended only fills what room is left: it is not worth asking a reranker again.
        past = await self._found(replace(extra, reread=False))
        view = self._view(True)
        return await self._context(
            self._parts.ledger, here, found, past.hits, view=view, budget_tokens=budget_tokens
        )

    async def explain(self, cited: str | Hit | Citation, **scope: Unpack[ScopeArgs]) -> Explanation:
        return await self._explained(self._parts.ledger, self._scope(scope), cited)

    async def get_all(
        self,
        *,
        limit: int = 100,
        after: str | None = None,
        current: bool = True,
        where: Filter | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> Page:
        here = self._scope(scope)
        view = await self._filtered(self._view(current), where, self._parts.ledger, here)
        return await self._page(self._parts.ledger, here, view, after, limit)

    async def episode(self, episode_id: str, **scope: Unpack[ScopeArgs]) -> Episode:
        return await self._one_episode(self._parts.ledger, self._scope(scope), episode_id)

    async def known_keys(self, keys: Collection[str], **scope: Unpack[ScopeArgs]) -> frozenset[str]:
        here, asked = self._scope(scope), iter(checked_keys(keys))
        found: set[str] = set()
        while part := list(itertools.islice(asked, _KEYS)):
            found |= await self._parts.ledger.known_keys(here, part)
        return frozenset(found)

    async def history(self, fact_id: str, **scope: Unpack[ScopeArgs]) -> list[Change]:
        return await self._changes(self._parts.ledger, self._scope(scope), fact_id)

    async def entities(
        self,
        name: str | None = None,
        *,
        kind: str | None = None,
        limit: int = 100,
        where: Filter | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> list[Entity]:
        return await self._listed(
            self._parts.ledger, self._scope(scope), name, kind, limit, where=where
        )

    async def entity(self, name_or_id: str, **scope: Unpack[ScopeArgs]) -> Entity:
        return await self._relate.entity(self._scope(scope), checked_text(name_or_id, "name_or_id"))

    async def relations(
        self,
        entity: str | None = None,
        *,
        type: str | None = None,
        other: str | None = None,
        current: bool = True,
        limit: int = 100,
        where: Filter | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> list[Relation]:
        here = self._scope(scope)
        view = await self._filtered(self._holding(current), where, self._parts.ledger, here)
        return await self._relate.relations(
            here,
            checked_text_or_none(entity, "entity"),
            types=await self._types_meant(checked_text_or_none(type, "type")),
            other=checked_text_or_none(other, "other"),
            view=view,
            limit=checked_limit(limit),
        )

    async def neighbours(
        self,
        entity: str,
        *,
        hops: int = 1,
        limit: int = 50,
        current: bool = True,
        where: Filter | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> Subgraph:
        here, start = self._scope(scope), checked_text(entity, "entity")
        steps, most = checked_hops(hops), checked_limit(limit)
        view = await self._filtered(self._holding(current), where, self._parts.ledger, here)
        await self._graph.catch_up()
        return await self._relate.neighbours(here, start, steps, most, view)

    async def paths(
        self,
        source: str,
        target: str,
        *,
        max_hops: int = 4,
        limit: int = 5,
        current: bool = True,
        where: Filter | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> list[Path]:
        here = self._scope(scope)
        ends = checked_text(source, "source"), checked_text(target, "target")
        steps, most = checked_hops(max_hops), checked_limit(limit)
        view = await self._filtered(self._holding(current), where, self._parts.ledger, here)
        await self._graph.catch_up()
        return await self._relate.paths(here, *ends, max_hops=steps, limit=most, view=view)

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
        here = self._scope(scope)
        return await self._relate.timeline(
            here,
            checked_text_or_none(entity, "entity"),
            after=parse_when_or_none(since, name="since"),
            before=parse_when_or_none(until, name="until"),
            limit=checked_limit(limit),
            view=await self._filtered(View(), where, self._parts.ledger, here),
        )

    def as_of(self, valid_at: When | None = None, known_at: When | None = None) -> AsyncMemoryView:
        self._check_open()
        return AsyncMemoryView(
            self,
            parse_when_or_none(valid_at, name="valid_at"),
            parse_when_or_none(known_at, name="known_at"),
        )

    async def diff(
        self,
        a: When | AtMoment,
        b: When | AtMoment,
        entity: str | None = None,
        *,
        limit: int = 100,
        **scope: Unpack[ScopeArgs],
    ) -> list[Difference]:
        here = self._scope(scope)
        one, two = (self._state(state, name) for state, name in ((a, "a"), (b, "b")))
        about = checked_text_or_none(entity, "entity")
        return await differences(one, two, here, about, checked_limit(limit))

    def _state(self, state: When | AtMoment, name: str) -> AsyncMemoryView:
        """A moment, or a view of this memory or its mirror, as a view of this memory."""
        if isinstance(state, datetime | date | str):
            return AsyncMemoryView(self, parse_when(state, name=name), None)
        try:
            valid_at, known_at = state.valid_at, state.known_at
        except AttributeError:
            raise UsageError(
                f"{name} must be a moment or a view (see as_of), got {type(state).__name__}"
            ) from None
        return AsyncMemoryView(self, valid_at, known_at)

    async def cypher(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        max_rows: int = 1000,
        timeout_s: float = 10.0,
        all_scopes: bool = False,
        **scope: Unpack[ScopeArgs],
    ) -> Table:
        self._check_open()
        if not isinstance(all_scopes, bool):
            raise UsageError(f"all_scopes is True or False, got {all_scopes!r}")
        if all_scopes and scope:
            raise UsageError("all_scopes reads every scope: give no user, agent, run or project")
        tenant = None if all_scopes else self._scope(scope).tenant
        text, values = self._checked_query(query, parameters, timeout_s)
        most = checked_limit(max_rows)
        await self._graph.catch_up()
        return await self._parts.graph.cypher(
            text, values, tenant=tenant, max_rows=most, timeout_s=timeout_s
        )

    async def to_networkx(
        self,
        *,
        current: bool = True,
        where: Filter | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> nx.MultiDiGraph[str]:
        here = self._scope(scope)
        view = await self._filtered(self._holding(current), where, self._parts.ledger, here)
        return await self._relate.to_networkx(here, view)
