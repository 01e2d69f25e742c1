"""A value as a field takes it, and a comparison as the tests that stand for it."""

from __future__ import annotations

import calendar
import math
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Literal, TypeAlias

from graphmem.clock import LAST_MOMENT, parse_when, stamp, unstamp
from graphmem.errors import UsageError, shown
from graphmem.filters.fields import FIELDS, Field, near
from graphmem.filters.tree import (
    FALSE,
    NOW,
    TRUE,
    Op,
    Scalar,
    Test,
    Where,
    all_of,
    any_of,
    none_of,
)
from graphmem.limits import FILTER_VALUE_CHARACTERS, FILTER_VALUES, WHOLE_NUMBER
from graphmem.text import name_key, words

Sign = Literal["=", "!=", "<", "<=", ">", ">=", "in", "not in", "all", "contains"]
RawValue: TypeAlias = str | int | float | bool | datetime | date | None

_MONTH = re.compile(r"(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?\Z")
_QUARTER = re.compile(r"(\d{4})-?[qQ]([1-4])\Z")
_IN_WORDS = re.compile(
    r"(?=.*\b(?:last|past|previous|this|next|since|before|after|until|till|between|from|ago|back|today|"
    r"yesterday|tomorrow|spring|summer|autumn|fall|winter|(?:mon|tues?|wednes|thur?s|fri|satur|sun)day|"
    r"jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b)[\w ,.-]+\Z",
    re.IGNORECASE,
)
_STORED = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z\Z")
_INSTANT = timedelta(microseconds=1)
_ORDER: dict[str, Op] = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}
_ORDERED = frozenset({"time", "number", "any"})


def compared(field: Field, path: tuple[str, ...], sign: Sign, values: Sequence[RawValue]) -> Where:
    """The tests that ``field sign value`` stands for. :class:`UsageError` when the field does not
    support the comparison."""
    if len(values) > FILTER_VALUES:
        raise UsageError(f"{field.name}: more than {FILTER_VALUES:,} values, which is the limit")
    if sign in {"!=", "not in"}:
        return none_of(compared(field, path, "=" if sign == "!=" else "in", values))
    if sign in _ORDER and field.holds not in _ORDERED:
        raise UsageError(f"{field.name} has no order: use =, != or in, not {sign}")
    if sign == "contains" and field.holds != "text":
        if field.holds not in {"word", "name"}:
            raise UsageError(f"{field.name} cannot be searched in: use =, != or in, not contains")
        sign = "in"
    if sign == "all":
        return all_of([compared(field, path, "=", [value]) for value in values])
    if field.holds == "holding" and sign not in {"=", "in"}:
        raise UsageError("write holding now, or holding at TIME")
    if field.holds in {"holding", "time"}:
        timed = _holding if field.holds == "holding" else partial(_in_time, field.name, sign)
        return any_of([timed(value) for value in values])
    plain = _distinct([_value(field, value) for value in values])
    if field.holds in {"number", "any"}:
        _check_order(field, sign, plain)
    if sign in _ORDER:
        return Test(field.name, _ORDER[sign], plain, path)
    if sign == "contains":
        return any_of([Test(field.name, "contains", (value,), path) for value in plain])
    return Test(field.name, "in", plain, path) if plain else FALSE


def exists(field: Field, path: tuple[str, ...]) -> Where:
    """Whether there is any value."""
    if field.holds == "holding":
        raise UsageError("write holding now, or holding at TIME")
    return Test(field.name, "exists", (), path)


def _distinct(values: Sequence[Scalar]) -> tuple[Scalar, ...]:
    """Each once, the first of its like, told apart as :func:`~graphmem.filters.tree.same` does."""
    first: dict[tuple[bool, Scalar], Scalar] = {}
    for value in values:
        first.setdefault((isinstance(value, bool), value), value)
    return tuple(first.values())


def _check_order(field: Field, sign: Sign, values: Sequence[Scalar]) -> None:
    if sign in _ORDER and any(isinstance(value, str | bool) for value in values):
        raise UsageError(
            f"{field.name} is compared by {sign} with numbers only; keep a date that you want to "
            "compare as a number, or use occurred_at"
        )


def _value(field: Field, given: RawValue) -> Scalar:
    if isinstance(given, float) and not math.isfinite(given):
        raise UsageError(f"{field.name}: {shown(given)} is no number that can be compared")
    if isinstance(given, int) and abs(given) > WHOLE_NUMBER:
        raise UsageError(f"{field.name}: a whole number is compared up to {WHOLE_NUMBER:,} only")
    if field.holds == "number":
        if isinstance(given, bool) or not isinstance(given, int | float):
            raise UsageError(f"{field.name} is a number, got {shown(given)}")
        return given
    if field.holds == "any":
        if isinstance(given, datetime | date) or given is None:
            raise UsageError(f"metadata holds text, numbers and truth values, got {shown(given)}")
        return _clean(field, given) if isinstance(given, str) else given
    if isinstance(given, int | float) and not isinstance(given, bool):
        given = str(given)
    if not isinstance(given, str) or not given.strip():
        raise UsageError(f"{field.name} is text, got {shown(given)}")
    text = _clean(field, given)
    if field.holds == "choice":
        if text.lower() not in field.choices:
            raise UsageError(
                f"{field.name} is {' or '.join(field.choices)}, not {shown(text)}"
                f"{near(text, field.choices)}"
            )
        return text.lower()
    if field.holds == "text":
        return name_key(text)
    if field.holds == "type":
        return "_".join(words(text.replace("_", " "))) or text
    return text


