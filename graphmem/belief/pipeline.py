"""Decides what is believed.

load the conflict groups → change them → fold the statements into beliefs → compare the beliefs with
the facts → plan the decisions. Only :mod:`.load` reads the ledger; the rest are functions of
values.

Every change folds the whole of each affected conflict group again. So the order in which statements
arrive does not matter, and an episode, edit or merge is undone by folding without it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

from graphmem.belief.beliefs import Belief, FoldedGroup, StatementOutcome
from graphmem.belief.compare import compare_with_facts
from graphmem.belief.fold import fold_statements
from graphmem.belief.load import BeliefReader
from graphmem.belief.plan import (
    BeliefPlan,
    belief_of_fact,
    edits_by_statement,
    edits_over,
    plan,
)
from graphmem.belief.short_names import with_whole_names
from graphmem.belief.snapshot import GroupKey, Snapshot, components
from graphmem.belief.successions import SUCCESSION_TYPES, with_successions
from graphmem.belief.unsaid_owners import with_owners, without_owner
from graphmem.clock import Clock
from graphmem.model import Edit, Fact, Statement
from graphmem.off_loop import off_loop, stop_if_given_up
from graphmem.ports.ledger import StatementQuery

_MANY = 200
"""More statements than this are folded off the event loop: it takes more than a few ms."""


@dataclass(frozen=True, slots=True)
class BeliefPipeline:
    """Decides about one tenant: each method gives the plan for one kind of change and writes
    nothing. A query finds the stored statements that the change is about."""

    reader: BeliefReader
    clock: Clock

    async def add_statements(
        self,
        statements: Sequence[Statement],
        *,
        new_entities: Mapping[str, str] = MappingProxyType({}),
        snapshot: Snapshot | None = None,
    ) -> BeliefPlan:
        """Believe new statements. ``new_entities``: by id, the names of entities that nothing was
        stated of yet. ``snapshot``: what was loaded and planned before and is not committed yet."""
        before = snapshot or Snapshot(self.reader.types)
        ledger, tenant = self.reader.ledger, self.reader.tenant
        if any(without_owner(one) for one in statements):
            statements = await with_owners(statements, ledger, tenant)
        if any(one.type in SUCCESSION_TYPES for one in statements):
            statements = await with_successions(statements, before, ledger, tenant, self.clock)
        if new_entities:
            statements = await with_whole_names(statements, new_entities, ledger, tenant)
        before = await self.reader.load_for(statements, before)
        before, keyed = await self.reader.load_repeated(statements, before, new_entities)
        after = before.with_statements(keyed)
        done = await self._decide(before, after, [statement.id for statement in keyed])
        return replace(done, statements=tuple(keyed))

    async def remove_statements(self, query: StatementQuery) -> BeliefPlan:
        """Fold again without the statements that the query finds."""
        before, ids = await self.reader.load(query)
        return await self._decide(before, before.without_statements(ids), ids)

    async def apply_edit(self, edit: Edit) -> BeliefPlan:
        """Fold again with what a person set on a fact."""
        before, _ = await self.reader.load(self._resting_under(edit))
        return await self._decide(before, before.with_edit(edit), edit.statement_ids)

    async def remove_edit(self, edit: Edit) -> BeliefPlan:
        """Fold again without an edit."""
        before, _ = await self.reader.load(self._resting_under(edit))
        return await self._decide(before, before.without_edit(edit), edit.statement_ids)

    def _resting_under(self, edit: Edit) -> StatementQuery:
        return StatementQuery(self.reader.tenant, fact_ids=(edit.fact_id,))

    async def change_merges(
        self, query: StatementQuery, changes: Mapping[str, str | None]
    ) -> BeliefPlan:
        """Fold again after merges changed: by entity id, the entity it is merged into, or None if
        it is unmerged. The query finds the statements about any of them."""
        before, _ = await self.reader.load(query)
        return await self._decide(before, before.with_merges(changes), before.statements)

    async def decide_again(self, query: StatementQuery) -> BeliefPlan:
        """Fold again what the query finds, after the behaviour of its relation types changed."""
        loaded, _ = await self.reader.load(query)
        loaded = await self.reader.load_support(loaded)
        return await self._decide(loaded, loaded, loaded.statements)

    async def _decide(
        self, before: Snapshot, after: Snapshot, statement_ids: Iterable[str]
    ) -> BeliefPlan:
        """The plan for going from ``before`` to ``after``, which differ in these statements."""
        ids = list(statement_ids)
        keys = list(dict.fromkeys([*before.keys_of(ids), *after.keys_of(ids)]))
        snapshot = await self.reader.load_groups(after, keys)
        removed = before.statements.keys() - after.statements.keys()
        if len(snapshot.statements) <= _MANY:
            return self._plan(snapshot, keys, removed)
        return await off_loop(partial(self._plan, snapshot, keys, removed))

    def _plan(
        self, snapshot: Snapshot, keys: Sequence[GroupKey], removed: Collection[str]
    ) -> BeliefPlan:
        """The plan for all statements connected with these groups. ``removed``: those now gone."""
        groups = components(snapshot, keys)
        touched = frozenset[str]().union(*groups)
        edits = [e for e in snapshot.edits.values() if not touched.isdisjoint(e.statement_ids)]
        by_statement = edits_by_statement(edits)
        folded = _joined(_fold(snapshot, group, by_statement) for group in groups)

        facts = _facts_at_stake(snapshot, touched, removed)
        present = {fact.id: fact for fact in facts if fact.retired_at is None}
        steps = compare_with_facts(
            map(belief_of_fact, present.values()),
            folded,
            self.clock.new_id,
            retired=(belief_of_fact(fact) for fact in facts if fact.retired_at is not None),
            used_ids=(fact.id for fact in snapshot.present_facts()),
        )
        return plan(steps, present, snapshot, edits, self.clock)


def _fold(
    snapshot: Snapshot, group: Collection[str], edits: Mapping[str, Sequence[Edit]]
) -> FoldedGroup:
    stop_if_given_up()
    statements = [snapshot.resolved[id] for id in sorted(group)]
    own = edits_over(group, edits) if edits else []
    return fold_statements(statements, snapshot.types.behaviour(statements[0].type), edits=own)


def _joined(foldings: Iterable[FoldedGroup]) -> FoldedGroup:
    """The results of several groups as one. A belief without an object (an attribute) is no
    relation and becomes a plain sentence."""
    beliefs: list[Belief] = []
    accounts: dict[str, StatementOutcome] = {}
    for folded in foldings:
        first = len(beliefs)
        accounts |= folded.accounts
        for belief in folded.beliefs:
            one = belief
            if first and belief.supersedes is not None:
                one = replace(one, supersedes=belief.supersedes + first)
            if belief.object_id is None:
                one = replace(one, subject_id=None, type=None)
            beliefs.append(one)
    return FoldedGroup(tuple(beliefs), accounts)


def _facts_at_stake(
    snapshot: Snapshot, touched: frozenset[str], removed: Collection[str]
) -> list[Fact]:
    """Facts, present or retired, whose support includes a folded statement, or included a removed
    one and has nothing left."""
    facts_by_statement = {id for one in touched for id in snapshot.facts_by_statement.get(one, ())}
    bereft = {id for one in removed for id in snapshot.facts_by_statement.get(one, ())}
    return [
        fact
        for fact in (snapshot.facts[id] for id in sorted(facts_by_statement | bereft))
        if not touched.isdisjoint(fact.support)
        or (fact.id in bereft and snapshot.resolved.keys().isdisjoint(fact.support))
    ]
