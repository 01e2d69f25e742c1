"""Compares a name with an entity that it may mean: whether two names can be one person's, whether
two kinds agree, how alike the names are. Also the result of resolution: which entity each name
means, the reason where that was not plain, and what stays ambiguous."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from graphmem.clock import Clock
from graphmem.model import Entity
from graphmem.ports.llm import CandidateEntity, Extraction
from graphmem.text import core_words, name_hints, name_key, name_keys, person_parts
from graphmem.text.nicknames import formal_names, is_given_name

VAGUE = "thing"
Likeness = Literal["same", "full", "short", "no"]

_PARTICLES = frozenset(
    {"al", "bin", "da", "de", "del", "della", "den", "der", "di", "dos", "du", "el", "la", "le"}
    | {"ten", "ter", "van", "von", "y", "zu"}
)
_LIVING = {"person": "person", "animal": "animal", "pet": "animal"}


def kinds_agree(one: str, other: str) -> bool:
    """Whether one thing can be of both kinds. Models call the same company an organization, a
    product or a place, so these agree; a person agrees with no company and no animal."""
    if VAGUE in {one, other} or not one or not other:
        return True
    return _LIVING.get(one) == _LIVING.get(other)


def personal(name: str, kind: str) -> bool:
    """Whether a name is read as a person's: by its kind or, if that says nothing, because it is a
    known given name with a surname and written as a name."""
    if kind != VAGUE:
        return kind == "person"
    given, _, surname, _ = person_parts(name)
    return bool(surname) and is_given_name(given) and written_as_name(name)


def written_as_name(name: str) -> bool:
    """Whether every word begins with a capital, if its script has any (but for ``van`` and the
    like), and there is no comma (``Herbert, Oklahoma``)."""
    return "," not in name and not any(
        word.islower() and word not in _PARTICLES for word in name.split()
    )


def likeness(one: str, other: str) -> Likeness:
    """How alike two persons' names are.

    ``same``: spelled alike. ``full``: given name (or its short form, or its initial) and surname
    agree, and nothing contradicts (``J. Smith``, ``John A. Smith``); or given names, without any
    surname. ``short``: one is a part of the other (``John`` or ``Smith`` of ``John Smith``).
    ``no``: different people.
    """
    if set(name_keys(one)) & set(name_keys(other)):
        # Mr. Olympia need not be Olympia.
        return "short" if _title_apart(one, other) else "same"
    given, middle, surname, generation = person_parts(one)
    given2, middle2, surname2, generation2 = person_parts(other)
    if not given or not given2:
        return "no"
    if surname and surname2:
        agree = (
            surname == surname2
            and _given_agree(given, given2)
            and _middles_agree(middle, middle2)
            and not _initials_only(given, middle, given2, middle2)
            and generation == generation2
        )
        return "full" if agree else "no"
    if surname or surname2:
        part, whole, last = (given2, given, surname) if surname else (given, given2, surname2)
        return "short" if part == last or _forms(part) & _forms(whole) else "no"
    return "full" if _forms(given) & _forms(given2) else "no"


def _title_apart(one: str, other: str) -> bool:
    """Whether both names are the same single word, and just one of them has a title before it."""
    core = core_words(one)
    if len(core) != 1 or core != core_words(other):
        return False
    return [word == core[-1] for word in (name_key(one), name_key(other))].count(True) == 1 and any(
        words[-1] == core[0]
        for words in (name_key(one).split(), name_key(other).split())
        if len(words) > 1
    )


def _forms(given: str) -> set[str]:
    return {given, *formal_names(given)}


def _given_agree(one: str, other: str) -> bool:
    if len(one) == 1 or len(other) == 1:
        return bool({form[0] for form in _forms(one)} & {form[0] for form in _forms(other)})
    return bool(_forms(one) & _forms(other))


def _initials_only(
    given: str, middle: tuple[str, ...], given2: str, middle2: tuple[str, ...]
) -> bool:
    """Whether one name is initials only, and the other has another number of names: T. J. is not
    Tim."""
    one, other = (given, *middle), (given2, *middle2)
    return len(one) != len(other) and any(
        len(names) > 1 and all(len(name) == 1 for name in names) for names in (one, other)
    )


def _middles_agree(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether middle names agree: they may be missing, or be initials of the others."""
    if not one or not other:
        return True
    return len(one) == len(other) and all(
        a == b or (1 in {len(a), len(b)} and a[0] == b[0]) for a, b in zip(one, other, strict=True)
    )


