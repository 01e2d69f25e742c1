"""What one tenant has stated and believes, as far as it was loaded: one frozen value."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self, TypeVar

from graphmem.belief.conflict_groups import GroupKey, group_keys
from graphmem.model import Edit, Fact, Statement
from graphmem.ports.ledger import LoadedStatements
from graphmem.relation_types.types import RelationTypes
from graphmem.resolve.merges import with_merges

_NONE: frozenset[str] = frozenset()
_Key = TypeVar("_Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Statements, facts, edits and merges as they are after the changes that were made so far.

    ``resolved`` are the statements as they read with the merges and with the types that stand for
    others; ``groups`` files them by conflict group, ``resting`` the facts by the statements that
    they rest on. ``facts`` has present and retired ones, in their last version.
    """

    types: RelationTypes
    statements: Mapping[str, Statement] = field(default_factory=dict)
    facts: Mapping[str, Fact] = field(default_factory=dict)
    edits: Mapping[str, Edit] = field(default_factory=dict)
    merged: Mapping[str, str] = field(default_factory=dict)
    changed_merges: Mapping[str, str | None] = field(default_factory=dict)
    """Merges that were made here, or (None) undone: the ledger does not know of them yet."""
    loaded: frozenset[GroupKey] = frozenset()
    resolved: Mapping[str, Statement] = field(default_factory=dict)
    groups: Mapping[GroupKey, frozenset[str]] = field(default_factory=dict)
    resting: Mapping[str, frozenset[str]] = field(default_factory=dict)

    # What it has

    def keys_of(self, statement_ids: Iterable[str]) -> list[GroupKey]:
        """The conflict groups of these statements, in their order."""
        found = (
            key
            for id in statement_ids
            if (statement := self.resolved.get(id)) is not None
            for key in group_keys(statement, self.types.behaviour(statement.type))
        )
        return list(dict.fromkeys(found))

    def is_linking(self, statement_id: str) -> bool:
        """Whether it is of a symmetric single-valued relation, which ties groups together."""
        statement = self.resolved.get(statement_id)
        behaviour = self.types.behaviour(statement.type if statement else None)
        return behaviour.single_valued and behaviour.symmetric

    def missing_support(self) -> frozenset[str]:
        """Statements that present facts rest on and that were not loaded."""
        support = {id for fact in self.present_facts() for id in fact.support}
        return frozenset(support.difference(self.statements))

    def present_facts(self) -> list[Fact]:
        """Facts that are believed."""
        return [fact for fact in self.facts.values() if fact.retired_at is None]

    # What it becomes

    def with_loaded(self, found: LoadedStatements) -> Self:
        """With what was read. What was changed here since it was stored stays as it is."""
        facts = [fact for fact in found.facts if fact.id not in self.facts]
        edits = {edit.id: edit for edit in found.edits}
        snapshot = replace(self, edits={**edits, **self.edits}).with_facts(facts)
        return snapshot._merged({**self.merged, **found.merged}).with_statements(
            [s for s in found.statements if s.id not in self.statements]
        )

    def with_facts(self, facts: Iterable[Fact]) -> Self:
        """With these facts, each in place of the one of its id."""
        new = {fact.id: fact for fact in facts}
        by_statement = ((id, fact.id) for fact in new.values() for id in fact.support)
        resting = _filed(self.resting, by_statement)
        return replace(self, facts={**self.facts, **new}, resting=resting)

    def with_statements(self, statements: Sequence[Statement]) -> Self:
        """With these statements, each in place of the one of its id."""
        read = with_merges(self.types.read(statements), self.merged)
        resolved = {**self.resolved, **{one.id: one for one in read}}
        by_key = (
            (k, one.id) for one in read for k in group_keys(one, self.types.behaviour(one.type))
        )
        groups = _filed(self.groups, by_key)
        stated = {**self.statements, **{s.id: s for s in statements}}
        return replace(self, statements=stated, resolved=resolved, groups=groups)

    def without_statements(self, ids: Iterable[str]) -> Self:
        """Without these statements."""
        gone = frozenset(ids)
        left = {key: self.groups[key] - gone for key in self.keys_of(gone)}
        return replace(
            self,
            statements={id: s for id, s in self.statements.items() if id not in gone},
            resolved={id: s for id, s in self.resolved.items() if id not in gone},
            groups={**self.groups, **left},
        )

    def with_edit(self, edit: Edit) -> Self:
        """With an edit, or another state of it."""
        return replace(self, edits={**self.edits, edit.id: edit})

    def without_edit(self, edit: Edit) -> Self:
        """Without an edit."""
        return replace(self, edits={id: e for id, e in self.edits.items() if id != edit.id})

    def with_merges(self, changes: Mapping[str, str | None]) -> Self:
        """With entities that stand for others (None: for themselves) from here on, and so do those
        that stood for them."""
        moved = {id: changes[into] for id, into in self.merged.items() if into in changes}
        changed = {**self.changed_merges, **moved, **changes}
        return replace(self, changed_merges=changed)._merged(self.merged)

    def _merged(self, merged: Mapping[str, str]) -> Self:
        now = {id: to for id, to in {**merged, **self.changed_merges}.items() if to is not None}
        if now == self.merged:
            return self
        bare = replace(self, merged=now, resolved={}, groups={})
        return bare.with_statements(list(self.statements.values()))


def _filed(
    before: Mapping[_Key, frozenset[str]], more: Iterable[tuple[_Key, str]]
) -> dict[_Key, frozenset[str]]:
    """Ids by key, with these among them."""
    new: dict[_Key, set[str]] = {}
    for key, id in more:
        new.setdefault(key, set()).add(id)
    return {**before, **{key: before.get(key, _NONE).union(ids) for key, ids in new.items()}}
