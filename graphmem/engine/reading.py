"""What reads of the present and of the past share: arguments checked, the ledger asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from graphmem.engine.core import (
    Core,
    checked_limit,
    checked_text,
    checked_text_or_none,
)
from graphmem.errors import BudgetExceeded, NotFound, UsageError
from graphmem.filters import Filter, Read, Test, Where, parse, tests
from graphmem.filters.tree import FALSE, changed
from graphmem.ingest import journal
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
    Page,
    Scope,
    SearchResult,
)
from graphmem.ports.ledger import EntityQuery, LedgerView
from graphmem.relation_types.types import RelationTypes, normal
from graphmem.retrieve.candidates.values import Question
from graphmem.retrieve.narrow import facts_in_scope, history_in_scope
from graphmem.retrieve.present.context import write_context
from graphmem.retrieve.present.sources import explain
from graphmem.retrieve.question.filters import resolved
from graphmem.retrieve.relationships.queries import Relate
from graphmem.retrieve.view import View, of_kind

_LONGEST_QUERY_S = 10_000_000


class Asking(Core):
    """Reads of any ledger-like thing, seen through a view."""

    async def _walking(self) -> Relate:
        """Relationship queries over a graph that holds every write before this."""
        await self._graph.catch_up()
        return self._relate

    async def _found(self, question: Question) -> SearchResult:
        """Search over projections that hold every write before this, as far as what may be spent
        on an embedder goes."""
        behind = None
        try:
            await self._follow()
        except BudgetExceeded as error:
            behind = f"{error}; what was told since is not searched yet"
        found = await self._retrieve.search(question)
        reasons = filter(None, (behind, found.reason))
        return replace(found, reason="; ".join(dict.fromkeys(reasons)) or None)

    def _view(self, current: bool) -> View:
        return View(current=self._parts.clock.now() if current else None)

    def _holding(self, current: bool) -> View:
        """What has begun, too: for relations, of which nobody reads the dates first."""
        return replace(self._view(current), begun=True)

    async def _filtered(
        self,
        view: View,
        where: Filter | None,
        ledger: LedgerView,
        here: Scope,
        read: Read = "facts",
    ) -> View:
        """The view with a filter, checked, its names looked up in the scope."""
        tree = None if where is None else parse(where, read)
        if tree is None:
            return view
        now = view.moment or self._parts.clock.now()
        meant = await self._with_types_meant(tree)
        return replace(view, where=await resolved(meant, ledger, here, now))

    async def _with_types_meant(self, where: Where) -> Where:
        """The filter with every type that is stored for one that it names."""
        if not any(test.field == "type" and test.values for test in tests(where)):
            return where
        rules = await self._type_rules()

        def put(test: Test) -> Where:
            if test.field != "type" or test.op != "in":
                return test
            stored = (type for value in test.values for type in _stored_for(str(value), rules))
            return replace(test, values=tuple(dict.fromkeys(stored)))

        return changed(where, put)

    async def _types_meant(self, type: str | None) -> list[str] | None:
        """The types that are stored for this one, however it is written: itself, and what was
        declared to stand for the same."""
        return None if type is None else _stored_for(type, await self._type_rules())

    async def _type_rules(self) -> RelationTypes:
        return RelationTypes.ruled((await self._parts.ledger.type_rules())[1])

    def _question(
        self, query: str, limit: int, kinds: Sequence[HitKind], view: View, where: Scope
    ) -> Question:
        if (
            isinstance(kinds, str)
            or not isinstance(kinds, Sequence)
            or any(kind not in ("fact", "turn") for kind in kinds)
            or not kinds
        ):
            raise UsageError(f"kinds must be a list of fact and turn, got {kinds!r}")
        return Question(
            journal.check_text(query, "query", self._parts.settings.max_text_bytes),
            where,
            checked_limit(limit),
            tuple(kind for kind in dict.fromkeys(kinds) if of_kind(view.where, kind) != FALSE),
            view,
        )

    def _checked_query(
        self, query: str, parameters: Mapping[str, Any] | None, timeout_s: float
    ) -> tuple[str, Mapping[str, Any]]:
        text = journal.check_text(query, "query", self._parts.settings.max_text_bytes)
        if parameters is not None and not isinstance(parameters, Mapping):
            raise UsageError(f"parameters must be a mapping, got {parameters!r}")
        if isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float):
            raise UsageError(f"timeout_s must be a number of seconds, got {timeout_s!r}")
        if not timeout_s <= _LONGEST_QUERY_S:
            raise UsageError(f"timeout_s must be at most {_LONGEST_QUERY_S:,} seconds")
        return text, parameters or {}

    async def _context(
        self,
        ledger: LedgerView,
        here: Scope,
        found: SearchResult,
        past: Sequence[Hit],
        *,
        view: View,
        budget_tokens: int,
    ) -> Context:
        """Hits as text; ``past`` are facts of any time."""
        facts = [hit.fact for hit in (*found, *past) if hit.fact]
        ids = dict.fromkeys(
            id for fact in facts for id in (fact.subject_id, *fact.entity_ids) if id
        )
        query = EntityQuery(here.tenant, ids=tuple(ids), limit=max(1, len(ids)))
        names = {e.id: e for e in await ledger.entities(query)} if ids else {}
        now = view.moment or self._parts.clock.now()
        return await write_context(
            found,
            past,
            seeds=found.seeds,
            names=names,
            tokens=self._parts.tokens,
            budget_tokens=budget_tokens,
            now=now,
        )

    async def _explained(
        self, ledger: LedgerView, here: Scope, cited: str | Hit | Citation
    ) -> Explanation:
        hit = cited.hit if isinstance(cited, Citation) else cited
        if isinstance(hit, Hit):
            return await explain(ledger, here, checked_text(hit.id, "id"), hit)
        return await explain(ledger, here, checked_text(hit, "cited"))

    async def _one_fact(self, ledger: LedgerView, where: Scope, fact_id: str) -> Fact:
        query = View().query(where, ids=(checked_text(fact_id, "fact_id"),))
        found = await facts_in_scope(ledger, where, query)
        if not found:
            raise NotFound(f"no fact {fact_id!r} in this scope")
        return found[0]

    async def _page(
        self, ledger: LedgerView, where: Scope, view: View, after: str | None, limit: int
    ) -> Page:
        query = view.query(
            where, after=checked_text_or_none(after, "after"), limit=checked_limit(limit) + 1
        )
        facts = await facts_in_scope(ledger, where, query)
        return Page(tuple(facts[:limit]), facts[limit - 1].id if len(facts) > limit else None)

    async def _one_episode(self, ledger: LedgerView, where: Scope, id: str) -> Episode:
        found = await ledger.episodes(where, ids=[checked_text(id, "episode_id")])
        if not found:
            raise NotFound(f"no episode {id!r} in this scope")
        return found[0]

    async def _changes(self, ledger: LedgerView, where: Scope, fact_id: str) -> list[Change]:
        changes = await history_in_scope(ledger, where, checked_text(fact_id, "fact_id"))
        if not changes:
            raise NotFound(f"no fact {fact_id!r} in this scope, now or before")
        return changes

    async def _listed(
        self,
        ledger: LedgerView,
        here: Scope,
        name: str | None,
        kind: str | None,
        limit: int,
        *,
        where: Filter | None,
    ) -> list[Entity]:
        query = EntityQuery(
            here.tenant,
            kind=checked_text_or_none(kind, "kind"),
            contains=journal.name_part(name),
            limit=checked_limit(limit),
            where=(await self._filtered(View(), where, ledger, here, "entities")).where,
        )
        return await ledger.entities(query)


def _stored_for(type: str, rules: RelationTypes) -> list[str]:
    return [form.type for form in rules.forms(rules.meant(normal(type).type).type)]
