"""Reads from the ledger what a change can affect, into one frozen :class:`Snapshot`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from graphmem.belief.sentences import same_sentence
from graphmem.belief.snapshot import GroupKey, Snapshot, group_keys, places_of, text_group
from graphmem.model import Fact, Statement
from graphmem.ports.ledger import DecisionReads, FactQuery, StatementQuery
from graphmem.relation_types.types import RelationTypes
from graphmem.text import text_key

_LOOK_BACK = 32  # newest facts of an entity that a sentence is compared with


@dataclass(frozen=True, slots=True)
class BeliefReader:
    """Reads what one tenant has stated and believes. ``types`` say how relation types behave."""

    ledger: DecisionReads
    tenant: str
    types: RelationTypes

    async def load(
        self, query: StatementQuery, into: Snapshot | None = None
    ) -> tuple[Snapshot, list[str]]:
        """Load the statements a query finds, with their conflict groups; return also their ids."""
        found = await self.ledger.statements(query)
        snapshot = (into or Snapshot(self.types)).with_loaded(found)
        ids = [statement.id for statement in found.statements]
        return await self.load_groups(snapshot, snapshot.keys_of(ids)), ids

    async def load_groups(self, snapshot: Snapshot, keys: Collection[GroupKey]) -> Snapshot:
        """Add these conflict groups, read in one go; for symmetric single-valued relations also
        all groups that are linked to them."""
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
        """Add the conflict groups of new statements."""
        read = self.types.read(statements)
        keys = {key for s in read for key in group_keys(s, self.types.behaviour(s.type))}
        return await self.load_groups(snapshot, keys)

    async def load_sentences(self, texts: Iterable[str]) -> Snapshot:
        """Load the conflict groups of these plain sentences."""
        return await self.load_groups(Snapshot(self.types), {text_group(text) for text in texts})

    async def load_undone(
        self, query: StatementQuery, into: Snapshot | None = None
    ) -> tuple[Snapshot, tuple[Statement, ...]]:
        """Load the facts and edits of undone statements; return those statements separately."""
        found = await self.ledger.statements(query)
        snapshot = (into or Snapshot(self.types)).with_loaded(replace(found, statements=()))
        return snapshot, found.statements

    async def load_support(self, snapshot: Snapshot) -> Snapshot:
        """Add all support of present facts: their statements may have shared a type before."""
        asked: frozenset[str] = frozenset()
        while missing := snapshot.missing_support() - asked:
            asked |= missing
            query = StatementQuery(self.tenant, statement_ids=tuple(sorted(missing)))
            snapshot, _ = await self.load(query, snapshot)
        return snapshot

    # Sentences that repeat known ones in nearly the same words

    async def load_repeated(
        self, statements: Sequence[Statement], snapshot: Snapshot, new_entities: Collection[str]
    ) -> tuple[Snapshot, list[Statement]]:
        """Give each new plain sentence that repeats a known one that one's key; return the
        statements, and the snapshot with the known ones. ``new_entities`` have no facts yet."""
        repeated = await self._repeated(statements, snapshot, new_entities)
        if not repeated:
            return snapshot, list(statements)
        texts = {text_group(fact.text) for facts in repeated.values() for fact in facts}
        snapshot = await self.load_groups(snapshot, texts)
        known = {id: _known_key(facts, snapshot) for id, facts in repeated.items()}
        keyed = ((one, known.get(one.id)) for one in statements)
        return snapshot, [one if key is None else replace(one, key=key) for one, key in keyed]

    async def _repeated(
        self, statements: Sequence[Statement], snapshot: Snapshot, new_entities: Collection[str]
    ) -> dict[str, list[Fact]]:
        """The known sentences that each new one repeats, by statement id."""
        found: dict[str, list[Fact]] = {}
        plain: _PlainFacts | None = None
        for statement in statements:
            key = statement.sentence_key
            if statement.type is not None or snapshot.groups.get(("", key)):
                continue
            plain = plain or _PlainFacts(snapshot)
            facts = plain.by_text.get((statement.modality, key))
            facts = facts or await self._near(statement, plain, new_entities)
            if facts:
                found[statement.id] = facts
        return found

    async def _near(
        self, statement: Statement, plain: _PlainFacts, new_entities: Collection[str]
    ) -> list[Fact]:
        """Known sentences about the same entities that say nearly the same."""
        about = frozenset(statement.entity_ids)
        if not about:
            return []
        stored = plain.stored.get(statement.entity_ids)
        if stored is None:
            if about.isdisjoint(new_entities):
                query = FactQuery(
                    self.tenant,
                    entity_ids=statement.entity_ids,
                    newest_first=True,
                    limit=_LOOK_BACK,
                )
                stored = await self.ledger.facts(query)
            plain.stored[statement.entity_ids] = stored = [
                fact
                for fact in stored or ()
                if fact.id not in plain.ids
                and fact.type is None
                and about == frozenset(fact.entity_ids)
            ]
        same = statement.modality, about
        return [
            fact
            for fact in (*plain.by_entities.get(same, ()), *stored)
            if fact.modality == statement.modality and same_sentence(fact.text, statement.text)
        ]


class _PlainFacts:
    """The present plain-sentence facts of a snapshot, by modality and text or entities, and the
    facts read from the ledger since (``stored``), by entities."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.ids = snapshot.facts.keys()
        self.by_text: dict[tuple[str, str], list[Fact]] = {}
        self.by_entities: dict[tuple[str, frozenset[str]], list[Fact]] = {}
        self.stored: dict[tuple[str, ...], list[Fact]] = {}
        for fact in snapshot.present_facts():
            if fact.type is None:
                self.by_text.setdefault((fact.modality, text_key(fact.text)), []).append(fact)
                about = fact.modality, frozenset(fact.entity_ids)
                self.by_entities.setdefault(about, []).append(fact)


def _known_key(facts: Sequence[Fact], snapshot: Snapshot) -> str | None:
    """The key of the first plain sentence among the support of these facts."""
    for fact in facts:
        known = (snapshot.resolved.get(id) for id in fact.support)
        plain = next((one for one in known if one is not None and one.type is None), None)
        if plain is not None:
            return plain.sentence_key
    return None
