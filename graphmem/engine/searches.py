"""Searches and contexts over one view, in one project or in several; and the filters of reads,
checked, with names looked up and types meant."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, TypeVar, Unpack

from graphmem.engine.checks import (
    checked_budget,
    checked_flag,
    checked_kinds,
    checked_limit,
    checked_min_score,
    checked_threshold,
)
from graphmem.engine.present import Present
from graphmem.errors import NotFound
from graphmem.filters import Filter, ReadKind, Test, Where, parse_filter, tests
from graphmem.filters.tree import both, changed, none_of
from graphmem.ingest import make_episode
from graphmem.lifecycle.policies import unsearched
from graphmem.model import Context, Entity, Hit, HitKind, Scope, SearchResult
from graphmem.ports.arguments import ReadArgs
from graphmem.ports.graph import GraphStore
from graphmem.ports.ledger import EntityQuery, LedgerView
from graphmem.relation_types.declare import in_force
from graphmem.relation_types.types import RelationTypes, normal
from graphmem.retrieve.pipeline import Retriever
from graphmem.retrieve.present.context import NOTHING_KNOWN, write_context
from graphmem.retrieve.present.hits import merged_search
from graphmem.retrieve.question.filters import resolved
from graphmem.retrieve.relationships.queries import Relate
from graphmem.retrieve.view import SearchQuery, View


class Filtering(ABC):
    """What a read's ``where`` means in its view."""

    _present: Present

    @property
    @abstractmethod
    def _seen_ledger(self) -> LedgerView:
        """What names are looked up in."""

    @abstractmethod
    def _moment(self, view: View) -> datetime:
        """When a read takes place, for what is relative to that."""

    async def _filtered(
        self, view: View, where: Filter | None, scope: Scope, read: ReadKind = "facts"
    ) -> View:
        """The view with a filter, checked, its names looked up in the scope."""
        tree = None if where is None else parse_filter(where, read)
        if read == "search":
            tree = self._searched(tree)
        if tree is None:
            return view
        meant = await self._with_types_meant(tree, scope)
        ready = await resolved(meant, self._seen_ledger, scope, self._moment(view))
        return replace(view, where=ready)

    def _searched(self, tree: Where | None) -> Where | None:
        """The filter of a search, without the types of memory that are only found by name."""
        hidden = unsearched(self._present.parts.settings.policies)
        if not hidden or (tree is not None and any(t.field == "memory_type" for t in tests(tree))):
            return tree
        return both(tree, none_of(Test("memory_type", "in", hidden)))

    async def _with_types_meant(self, where: Where, scope: Scope) -> Where:
        """The filter with every type that is stored for one that it names."""
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
        """The types that are stored for this one, however it is written: itself, and what was
        declared to stand for the same."""
        return None if type is None else _stored_for(type, await self._type_rules(scope))

    async def _type_rules(self, scope: Scope) -> RelationTypes:
        found = await self._present.parts.ledger.type_rules(scope.tenant)
        return RelationTypes.ruled(in_force(found.everybodys, found.own))


def _stored_for(type: str, rules: RelationTypes) -> list[str]:
    return [form.type for form in rules.forms(rules.meant(normal(type).type).type)]


_T = TypeVar("_T")
_ENDED = 5  # facts of any time that a context looks at, at least


