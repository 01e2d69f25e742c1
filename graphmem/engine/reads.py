"""Every read of the API, over one view: what is known now, or was known at a moment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Unpack

from graphmem.clock import LAST_MOMENT
from graphmem.engine.checks import (
    checked_flag,
    checked_hops,
    checked_limit,
    checked_offset,
    checked_query,
    checked_text,
    checked_text_or_none,
)
from graphmem.engine.searches import Searches, read_each_scope
from graphmem.errors import NotFound, UsageError
from graphmem.filters import Filter
from graphmem.ingest import make_episode
from graphmem.model import (
    Change,
    Citation,
    Entity,
    Episode,
    Explanation,
    Fact,
    Hit,
    Moment,
    Page,
    Path,
    Relation,
    Scope,
    Subgraph,
    Table,
)
from graphmem.ports.api.arguments import ReadArgs, ScopeArgs, When
from graphmem.ports.api.reads import ReadAPI
from graphmem.ports.ledger import EntityQuery
from graphmem.retrieve.present.hits import (
    explain,
    merged_lists,
    merged_subgraphs,
    merged_tables,
    relation_begin,
)
from graphmem.retrieve.relationships.queries import in_time
from graphmem.retrieve.view import View, facts_in_scope, history_in_scope

if TYPE_CHECKING:
    import networkx as nx


class ViewReads(Searches, ReadAPI):
    """The reads of one view. :class:`~graphmem.engine.searches.Searches` says what a view is of."""

    async def explain(self, cited: str | Hit | Citation, **scope: Unpack[ReadArgs]) -> Explanation:
        hit = cited.hit if isinstance(cited, Citation) else cited
        whole = hit if isinstance(hit, Hit) else None
        id = checked_text(hit.id, "id") if isinstance(hit, Hit) else checked_text(hit, "cited")
        asked = await self._current.scope_of(id, scope)
        return await explain(self._stores.ledger, asked, id, whole)

    async def get(self, fact_id: str, **scope: Unpack[ReadArgs]) -> Fact:
        id = checked_text(fact_id, "fact_id")
        asked = await self._current.scope_of(id, scope)
        query = View().query(asked, ids=(id,))
        found = await facts_in_scope(self._stores.ledger, asked, query)
        if not found:
            raise NotFound(f"no fact {fact_id!r} in this scope")
        return found[0]

    async def get_all(
        self,
        *,
        limit: int = 100,
        after: str | None = None,
        offset: int = 0,
        count: bool = False,
        current: bool = True,
        include_archived: bool = False,
        where: Filter | None = None,
        **scope: Unpack[ReadArgs],
    ) -> Page:
        scopes = await self._current.scopes(scope)
        seen = self._with_archived(self._view(current), include_archived)
        checked_flag(count, "count")
        first, end = checked_offset(offset), offset + checked_limit(limit)
        place = checked_text_or_none(after, "after")
        ledger = self._stores.ledger

        async def facts_of(asked: Scope) -> tuple[list[Fact], int]:
            view = await self._filtered(seen, where, asked)
            query = view.query(asked, after=place, limit=end + 1)
            number = await ledger.count_facts(view.query(asked)) if count else 0
            return await facts_in_scope(ledger, asked, query), number

        found = await read_each_scope(scopes, facts_of)
        facts = merged_lists([some for some, _ in found], lambda fact: fact.id, limit=end + 1)
        total = sum(number for _, number in found) if count else None
        following = facts[end - 1].id if len(facts) > end else None
        return Page(tuple(facts[first:end]), following, total)

    async def episode(self, episode_id: str, **scope: Unpack[ReadArgs]) -> Episode:
        ids = [checked_text(episode_id, "episode_id")]
        asked = await self._current.scope_of(ids[0], scope)
        found = await self._stores.ledger.episodes(asked, ids=ids)
        if not found:
            raise NotFound(f"no episode {episode_id!r} in this scope")
        return found[0]

    async def history(self, fact_id: str, **scope: Unpack[ReadArgs]) -> list[Change]:
        id = checked_text(fact_id, "fact_id")
        asked = await self._current.scope_of(id, scope)
        changes = await history_in_scope(self._stores.ledger, asked, id)
        if not changes:
            raise NotFound(f"no fact {fact_id!r} in this scope, now or before")
        return changes

    async def entities(
        self,
        name: str | None = None,
        *,
        kind: str | None = None,
        limit: int = 100,
        offset: int = 0,
        where: Filter | None = None,
        **scope: Unpack[ReadArgs],
    ) -> list[Entity]:
        scopes = await self._current.scopes(scope)

        async def entities_of(asked: Scope) -> list[Entity]:
            query = EntityQuery(
                asked.tenant,
                kind=checked_text_or_none(kind, "kind"),
                contains=make_episode.name_part(name),
                limit=checked_limit(limit) + checked_offset(offset),
                where=(await self._filtered(View(), where, asked, "entities")).where,
            )
            return await self._stores.ledger.entities(query)

        found = await read_each_scope(scopes, entities_of)
        return merged_lists(found, lambda one: (one.name, one.id), limit=limit, offset=offset)

    async def entity(self, name_or_id: str, **scope: Unpack[ScopeArgs]) -> Entity:
        asked = await self._current.scope(scope)
        return await self._stores.relate.entity(asked, checked_text(name_or_id, "name_or_id"))

    async def relations(
        self,
        entity: str | None = None,
        *,
        type: str | None = None,
        other: str | None = None,
        current: bool = True,
        limit: int = 100,
        offset: int = 0,
        where: Filter | None = None,
        **scope: Unpack[ReadArgs],
    ) -> list[Relation]:
        scopes = await self._current.scopes(scope)
        one, two = checked_text_or_none(entity, "entity"), checked_text_or_none(other, "other")
        named = checked_text_or_none(type, "type")

        async def relations_of(asked: Scope) -> list[Relation]:
            return await self._stores.relate.relations(
                asked,
                one,
                types=await self._types_meant(named, asked),
                other=two,
                view=await self._filtered(self._view(current, begun=True), where, asked),
                limit=checked_limit(limit) + checked_offset(offset),
            )

        found = await read_each_scope(scopes, relations_of)
        return merged_lists(found, relation_begin, limit=limit, offset=offset)

    async def neighbours(
        self,
        entity: str,
        *,
        hops: int = 1,
        limit: int = 50,
        current: bool = True,
        where: Filter | None = None,
        **scope: Unpack[ReadArgs],
    ) -> Subgraph:
        scopes, start = await self._current.scopes(scope), checked_text(entity, "entity")
        steps, most = checked_hops(hops), checked_limit(limit)

        async def around(asked: Scope) -> Subgraph:
            view = await self._filtered(self._view(current, begun=True), where, asked)
            relate = await self._stores.walk(asked)
            return await relate.neighbours(asked, start, steps, most, view)

        found = await read_each_scope(scopes, around)
        return found[0] if len(found) == 1 else merged_subgraphs(found, most)

    async def paths(
        self,
        source: str,
        target: str,
        *,
        max_hops: int = 4,
        limit: int = 5,
        current: bool = True,
        where: Filter | None = None,
        **scope: Unpack[ReadArgs],
    ) -> list[Path]:
        scopes = await self._current.scopes(scope)
        ends = checked_text(source, "source"), checked_text(target, "target")
        steps, most = checked_hops(max_hops), checked_limit(limit)

        async def between(asked: Scope) -> list[Path]:
            view = await self._filtered(self._view(current, begun=True), where, asked)
            relate = await self._stores.walk(asked)
            return await relate.paths(asked, *ends, max_hops=steps, limit=most, view=view)

        found = await read_each_scope(scopes, between)
        return merged_lists(found, lambda path: len(path.steps), limit=most)

    async def timeline(
        self,
        entity: str | None = None,
        *,
        since: When | None = None,
        until: When | None = None,
        limit: int = 100,
        offset: int = 0,
        where: Filter | None = None,
        **scope: Unpack[ReadArgs],
    ) -> list[Moment]:
        scopes = await self._current.scopes(scope)
        after, before = self._edges(since, until)
        if self._valid_at is not None and self._valid_at < LAST_MOMENT:
            # Moments before an end, which does not count itself: that of the view does.
            end = self._valid_at + timedelta(microseconds=1)
            before = end if before is None else min(before, end)
        name, most = checked_text_or_none(entity, "entity"), checked_limit(limit)

        async def moments_of(asked: Scope) -> list[Moment]:
            return await self._stores.relate.timeline(
                asked,
                name,
                after=after,
                before=before,
                limit=most + checked_offset(offset),
                view=await self._filtered(View(), where, asked),
            )

        found = await read_each_scope(scopes, moments_of)
        return merged_lists(found, in_time, limit=most, offset=offset)

    async def cypher(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        max_rows: int = 1000,
        timeout_s: float = 10.0,
        **scope: Unpack[ReadArgs],
    ) -> Table:
        scopes = await self._current.scopes(scope)
        longest = self._current.parts.settings.max_text_bytes
        text, values = checked_query(query, parameters, timeout_s, longest)
        most = checked_limit(max_rows)
        if self._valid_at is not None and self._known_at is None:
            raise UsageError(
                "a view without known_at has no graph of its own: the graph of now holds every "
                "date; ask it with memory.cypher, and say in the query which ones count"
            )

        async def rows_of(asked: Scope) -> Table:
            graph = await self._stores.graph_of(asked)
            return await graph.cypher(
                text, values, tenant=asked.tenant, max_rows=most, timeout_s=timeout_s
            )

        found = await read_each_scope(scopes, rows_of)
        return found[0] if len(found) == 1 else merged_tables(found, most)

    async def to_networkx(
        self,
        *,
        current: bool = True,
        where: Filter | None = None,
        **scope: Unpack[ReadArgs],
    ) -> nx.MultiDiGraph[str]:
        scopes = await self._current.scopes(scope)

        async def graph_of(asked: Scope) -> nx.MultiDiGraph[str]:
            view = await self._filtered(self._view(current, begun=True), where, asked)
            return await self._stores.relate.to_networkx(asked, view)

        whole, *others = await read_each_scope(scopes, graph_of)
        for one in others:
            whole.update(one)  # no entity is in two projects
        return whole
