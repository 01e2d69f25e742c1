"""What a question asks for: whom, when, how many; read from its words."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from graphmem.retrieve.reading import STOP_WORDS
from graphmem.text import words

_MONTHS = [
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
]  # fmt: skip
_SEASONS = {
    "spring": (3, 4, 5),
    "summer": (6, 7, 8),
    "autumn": (9, 10, 11),
    "fall": (9, 10, 11),
    "winter": (12, 1, 2),
}
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_OTHER_YEAR = 0.3
_AMOUNT = re.compile(r"\bhow (?:many|much|long|old|often|far)\b")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question taken apart. ``content`` are its words without stop words, in order, once each."""

    content: tuple[str, ...]
    sequence: tuple[str, ...]
    """The same with repeats: neighbours here are pairs that a text may have too."""
    words: tuple[str, ...]
    """All of them."""
    who_or_where: bool
    when: bool
    how_many: bool
    months: frozenset[int]
    years: frozenset[int]

    def month_of(self, at: datetime | None) -> float:
        """1 when a time is in a month that the question names; less in another year than that
        which it names."""
        if at is None or at.month not in self.months:
            return 0.0
        return 1.0 if not self.years or at.year in self.years else _OTHER_YEAR

    def year_of(self, at: datetime | None) -> float:
        return float(at is not None and at.year in self.years)


def take_apart(text: str) -> Asked:
    parts = words(text)
    sequence = tuple(word for word in parts if word not in STOP_WORDS)
    first, said, lower = (parts or [""])[0], set(parts), text.lower()
    months = {at for at, name in enumerate(_MONTHS, start=1) if name in said}
    if "may" in said and not re.search(r"\bMay\b", text[1:]):
        months.discard(5)  # the verb
    for season, inside in _SEASONS.items():
        if season in said:
            months.update(inside)
    return Asked(
        content=tuple(dict.fromkeys(sequence)),
        sequence=sequence,
        words=tuple(parts),
        who_or_where=first in {"who", "where", "which"} or bool({"who", "where"} & said),
        when=bool({"when", "date"} & said) or "how long" in lower or "what day" in lower,
        how_many=_AMOUNT.search(lower) is not None,
        months=frozenset(months),
        years=frozenset(int(year) for year in _YEAR.findall(text)),
    )


def speakers_named(asked: Collection[str], speakers: Collection[str]) -> set[str]:
    """The speakers of whom a word of the name is among these words."""
    said = set(asked)
    return {speaker for speaker in speakers if said.intersection(words(speaker))}