class Stores(Protocol):
    """What a view reads: :class:`~graphmem.engine.present.Present`, or
    :class:`~graphmem.engine.known_at.Past`."""

    ledger: LedgerView
    relate: Relate
    """Relationship queries that do not walk the graph."""

    async def retriever_of(self, scope: Scope) -> tuple[Retriever, str | None]:
        """What answers questions in a scope; and why not by all that is known, if so."""
        ...

    async def walk(self, scope: Scope) -> Relate:
        """Relationship queries that walk the graph."""
        ...

    async def graph_of(self, scope: Scope) -> GraphStore: ...


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What of a search does not depend on whose it is."""

    text: str
    limit: int
    kinds: Sequence[HitKind]
    where: Filter | None
    min_score: float
    threshold: float = 0.0


class Searching(Filtering):
    """The reads that rank."""

    _stores: Stores
    _valid_at: datetime | None
    _known_at: datetime | None

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
        **scope: Unpack[ReadArgs],
    ) -> SearchResult:
        scopes = await self._present.scopes(scope)
        view = self._with_archived(self._view(current), include_archived)
        least, nearest = checked_min_score(min_score), checked_threshold(threshold)
        wanted = _Wanted(query, checked_limit(limit), kinds, where, least, nearest)
        found = [(one.project_id, await self._found_in(one, wanted, view)) for one in scopes]
        result = found[0][1]
        if len(found) > 1:
            result = merged_search(query, found, limit)
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
        scopes = await self._present.scopes(scope)
        least = checked_min_score(min_score)
        wanted = _Wanted(query, most, ("fact", "turn"), where, least)
        view = self._with_archived(self._view(current=True), include_archived)
        found, past, names = [], [], dict[str, Entity]()
        for one in scopes:
            hits = await self._found_in(one, wanted, view)
            ended = SearchResult(query, ())
            if self._valid_at is None and (hits.hits or not min_score):
                # What has ended only fills what room is left: not worth asking a reranker again.
                of_any_time = replace(
                    wanted, limit=max(_ENDED, most // 4), kinds=("fact",), min_score=0.0
                )
                ended = await self._found_in(one, of_any_time, View(), rerank=False)
            names |= await self._names_in(one, [*hits, *ended])
            found.append((one.project_id, hits))
            past.append((one.project_id, ended))
        several = len(scopes) > 1
        best = merged_search(query, found, most) if several else found[0][1]
        over = merged_search(query, past, max(_ENDED, most // 4)) if several else past[0][1]
        self._note_reads([hit.id for hit in best.hits if hit.kind == "fact"])
        return await write_context(
            best,
            over.hits,
            seeds=best.seeds,
            names=names,
            tokens=self._present.parts.tokens,
            budget_tokens=budget_tokens,
            now=self._moment(View()),
            nothing=NOTHING_KNOWN if min_score > 0 else "",
        )

    async def _found_in(
        self, asked: Scope, wanted: _Wanted, seen: View, *, rerank: bool = True
    ) -> SearchResult:
        """What one scope answers."""
        view = await self._filtered(seen, wanted.where, asked, "search")
        question = replace(
            self._question(wanted.text, wanted.limit, wanted.kinds, view, asked),
            min_score=wanted.min_score,
            threshold=wanted.threshold,
            rerank=rerank,
        )
        retriever, behind = await self._stores.retriever_of(asked)
        found = await retriever.search(question)
        if behind is None:
            return found
        reasons = filter(None, (behind, found.reason))
        return replace(found, reason="; ".join(dict.fromkeys(reasons)))

    async def _names_in(self, asked: Scope, hits: Sequence[Hit]) -> dict[str, Entity]:
        """The entities that hits are about, by id."""
        facts = [hit.fact for hit in hits if hit.fact]
        ids = {id for fact in facts for id in (fact.subject_id, *fact.entity_ids) if id}
        entities = EntityQuery(asked.tenant, ids=tuple(sorted(ids)), limit=max(1, len(ids)))
        named = await self._stores.ledger.entities(entities) if ids else []
        return {entity.id: entity for entity in named}


async def read_each_scope(
    scopes: Sequence[Scope], read: Callable[[Scope], Awaitable[_T]]
) -> list[_T]:
    """What a read gives in each of these. Where a name is not known it is passed over, unless that
    is so in all."""
    found, missing = list[_T](), None
    for scope in scopes:
        try:
            found.append(await read(scope))
        except NotFound as error:
            missing = error
    if missing is not None and not found:
        raise missing
    return found
