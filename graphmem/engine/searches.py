"""The reads that rank: search, context, and the searches by time, tags and people. Also what every
read shares: its view, and its filter."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal, Protocol, TypeVar, Unpack

from graphmem.clock import parse_when_or_none
from graphmem.engine.calls import signed_as
from graphmem.engine.checks import (
    checked_budget,
    checked_flag,
    checked_kinds,
    checked_limit,
    checked_share,
)
from graphmem.engine.current_stores import CurrentStores
from graphmem.errors import NotFound, UsageError, shown
from graphmem.filters import Filter, ReadKind, Test, Where, parse_filter, tests
from graphmem.filters.tree import both, changed, none_of
from graphmem.ingest import make_episode
from graphmem.limits import SHORTER_OR_MORE
from graphmem.model import Context, Entity, Hit, HitKind, Scope, SearchResult
from graphmem.ports.api.arguments import NarrowedArgs, ReadArgs, When
from graphmem.ports.api.reads import ReadAPI
from graphmem.ports.graph import GraphStore
from graphmem.ports.ledger import EntityQuery, LedgerView
from graphmem.relation_types.declare import in_force
from graphmem.relation_types.types import RelationTypes, normal
from graphmem.retrieve.pipeline import Retriever
from graphmem.retrieve.present.context import NOTHING_KNOWN, write_context
from graphmem.retrieve.present.hits import merged_newest, merged_search, unranked_hits
from graphmem.retrieve.question.filters import resolved, span_of
from graphmem.retrieve.relationships.queries import Relate
from graphmem.retrieve.view import SearchQuery, View, facts_in_scope

_T = TypeVar("_T")
_ENDED = 5  # facts of any time that a context looks at, at least


class Stores(Protocol):
    """What a view reads: :class:`~graphmem.engine.current_stores.CurrentStores`, or
    :class:`~graphmem.engine.known_at.StoresAsOf`."""

    ledger: LedgerView
    relate: Relate
    """Relationship queries that do not walk the graph."""

    async def retriever_of(self, scope: Scope) -> tuple[Retriever, str | None]:
        """The retriever of a scope; and why it does not search everything, if it does not."""
        ...

    async def walk(self, scope: Scope) -> Relate:
        """Relationship queries that walk the graph."""
        ...

    async def graph_of(self, scope: Scope) -> GraphStore: ...


class Searches:
    """The reads that rank, over one view: what was known at ``known_at`` (None: now) and held at
    ``valid_at`` (None: at that same moment)."""

    def __init__(
        self,
        current: CurrentStores,
        stores: Stores,
        valid_at: datetime | None = None,
        known_at: datetime | None = None,
    ) -> None:
        self._current = current
        self._stores = stores
        self._valid_at = valid_at
        self._known_at = known_at
        self._note_reads: Callable[[Iterable[str]], None] = _uncounted

    # What is seen

    def _view(self, current: bool, *, begun: bool = False) -> View:
        """Which facts are seen: with ``current`` those that hold at the moment of this view, else
        all. ``begun`` leaves out facts that begin later, for relations, whose dates nobody checks
        afterwards."""
        checked_flag(current, "current")
        if not current:
            return View()
        if self._valid_at is not None:
            return View(at=self._valid_at)
        # Known then, and asked without a date: what would have been answered then.
        return View(current=self._known_at or self._current.parts.clock.now(), begun=begun)

    def _moment(self, view: View) -> datetime:
        """The moment that relative times of a filter (``last week``) are counted from."""
        return view.moment or self._valid_at or self._known_at or self._current.parts.clock.now()

    def _edges(
        self, since: When | None, until: When | None
    ) -> tuple[datetime | None, datetime | None]:
        """The first and the last moment of a stretch of time; None where it is open."""
        after, before = self._edge(since, "since", 0), self._edge(until, "until", 1)
        if after is not None and before is not None and after > before:
            raise UsageError(f"since ({since}) is after until ({until}): exchange them")
        return after, before

    def _edge(self, value: When | None, name: str, side: Literal[0, 1]) -> datetime | None:
        """A moment, or where a time in words ("last week") begins or ends."""
        try:
            return parse_when_or_none(value, name=name)
        except UsageError:
            words = value if isinstance(value, str) else ""
            span = span_of(words, self._moment(View()))
            if span is None or span[side] is None:
                raise
            return span[side]

    def _with_archived(self, view: View, asked: object) -> View:
        """The view with archived facts, if asked for; a view of another moment always has them."""
        checked_flag(asked, "include_archived")
        return replace(view, archived=bool(asked) or view.current is None)

    async def _filtered(
        self, view: View, where: Filter | None, scope: Scope, read: ReadKind = "facts"
    ) -> View:
        """The view with a filter: parsed, its entity names and relation types resolved in the
        scope."""
        tree = None if where is None else parse_filter(where, read)
        if read == "search":
            tree = self._searched(tree)
        if tree is None:
            return view
        meant = await self._with_types_meant(tree, scope)
        ready = await resolved(meant, self._stores.ledger, scope, self._moment(view))
        return replace(view, where=ready)

    def _searched(self, tree: Where | None) -> Where | None:
        """The filter of a search, which leaves out memory types that are only found when named."""
        hidden = self._current.unsearched
        if not hidden or (tree is not None and any(t.field == "memory_type" for t in tests(tree))):
            return tree
        return both(tree, none_of(Test("memory_type", "in", hidden)))

    async def _with_types_meant(self, where: Where, scope: Scope) -> Where:
        """The filter with all stored spellings of each relation type that it names."""
        if not any(test.field == "type" and test.values for test in tests(where)):
            return where
        rules = await self._type_rules(scope)

        def put(test: Test) -> Where:
            if test.field != "type" or test.op != "in":
                return test
            stored = (type for value in test.values for type in _stored_for(str(value), rules))
            return replace(test, values=tuple(dict.fromkeys(stored)))

        return changed(where, put)

    async def _types_meant(self, type: str | None, scope: Scope) -> list[str] | None:
        """The stored spellings of a relation type: itself, and those declared to mean the same."""
        return None if type is None else _stored_for(type, await self._type_rules(scope))

    async def _type_rules(self, scope: Scope) -> RelationTypes:
        found = await self._current.parts.ledger.type_rules(scope.tenant)
        return RelationTypes.ruled(in_force(found.everybodys, found.own))

    # Searching

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
        **scope: Unpack[ReadArgs],
    ) -> SearchResult:
        scopes = await self._current.scopes(scope)
        seen = self._with_archived(self._view(current), include_archived)
        found = []
        for asked in scopes:
            question = await self._question(
                query,
                asked,
                seen,
                where,
                limit=limit,
                kinds=kinds,
                min_score=min_score,
                threshold=threshold,
            )
            found.append((asked.project_id, await self._answer(question)))
        result = found[0][1] if len(found) == 1 else merged_search(query, found, limit)
        self._note_reads([hit.id for hit in result.hits if hit.kind == "fact"])
        return result

    async def context(
        self,
        query: str,
        *,
        budget_tokens: int = 1000,
        include_archived: bool = False,
        where: Filter | None = None,
        min_score: float = 0.0,
        **scope: Unpack[ReadArgs],
    ) -> Context:
        most = checked_budget(budget_tokens)
        scopes = await self._current.scopes(scope)
        seen = self._with_archived(self._view(current=True), include_archived)
        least = checked_share(min_score, "min_score")
        more = max(_ENDED, most // 4)
        found, past, names = [], [], dict[str, Entity]()
        for asked in scopes:
            question = await self._question(query, asked, seen, where, limit=most, min_score=least)
            hits, ended = await self._answer(question), SearchResult(query, ())
            if self._valid_at is None and (hits.hits or not least):
                # What has ended only fills what room is left: not worth asking a reranker again.
                of_any_time = await self._question(
                    query, asked, View(), where, limit=more, kinds=("fact",)
                )
                ended = await self._answer(replace(of_any_time, rerank=False))
            names |= await self._names_in(asked, [*hits, *ended])
            found.append((asked.project_id, hits))
            past.append((asked.project_id, ended))
        several = len(scopes) > 1
        best = merged_search(query, found, most) if several else found[0][1]
        over = merged_search(query, past, more) if several else past[0][1]
        self._note_reads([hit.id for hit in best.hits if hit.kind == "fact"])
        return await write_context(
            best,
            over.hits,
            seeds=best.seeds,
            names=names,
            tokens=self._current.parts.tokens,
            budget_tokens=budget_tokens,
            now=self._moment(View()),
            nothing=NOTHING_KNOWN if least > 0 else "",
        )

    async def _question(
        self,
        query: str,
        asked: Scope,
        seen: View,
        where: Filter | None,
        *,
        limit: int,
        kinds: Sequence[HitKind] = ("fact", "turn"),
        min_score: float = 0.0,
        threshold: float = 0.0,
    ) -> SearchQuery:
        """A search in one scope, with every argument checked."""
        view = await self._filtered(seen, where, asked, "search")
        most = self._current.parts.settings.max_text_bytes
        return SearchQuery(
            make_episode.check_text(query, "query", most, remedy=SHORTER_OR_MORE),
            asked,
            checked_limit(limit),
            checked_kinds(kinds, view.where),
            view,
            min_score=checked_share(min_score, "min_score"),
            threshold=checked_share(threshold, "threshold"),
        )

    async def _answer(self, question: SearchQuery) -> SearchResult:
        """Run a search; the result gives the reason when not everything could be searched."""
        retriever, behind = await self._stores.retriever_of(question.scope)
        found = await retriever.search(question)
        if behind is None:
            return found
        reasons = filter(None, (behind, found.reason))
        return replace(found, reason="; ".join(dict.fromkeys(reasons)))

    async def _names_in(self, asked: Scope, hits: Sequence[Hit]) -> dict[str, Entity]:
        """The entities that these hits are about, by id."""
        facts = [hit.fact for hit in hits if hit.fact]
        ids = {id for fact in facts for id in (fact.subject_id, *fact.entity_ids) if id}
        entities = EntityQuery(asked.tenant, ids=tuple(sorted(ids)), limit=max(1, len(ids)))
        named = await self._stores.ledger.entities(entities) if ids else []
        return {entity.id: entity for entity in named}

    # Searching by time, tags and people: each is a search with the filter that it stands for

    @signed_as(ReadAPI.temporal_search)
    async def temporal_search(
        self,
        query: str | None = None,
        *,
        since: When | None = None,
        until: When | None = None,
        **options: Unpack[NarrowedArgs],
    ) -> SearchResult:
        self._edges(since, until)
        ends = {"gte": since, "lte": until}
        span = {sign: end for sign, end in ends.items() if end is not None}
        if not span:
            raise UsageError("temporal_search needs since, until or both")
        return await self._narrowed(query, {"occurred_at": span}, options)

    @signed_as(ReadAPI.search_by_tags)
    async def search_by_tags(
        self,
        tags: Sequence[str],
        query: str | None = None,
        *,
        match_all: bool = False,
        **options: Unpack[NarrowedArgs],
    ) -> SearchResult:
        where = {"tag": _any_or_all(tags, "tags", match_all)}
        return await self._narrowed(query, where, options)

    @signed_as(ReadAPI.search_by_people)
    async def search_by_people(
        self,
        people: Sequence[str],
        query: str | None = None,
        *,
        match_all: bool = False,
        **options: Unpack[NarrowedArgs],
    ) -> SearchResult:
        where = {"about": _any_or_all(people, "people", match_all)}
        return await self._narrowed(query, where, options)

    async def _narrowed(
        self, query: str | None, where: Mapping[str, Any], options: NarrowedArgs
    ) -> SearchResult:
        """:meth:`search` for facts with this filter; without a query, the newest facts that pass
        it."""
        if query is not None:
            return await self.search(query, kinds=("fact",), where=where, **options)
        most = checked_limit(options.pop("limit", 10))
        seen = self._with_archived(self._view(options.pop("current", True)), False)
        checked_share(options.pop("min_score", 0.0), "min_score")
        checked_share(options.pop("threshold", 0.0), "threshold")

        async def newest_of(asked: Scope) -> tuple[str, SearchResult]:
            view = await self._filtered(seen, where, asked)
            newest = view.query(asked, newest_first=True, limit=most)
            facts = await facts_in_scope(self._stores.ledger, asked, newest)
            return asked.project_id, SearchResult("", unranked_hits(facts, asked))

        found = await read_each_scope(await self._current.scopes(options), newest_of)
        return found[0][1] if len(found) == 1 else merged_newest(found, most)


def _uncounted(fact_ids: Iterable[str]) -> None:
    """Reads of views are not counted, only reads of the present."""


def _stored_for(type: str, rules: RelationTypes) -> list[str]:
    return [form.type for form in rules.forms(rules.canonical_form(normal(type).type).type)]


def _any_or_all(words: Sequence[str], name: str, match_all: bool) -> dict[str, list[str]]:
    if (
        isinstance(words, str)
        or not isinstance(words, Sequence)
        or not words
        or not all(isinstance(word, str) for word in words)
    ):
        raise UsageError(f"{name} are a list of words, got {shown(words)}")
    checked_flag(match_all, "match_all")
    return {"all" if match_all else "in": list(words)}


async def read_each_scope(
    scopes: Sequence[Scope], read: Callable[[Scope], Awaitable[_T]]
) -> list[_T]:
    """Do a read in each scope. A scope where a name is unknown is left out; when that is so in all
    of them, :class:`~graphmem.errors.NotFound` is raised."""
    found, missing = list[_T](), None
    for scope in scopes:
        try:
            found.append(await read(scope))
        except NotFound as error:
            missing = error
    if missing is not None and not found:
        raise missing
    return found
