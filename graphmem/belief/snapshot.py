"""The loaded statements, facts and edits of one tenant, filed by conflict group; and which
statements are folded together.

A conflict group holds the statements that can exclude, repeat or end each other. Its key for a
plain sentence is ``("", sentence key)``; for a single-valued relation ``(type, subject)``, and if
that is symmetric ``(type, object)`` too; for a many-valued one ``(type, subject, object)``.
Statements without a key in common never affect each other.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self, TypeAlias, TypeVar

from graphmem.model import Edit, Fact, Statement
from graphmem.ports.ledger import LoadedStatements, StatementPattern
from graphmem.relation_types.types import RelationTypes, TypeBehaviour
from graphmem.resolve.merges import with_merges
from graphmem.text import text_key

GroupKey: TypeAlias = tuple[str, ...]


def group_keys(statement: Statement, behaviour: TypeBehaviour) -> tuple[GroupKey, ...]:
    """The keys of a statement's conflict groups. An end or withdrawal of a many-valued relation
    that names no object has ``(type, subject, "")``, which belongs to every group of that type and
    subject."""
    if statement.type is None or statement.subject_id is None:
        return (("", statement.sentence_key),)
    subject, object_ = behaviour.target(statement)
    if not behaviour.single_valued:
        if statement.object_key is None:
            return ((statement.type, statement.subject_id, ""),)
        return ((statement.type, subject, object_),)
    if behaviour.symmetric:
        return tuple((statement.type, end) for end in (subject, object_) if end)
    return ((statement.type, statement.subject_id),)


def text_group(text: str) -> GroupKey:
    """The conflict group key of a plain sentence."""
    return ("", text_key(text))


def places_of(key: GroupKey, types: RelationTypes) -> Iterator[StatementPattern]:
    """Ledger patterns that find the statements of a relation's group, under the type of the group
    and every type that is a synonym of it."""
    type, *ends = key
    if not type:
        return
    symmetric = types.symmetric(type)
    for form in types.forms(type):
        # Where the ends are swapped, a statement without an object keeps its subject.
        both = symmetric or form.swapped
        if len(ends) == 1 or not ends[1]:
            yield form.type, ends[0], None
            if both:
                yield form.type, None, ends[0]
            continue
        yield form.type, ends[0], ends[1]
        if both:
            yield form.type, ends[1], ends[0]


_NONE: frozenset[str] = frozenset()
_Key = TypeVar("_Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Statements, facts, edits and merges, with all changes made so far.

    ``resolved`` are the statements with merges and type synonyms applied; ``groups`` has their ids
    by conflict group, ``facts_by_statement`` the ids of facts by the statements that support them.
    ``facts`` holds present and retired ones, each in its last version.
    """

    types: RelationTypes
    statements: Mapping[str, Statement] = field(default_factory=dict)
    facts: Mapping[str, Fact] = field(default_factory=dict)
    edits: Mapping[str, Edit] = field(default_factory=dict)
    merged: Mapping[str, str] = field(default_factory=dict)
    changed_merges: Mapping[str, str | None] = field(default_factory=dict)
    """Merges made here, or (None) undone here, which the ledger does not have yet."""
    loaded: frozenset[GroupKey] = frozenset()
    resolved: Mapping[str, Statement] = field(default_factory=dict)
    groups: Mapping[GroupKey, frozenset[str]] = field(default_factory=dict)
    facts_by_statement: Mapping[str, frozenset[str]] = field(default_factory=dict)

    # Reading

    def keys_of(self, statement_ids: Iterable[str]) -> list[GroupKey]:
        """The keys of these statements' conflict groups, in the order of the statements."""
        found = (
            key
            for id in statement_ids
            if (statement := self.resolved.get(id)) is not None
            for key in group_keys(statement, self.types.behaviour(statement.type))
        )
        return list(dict.fromkeys(found))

    def is_linking(self, statement_id: str) -> bool:
        """Whether the statement is of a symmetric single-valued relation, which links groups."""
        statement = self.resolved.get(statement_id)
        behaviour = self.types.behaviour(statement.type if statement else None)
        return behaviour.single_valued and behaviour.symmetric

    def missing_support(self) -> frozenset[str]:
        """The ids of statements that support present facts and were not loaded."""
        support = {id for fact in self.present_facts() for id in fact.support}
        return frozenset(support.difference(self.statements))

    def present_facts(self) -> list[Fact]:
        """The facts that are not retired."""
        return [fact for fact in self.facts.values() if fact.retired_at is None]

    # Changed copies

    def with_loaded(self, found: LoadedStatements) -> Self:
        """A copy with what was read from the ledger. What is here already is kept, as it may have
        been changed since it was stored."""
        facts = [fact for fact in found.facts if fact.id not in self.facts]
        edits = {edit.id: edit for edit in found.edits}
        snapshot = replace(self, edits={**edits, **self.edits}).with_facts(facts)
        return snapshot._merged({**self.merged, **found.merged}).with_statements(
            [s for s in found.statements if s.id not in self.statements]
        )

    def with_facts(self, facts: Iterable[Fact]) -> Self:
        """A copy with these facts, each in place of the one with its id."""
        new = {fact.id: fact for fact in facts}
        by_statement = ((id, fact.id) for fact in new.values() for id in fact.support)
        facts_by_statement = _filed(self.facts_by_statement, by_statement)
        return replace(self, facts={**self.facts, **new}, facts_by_statement=facts_by_statement)

    def with_statements(self, statements: Sequence[Statement]) -> Self:
        """A copy with these statements, each in place of the one with its id."""
        read = self.types.read(statements)
        if self.merged:
            read = with_merges(read, self.merged)
        resolved = {**self.resolved, **{one.id: one for one in read}}
        by_key = (
            (k, one.id) for one in read for k in group_keys(one, self.types.behaviour(one.type))
        )
        groups = _filed(self.groups, by_key)
        stated = {**self.statements, **{s.id: s for s in statements}}
        return replace(self, statements=stated, resolved=resolved, groups=groups)

    def without_statements(self, ids: Iterable[str]) -> Self:
        """A copy without these statements."""
        gone = frozenset(ids)
        left = {key: self.groups[key] - gone for key in self.keys_of(gone)}
        return replace(
            self,
            statements={id: s for id, s in self.statements.items() if id not in gone},
            resolved={id: s for id, s in self.resolved.items() if id not in gone},
            groups={**self.groups, **left},
        )

    def with_edit(self, edit: Edit) -> Self:
        """A copy with an edit, in place of the one with its id."""
        return replace(self, edits={**self.edits, edit.id: edit})

    def without_edit(self, edit: Edit) -> Self:
        """A copy without an edit."""
        return replace(self, edits={id: e for id, e in self.edits.items() if id != edit.id})

    def with_merges(self, changes: Mapping[str, str | None]) -> Self:
        """A copy with changed merges: by entity id, the entity that it is merged into (None: no
        longer merged). What was merged into such an entity follows it."""
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
    """A copy of ``before`` with more ids filed under their keys."""
    new: dict[_Key, set[str]] = {}
    for key, id in more:
        new.setdefault(key, set()).add(id)
    return {**before, **{key: before.get(key, _NONE).union(ids) for key, ids in new.items()}}


