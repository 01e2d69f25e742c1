"""What a relation pattern is. It is matched right after a clause's subject.

In a pattern a space is any space, ``~`` is a space and up to three adverbs, ``<be>`` is "am",
"'s", "are" …, ``<have>`` is "have" or "'ve". The slot says what must follow (see
``slots.Slots``). ``says`` is the fact's sentence: ``{s}`` the subject, ``{o}`` the object.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Slot = Literal[
    "place", "org", "person", "thing", "activity", "role", "pet", "owned", "language", "game",
    "title", "proper", "event", "diet", "done", "going", "date", "led", "company", "name",
    "names",
]  # fmt: skip
Of = Literal["person", "any", "organization", "thing"]
Time = Literal["state", "change", "event", "past", "end", "taste"]

_ADVERBS = (
    "just|also|really|still|actually|recently|finally|now|currently|totally|absolutely|always|"
    "already|even|originally|mainly|mostly|usually|often|definitely|truly|especially|simply|"
    "officially|both|all|then|first|once|happily|lately|only|so|kinda|secretly|quite|very|pretty|"
    "mostly|particularly|certainly|do|does|did|recently|newly|freshly|proudly|eventually|"
    "generally|regularly|sometimes|completely|obviously|long|deeply|basically|in fact|too"
)
_PLACEHOLDERS = {
    "<be>": r"(?:'m|'re|'s|\s+am|\s+is|\s+are|\s+im)",
    "<have>": r"(?:'ve|'s|\s+have|\s+has)",
    "<was>": r"(?:\s+was|\s+were|\s+got|'ve\s+been|'s\s+been|\s+have\s+been|\s+has\s+been)",
    "<not>": r"\s+(?:don't|do not|doesn't|does not|dont|doesnt)",
    "<my>": r"(?:my|his|her|their|our|the)",
}


@dataclass(frozen=True)
class Rule:
    """One way of saying one relation.

    ``time``: a *state* holds since a time given; a *change* begins one, at the latest when it is
    told; an *event* has a date if one is given; a *past* state ended, at the latest when it is
    told; an *end* retracts an earlier fact; a *taste* has no date.
    """

    type: str
    pattern: str
    slot: Slot
    says: str
    cues: str
    """Words, one of which must be in the sentence: the patterns are only tried then."""
    weight: float = 0.5
    time: Time = "state"
    needs: str = ""
    """One of these words must be in the sentence."""
    unless: str = ""
    """None of these words may be in the sentence."""
    dated: bool = False
    """Only with a phrase of time that says the year or the day: "since 2019", "today"."""
    of: Of = "person"
    """Of whom it may be said. A name of which nothing is known may be any of them, except an
    organization; of a person, it is a person then."""
    proves: bool = False
    """A name of which nothing is known is an organization when this is said of it."""

    @cached_property
    def regex(self) -> re.Pattern[str]:
        text = self.pattern
        for name, expansion in _PLACEHOLDERS.items():
            text = text.replace(name, expansion.replace(" ", "\x00"))
        text = text.replace("~", rf"\s+(?:(?:{_ADVERBS.replace(' ', chr(0))})\s+){{0,3}}")
        return re.compile(
            text.replace("\x00", " ").replace(" ", r"\s+") + r"(?:(?<=\s)|(?=\W|$))", re.IGNORECASE
        )

    @cached_property
    def cue_words(self) -> frozenset[str]:
        return frozenset(self.cues.split())
