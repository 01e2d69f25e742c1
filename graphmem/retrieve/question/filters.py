"""Prepares a filter for one read: fills in the time of the call, turns times in words ("last week",
"since March", "between May and July") into dates, and looks up names in the scope."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import MINYEAR, UTC, datetime, timedelta
from typing import TypeAlias

from graphmem.clock import Date, stamp
from graphmem.errors import UsageError, shown
from graphmem.extract.rules.dates import find_dates
from graphmem.extract.rules.word_lists import NUMBERS
from graphmem.filters import FIELDS, Test, Where, tests
from graphmem.filters.tree import at_time, changed
from graphmem.filters.values import in_dates, time_words
from graphmem.model import Scope
from graphmem.ports.ledger import LedgerView
from graphmem.retrieve.question.names_and_relations import (
    entities_named,
    entities_partly_named,
    no_entity,
)

Span: TypeAlias = tuple[datetime | None, datetime | None]
"""Begin (inclusive) and end (exclusive); None where unbounded."""

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
    """The span that a time in words means at the moment ``now``; None if it means none."""
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
    """The span of one phrase, by the same rules that date facts in a text."""
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


_NAMED = frozenset(field.name for field in FIELDS["facts"].values() if field.holds == "name")


async def resolved(where: Where, ledger: LedgerView, scope: Scope, now: datetime) -> Where:
    """The filter with dates for times in words, and ids for names: of every entity with that name
    or, if there is none and it is one word, with that given name or surname.

    Raises :class:`~graphmem.errors.NotFound` for an id or name that is not in this scope, and
    :class:`~graphmem.errors.UsageError` for a time that is not understood.
    """
    wanted = {
        str(value): None for test in tests(where) if test.field in _NAMED for value in test.values
    }
    ids = {value: await _ids(ledger, scope, value) for value in wanted}

    def put(test: Test) -> Where:
        if test.field not in _NAMED or test.op != "in":
            return test
        found = dict.fromkeys(id for value in test.values for id in ids[str(value)])
        return Test(test.field, "in", tuple(found))

    return changed(at_time(_with_dates(where, now), stamp(now)), put)


def _with_dates(where: Where, now: datetime) -> Where:
    """The filter with dates in place of times in words."""

    def put(test: Test) -> Where:
        words = time_words(test)
        if not words:
            return test
        (text,) = words
        span = span_of(text, now)
        if span is None:
            raise UsageError(
                f"where: {test.field}: {shown(text)} is no time that is understood; write for "
                "example last week, since March, between May and July 2024, or 2024-05"
            )
        return in_dates(test, *span)

    return changed(where, put)


async def _ids(ledger: LedgerView, scope: Scope, name_or_id: str) -> list[str]:
    found = await entities_named(ledger, scope, name_or_id) or await entities_partly_named(
        ledger, scope, name_or_id
    )
    if not found:
        raise await no_entity(ledger, scope.tenant, name_or_id, where="where: ")
    return [entity.id for entity in found]
