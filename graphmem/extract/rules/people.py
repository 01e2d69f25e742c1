"""Who is who in one episode: speakers, and who was said to be whose relative or pet."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from graphmem.extract.rules.names import FIRST_NAMES, NameRegistry
from graphmem.extract.rules.phrases import Parse
from graphmem.extract.rules.tokens import NameSpan
from graphmem.extract.rules.word_lists import FEMALE_KIN, MALE_KIN
from graphmem.model import Turn
from graphmem.model.stored import MACHINE_ROLES

_KIN_NAME = {"mother": "mum", "mom": "mum", "father": "dad", "daddy": "dad", "mummy": "mum"}

_HOME = re.compile(r"\b(?:lives?|lived|living|grew\s+up|grow\s+up)\s+in\s+$")
"""What follows is a place, whether or not it is so."""
_AS_A_TITLE = re.compile(r"\s+(?:is|was|will|looks|seems|turned)\b")
"""Said of a book as well: "Anna Karenina is long"."""


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

    def settle_kinds(
        self, text: str, spans: Iterable[NameSpan], acts: Callable[[NameSpan], bool]
    ) -> None:
        """Make a person of whoever has a first name and another and acts like one, and a place of
        where anybody is said, asked or supposed to live."""
        for span in spans:
            if self.names.kind(span.name) != "thing" or span.owns:
                continue
            first, _, more = span.name.lower().partition(" ")
            titled = _AS_A_TITLE.match(text, span.end)
            if more and first in FIRST_NAMES and not titled and acts(span):
                self.names.register(span.name, "person")
            elif _HOME.search(text, max(0, span.start - 30), span.start):
                self.names.register(span.name, "place")

    def the_kin(self, owner: str, word: str) -> str | None:
        """The one name that ``owner``'s ``word`` has, if it has exactly one."""
        found = self.kin.get((owner, word), set())
        return next(iter(found)) if len(found) == 1 else None

    def addressed(self, speaker: str | None, parse: Parse, index: int) -> str | None:
        """Whom "your" means: the other of two who talk, or who is called by name at the end."""
        others = self.speakers - {speaker}
        tokens = parse.sentence.tokens
        last = parse.names[-1] if parse.names else None
        if last is not None and last.last == len(tokens) - 1 and last.first == index + 1:
            name = self.names.canonical_of(last.name)
            return name if name in others else None
        return next(iter(others)) if len(others) == 1 and speaker is not None else None


def is_machine(turn: Turn) -> bool:
    """An assistant, a tool and the like, that is not given a name of its own."""
    label = (turn.speaker or "").strip().lower()
    return label in MACHINE_ROLES or (not label and turn.role in MACHINE_ROLES)
