"""Every read of the API, over one view: what is known now, or was known at a moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, Unpack

from graphmem.clock import parse_when_or_none
from graphmem.engine.checks import (
    checked_budget,
    checked_flag,
    checked_hops,
    checked_kinds,
    checked_limit,
    checked_min_score,
    checked_offset,
    checked_query,
    checked_text,
    checked_text_or_none,
    checked_threshold,
)
from graphmem.engine.filtering import Filtering
from graphmem.engine.present import Present
from graphmem.engine.pseudonyms import Pseudonyms
from graphmem.errors import NotFound, UsageError
from graphmem.filters import Filter
from graphmem.ingest import make_episode
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
from graphmem.ports.graph import GraphStore
from graphmem.ports.ledger import EntityQuery, LedgerView
from graphmem.ports.view import ReadAPI
from graphmem.retrieve.fact_view import View
from graphmem.retrieve.narrow import facts_in_scope, history_in_scope
from graphmem.retrieve.present.context import NOTHING_KNOWN, write_context
from graphmem.retrieve.present.sources import explain
from graphmem.retrieve.question.search_query import SearchQuery
from graphmem.retrieve.relationships.queries import Relate

if TYPE_CHECKING:
    import networkx as nx

_ENDED = 5  # facts of any time that a context looks at, at least
_LAST = datetime.max.replace(tzinfo=UTC)


class Stores(Protocol):
    """What a view reads: :class:`~graphmem.engine.present.Present`, or
    :class:`~graphmem.engine.known_at.Past`."""

    ledger: LedgerView
    relate: Relate
    """Relationship queries that do not walk the graph."""

    async def search(self, query: SearchQuery) -> SearchResult: ...

    async def walk(self, scope: Scope) -> Relate:
        """Relationship queries that walk the graph."""
        ...

    async def graph_of(self, scope: Scope) -> GraphStore: ...


class ViewReads(Filtering, ReadAPI):
    """The reads of one view: of what was known at ``known_at`` (None: now), what held at
    ``valid_at`` (None: when it was known)."""

    def __init__(
        self,
        present: Present,
        stores: Stores,
        valid_at: datetime | None = None,
        known_at: datetime | None = None,
    ) -> None:
        self._present = present
        self._stores = stores
        self._valid_at = valid_at
        self._known_at = known_at

    @property
    def _pseudonyms(self) -> Pseudonyms:
        """Who the users in its results are."""
        return self._present.pseudonyms

    @property
    def _seen_ledger(self) -> LedgerView:
        return self._stores.ledger

    def _view(self, current: bool, *, begun: bool = False) -> View:
        """What is seen; with ``current`` only what holds at the moment of this view. ``begun``:
        without what is to begin, for relations, of which nobody reads the dates first."""
        if not current:
            return View()
        if self._valid_at is not None:
            return View(at=self._valid_at)
        # Known then, and asked without a date: what would have been answered then.
        return View(current=self._known_at or self._present.parts.clock.now(), begun=begun)

    def _moment(self, view: View) -> datetime:
        return view.moment or self._valid_at or self._known_at or self._present.parts.clock.now()

    def _with_archived(self, view: View, asked: object) -> View:
        """A view of other moments than now reaches back to what is archived since."""
        checked_flag(asked, "include_archived")
        return replace(view, archived=bool(asked) or view.current is None)

    def _note_reads(self, fact_ids: Sequence[str]) -> None:
        """Of now, reads are counted."""

    def _question(
        self, query: str, limit: int, kinds: Sequence[HitKind], view: View, scope: Scope
    ) -> SearchQuery:
        return SearchQuery(
            make_episode.check_text(query, "query", self._present.parts.settings.max_text_bytes),
            scope,
            checked_limit(limit),
            checked_kinds(kinds, view.where),
            view,
        )

    async def search(
        self,
        query: str,
        *,
        limit: int = 10,
        kinds: Sequence[HitKind] = ("fact", "turn"),
        current: bool = True,
        include_archived: bool = False,
        where: Filter | None = None,
        min_score: float = 0.0,
        threshold: float = 0.0,
        **scope: Unpack[ScopeArgs],
    ) -> SearchResult:
        asked = await self._present.scope(scope)
        seen = self._with_archived(self._view(current), include_archived)
        view = await self._filtered(seen, where, asked, "search")
        least = checked_min_score(min_score)
        question = self._question(query, limit, kinds, view, asked)
        nearest = checked_threshold(threshold)
        wanted = replace(question, min_score=least, threshold=nearest)
        found = await self._stores.search(wanted)
        self._note_reads([hit.id for hit in found if hit.kind == "fact"])
        return found

    async def context(
        self,
        query: str,
        *,
        budget_tokens: int = 1000,
        include_archived: bool = False,
        where: Filter | None = None,
        min_score: float = 0.0,
        **scope: Unpack[ScopeArgs],
    ) -> Context:
        most = checked_budget(budget_tokens)
        asked = await self._present.scope(scope)
        more: dict[str, Any] = {"include_archived": include_archived, "min_score": min_score}
        found = await self.search(query, limit=most, where=where, **more, **scope)
        any_time: Sequence[Hit] = ()
        if self._valid_at is None and (found.hits or not min_score):
            view = await self._filtered(View(), where, asked, "search")
            question = self._question(query, max(_ENDED, most // 4), ("fact",), view, asked)
            # What has ended only fills what room is left: not worth asking a reranker again.
            any_time = (await self._stores.search(replace(question, rerank=False))).hits
        facts = [hit.fact for hit in (*found, *any_time) if hit.fact]
        ids = {id for fact in facts for id in (fact.subject_id, *fact.entity_ids) if id}
        entities = EntityQuery(asked.tenant, ids=tuple(sorted(ids)), limit=max(1, len(ids)))
        named = await self._stores.ledger.entities(entities) if ids else []
        return await write_context(
            found,
            any_time,
            seeds=found.seeds,
            names={entity.id: entity for entity in named},
            tokens=self._present.parts.tokens,
            budget_tokens=budget_tokens,
            now=self._moment(View()),
            nothing=NOTHING_KNOWN if min_score > 0 else "",
        )

    async def explain(self, cited: str | Hit | Citation, **scope: Unpack[ScopeArgs]) -> Explanation:
        hit = cited.hit if isinstance(cited, Citation) else cited
        whole = hit if isinstance(hit, Hit) else None
        id = checked_text(hit.id, "id") if isinstance(hit, Hit) else checked_text(hit, "cited")
        asked = await self._present.scope_of(id, scope)
        return await explain(self._stores.ledger, asked, id, whole)

    async def get(self, fact_id: str, **scope: Unpack[ScopeArgs]) -> Fact:
        id = checked_text(fact_id, "fact_id")
        asked = await self._present.scope_of(id, scope)
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
        **scope: Unpack[ScopeArgs],
    ) -> Page:
        asked = await self._present.scope(scope)
        seen = self._with_archived(self._view(current), include_archived)
        view = await self._filtered(seen, where, asked)
        checked_flag(count, "count")
        first, end = checked_offset(offset), offset + checked_limit(limit)
        place = checked_text_or_none(after, "after")
        query = view.query(asked, after=place, limit=end + 1)
        facts = await facts_in_scope(self._stores.ledger, asked, query)
        total = None
        if count:
            total = await self._stores.ledger.count_facts(view.query(asked))
        following = facts[end - 1].id if len(facts) > end else None
        return Page(tuple(facts[first:end]), following, total)

    async def episode(self, episode_id: str, **scope: Unpack[ScopeArgs]) -> Episode:
        ids = [checked_text(episode_id, "episode_id")]
        asked = await self._present.scope_of(ids[0], scope)
        found = await self._stores.ledger.episodes(asked, ids=ids)
        if not found:
            raise NotFound(f"no episode {episode_id!r} in this scope")
        return found[0]

    async def history(self, fact_id: str, **scope: Unpack[ScopeArgs]) -> list[Change]:
        id = checked_text(fact_id, "fact_id")
        asked = await self._present.scope_of(id, scope)
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
        **scope: Unpack[ScopeArgs],
    ) -> list[Entity]:
        asked = await self._present.scope(scope)
        query = EntityQuery(
            asked.tenant,
            kind=checked_text_or_none(kind, "kind"),
            contains=make_episode.name_part(name),
            limit=checked_limit(limit) + checked_offset(offset),
            where=(await self._filtered(View(), where, asked, "entities")).where,
        )
        return (await self._stores.ledger.entities(query))[offset:]

    async def entity(self, name_or_id: str, **scope: Unpack[ScopeArgs]) -> Entity:
        asked = await self._present.scope(scope)
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
        **scope: Unpack[ScopeArgs],
    ) -> list[Relation]:
        asked = await self._present.scope(scope)
        view = await self._filtered(self._view(current, begun=True), where, asked)
        found = await self._stores.relate.relations(
            asked,
            checked_text_or_none(entity, "entity"),
            types=await self._types_meant(checked_text_or_none(type, "type"), asked),
            other=checked_text_or_none(other, "other"),
            view=view,
            limit=checked_limit(limit) + checked_offset(offset),
        )
        return found[offset:]

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
        asked, start = await self._present.scope(scope), checked_text(entity, "entity")
        steps, most = checked_hops(hops), checked_limit(limit)
        view = await self._filtered(self._view(current, begun=True), where, asked)
        relate = await self._stores.walk(asked)
        return await relate.neighbours(asked, start, steps, most, view)

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
        asked = await self._present.scope(scope)
        ends = checked_text(source, "source"), checked_text(target, "target")
        steps, most = checked_hops(max_hops), checked_limit(limit)
        view = await self._filtered(self._view(current, begun=True), where, asked)
        relate = await self._stores.walk(asked)
        return await relate.paths(asked, *ends, max_hops=steps, limit=most, view=view)

    async def timeline(
        self,
        entity: str | None = None,
        *,
        since: When | None = None,
        until: When | None = None,
        limit: int = 100,
        offset: int = 0,
        where: Filter | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> list[Moment]:
        asked = await self._present.scope(scope)
        before = parse_when_or_none(until, name="until")
        if self._valid_at is not None and self._valid_at < _LAST:
            # Moments before an end, which does not count itself: that of the view does.
            end = self._valid_at + timedelta(microseconds=1)
            before = end if before is None else min(before, end)
        found = await self._stores.relate.timeline(
            asked,
            checked_text_or_none(entity, "entity"),
            after=parse_when_or_none(since, name="since"),
            before=before,
            limit=checked_limit(limit) + checked_offset(offset),
            view=await self._filtered(View(), where, asked),
        )
        return found[offset:]

    async def cypher(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        max_rows: int = 1000,
        timeout_s: float = 10.0,
        **scope: Unpack[ScopeArgs],
    ) -> Table:
        asked = await self._present.scope(scope)
        longest = self._present.parts.settings.max_text_bytes
        text, values = checked_query(query, parameters, timeout_s, longest)
        most = checked_limit(max_rows)
        if self._valid_at is not None and self._known_at is None:
            raise UsageError(
                "a view without known_at has no graph of its own: the graph of now holds every "
                "date; ask it with memory.cypher, and say in the query which ones count"
            )
        graph = await self._stores.graph_of(asked)
        return await graph.cypher(
            text, values, tenant=asked.tenant, max_rows=most, timeout_s=timeout_s
        )

    async def to_networkx(
        self,
        *,
        current: bool = True,
        where: Filter | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> nx.MultiDiGraph[str]:
        asked = await self._present.scope(scope)
        view = await self._filtered(self._view(current, begun=True), where, asked)
        return await self._stores.relate.to_networkx(asked, view)