def _clean(field: Field, text: str) -> str:
    if len(text) > FILTER_VALUE_CHARACTERS:
        raise UsageError(
            f"{field.name}: the value has {len(text):,} characters of {FILTER_VALUE_CHARACTERS:,}"
        )
    if any(c == "\0" or 0xD800 <= ord(c) <= 0xDFFF for c in text):
        raise UsageError(f"{field.name}: the value holds a character that no text can hold")
    return text


def time_range(value: RawValue, name: str) -> tuple[str, str]:
    """A time, or a stretch of it (a year, a quarter, a month, a day), in stored form: from its
    beginning to the beginning of what follows."""
    if isinstance(value, bool) or not isinstance(value, str | datetime | date):
        raise UsageError(
            f"{name} is a time, got {shown(value)}; write it as 2024, 2024-05, 2024-05-17"
        )
    if isinstance(value, str):
        text = value.strip()
        if text.lower() == NOW:
            return NOW, NOW
        if stretch := _stretch(text, name):
            return stretch
    start = parse_when(value, name=name)
    whole_day = isinstance(value, date) and not isinstance(value, datetime)
    return stamp(start), _after(start, timedelta(days=1) if whole_day else _INSTANT)


def _stretch(text: str, name: str) -> tuple[str, str] | None:
    if found := _QUARTER.match(text):
        year, first = int(found[1]), 3 * int(found[2]) - 2
        return _from_to(name, text, (year, first, 1), 3)
    if not (found := _MONTH.match(text)):
        return None
    parts = [int(part) for part in found.groups() if part]
    months = {1: 12, 2: 1, 3: 0}[len(parts)]
    one, two, three = (*parts, 1, 1)[:3]
    return _from_to(name, text, (one, two, three), months)


def _from_to(name: str, text: str, begin: tuple[int, int, int], months: int) -> tuple[str, str]:
    """The range of so many months from a day on; of zero months: that day."""
    try:
        start = datetime(*begin, tzinfo=UTC)
    except ValueError as error:
        raise UsageError(f"{name}: {shown(text)} is not a date ({error})") from error
    days = 1
    if months:
        days = sum(calendar.monthrange(start.year, start.month + step)[1] for step in range(months))
    return stamp(start), _after(start, timedelta(days=days))


def _after(start: datetime, length: timedelta) -> str:
    try:
        return stamp(start + length)
    except OverflowError:
        return stamp(LAST_MOMENT)


def time_words(test: Test) -> tuple[str, ...]:
    """The times in words (``last week``) that a test compares with; no store knows them: see
    :func:`in_dates`."""
    if test.field != "holding" and not any(
        field.holds == "time" for fields in FIELDS.values() if (field := fields.get(test.field))
    ):
        return ()
    texts = (value for value in test.values if isinstance(value, str))
    return tuple(text for text in texts if text != NOW and not _STORED.match(text))


def in_dates(test: Test, begin: datetime | None, end: datetime | None) -> Where:
    """The tests that a test with one time in words stands for, which is from ``begin`` until before
    ``end``; None where it is open."""
    first, last = (None if at is None else stamp(at) for at in (begin, end))
    if test.field == "holding":
        begun = FALSE if last is None else Test("begins_at", "gte", (last,))
        over = FALSE if first is None else Test("ended_at", "lte", (first,))
        return all_of([none_of(begun), none_of(over)])
    from_begin = TRUE if first is None else Test(test.field, "gte", (first,))
    to_end = TRUE if last is None else Test(test.field, "lt", (last,))
    if test.op == "in":
        return all_of([from_begin, to_end])
    edge = first if test.op in {"lt", "gte"} else last
    if edge is None:
        raise UsageError(f"{test.field}: a time that is open on that side has no place in an order")
    return Test(test.field, "lt" if test.op in {"lt", "lte"} else "gte", (edge,))


def _words_of(value: RawValue) -> str | None:
    """A time in words, if it is one."""
    if not isinstance(value, str) or not _IN_WORDS.match(text := " ".join(value.split())):
        return None
    return text


def _in_time(name: str, sign: Sign, value: RawValue) -> Where:
    """A stretch of time is before, in or after another as a whole: ``> 2024-05`` is from June."""
    if (text := _words_of(value)) is not None:
        return Test(name, _ORDER.get(sign, "in"), (text,))
    begin, end = time_range(value, name)
    if begin == NOW:
        op = _ORDER.get(sign)
        if op is None:
            raise UsageError(f"{name}: compare with now by <, <=, > or >=")
        return Test(name, op, (NOW,))
    if end == _after(unstamp(begin), _INSTANT):
        return Test(name, _ORDER.get(sign, "in"), (begin,))
    from_begin, to_end = Test(name, "gte", (begin,)), Test(name, "lt", (end,))
    if sign in {"=", "in"}:
        return all_of([from_begin, to_end])
    return {
        "<": Test(name, "lt", (begin,)),
        "<=": to_end,
        ">": Test(name, "gte", (end,)),
        ">=": from_begin,
    }[sign]


def _holding(value: RawValue) -> Where:
    """Begun before the end of that time and not ended by its beginning; what nobody knows the
    beginning of has begun."""
    if (text := _words_of(value)) is not None:
        return Test("holding", "in", (text,))
    begin, end = time_range(value, "holding")
    begun = Test("begins_at", "gt", (NOW,)) if begin == NOW else Test("begins_at", "gte", (end,))
    return all_of([none_of(begun), none_of(Test("ended_at", "lte", (begin,)))])
