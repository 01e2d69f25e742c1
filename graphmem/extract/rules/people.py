"""Who is who in one episode: speakers, and who was said to be whose relative or pet."""

from __future__ import annotations

from dataclasses import dataclass, field

from graphmem.extract.rules.names import NameRegistry
from graphmem.extract.rules.word_lists import FEMALE_KIN, MALE_KIN
from graphmem.model import Turn
from graphmem.model.stored import MACHINE_ROLES

_KIN_NAME = {"mother": "mum", "mom": "mum", "father": "dad", "daddy": "dad", "mummy": "mum"}


def kin_called(owner: str, word: str) -> str:
    """What somebody's relative is called who has no name here."""
    return f"{owner}'s {_KIN_NAME.get(word, word)}"


@dataclass
class People:
    """Who is who in one episode: speakers, kin that were named, and their gender."""

    names: NameRegistry
    speakers: frozenset[str] = frozenset()
    kin: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    gender: dict[str, str] = field(default_factory=dict)
    owners: dict[str, set[str]] = field(default_factory=dict)
    """A pet's name -> whose pet it was said to be."""

    def name_kin(self, owner: str, word: str, name: str) -> None:
        """Remember that ``owner``'s ``word`` is ``name``."""
        self.kin.setdefault((owner, word), set()).add(name)
        if word in FEMALE_KIN:
            self.gender[name] = "she"
        elif word in MALE_KIN:
            self.gender[name] = "he"

    def the_kin(self, owner: str, word: str) -> str | None:
        """The one name that ``owner``'s ``word`` has, if it has exactly one."""
        found = self.kin.get((owner, word), set())
        return next(iter(found)) if len(found) == 1 else None


def is_machine(turn: Turn) -> bool:
    """An assistant, a tool and the like, that is not given a name of its own."""
    label = (turn.speaker or "").strip().lower()
    return label in MACHINE_ROLES or (not label and turn.role in MACHINE_ROLES)
