"""What to do about each candidate fact: ADD, UPDATE, DELETE or NONE. Deterministic, and a reason.

In order, for each candidate:

1. A retraction ends the relation it names (``invalid_at`` given), or withdraws belief in it.
2. The same sentence, or the same relation still open, is known already: NONE, one more source.
3. A near-identical sentence about the same entities is known already: NONE, one more source.
4. A newer statement of a single-valued relation closes the older one and supersedes it; one that
   arrives late is filed before the one that is known.
5. Everything else is new.

Reasons name facts by id, never by their text: a text may be erased later.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from rapidfuzz import fuzz

from graphmem.clock import Clock
from graphmem.ingest.journal import importance_of
from graphmem.ingest.resolve import Resolution
from graphmem.model import Decision, Entity, Episode, Fact, Source
from graphmem.ports.ledger import FactQuery, LedgerReads
from graphmem.ports.llm import CandidateFact
from graphmem.text import text_key, words

FUNCTIONAL = frozenset(
    {"lives_in", "works_at", "works_as", "married_to", "engaged_to", "born_in", "born_on"}
)
"""Relations that have one object at a time."""

_NEAR = 96.0  # rapidfuzz ratio, 0 to 100, from which two sentences are one
_NEAR_WORD = 80.0  # and from which two words of them are
_LOOK_BACK = 32  # newest facts of an entity that a sentence is compared with
_NEGATIONS = frozenset({"not", "no", "never", "without", "nobody", "nothing"})
_NUMBER = re.compile(r"\d+")


class Believed:
    """What one wall believes, as it will be after the decisions made so far in this batch."""

    def __init__(self, ledger: LedgerReads, wall: str) -> None:
        self._ledger = ledger
        self._wall = wall
        self._present: dict[str, Fact | None] = {}
        self._added: dict[object, list[str]] = {}

    def note(self, decision: Decision) -> None:
        """Take a decision into account from here on."""
        self._present[decision.fact_id] = decision.after
        if decision.action == "ADD" and decision.after is not None:
            fact = decision.after
            for key in (text_key(fact.text), (fact.subject_id, fact.type), fact.entity_ids):
                self._added.setdefault(key, []).append(fact.id)

    async def with_text(self, text: str) -> list[Fact]:
        key = text_key(text)
        return await self._find(FactQuery(self._wall, text_key=key), key)

    async def with_relation(
        self, subject_id: str, type: str, object_id: str | None = None
    ) -> list[Fact]:
        """Facts with this subject and type, and this object when it is given."""
        triple = (subject_id, type, object_id)
        query = FactQuery(self._wall, relation=triple, newest_first=True)
        found = await self._find(query, (subject_id, type))
        return [fact for fact in found if object_id in {None, fact.object_id}]

    async def about(self, entity_ids: tuple[str, ...]) -> list[Fact]:
        """The newest facts about exactly these entities."""
        query = FactQuery(self._wall, entity_ids=entity_ids, newest_first=True, limit=_LOOK_BACK)
        found = await self._find(query, entity_ids)
        return [fact for fact in found if set(fact.entity_ids) == set(entity_ids)]

    async def _find(self, query: FactQuery, key: object) -> list[Fact]:
        stored = {fact.id: fact for fact in await self._ledger.facts(query)}
        ids = dict.fromkeys((*stored, *self._added.get(key, ())))
        found = [self._present.get(id, stored.get(id)) for id in ids]
        return [fact for fact in found if fact is not None]


async def decide(
    candidates: Sequence[CandidateFact],
    resolution: Resolution,
    episode: Episode,
    believed: Believed,
    clock: Clock,
) -> tuple[Decision, ...]:
    """None to a few decisions per candidate, in order; each sees those before it."""
    decisions: list[Decision] = []
    for candidate in candidates:
        fact = _to_fact(candidate, resolution, episode, clock)
        if candidate.retracts:
            made = await _retract(fact, believed)
        else:
            known = await _known_already(fact, believed)
            made = [known] if known else await _add(fact, believed)
        for decision in made:
            believed.note(decision)
        decisions += made
    return tuple(decisions)


def _to_fact(
    candidate: CandidateFact, resolution: Resolution, episode: Episode, clock: Clock
) -> Fact:
    subject, object = resolution.entity(candidate.subject), resolution.entity(candidate.object)
    named = [subject, object, *(resolution.entity(name) for name in candidate.entities)]
    turns = {turn.ordinal: turn for turn in episode.turns}
    said = [turns[number] for number in candidate.turns if number in turns]
    scope = episode.scope
    turn_ids: list[str | None] = [turn.id for turn in said]
    # What is only planned, told by others or denied is a sentence, not a relation that holds.
    related = (
        subject is not None
        and object is not None
        and candidate.type is not None
        and candidate.modality == "stated"
    )
    return Fact(
        id=clock.new_id(),
        scope=scope,
        text=candidate.text.strip(),
        recorded_at=clock.now(),
        stated_at=(said[0].occurred_at if said else None) or episode.occurred_at,
        valid_at=candidate.valid_at,
        invalid_at=candidate.invalid_at,
        expires_at=episode.expires_at,
        subject_id=subject.id if subject and related else None,
        type=candidate.type if related else None,
        object_id=object.id if object and related else None,
        entity_ids=_ids(named),
        sources=tuple(
            Source(episode.id, turn_id, scope.agent_id, scope.run_id)
            for turn_id in (turn_ids or [None])
        ),
        memory_type=episode.memory_type,
        importance=importance_of(candidate.importance, episode),
        metadata=episode.metadata,
        tags=episode.tags,
    )


def _ids(entities: Iterable[Entity | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(entity.id for entity in entities if entity is not None))


def _since(fact: Fact) -> datetime:
    """From when a fact is known to hold: its own date, else when it was said."""
    return fact.valid_at or fact.stated_at or fact.recorded_at


def _open_at(fact: Fact, moment: datetime) -> bool:
    return fact.invalid_at is None or fact.invalid_at > moment


def _relation(fact: Fact) -> tuple[str | None, str | None, str | None]:
    return fact.subject_id, fact.type, fact.object_id


async def _retract(fact: Fact, believed: Believed) -> list[Decision]:
    """End, or withdraw, what the candidate says no longer (or never) held."""
    if fact.subject_id and fact.type:
        held = await believed.with_relation(fact.subject_id, fact.type, fact.object_id)
    else:
        held = await believed.with_text(fact.text)
    at = fact.invalid_at
    if at is None:
        return [Decision("DELETE", "withdrawn by a later statement", before=old) for old in held]
    ended = [(old, _end(old, fact, at)) for old in held]
    return [
        Decision("UPDATE", "said to have ended", before=old, after=_closed(old, end))
        for old, end in ended
        if end is not None and _open_at(old, end)
    ]


def _end(old: Fact, told: Fact, at: datetime) -> datetime | None:
    """When the known fact ended by what was told, None when that speaks of another time.

    An end is often vague ("in May" is the first of May): what was still said to hold after it,
    without a date of its own, ended at the earliest when it was said.
    """
    if old.valid_at is not None:
        return at if old.valid_at <= at else None
    said = told.stated_at or told.recorded_at
    return max(at, _since(old)) if _since(old) <= said else None


def _closed(fact: Fact, at: datetime) -> Fact:
    return replace(fact, invalid_at=at, version=fact.version + 1)


async def _known_already(fact: Fact, believed: Believed) -> Decision | None:
    """The decision that notes its source when it is known, else None."""
    since = _since(fact)
    for reason, known in (
        ("the same sentence is known", await believed.with_text(fact.text)),
        ("the same relation is known", await _same_relation(fact, believed)),
        ("nearly the same sentence is known", await _near(fact, believed)),
    ):
        for old in known:
            # The same relation may begin again after it ended; that is a new fact.
            if _relation(old) != _relation(fact) or not _open_at(old, since):
                continue
            if fact.invalid_at is not None and fact.invalid_at != old.invalid_at:
                continue
            return _corroborate(old, fact, reason)
    return None


async def _same_relation(fact: Fact, believed: Believed) -> list[Fact]:
    if not (fact.subject_id and fact.type):
        return []
    return await believed.with_relation(fact.subject_id, fact.type, fact.object_id)


async def _near(fact: Fact, believed: Believed) -> list[Fact]:
    if not fact.entity_ids:
        return []
    key, marks = text_key(fact.text), _marks(fact.text)
    return [
        old
        for old in await believed.about(fact.entity_ids)
        if _marks(old.text) == marks and _alike(text_key(old.text), key)
    ]


def _alike(one: str, other: str) -> bool:
    """Spelled nearly the same as a whole and word by word: in a long sentence a single word that
    differs (north, south) changes little of it, and all that it says."""
    if fuzz.ratio(one, other) < _NEAR:
        return False
    left, right = one.split(), other.split()
    return len(left) == len(right) and all(
        a == b or fuzz.ratio(a, b) >= _NEAR_WORD for a, b in zip(left, right, strict=True)
    )


def _marks(text: str) -> tuple[list[str], frozenset[str]]:
    """What makes two similar sentences differ after all: numbers and negations."""
    return _NUMBER.findall(text), _NEGATIONS & frozenset(words(text.replace("n't", " not")))


def _corroborate(old: Fact, fact: Fact, reason: str) -> Decision:
    new = tuple(source for source in fact.sources if source not in old.sources)
    after = replace(old, sources=(*old.sources, *new))
    if old.type is not None and old.valid_at is None and fact.valid_at is not None:
        reason += "; now dated"
        after = replace(after, valid_at=fact.valid_at)
    if old.expires_at and (fact.expires_at is None or fact.expires_at > old.expires_at):
        reason += "; kept for longer"
        after = replace(after, expires_at=fact.expires_at)
    if replace(after, sources=old.sources) == old:
        return Decision("NONE", reason, before=old, after=after)
    return Decision("UPDATE", reason, before=old, after=replace(after, version=old.version + 1))


async def _add(fact: Fact, believed: Believed) -> list[Decision]:
    """Add it; a single-valued relation takes its place in time among the others."""
    if fact.type not in FUNCTIONAL or fact.subject_id is None:
        return [Decision("ADD", "new", after=fact)]
    since = _since(fact)
    others = [
        old
        for old in await believed.with_relation(fact.subject_id, fact.type)
        if old.object_id != fact.object_id
    ]
    reason = "new"
    later = [_since(old) for old in others if _since(old) > since]
    if later:
        ends = min(later)
        fact = replace(fact, invalid_at=min(ends, fact.invalid_at or ends))
        reason = "new; it was said of an earlier time than what is known"
    earlier = [old for old in others if _since(old) <= since and _open_at(old, since)]
    if earlier:
        fact = replace(fact, supersedes_id=max(earlier, key=_since).id)
    why = f"{fact.type} has one value at a time; superseded by {fact.id}"
    closings = [Decision("UPDATE", why, before=old, after=_closed(old, since)) for old in earlier]
    return [*closings, Decision("ADD", reason, after=fact)]
