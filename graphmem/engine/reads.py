"""The methods that ask: searches, relationship queries, Cypher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from graphmem.clock import parse_when_or_none
from graphmem.engine.core import (
    Core,
    checked_hops,
    checked_limit,
    checked_text,
    checked_text_or_none,
)
from graphmem.errors import NotFound, UsageError
from graphmem.ingest import journal
from graphmem.model import (
    Change,
    Entity,
    Episode,
    HitKind,
    Moment,
    Page,
    Path,
    Relation,
    SearchResult,
    Subgraph,
    Table,
)
from graphmem.ports.api import ScopeArgs, When
from graphmem.ports.ledger import EntityQuery, FactQuery
from graphmem.retrieve.context import write_context
from graphmem.retrieve.pipeline import Question

if TYPE_CHECKING:
    import networkx as nx


class Reads(Core):
    """Asking, in words, by relation, by path, in Cypher."""

    async def search(
        self,
        query: str,
        *,
        limit: int = 10,
        kinds: Sequence[HitKind] = ("fact", "turn"),
        current: bool = True,
        **scope: Unpack[ScopeArgs],
    ) -> SearchResult:
        if (
            isinstance(kinds, str)
            or not isinstance(kinds, Sequence)
            or any(kind not in ("fact", "turn") for kind in kinds)
            or not kinds
        ):
            raise UsageError(f"kinds must be a list of fact and turn, got {kinds!r}")
        question = Question(
            journal.check_text(query, "query", self._parts.settings.max_text_bytes),
            self._scope(scope),
            checked_limit(limit),
            tuple(dict.fromkeys(kinds)),
            self._now(current),
        )
        await self._follow()
        return await self._retrieve.search(question)

    async def context(
        self, query: str, *, budget_tokens: int = 1000, **scope: Unpack[ScopeArgs]
    ) -> str:
        if isinstance(budget_tokens, bool) or not isinstance(budget_tokens, int):
            raise UsageError(f"budget_tokens must be a whole number, got {budget_tokens!r}")
        if budget_tokens < 1:
            raise UsageError(f"budget_tokens must be at least 1, got {budget_tokens}")
        found = await self.search(query, limit=max(10, min(200, budget_tokens // 10)), **scope)
        return write_context(found, budget_tokens)

    async def get_all(
        self,
        *,
        limit: int = 100,
        after: str | None = None,
        current: bool = True,
        **scope: Unpack[ScopeArgs],
    ) -> Page:
        where = self._scope(scope)
        query = FactQuery(
            where.wall,
            agent_id=where.narrow_agent_id,
            run_id=where.run_id,
            current=self._now(current),
            after=checked_text_or_none(after, "after"),
            limit=checked_limit(limit) + 1,
        )
        facts = await self._parts.ledger.facts(query)
        more = len(facts) > limit
        return Page(tuple(facts[:limit]), facts[limit - 1].id if more else None)

    async def episode(self, episode_id: str, **scope: Unpack[ScopeArgs]) -> Episode:
        where = self._scope(scope)
        found = await self._parts.ledger.episodes(
            where, ids=[checked_text(episode_id, "episode_id")]
        )
        if not found:
            raise NotFound(f"no episode {episode_id!r} in this scope")
        return found[0]

    async def history(self, fact_id: str, **scope: Unpack[ScopeArgs]) -> list[Change]:
        where = self._scope(scope)
        changes = await self._parts.ledger.history(where.wall, checked_text(fact_id, "fact_id"))
        if not changes:
            raise NotFound(f"no fact {fact_id!r} in this scope, now or before")
        return changes

    async def entities(
        self,
        name: str | None = None,
        *,
        kind: str | None = None,
        limit: int = 100,
        **scope: Unpack[ScopeArgs],
    ) -> list[Entity]:
        contains = journal.name_part(name)
        query = EntityQuery(
            self._scope(scope).wall,
            kind=checked_text_or_none(kind, "kind"),
            contains=contains,
            limit=checked_limit(limit),
        )
        return await self._parts.ledger.entities(query)

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
        **scope: Unpack[ScopeArgs],
    ) -> list[Relation]:
        return await self._relate.relations(
            self._scope(scope),
            checked_text_or_none(entity, "entity"),
            type=checked_text_or_none(type, "type"),
            other=checked_text_or_none(other, "other"),
            current=self._now(current),
            limit=checked_limit(limit),
        )

    async def neighbours(
        self,
        entity: str,
        *,
        hops: int = 1,
        limit: int = 50,
        current: bool = True,
        **scope: Unpack[ScopeArgs],
    ) -> Subgraph:
        where, start = self._scope(scope), checked_text(entity, "entity")
        steps, most = checked_hops(hops), checked_limit(limit)
        await self._graph.catch_up()
        return await self._relate.neighbours(where, start, steps, most, self._now(current))

    async def paths(
        self,
        source: str,
        target: str,
        *,
        max_hops: int = 4,
        limit: int = 5,
        current: bool = True,
        **scope: Unpack[ScopeArgs],
    ) -> list[Path]:
        where = self._scope(scope)
        ends = checked_text(source, "source"), checked_text(target, "target")
        steps, most = checked_hops(max_hops), checked_limit(limit)
        await self._graph.catch_up()
        return await self._relate.paths(
            where, *ends, max_hops=steps, limit=most, current=self._now(current)
        )

    async def timeline(
        self,
        entity: str | None = None,
        *,
        since: When | None = None,
        until: When | None = None,
        limit: int = 100,
        **scope: Unpack[ScopeArgs],
    ) -> list[Moment]:
        return await self._relate.timeline(
            self._scope(scope),
            checked_text_or_none(entity, "entity"),
            since=parse_when_or_none(since, name="since"),
            until=parse_when_or_none(until, name="until"),
            limit=checked_limit(limit),
        )

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
        wall = None if all_scopes else self._scope(scope).wall
        most = checked_limit(max_rows)
        text = journal.check_text(query, "query", self._parts.settings.max_text_bytes)
        if parameters is not None and not isinstance(parameters, Mapping):
            raise UsageError(f"parameters must be a mapping, got {parameters!r}")
        if isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float):
            raise UsageError(f"timeout_s must be a number of seconds, got {timeout_s!r}")
        await self._graph.catch_up()
        return await self._parts.graph.cypher(
            text, parameters or {}, wall=wall, max_rows=most, timeout_s=timeout_s
        )

    async def to_networkx(
        self, *, current: bool = True, **scope: Unpack[ScopeArgs]
    ) -> nx.MultiDiGraph[str]:
        return await self._relate.to_networkx(self._scope(scope), self._now(current))
