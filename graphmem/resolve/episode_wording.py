"""What the words of one episode, and the facts extracted from it, say of the names in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from graphmem.model import Entity, Episode
from graphmem.ports.llm import CandidateEntity, Extraction
from graphmem.relation_types.types import normal
from graphmem.resolve.matching import candidates_of
from graphmem.resolve.similarity import called_so, is_part
from graphmem.text import name_key

_OF_PERSONS = frozenset(
    {"works_at", "works_as", "lives_in", "married_to", "engaged_to", "dating", "friend_of"}
    | {"sibling_of", "parent_of", "colleague_of", "has_pet", "speaks", "studies_at", "plays"}
)
"""Relations whose subject is a person, nearly always."""


@dataclass(frozen=True, slots=True)
class EpisodeWording:
    """Questions about names that one episode answers by itself."""

    episode: Episode
    extraction: Extraction

    def relates(self, candidate: CandidateEntity, id: str, placed: Mapping[str, str]) -> bool:
        """Whether a fact says something of the name towards the entity of that id, which makes
        them two: a town and whom it is named after. ``placed`` are the ids of the names so far."""
        key = name_key(candidate.name)
        for fact in self.extraction.facts:
            ends = [name_key(name) for name in (fact.subject, fact.object) if name]
            if len(ends) == 2 and key in ends and ends[0] != ends[1]:
                other = ends[0] if ends[1] == key else ends[1]
                if placed.get(other) == id:
                    return True
        return False

    def names_apart(self, entity: Entity, candidate: CandidateEntity) -> bool:
        """Whether the text uses both a given name and a short form of it (``Mike`` and
        ``Michael``), which makes them two: unless it says that somebody is called so, or one of
        them speaks, whom others call so."""
        if not (is_part(entity.name) and is_part(candidate.name)):
            return False
        key = name_key(candidate.name)
        named = {name_key(c.name) for c in candidates_of(self.extraction)} - {key}
        others = named & {name_key(name) for name in (entity.name, *entity.aliases)}
        speak = {name_key(turn.speaker) for turn in self.episode.turns if turn.speaker}
        if not others or len({key, *others} & speak) == 1:
            return False
        names = (candidate.name, entity.name, *entity.aliases)
        return not called_so(names, (turn.text for turn in self.episode.turns))

    def acts_as_person(self, candidate: CandidateEntity) -> bool:
        """Whether it is a person by its kind, or by what is said of it."""
        key = name_key(candidate.name)
        return candidate.kind == "person" or any(
            fact.subject is not None
            and name_key(fact.subject) == key
            and normal(fact.type or "").type in _OF_PERSONS
            for fact in self.extraction.facts
        )

    def calls_another(self, name: str) -> bool:
        """Whether it speaks of another of that name."""
        pattern = re.compile(rf"\b(?:an?other|a different|a second)\s+{re.escape(name)}\b", re.I)
        return any(pattern.search(turn.text) for turn in self.episode.turns)

    def writes(self, name: str) -> bool:
        """Whether the name stands in it as it is written, in a text that has both cases."""
        text = " ".join(turn.text for turn in self.episode.turns)
        pattern = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
        return bool(pattern.search(text)) and not (text.islower() or text.isupper())