def components(snapshot: Snapshot, keys: Sequence[GroupKey]) -> list[frozenset[str]]:
    """Disjoint sets of statement ids: those of these groups, each with all that can affect it."""
    return [frozenset(one) for one in _Components(snapshot).of(keys)]


class _Components:
    """Builds disjoint sets of connected statements (a union-find). Joining two sets costs the size
    of the smaller."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._found: dict[int, set[str]] = {}
        """The sets by number, in order; a joined set has the number of the group that joined it."""
        self._joined: dict[int, int] = {}
        """The number of a set that was joined -> the number that took its place."""
        self._place: dict[str, int] = {}
        """Statement id -> a number that its set has or had."""
        self._whole: set[GroupKey] = set()
        self._by_subject: dict[tuple[str, str], list[str]] | None = None

    def of(self, keys: Sequence[GroupKey]) -> Collection[set[str]]:
        for number, key in enumerate(keys):
            if not self._is_linked(key):
                own = self._component(key)
                if own:
                    self._join(number, own)
        return self._found.values()

    def _join(self, number: int, own: Collection[str]) -> None:
        touched = {self._number(self._place[id]) for id in own if id in self._place}
        sets = [self._found.pop(one) for one in sorted(touched)]
        whole = max(sets, key=len, default=set())
        for one in sets:
            if one is not whole:
                whole |= one
        whole.update(own)
        self._joined |= dict.fromkeys(touched, number)
        self._place |= {id: number for id in own if id not in self._place}
        self._found[number] = whole

    def _number(self, number: int) -> int:
        trail = []
        while number in self._joined:
            trail.append(number)
            number = self._joined[number]
        self._joined |= dict.fromkeys(trail, number)
        return number

    def _is_linked(self, key: GroupKey) -> bool:
        """Whether a symmetric single-valued group belongs to a set that was found already."""
        behaviour = self._snapshot.types.behaviour(key[0] or None)
        if not (behaviour.single_valued and behaviour.symmetric):
            return False
        # Such a set is complete: it has all statements of a group or none.
        return not self._place.keys().isdisjoint(self._snapshot.groups.get(key, _NONE))

    def _component(self, key: GroupKey) -> Collection[str]:
        snapshot = self._snapshot
        type, *ends = key
        behaviour = snapshot.types.behaviour(type or None)
        own = snapshot.groups.get(key, _NONE)
        if type and not behaviour.single_valued:
            if not ends[1]:
                return own.union(self._of_every_object(type, ends[0]))
            subjects = ends if behaviour.symmetric else ends[:1]
            return own.union(*(self._of_all((type, end, "")) for end in subjects))
        return self._linked(key) if type and behaviour.symmetric else own

    def _of_all(self, key: GroupKey) -> Collection[str]:
        """The statements about every object. They are in one set: once that is found, one of them
        is enough to join it."""
        own = self._snapshot.groups.get(key, _NONE)
        if key in self._whole:
            return [next(iter(own))]
        if own:
            self._whole.add(key)
        return own

    def _of_every_object(self, type: str, end: str) -> Sequence[str]:
        """The ids of all statements of a subject and type, for a statement about every object."""
        if self._by_subject is None:
            self._by_subject = {}
            for key, ids in self._snapshot.groups.items():
                if key[0]:
                    both = key[1:] if self._snapshot.types.symmetric(key[0]) else key[1:2]
                    for one in dict.fromkeys(both):
                        self._by_subject.setdefault((key[0], one), []).extend(ids)
        return self._by_subject.get((type, end), ())

    def _linked(self, key: GroupKey) -> set[str]:
        """All statements of a symmetric single-valued relation that are connected through shared
        entities: Ada-Bob, Bob-Carol."""
        found: set[str] = set()
        seen, near = {key}, [key]
        while near:
            ids = {id for one in near for id in self._snapshot.groups.get(one, _NONE)} - found
            found |= ids
            near = [one for one in self._snapshot.keys_of(ids) if one not in seen]
            seen.update(near)
        return found
