"""What stays ambiguous about an episode, and what follows when a model settles it.

Two things the structure cannot tell. Which known entity a name means that several have, or of which
it is only a part (:class:`~graphmem.resolve.matching.NameAmbiguity`). And whether something new
takes the place of something known, repeats it, or stands beside it (:class:`PairAmbiguity`): a
plain sentence that is alike a known one about the same entities, and another object of a relation
of which nobody has said whether it has one at a time.

Both are read within fixed bounds, so the cost of a write does not grow with what is stored. What is
settled takes the ways that there are: a resolution, an ``end``, the key of a known sentence. So it
is undone with its episode.
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
from graphmem.relation_types.types import RelationTypes, object_key, sentence_key
from graphmem.resolve.matching import THE_MODEL_CHOSE, NameAmbiguity, Resolution

_MOST_NAMES = 10
_MOST_PAIRS = 10
_MOST_ALIKE = 2  # known sentences that one new one is compared with
_LOOK_BACK = 200  # newest facts about the same that are looked at: little beside asking a model
_FACTS_SHOWN = 3  # newest facts of an entity that tell who it is

Settled = Literal["replaces", "replaced", "same", "beside"]
"""What the new is to the known: it takes its place, or (it tells of an earlier time) was followed
by it; it says the same; both stand."""


@dataclass(frozen=True, slots=True)
class PairAmbiguity:
    """Something new, and something known and present that it may replace or repeat."""

    statement: Statement
    known: Fact
    like: float = 0.0

    @property
    def key(self) -> tuple[int, str]:
        """The same when the episode is read once more."""
        return self.statement.ordinal, self.known.id

    @property
    def newer(self) -> bool:
        """Whether what was said is of a later time than what is known."""
        return self.statement.known_from > self.known.known_from


@dataclass(frozen=True, slots=True)
class Ambiguities:
    """All that is ambiguous about one episode, and facts that tell who the entities are, by id."""

    names: tuple[NameAmbiguity, ...] = ()
    pairs: tuple[PairAmbiguity, ...] = ()
    facts: Mapping[str, tuple[Fact, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.names) + len(self.pairs)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What a model said: by name key the entity that is meant (``""``: none of those known), by
    :attr:`PairAmbiguity.key` what the new is to the known. What it left open is missing."""

    names: Mapping[str, str] = field(default_factory=dict)
    pairs: Mapping[tuple[int, str], Settled] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.names) + len(self.pairs)


# -- gathering -------------------------------------------------------------------------------------


async def find_ambiguities(
    resolution: Resolution,
    statements: Sequence[Statement],
    ledger: DecisionReads,
    *,
    tenant: str,
    types: RelationTypes,
    now: datetime,
) -> Ambiguities:
    """What is ambiguous about an episode that says this."""
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
    """Looks at what is known about the entities of one episode."""

    ledger: DecisionReads
    tenant: str
    types: RelationTypes
    now: datetime
    resolution: Resolution
    seen: dict[tuple[str, ...], list[Fact]] = field(default_factory=dict)

    async def facts_of(self, id: str, most: int) -> tuple[Fact, ...]:
        return tuple((await self._about((id,)))[:most])

    async def _about(self, ids: tuple[str, ...]) -> list[Fact]:
        """The newest facts about any of these that hold now and are stated."""
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
        """Whether something may have been said of all of these before."""
        return bool(ids) and not any(entity.id in ids for entity in self.resolution.new)

    async def sentences(self, statements: Iterable[Statement]) -> list[PairAmbiguity]:
        """Plain sentences beside known ones that are alike and not the same."""
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
                continue  # neither can have come after the other
            mine = without_date(statement.text, statement.valid_at)
            theirs = without_date(fact.text, fact.valid_at)
            dated = statement.valid_at is not None and fact.valid_at is not None
            if dated and same_sentence(mine, theirs):
                continue  # two occasions
            like = alikeness(mine, theirs, names)
            if like is not None:
                pairs.append(PairAmbiguity(statement, fact, like))
        return sorted(pairs, key=lambda pair: -pair.like)[:_MOST_ALIKE]

    async def objects(self, statements: Iterable[Statement]) -> list[PairAmbiguity]:
        """Another object of a relation that has, as far as is known, one: with two at once it is
        plain that it can have several."""
        new: dict[tuple[str, str], list[Statement]] = {}
        for one in self.types.read(statements):
            if one.type is not None and one.subject_id is not None and _open(one):
                new.setdefault((one.subject_id, one.type), []).append(one)
        found = []
        for (subject, type), stated in new.items():
            if self.types.known(type) or not self._heard_of((subject,)):
                continue
            objects = {object_key(one) for one in stated}
            known = await self._objects_of(subject, type, stated[0])
            if len(objects) == 1 and len(known) == 1 and not objects & set(known):
                pair = PairAmbiguity(stated[0], next(iter(known.values())), 100.0)
                if pair.statement.known_from != pair.known.known_from:
                    found.append(pair)
        return found

    async def _objects_of(self, subject: str, type: str, like: Statement) -> dict[str | None, Fact]:
        """Present facts of a subject and type by their object, or by their value; two are enough to
        know."""
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
        # An attribute is believed as a sentence: what it is of, its statements tell.
        loaded = await self.ledger.statements(StatementQuery(self.tenant, fact_ids=tuple(plain)))
        by_statement = {id: fact for fact in plain.values() for id in fact.statement_ids}
        return {
            object_key(one): by_statement[one.id]
            for one in loaded.statements
            if one.type == type
            and one.value is not None
            and one.id in by_statement
            and loaded.merged.get(str(one.subject_id), one.subject_id) == subject
        }


def _open(statement: Statement) -> bool:
    """Whether it says plainly that something holds, without saying until when."""
    plain = (
        statement.kind == "assert"
        and statement.modality == "stated"
        and statement.invalid_at is None
    )
    return plain and statement.memory_type != "procedural"


# -- what follows ----------------------------------------------------------------------------------


async def apply_verdicts(
    verdicts: Verdicts,
    statements: Sequence[Statement],
    ledger: DecisionReads,
    *,
    tenant: str,
    clock: Clock,
) -> list[Statement]:
    """The statements, with what follows from the verdicts: the keys of known sentences that are
    repeated, and an ``end`` of each that another took the place of. A verdict on what is known no
    more (it was erased or undone meanwhile) does nothing."""
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
    """The same in other words. That two entities are one is nothing to be said here."""
    if statement.type is None and known.type is None:
        return replace(statement, key=sentence_key(known))
    if statement.type == known.type and statement.value is not None and known.value is not None:
        return replace(statement, value=known.value)
    return statement


def _end(statement: Statement, verdict: Settled, fact: Fact, known: Statement) -> Statement:
    """The end of the earlier one of the two when the later one began. It is worded as what was said
    is: what is known may be erased one day, and must leave no words behind."""
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
        key=sentence_key(over) if over.type is None else None,
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
    """The decisions, with a word in their reasons where a model had its say."""
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
