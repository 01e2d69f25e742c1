"""A name that was extracted, and an entity that it may mean: how alike the two are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from graphmem.model import Entity
from graphmem.ports.llm import CandidateEntity, Extraction
from graphmem.resolve.similarity import VAGUE, likeness
from graphmem.text import name_key, name_keys

LIKENESS = ("same", "full", "short", "no")
"""How alike a name and an entity's are, the most alike first."""
NEVER_NAMED = datetime.min.replace(tzinfo=UTC)
_LONGEST_NAME = 200


def candidates_of(extraction: Extraction) -> list[CandidateEntity]:
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


@dataclass(slots=True)
class Match:
    """An entity that a name may mean."""

    entity: Entity
    like: str
    by_alias: bool
    shared: int = 0
    owner: bool = False
    latest: datetime = NEVER_NAMED


def alike(entity: Entity, candidate: CandidateEntity) -> Match:
    """How an entity that a name was found by is like that name, and whether by an alias."""
    keys = {key for name in (candidate.name, *candidate.aliases) for key in name_keys(name)}
    own = keys.intersection(name_keys(entity.name))
    shared = [n for n in (entity.name, *entity.aliases) if keys.intersection(name_keys(n))]
    like = min(
        (likeness(n, m) for n in shared for m in (candidate.name, *candidate.aliases)),
        key=LIKENESS.index,
        default="same",
    )
    return Match(entity, like, by_alias=not own)


def may_be_person(candidate: CandidateEntity) -> bool:
    return candidate.kind in {VAGUE, "", "person"}


def new_names(have: Sequence[str], more: Iterable[str]) -> tuple[str, ...]:
    """Names among ``more`` that no name in ``have`` is spelled like."""
    seen = {name_key(name) for name in have}
    new = []
    for name in more:
        key = name_key(name)
        if key and key not in seen and len(name) <= _LONGEST_NAME:
            seen.add(key)
            new.append(name)
    return tuple(new)
