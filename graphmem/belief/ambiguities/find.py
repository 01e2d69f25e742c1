"""Finds what stays ambiguous about an episode, and applies the verdicts of a model.

Structure cannot tell two things. Which known entity a name means, if several have the name or it is
only a part of theirs (:class:`~graphmem.resolve.matching.NameAmbiguity`). And whether something new
replaces something known, repeats it, or holds beside it (:class:`PairAmbiguity`): a plain sentence
that is similar to a known one about the same entities, or another object of a relation type of
which it is unknown whether it has one at a time.

Reads are bounded, so the cost of a write does not grow with what is stored. A verdict is applied as
a resolution, an ``end`` or the key of a known sentence, so it is undone with its episode.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from graphmem.belief.sentences import alikeness, same_sentence, without_date
from graphmem.clock import Clock
from graphmem.model import Decision, Fact, Statement, valid_from, valid_until
from graphmem.ports.ledger import DecisionReads, FactQuery, StatementQuery
from graphmem.relation_types.types import RelationTypes
from graphmem.resolve.matching import THE_MODEL_CHOSE, NameAmbiguity, Resolution

_MOST_NAMES = 10
_MOST_PAIRS = 10
_MOST_ALIKE = 2  # known sentences that one new one is compared with
_LOOK_BACK = 200  # newest facts about the same entities that are read: cheap beside a model call
_FACTS_SHOWN = 3  # newest facts of an entity that show who it is

Settled = Literal["replaces", "replaced", "same", "beside"]
"""How the new statement relates to the known fact: it replaces it; it is of an earlier time and was
replaced by it; it says the same; both hold."""


@dataclass(frozen=True, slots=True)
class PairAmbiguity:
    """A new statement, and a present fact that it may replace or repeat."""

    statement: Statement
    known: Fact
    like: float = 0.0

    @property
    def key(self) -> tuple[int, str]:
        """Identifies the pair, also when the episode is decided again."""
        return self.statement.ordinal, self.known.id

    @property
    def newer(self) -> bool:
        """Whether the statement is of a later time than the known fact."""
        return self.statement.known_from > self.known.known_from


@dataclass(frozen=True, slots=True)
class Ambiguities:
    """All ambiguities of one episode, and by entity id the facts that show who an entity is."""

    names: tuple[NameAmbiguity, ...] = ()
    pairs: tuple[PairAmbiguity, ...] = ()
    facts: Mapping[str, tuple[Fact, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.names) + len(self.pairs)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """A model's answers: by name key the id of the entity meant (``""``: none of those known); by
    :attr:`PairAmbiguity.key` how the statement relates to the fact. Questions left open are
    missing."""

    names: Mapping[str, str] = field(default_factory=dict)
    pairs: Mapping[tuple[int, str], Settled] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.names) + len(self.pairs)


# -- finding ambiguities ---------------------------------------------------------------------------


async def find_ambiguities(
    resolution: Resolution,
    statements: Sequence[Statement],
    ledger: DecisionReads,
    *,
    tenant: str,
    types: RelationTypes,
    now: datetime,
) -> Ambiguities:
    """The ambiguities of an episode with this resolution and these statements, up to a fixed
    number."""
    look = _Look(ledger, tenant, types, now, resolution)
    names = resolution.ambiguities[:_MOST_NAMES]
    pairs = [*await look.sentences(statements), *await look.objects(statements)]
    pairs.sort(key=lambda pair: -pair.like)
    facts = {
        entity.id: await look.facts_of(entity.id, _FACTS_SHOWN)
        for ambiguity in names
        for entity in ambiguity.entities
    }
    return Ambiguities(names, tuple(pairs[:_MOST_PAIRS]), facts)


@dataclass(slots=True)
class _Look:
    """Reads what is known about the entities of one episode."""

    ledger: DecisionReads
    tenant: str
    types: RelationTypes
    now: datetime
    resolution: Resolution
    seen: dict[tuple[str, ...], list[Fact]] = field(default_factory=dict)

    async def facts_of(self, id: str, most: int) -> tuple[Fact, ...]:
        return tuple((await self._about((id,)))[:most])

    async def _about(self, ids: tuple[str, ...]) -> list[Fact]:
        """The newest stated facts about any of these entities that hold now."""
        if ids not in self.seen:
            query = FactQuery(
                self.tenant,
                entity_ids=ids,
                current=self.now,
                stated_only=True,
                newest_first=True,
                limit=_LOOK_BACK,
            )
            self.seen[ids] = await self.ledger.facts(query)
        return self.seen[ids]

    def _heard_of(self, ids: Collection[str]) -> bool:
        """Whether there may be facts about all of these entities already: none of them is new."""
        return bool(ids) and not any(entity.id in ids for entity in self.resolution.new)

    async def sentences(self, statements: Iterable[Statement]) -> list[PairAmbiguity]:
        """Pairs of a new plain sentence and a known one that is similar but not the same."""
        found = []
        for one in statements:
            if one.type is None and _open(one) and self._heard_of(one.entity_ids):
                found += await self._alike(one)
        return found

    async def _alike(self, statement: Statement) -> list[PairAmbiguity]:
        about = set(statement.entity_ids)
        known = [
            fact
            for fact in await self._about(statement.entity_ids)
            if fact.type is None and set(fact.entity_ids) == about and fact.invalid_at is None
        ]
        if any(same_sentence(fact.text, statement.text) for fact in known):
            return []
        names = [
            name
            for entity in self.resolution.by_key.values()
            if entity.id in about
            for name in (entity.name, *entity.aliases)
        ]
        pairs = []
        for fact in known:
            if statement.known_from == fact.known_from:
                continue  # of the same date: neither can replace the other
            mine = without_date(statement.text, statement.valid_at)
            theirs = without_date(fact.text, fact.valid_at)
            dated = statement.valid_at is not None and fact.valid_at is not None
            if dated and same_sentence(mine, theirs):
                continue  # two occasions of the same thing
            like = alikeness(mine, theirs, names)
            if like is not None:
                pairs.append(PairAmbiguity(statement, fact, like))
        return sorted(pairs, key=lambda pair: -pair.like)[:_MOST_ALIKE]

    async def objects(self, statements: Iterable[Statement]) -> list[PairAmbiguity]:
        """Pairs of a new object and the only known one of a relation type of unknown behaviour. If
        there are two at once, the type can have several: no pair is returned."""
        new: dict[tuple[str, str], list[Statement]] = {}
        for one in self.types.read(statements):
            if one.type is not None and one.subject_id is not None and _open(one):
                new.setdefault((one.subject_id, one.type), []).append(one)
        found = []
        for (subject, type), stated in new.items():
            if self.types.known(type) or not self._heard_of((subject,)):
                continue
            objects = {one.object_key for one in stated}
            known = await self._objects_of(subject, type, stated[0])
            if len(objects) == 1 and len(known) == 1 and not objects & set(known):
                pair = PairAmbiguity(stated[0], next(iter(known.values())), 100.0)
                if pair.statement.known_from != pair.known.known_from:
                    found.append(pair)
        return found

    async def _objects_of(self, subject: str, type: str, like: Statement) -> dict[str | None, Fact]:
        """Present facts of a subject and type by their object, or by their value. At most two are
        read by object: these show that there are several."""
        if like.object_id is not None:
            query = FactQuery(
                self.tenant,
                relation=(subject, type, None),
                current=self.now,
                stated_only=True,
                newest_first=True,
                limit=2,
            )
            return {fact.object_id: fact for fact in await self.ledger.facts(query)}
        plain = {f.id: f for f in await self._about((subject,)) if f.type is None}
        if not plain:
            return {}
        # An attribute's fact is a plain sentence: its statements have the type and the value.
        loaded = await self.ledger.statements(StatementQuery(self.tenant, fact_ids=tuple(plain)))
        by_statement = {id: fact for fact in plain.values() for id in fact.statement_ids}
        return {
            one.object_key: by_statement[one.id]
            for one in loaded.statements
            if one.type == type
            and one.value is not None
            and one.id in by_statement
            and loaded.merged.get(str(one.subject_id), one.subject_id) == subject
        }


def _open(statement: Statement) -> bool:
    """Whether the statement plainly says that something holds, and gives no end."""
    plain = (
        statement.kind == "assert"
        and statement.modality == "stated"
        and statement.invalid_at is None
    )
    return plain and statement.memory_type != "procedural"


# -- applying verdicts -----------------------------------------------------------------------------


async def apply_verdicts(
    verdicts: Verdicts,
    statements: Sequence[Statement],
    ledger: DecisionReads,
    *,
    tenant: str,
    clock: Clock,
) -> list[Statement]:
    """The statements with the verdicts applied: one that repeats a known sentence gets its key, and
    whatever was replaced gets an ``end``. Verdicts on facts that are no longer there (erased or
    undone meanwhile) have no effect."""
    wanted = {id for _, id in verdicts.pairs}
    if not wanted:
        return list(statements)
    loaded = await ledger.statements(StatementQuery(tenant, fact_ids=tuple(sorted(wanted))))
    known = {
        fact.id: (fact, statement)
        for fact in loaded.facts
        if fact.retired_at is None
        for statement in loaded.statements
        if statement.kind == "assert" and statement.id in fact.statement_ids
    }
    after = 1 + max((one.ordinal for one in statements), default=0)
    kept, ends = [], list[Statement]()
    for one in statements:
        mine = one
        for (ordinal, id), verdict in verdicts.pairs.items():
            if ordinal != one.ordinal or one.kind != "assert" or id not in known:
                continue
            fact, statement = known[id]
            if verdict == "same":
                mine = _repeated(mine, statement)
            elif verdict != "beside":
                place = after + len(ends)
                end = _end(one, verdict, fact, statement)
                ends.append(replace(end, id=clock.new_id(), ordinal=place))
        kept.append(mine)
    return [*kept, *ends]


def _repeated(statement: Statement, known: Statement) -> Statement:
    """The statement with the sentence key or the value of the known one that it repeats. Entities
    are not merged here."""
    if statement.type is None and known.type is None:
        return replace(statement, key=known.sentence_key)
    if statement.type == known.type and statement.value is not None and known.value is not None:
        return replace(statement, value=known.value)
    return statement


def _end(statement: Statement, verdict: Settled, fact: Fact, known: Statement) -> Statement:
    """The end of the earlier of the two, dated when the later one began. Its text is that of the
    new statement: the known one may be erased later, and its text must not remain here."""
    over, at = (
        (known, statement.known_date) if verdict == "replaces" else (statement, fact.known_date)
    )
    return replace(
        statement,
        subject_id=over.subject_id,
        type=over.type,
        object_id=over.object_id,
        value=over.value,
        entity_ids=over.entity_ids,
        key=over.sentence_key if over.type is None else None,
        **valid_from(None),
        **valid_until(at),
        kind="end",
    )


def explain_decisions(
    decisions: Iterable[Decision],
    statements: Sequence[Statement],
    verdicts: Verdicts,
    resolution: Resolution,
) -> tuple[Decision, ...]:
    """The decisions, with a note in the reasons of those that a verdict affected."""
    asked = {key: verdict for key, verdict in verdicts.pairs.items() if verdict != "beside"}
    ended = {id for (_, id), verdict in asked.items() if verdict == "replaces"}
    mine = {ordinal for (ordinal, _), verdict in asked.items() if verdict != "replaces"}
    own = {one.id for one in statements if one.ordinal in mine}
    chosen = {c.entity_id for c in resolution.choices if c.reason == THE_MODEL_CHOSE}
    found = []
    for decision in decisions:
        reason, after = decision.reason, decision.after
        if decision.fact_id in ended or (after and not own.isdisjoint(after.statement_ids)):
            reason += "; as the model said"
        for id in sorted(chosen.intersection(after.entity_ids if after else ())):
            reason += f"; {THE_MODEL_CHOSE} {id} among those of that name"
        found.append(replace(decision, reason=reason))
    return tuple(found)
