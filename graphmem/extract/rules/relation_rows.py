"""The ways of saying a relation: rows of ``data/relations``, and which of them a sentence may hold.

A pattern is matched right after a clause's subject; ``data/README.md`` says what is in a row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from graphmem.extract.rules.data import RowsByCue, read_rows
from graphmem.extract.rules.word_lists import word_set
from graphmem.ports.llm import CandidateFact

Slot = Literal[
    "place", "org", "person", "thing", "activity", "role", "pet", "owned", "language", "game",
    "title", "proper", "event", "diet", "done", "going", "date", "led", "company", "name",
    "names", "work", "project", "team", "smoking", "drug", "parted", "employer", "all", "software",
    "lessons",
]  # fmt: skip
SubjectKind = Literal["person", "sure_person", "any", "organization", "thing"]
TimeClass = Literal["state", "change", "event", "past", "end", "taste"]

_FILES = ("work", "places", "people", "tastes", "activities", "organizations", "events", "endings")
_ADVERBS = (
    "just|also|really|still|actually|recently|finally|now|currently|totally|absolutely|always|"
    "already|even|originally|mainly|mostly|usually|often|definitely|truly|especially|simply|"
    "officially|both|all|then|first|once|happily|lately|only|so|kinda|secretly|quite|very|pretty|"
    "mostly|particularly|certainly|do|does|did|recently|newly|freshly|proudly|eventually|"
    "generally|regularly|sometimes|completely|obviously|long|deeply|basically|in fact|too"
)
_CONDITIONS = "|".join(sorted(word_set("conditions")))
_PLACEHOLDERS = {
    "<be>": r"(?:'m|'re|'s|\s+am|\s+is|\s+are|\s+im)",
    "<have>": r"(?:'ve|'s|\s+have|\s+has)",
    "<was>": r"(?:\s+was|\s+were|\s+got|'ve\s+been|'s\s+been|\s+have\s+been|\s+has\s+been)",
    "<not>": r"\s+(?:don't|do not|doesn't|does not|dont|doesnt)",
    "<condition>": r"(?!\s+(?:an?|the|this|that|some)\s+\w+(?:\W|$))"
    rf"(?=(?:\s+[A-Za-z0-9-]+){{0,3}}\s+(?:{_CONDITIONS})(?!\w))",
    "<my>": r"(?:my|his|her|their|our|the)",
}


@dataclass(frozen=True)
class RelationRule:
    """One way of saying one relation: a row, or what code has found without a pattern."""

    type: str
    says: str
    slot: Slot = "person"
    pattern: str = ""
    cues: str = ""
    needs: str = ""
    unless: str = ""
    weight: float = 0.5
    time: TimeClass = "state"
    dated: bool = False
    plan: bool = False
    """Only ahead of time it is said so: it is a plan until its date has come."""
    subject: SubjectKind = "person"
    proves_organization: bool = False

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """The pattern compiled. Raises ``ValueError`` when it is no regular expression."""
        text = self.pattern
        for name, expansion in _PLACEHOLDERS.items():
            text = text.replace(name, expansion.replace(" ", "\x00"))
        text = text.replace("~", rf"\s+(?:(?:{_ADVERBS.replace(' ', chr(0))})\s+){{0,3}}")
        text = text.replace("\x00", " ").replace(" ", r"\s+")
        text = rf"(?:{text})(?:(?<=\s)|(?=\W|$))"
        try:
            return re.compile(text, re.IGNORECASE)
        except re.error as error:
            raise ValueError(f"pattern of {self.type}: {self.pattern!r}: {error}") from error

    def allowed_with(self, words: frozenset[str]) -> bool:
        """Whether a sentence of these words has one that is needed, and none that rules it out."""
        needed = not self.needs or not words.isdisjoint(self.needs.split())
        return needed and words.isdisjoint(self.unless.split())

    def fits(self, kind: str | None, *, first_person: bool, thing: bool) -> bool:
        """Whether it may be said of a subject of this kind ("I" and "we" are of none); ``thing``:
        it is no person, as far as is known."""
        if self.subject == "any":
            return True
        if first_person:
            return self.subject in {"person", "sure_person"}
        if self.subject == "person":
            return not thing
        if self.subject == "sure_person":
            return kind == "person"
        if self.subject == "organization":
            return kind == "organization" or (kind == "thing" and self.proves_organization)
        return kind not in {"person", "animal"}

    def proves(self, kind: str | None) -> str | None:
        """The kind of a subject of which this is said, that was of ``kind``."""
        if self.subject in {"person", "sure_person"}:
            return None if kind == "animal" else "person"
        return "organization" if self.proves_organization else None


RELATION_RULES = tuple(
    rule for name in _FILES for rule in read_rows(f"relations/{name}", "relation", RelationRule)
)
PAIR_RULES = tuple(read_rows("relations/pairs", "relation", RelationRule))
"""Two people and what they are to each other: "Ada and Bob are married"."""


_BY_CUE = RowsByCue(RELATION_RULES)


def rules_for(words: frozenset[str]) -> list[RelationRule]:
    """The rules whose cue is among a sentence's words, in the order of the data."""
    return _BY_CUE.of(words)


_IRREGULAR_PAST = word_set("irregular_past")


def agrees(verb: str) -> bool:
    """Whether the verb after an opening word is one that only a third person takes."""
    return any(w.endswith(("s", "ed")) or w in _IRREGULAR_PAST for w in verb.lower().split())


def covered(made: list[CandidateFact], found: list[CandidateFact]) -> bool:
    """The same subject and object are already connected by a rule that came first. Of ends each
    type counts: who left a club may have played for it."""
    pairs = {(f.subject, f.object, f.retracts and f.type) for f in found if f.object is not None}
    linked = [f for f in made if f.object]
    return bool(linked) and all(
        (f.subject, f.object, f.retracts and f.type) in pairs for f in linked
    )
