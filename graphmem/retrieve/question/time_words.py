"""Times in words, as questions name them: "last week", "since March", "between May and July"."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import MINYEAR, UTC, datetime, timedelta
from typing import TypeAlias

from graphmem.clock import Date
from graphmem.extract.rules.dates import find_dates
from graphmem.extract.rules.word_lists import NUMBERS

Span: TypeAlias = tuple[datetime | None, datetime | None]
"""From when, until before when; None where it is open."""

_NUMBER = rf"\d{{1,4}}|{'|'.join(NUMBERS)}"
_LENGTH = re.compile(
    rf"(?:in |during |within )?(?:the )?(?:last|past|previous) (?P<n>{_NUMBER}) "
    r"(?P<unit>hour|day|week|month|year)s?\Z"
)
_TWO = re.compile(r"(?:between (.+) and|from (.+?) (?:to|until|till)) (.+)\Z")
_OPEN: dict[str, Callable[[datetime, datetime], Span]] = {
    "since": lambda begin, _: (begin, None),
    "after": lambda _, end: (end, None),
    "before": lambda begin, _: (None, begin),
    "until": lambda _, end: (None, end),
    "till": lambda _, end: (None, end),
}
_DAYS = {"hour": 1 / 24, "day": 1, "week": 7}


def span_of(text: str, now: datetime) -> Span | None:
    """The time that words mean at a moment; None when they mean none."""
    words = " ".join(text.lower().split())
    first, _, rest = words.partition(" ")
    if first in _OPEN:
        found = _stretch(rest, now)
        return None if found is None else _OPEN[first](*found)
    if both := _TWO.match(words):
        one, other = _stretch(both[1] or both[2], now), _stretch(both[3], now)
        return None if one is None or other is None else (one[0], other[1])
    if long := _LENGTH.match(words):
        return _back(now, int(NUMBERS.get(long["n"]) or long["n"]), long["unit"]), now
    return _stretch(words, now)


def _back(now: datetime, count: int, unit: str) -> datetime:
    if unit in _DAYS:
        return now - timedelta(days=count * _DAYS[unit])
    months = now.year * 12 + now.month - 1 - count * (12 if unit == "year" else 1)
    year, month = max(MINYEAR, months // 12), months % 12 + 1
    following = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    last = (following - timedelta(days=1)).day
    return now.replace(year=year, month=month, day=min(now.day, last))


def _stretch(words: str, now: datetime) -> tuple[datetime, datetime] | None:
    """One phrase, as facts are dated by it."""
    named = " ".join(word.capitalize() for word in words.split())
    for phrase in (
        named,
        f"since {named}",
        f"last {named}",
    ):  # a month by itself may be a verb, or a name
        for found in find_dates(phrase, now):
            if found.date is not None and (found.start, found.end) == (0, len(phrase)):
                return found.date.at, _end(found.date, found.text)
    if words == "tomorrow" and (today := _stretch("today", now)):
        return today[1], today[1] + timedelta(days=1)
    unit = words.removeprefix("next ")
    if (
        unit in {"week", "month", "year"}
        and unit != words
        and (this := _stretch(f"this {unit}", now))
    ):
        return this[1], _back(this[1], -1, unit)
    return None


def _end(date: Date, text: str) -> datetime:
    if "week of" in text:
        return date.at + timedelta(days=7)
    if "weekend of" in text:
        return date.at + timedelta(days=2)
    if re.match(r"in (?:spring|summer|autumn|fall|winter)", text):
        later = date.at + timedelta(days=93)
        return later.replace(day=1)
    return date.end
