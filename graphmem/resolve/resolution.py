"""What resolution gives: which entity each name means, why where that was not plain, and what stays
ambiguous."""

from __future__ import annotations

from dataclasses import dataclass

from graphmem.model import Entity
from graphmem.text import name_key

THE_MODEL_CHOSE = "the model chose"
NONE_OF_THEM = "the model said that it is none of those known"


@dataclass(frozen=True, slots=True)
class Choice:
    """How a name was resolved where it was not plain, and which others it might have meant."""

    name: str
    entity_id: str
    reason: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NameAmbiguity:
    """A name that stands for nobody known, and known entities that it may mean, the likelier
    first."""

    name: str
    kind: str
    entities: tuple[Entity, ...]

    @property
    def key(self) -> str:
        return name_key(self.name)


@dataclass(frozen=True, slots=True)
class Resolution:
    """Every name of an extraction with its entity, and which entities are new or changed."""

    by_key: dict[str, Entity]
    new: tuple[Entity, ...] = ()
    changed: tuple[Entity, ...] = ()
    choices: tuple[Choice, ...] = ()
    ambiguities: tuple[NameAmbiguity, ...] = ()

    def entity(self, name: str | None) -> Entity | None:
        return None if name is None else self.by_key.get(name_key(name))