def is_part(name: str) -> bool:
    """Whether the name is a single word, and so may be a part of a fuller name."""
    return len(core_words(name)) == 1


def written_case(name: str) -> str:
    """The case of a name: ``lower``, ``upper`` or ``mixed``."""
    return "lower" if name.islower() else "upper" if name.isupper() else "mixed"


def sought_keys(name: str) -> list[str]:
    """Loose keys under which a person of this name may be filed. A full name is looked up with the
    given name written out or as an initial, and as given name or surname alone, but not by the
    hints that everybody with the same given name or surname has."""
    given, _, surname, _ = person_parts(name)
    hints = name_hints(name)
    if not surname:
        return list(hints)
    return [*(h for h in hints if h.startswith(("~n ", "~i "))), given, surname]


LIKENESS = ("same", "full", "short", "no")
"""The values of :data:`Likeness`, the most alike first."""
NEVER_NAMED = datetime.min.replace(tzinfo=UTC)
_LONGEST_NAME = 200


def candidates_of(extraction: Extraction) -> list[CandidateEntity]:
    """The entities of an extraction, then every other name in its facts and mentions. Names that
    are blank or too long are left out."""
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
    """An entity that a name may mean, and how well it fits."""

    entity: Entity
    like: str
    by_alias: bool
    shared: int = 0
    owner: bool = False
    latest: datetime = NEVER_NAMED


def alike(entity: Entity, candidate: CandidateEntity) -> Match:
    """The match of an entity that was found by a key of the candidate's names: how alike the names
    are, and whether only an alias was found."""
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
    """The names among ``more`` that are spelled like none in ``have``, each once."""
    seen = {name_key(name) for name in have}
    new = []
    for name in more:
        key = name_key(name)
        if key and key not in seen and len(name) <= _LONGEST_NAME:
            seen.add(key)
            new.append(name)
    return tuple(new)


def new_entity(
    candidate: CandidateEntity, avoid: Sequence[Match], clock: Clock, tenant: str
) -> Entity:
    """A new entity for a candidate, without the aliases of the entities that it might have meant
    (``avoid``)."""
    name = " ".join(candidate.name.split())
    known = {key for m in avoid for n in (m.entity.name, *m.entity.aliases) for key in name_keys(n)}
    fresh = [a for a in candidate.aliases if not known & set(name_keys(a))]
    return Entity(
        id=clock.new_id(),
        tenant=tenant,
        name=name,
        kind=candidate.kind or VAGUE,
        aliases=new_names((name,), fresh),
        recorded_at=clock.now(),
    )


THE_MODEL_CHOSE = "the model chose"
NONE_OF_THEM = "the model said that it is none of those known"


@dataclass(frozen=True, slots=True)
class Choice:
    """How a name that was not plain was resolved, and the ids of the others it might have meant."""

    name: str
    entity_id: str
    reason: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NameAmbiguity:
    """A name that was resolved to no known entity, and the known entities that it may mean, the
    likelier first."""

    name: str
    kind: str
    entities: tuple[Entity, ...]

    @property
    def key(self) -> str:
        return name_key(self.name)


@dataclass(frozen=True, slots=True)
class Resolution:
    """The entity of every name of an extraction, by name key, and which entities are new or
    changed."""

    by_key: dict[str, Entity]
    new: tuple[Entity, ...] = ()
    changed: tuple[Entity, ...] = ()
    choices: tuple[Choice, ...] = ()
    ambiguities: tuple[NameAmbiguity, ...] = ()

    def entity(self, name: str | None) -> Entity | None:
        return None if name is None else self.by_key.get(name_key(name))
