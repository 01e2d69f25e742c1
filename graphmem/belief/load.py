"""All that belief reads of the ledger: what a change touches, into one frozen :class:`Snapshot`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from graphmem.belief.conflict_groups import GroupKey, group_keys, places_of, text_group
from graphmem.belief.sentences import same_sentence
from graphmem.belief.snapshot import Snapshot
from graphmem.model import Fact, Statement
from graphmem.ports.ledger import FactQuery, LedgerReads, StatementQuery
from graphmem.relation_types.behaviour import sentence_key
from graphmem.relation_types.types import RelationTypes
from graphmem.text import text_key

_LOOK_BACK = 32  # newest facts of an entity that a sentence is compared with


@dataclass(frozen=True, slots=True)
class BeliefReader:
    """Reads what one tenant has stated and believes. ``types`` say how relation types behave."""

    ledger: LedgerReads
    tenant: str
    types: RelationTypes

    async def load(
        self, query: StatementQuery, into: Snapshot | None = None
    ) -> tuple[Snapshot, list[str]]:
        """What a query finds and all that can touch it; and the ids of what it finds."""
        found = await self.ledger.statements(query)
        snapshot = (into or Snapshot(self.types)).with_loaded(found)
        ids = [statement.id for statement in found.statements]
        return await self.load_groups(snapshot, snapshot.keys_of(ids)), ids

    async def load_groups(self, snapshot: Snapshot, keys: Collection[GroupKey]) -> Snapshot:
        """With these conflict groups, read in one go; of symmetric single-valued relations with
        all that hang together."""
        missing = set(keys) - snapshot.loaded
        while missing:
            places = {place for key in missing for place in places_of(key, self.types)}
            query = StatementQuery(
                self.tenant,
                patterns=tuple(sorted(places, key=repr)),
                sentences=tuple(sorted(key[1] for key in missing if not key[0])),
            )
            found = await self.ledger.statements(query)
            snapshot = replace(snapshot, loaded=snapshot.loaded | missing).with_loaded(found)
            linked = (s.id for s in found.statements if snapshot.is_linking(s.id))
            missing = set(snapshot.keys_of(linked)) - snapshot.loaded
        return snapshot

    async def load_for(self, statements: Iterable[Statement], snapshot: Snapshot) -> Snapshot:
        """With all that new statements are going to touch."""
        read = self.types.read(statements)
        keys = {key for s in read for key in group_keys(s, self.types.behaviour(s.type))}
        return await self.load_groups(snapshot, keys)

    async def load_sentences(self, texts: Iterable[str]) -> Snapshot:
        """All that these plain sentences are going to touch."""
        return await self.load_groups(Snapshot(self.types), {text_group(text) for text in texts})

    async def load_undone(
        self, query: StatementQuery, into: Snapshot | None = None
    ) -> tuple[Snapshot, tuple[Statement, ...]]:
        """The facts and edits of what was undone, and its statements, which count no more."""
        found = await self.ledger.statements(query)
        snapshot = (into or Snapshot(self.types)).with_loaded(replace(found, statements=()))
        return snapshot, found.statements

    async def load_support(self, snapshot: Snapshot) -> Snapshot:
        """With all that present facts rest on: it may have been one type with the rest before."""
        asked: frozenset[str] = frozenset()
        while missing := snapshot.missing_support() - asked:
            asked |= missing
            query = StatementQuery(self.tenant, statement_ids=tuple(sorted(missing)))
            snapshot, _ = await self.load(query, snapshot)
        return snapshot

    # Sentences that are nearly the same

    async def load_repeated(
        self, statements: Sequence[Statement], snapshot: Snapshot, new_entities: Collection[str]
    ) -> tuple[Snapshot, list[Statement]]:
        """New statements, each plain sentence with the key of the known one that it repeats, if it
        does; and the snapshot with those. Nothing was ever stated of ``new_entities``."""
        keyed = []
        for statement in statements:
            snapshot, known = await self._repeated(statement, snapshot, new_entities)
            keyed.append(statement if known is None else replace(statement, key=known))
        return snapshot, keyed

    async def _repeated(
        self, statement: Statement, snapshot: Snapshot, new_entities: Collection[str]
    ) -> tuple[Snapshot, str | None]:
        key = sentence_key(statement)
        if statement.type is not None or snapshot.groups.get(("", key)):
            return snapshot, None
        facts = _plain_facts(statement, snapshot)
        same = [fact for fact in facts if text_key(fact.text) == key]
        for fact in same or await self._near(statement, snapshot, new_entities):
            snapshot = await self.load_groups(snapshot, {text_group(fact.text)})
            known = (snapshot.resolved.get(id) for id in fact.support)
            plain = next((one for one in known if one is not None and one.type is None), None)
            if plain is not None:
                return snapshot, sentence_key(plain)
        return snapshot, None

    async def _near(
        self, statement: Statement, snapshot: Snapshot, new_entities: Collection[str]
    ) -> list[Fact]:
        """Known sentences about the same entities that say nearly the same."""
        about = set(statement.entity_ids)
        if not about:
            return []
        stored: list[Fact] = []
        if about.isdisjoint(new_entities):
            query = FactQuery(
                self.tenant, entity_ids=statement.entity_ids, newest_first=True, limit=_LOOK_BACK
            )
            stored = await self.ledger.facts(query)
        stored = [f for f in stored if f.id not in snapshot.facts and f.type is None]
        return [
            fact
            for fact in (*_plain_facts(statement, snapshot), *stored)
            if set(fact.entity_ids) == about
            and fact.modality == statement.modality
            and same_sentence(fact.text, statement.text)
        ]


def _plain_facts(statement: Statement, snapshot: Snapshot) -> list[Fact]:
    return [
        fact
        for fact in snapshot.present_facts()
        if fact.type is None and fact.modality == statement.modality
    ]
