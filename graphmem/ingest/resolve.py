"""Candidate entities to known ones, or new ones. Reads the ledger, writes nothing.

A name is known when it, or an alias, is spelled alike up to case, accents, punctuation, a leading
article, a title (``Dr``), a legal form (``GmbH``) or the space in ``Face Book``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from graphmem.clock import Clock
from graphmem.model import Entity, Episode
from graphmem.ports.ledger import EntityQuery, LedgerReads
from graphmem.ports.llm import CandidateEntity, Extraction
from graphmem.text import name_key, name_keys

_VAGUE = "thing"
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Resolution:
    """Every name of an extraction with its entity, and which entities are new or changed."""

    by_key: dict[str, Entity]
    new: tuple[Entity, ...] = ()
    changed: tuple[Entity, ...] = ()

    def entity(self, name: str | None) -> Entity | None:
        return None if name is None else self.by_key.get(name_key(name))


@dataclass(slots=True)
class _Known:
    """Entities while they are being matched: from the ledger, or new in this episode."""

    by_key: dict[str, Entity] = field(default_factory=dict)
    new: dict[str, Entity] = field(default_factory=dict)
    changed: dict[str, Entity] = field(default_factory=dict)

    def put(self, entity: Entity, keys: Iterable[str]) -> None:
        (self.new if entity.id in self.new else self.changed)[entity.id] = entity
        for key, held in list(self.by_key.items()):
            if held.id == entity.id:
                self.by_key[key] = entity
        for key in keys:
            self.by_key.setdefault(key, entity)


async def resolve(
    extraction: Extraction, episode: Episode, ledger: LedgerReads, clock: Clock
) -> Resolution:
    """Match every name that the extraction uses; make an entity for each that is unknown."""
    candidates = _candidates(extraction)
    wall = episode.scope.wall
    wanted = sorted({key for c in candidates for n in (c.name, *c.aliases) for key in name_keys(n)})
    found = await ledger.entities(EntityQuery(wall, keys=tuple(wanted))) if wanted else []
    known = _Known()
    for entity in sorted(found, key=lambda e: e.id):
        for name in (entity.name, *entity.aliases):
            for key in name_keys(name):
                known.by_key.setdefault(key, entity)
    for candidate in candidates:
        _place(candidate, known, wall, clock)
    return Resolution(known.by_key, tuple(known.new.values()), tuple(known.changed.values()))


def _candidates(extraction: Extraction) -> list[CandidateEntity]:
    """Entities as given, then every other name in the facts and mentions. Blank ones are gone."""
    named = {name_key(c.name) for c in extraction.entities}
    others = [
        name
        for fact in extraction.facts
        for name in (fact.subject, fact.object, *fact.entities)
        if name is not None
    ] + [name for _, name in extraction.mentions]
    extra = [CandidateEntity(name) for name in others if name_key(name) not in named]
    usable = [*extraction.entities, *extra]
    return [c for c in usable if name_key(c.name) and len(c.name) <= _LONGEST_NAME]


def _place(candidate: CandidateEntity, known: _Known, wall: str, clock: Clock) -> None:
    name = " ".join(candidate.name.split())
    keys = [key for n in (name, *candidate.aliases) for key in name_keys(n)]
    held = next((known.by_key[key] for key in keys if key in known.by_key), None)
    if held is None:
        entity = Entity(
            id=clock.new_id(),
            wall=wall,
            name=name,
            kind=candidate.kind or _VAGUE,
            aliases=_aliases((name,), candidate.aliases),
            recorded_at=clock.now(),
        )
        known.new[entity.id] = entity
        known.put(entity, keys)
        return
    aliases = _aliases((held.name, *held.aliases), (name, *candidate.aliases))
    kind = candidate.kind if held.kind == _VAGUE and candidate.kind else held.kind
    # A user id is often in lower case; a speaker's name tells how it is really written.
    better = held.name.islower() and not name.islower() and name_key(name) == name_key(held.name)
    if aliases or better or kind != held.kind:
        held = replace(
            held,
            name=name if better else held.name,
            aliases=(*held.aliases, *aliases),
            kind=kind,
        )
        known.put(held, keys)
    else:
        for key in keys:
            known.by_key.setdefault(key, held)


def _aliases(have: Sequence[str], more: Sequence[str]) -> tuple[str, ...]:
    """Names among ``more`` that no name in ``have`` is spelled like."""
    seen = {name_key(name) for name in have}
    new = []
    for name in more:
        key = name_key(name)
        if key and key not in seen and len(name) <= _LONGEST_NAME:
            seen.add(key)
            new.append(name)
    return tuple(new)
