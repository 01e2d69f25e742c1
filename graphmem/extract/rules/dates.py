"""Phrases of time in a sentence, resolved against the moment it was said.

A vague phrase means its earliest instant in UTC, with its precision: "in May" is the month that
begins with the first of May, "last week" the week from its Monday, "four years ago" the year that
begins with its first of January; a season is its first month. A month or season without a year is
the latest one that has begun. Nothing is resolved against today.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from graphmem.clock import MONTHS, Date, Precision
from graphmem.extract.rules.moments import (
    day_of,
    day_of_numbers,
    day_without_month,
    days_back,
    end_of_month,
    end_of_span,
    first_of,
    in_a_while,
    just_gone,
    later_day,
    latest_day,
    month_of,
    months_back,
    on_day,
    week_of,
)
from graphmem.extract.rules.word_lists import NUMBERS, SEASONS, WEEKDAYS

_MONTH_NAMES = {name: number for number, name in enumerate(MONTHS, 1)}
_MONTH_NAMES |= {name[:3]: number for name, number in _MONTH_NAMES.items()} | {"sept": 9}
_MONTH = r"(?:" + "|".join(sorted(_MONTH_NAMES, key=len, reverse=True)) + r")\b\.?"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?"
_YEAR = r"(?:1[89]|20)\d\d"
_NUMBER = r"(?:\d{1,3}|" + "|".join(sorted(NUMBERS, key=len, reverse=True)) + r")"
_UNIT = r"(?:day|week|weekend|month|year)"
_WEEKDAY = r"(?:" + "|".join(WEEKDAYS) + r")"
_SHORT_DAYS = {name[:3]: index for index, name in enumerate(WEEKDAYS)} | {
    "tues": 1,
    "thur": 3,
    "thurs": 3,
}
_SHORT_DAY = r"(?:" + "|".join(_SHORT_DAYS) + r")\b"
_SEASON = r"(?:" + "|".join(SEASONS) + r")"

_PHRASES = re.compile(
    r"\b(?:(?P<lead>since|in|on|from|during|back in|early in|late in|around|until|till|to)\s+)?(?:"
    rf"(?P<iso>{_YEAR}-\d\d-\d\d)\b"
    rf"|(?P<numeric>\d{{1,2}}(?P<sign>[/.])\d{{1,2}}(?P=sign){_YEAR})\b"
    rf"|(?:the\s+)?(?P<d1>{_DAY})(?:\s+of)?\s+(?P<m1>{_MONTH}),?\s+(?P<y1>{_YEAR})\b"
    rf"|(?P<m2>{_MONTH})\s+(?P<d2>{_DAY}),?\s+(?P<y2>{_YEAR})\b"
    rf"|(?:the\s+)?(?P<d3>{_DAY})(?:\s+of)?\s+(?P<m3>{_MONTH})(?=\W|$)(?!,?\s+{_YEAR}\b)"
    rf"|(?P<m4>{_MONTH})\s+(?P<d4>{_DAY})\b(?!\s*[:%])"
    rf"|(?P<m5>{_MONTH}),?\s+(?:of\s+)?(?P<y5>{_YEAR})\b"
    rf"|(?:(?P<rel>last|this|next|past)\s+)?(?P<s6>{_SEASON})(?:\s+of)?\s+(?P<y6>{_YEAR})\b"
    rf"|(?:the\s+)?(?P<which>last|this|next|past|coming|previous)\s+"
    rf"(?P<what>{_UNIT}|{_WEEKDAY}|{_SHORT_DAY}|{_SEASON}|{_MONTH}|night|morning|afternoon|evening)\b"
    rf"|(?:about|around|over|almost|nearly|exactly|like|just)?\s*(?:a\s+)?(?P<n>{_NUMBER})\s+(?:of\s+)?"
    rf"(?P<unit>{_UNIT})s?\s+(?:ago|back)\b"
    r"|(?P<plain>the day before yesterday|yesterday|today|tonight|tomorrow|last night)\b"
    rf"|(?:the\s+)?end\s+of\s+(?P<m9>{_MONTH})(?=\W|$)(?!,?\s+{_YEAR}\b)"
    r"|(?:the\s+)?end\s+of\s+(?:the\s+)?(?P<whole>(?:this\s+|next\s+|last\s+)?(?:week|month|year))\b"
    r"|the\s+(?P<d9>(?:[12]?\d|3[01])(?:st|nd|rd|th))(?=\s*(?:$|[.,;:!?)]|(?:and|so|but|as|at|to|for|with|btw|now)\b))"
    rf"|(?P<m7>{_MONTH})(?=\W|$)"
    rf"|(?P<wd>{_WEEKDAY})(?=\W|$)"
    rf"|(?P<y8>{_YEAR})\b"
    r")",
    re.IGNORECASE,
)
_IN = re.compile(
    rf"\bin\s+(?:about\s+|around\s+)?(?P<n>an?|{_NUMBER})\s+(?:of\s+)?"
    r"(?P<unit>day|week|month|year)s?\b(?!\s+(?:ago|back)\b)(?:['\u2019]?s?['\u2019]?\s+time\b)?",
    re.IGNORECASE,
)
_FOR = re.compile(
    rf"\bfor\s+(?:about|around|over|almost|nearly|the\s+(?:past|last))?\s*(?:a\s+)?"
    rf"(?P<n>{_NUMBER})\s+(?:of\s+)?(?P<unit>{_UNIT})s?\b(?:\s+now)?"
    rf"|\b(?P<n1>{_NUMBER})\s+(?P<unit1>(?:week|month|year))s?\s+now\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class TimeExpression:
    """A phrase of time: where it stands, the instant it begins, and how to write it down."""

    start: int
    end: int
    at: datetime | None
    """None for a time that is known to be a time, but not which."""
    text: str = ""
    lead: str = ""
    """The preposition in front: "since", "until", "in" …"""
    lasting: bool = False
    """As in "for four years": ``at`` is when that began."""
    future: bool = False
    precision: Precision = "instant"

    @property
    def date(self) -> Date | None:
        return None if self.at is None else Date(self.at, self.precision)


def find_dates(text: str, stated_at: datetime) -> list[TimeExpression]:
    """Every phrase of time, in order. ``said_at`` is when the sentence was said. After a verb that
    looks forward ("I start on 3 Feb") a day or month without its year is the next such."""
    ahead = _AHEAD.search(text)
    found = [*_dated(text, stated_at, ahead.end() if ahead else None), *_lasting(text, stated_at)]
    if ahead is not None:
        found += _to_come(text, ahead.end(), stated_at)
    return sorted(found, key=lambda when: when.start)


MAYBE_DATED = re.compile(
    rf"\d{{4}}|\d\d?(?:st|nd|rd|th)|\b(?:{_MONTH}|{_WEEKDAY}|{_SEASON}|{_UNIT}s?|today|tonight|"
    r"yesterday|tomorrow|last|this|next|past)\b",
    re.IGNORECASE,
)
"""Without one of these a text has no phrase of time."""


_AHEAD = re.compile(
    r"\b(?:starts?|begins?|starting|due|deadlines?|will|going\s+to|last\s+day(?!\s+was)|joins|joining|"
    r"moves|moving|leaves|leaving|quits|quitting|retires|retiring|launches|go-live)\b|'ll\b",
    re.IGNORECASE,
)
"""After one of these, a day is to come."""
_PASTLY = re.compile(
    r"\b(?:was|were|had|been|did|used|went|since|[a-z]+ed|ran|had|spent)\b", re.IGNORECASE
)


def _dated(text: str, stated_at: datetime, ahead: int | None) -> Iterator[TimeExpression]:
    past = ahead is None and _PASTLY.search(text) is not None
    for match in _PHRASES.finditer(text):
        led = (match["lead"] or "").lower() in {"from", "until", "till"} and not past
        if match["d9"] and not match["lead"] and (ahead is None or match.start() < ahead):
            continue
        resolved = _resolve(match, stated_at)
        if resolved is not None and (led if ahead is None else match.start() >= ahead):
            resolved = _ahead(match, resolved, stated_at)
        elif (
            resolved == _UNKNOWN
            and match["wd"]
            and (
                (match["lead"] or "").lower() == "since"
                or just_gone(text[: match.start()], text[match.end() :])
            )
        ):
            resolved = _weekday(WEEKDAYS.index(match["wd"].lower()), True, stated_at)
        if resolved is None:
            continue
        date, words = resolved
        start, end = match.span()
        start += len(match.group()) - len(match.group().lstrip())
        if date is None:
            yield TimeExpression(start, end, None, future=words == "future")
        else:
            lead = (match["lead"] or "").lower()
            yield TimeExpression(
                start, end, date.at, words, lead, False, date.at > stated_at, date.precision
            )


def _to_come(text: str, after: int, stated_at: datetime) -> Iterator[TimeExpression]:
    """ "In two weeks", after a verb that looks forward."""
    for match in _IN.finditer(text, after):
        number = match["n"].lower()
        count = NUMBERS.get(number) or (int(number) if number.isdigit() else 1)
        date, words = in_a_while(count, match["unit"].lower(), stated_at) or _FUTURE
        at, precision = date or (None, "instant")
        yield TimeExpression(
            match.start(), match.end(), at, words, future=True, precision=precision
        )


def _lasting(text: str, stated_at: datetime) -> Iterator[TimeExpression]:
    for match in _FOR.finditer(text):
        date, _ = _ago(match["n"] or match["n1"], match["unit"] or match["unit1"], stated_at)
        at, precision = date or (None, "instant")
        yield TimeExpression(match.start(), match.end(), at, lasting=True, precision=precision)


def _ahead(  # noqa: PLR0911 - one return for each form of a date
    match: re.Match[str], resolved: tuple[Date | None, str], stated_at: datetime
) -> tuple[Date | None, str]:
    """A day or month without its year, as the next one after it was said."""
    date = resolved[0]
    if match["whole"]:
        return end_of_span(match["whole"].lower(), stated_at) or _FUTURE
    if date is not None and match["d9"]:
        return (
            resolved
            if date.end > stated_at
            else day_without_month(match["d9"], stated_at, 1) or resolved
        )
    if match["wd"]:
        return _next_weekday(match["wd"].lower(), stated_at) or resolved
    yearless = match["m3"] or match["m4"] or match["m7"] or match["m9"]
    if date is None or not yearless or date.end > stated_at or match["lead"] == "since":
        return resolved
    if match["m9"]:
        return end_of_month(date.at.year + 1, date.at.month)
    if match["m7"]:
        return month_of(date.at.year + 1, date.at.month)
    return day_of(date.at.year + 1, date.at.month, date.at.day) or resolved


_UNKNOWN = (None, "unknown")
_FUTURE = (None, "future")
_OF_MONTHS = frozenset({"in", "since", "until", "till", "from", "by"})
"""Before these a month is one in small letters, too: "in may"."""
_SHORT = 3
"""Letters: "on sun" may be no day."""


def _next_weekday(name: str, stated_at: datetime) -> tuple[Date | None, str] | None:
    """The first such day after today."""
    name = name.rstrip(".")
    index = WEEKDAYS.index(name) if name in WEEKDAYS else _SHORT_DAYS.get(name)
    days = 0 if index is None else (index - stated_at.weekday() - 1) % 7 + 1
    return later_day(stated_at, days) if days else None


def _next(what: str, stated_at: datetime) -> tuple[Date | None, str]:
    """ "Next Monday", "next month": from when; None where it is not plain which."""
    if (day := _next_weekday(what, stated_at)) is not None:
        return day
    if what == "week":
        monday = later_day(stated_at, 7 - stated_at.weekday())
        return week_of(monday[0].at) if monday else _FUTURE
    if what == "month" and stated_at.year < _LAST_YEAR:
        return month_of(stated_at.year + stated_at.month // 12, stated_at.month % 12 + 1)
    if what == "year" and stated_at.year < _LAST_YEAR:
        return first_of(stated_at.year + 1, 1, "year"), f"in {stated_at.year + 1}"
    if what in _MONTH_NAMES and stated_at.year < _LAST_YEAR:
        month = _MONTH_NAMES[what]
        return month_of(stated_at.year + (month <= stated_at.month), month)
    return None, "future"


_LAST_YEAR = 9999


def _resolve(  # noqa: PLR0911, PLR0912 - one return for each form of a date
    match: re.Match[str], stated_at: datetime
) -> tuple[Date | None, str] | None:
    """(date, words for it); (None, …) for an unknown time; None when it is no time at all."""
    group = match.groupdict()
    if group["iso"]:
        return day_of(*(int(part) for part in group["iso"].split("-"))) or _UNKNOWN
    if group["numeric"]:
        return day_of_numbers(group["numeric"], group["sign"]) or _UNKNOWN
    for index in "12":
        if group[f"m{index}"]:
            return day_of(int(group[f"y{index}"]), _month(group[f"m{index}"]), group[f"d{index}"])
    for index in "34":
        if group[f"m{index}"]:
            if group[f"m{index}"] == "may" and not group["lead"]:
                return None
            return latest_day(_month(group[f"m{index}"]), group[f"d{index}"], stated_at)
    if group["m9"]:
        number = _month(group["m9"])
        return end_of_month(stated_at.year - (number > stated_at.month), number)
    if group["whole"]:
        plain = group["whole"].lower().startswith(("last", "next", "this"))
        return (end_of_span(group["whole"].lower(), stated_at) if plain else None) or _UNKNOWN
    if group["d9"]:
        return day_without_month(group["d9"], stated_at, 0)
    if group["m5"]:
        return month_of(int(group["y5"]), _month(group["m5"]))
    if group["s6"]:
        month = SEASONS[group["s6"].lower()]
        return first_of(int(group["y6"]), month, "month"), f"in {group['s6'].lower()} {group['y6']}"
    if group["which"]:
        return _which(group["which"].lower(), group["what"].lower().rstrip("."), stated_at)
    if group["n"]:
        return _ago(group["n"], group["unit"], stated_at)
    if group["plain"]:
        return _plain(group["plain"].lower(), stated_at)
    return _bare(group, stated_at)


def _bare(group: dict[str, str | None], stated_at: datetime) -> tuple[Date | None, str] | None:
    """A month, weekday or year on its own: a time only after a word such as "in" or "since"."""
    lead = (group["lead"] or "").lower()
    month, weekday, year = group["m7"], group["wd"], group["y8"]
    if month:
        if not lead or lead == "on" or (month.islower() and lead not in _OF_MONTHS):
            return None
        number = _month(month)
        return month_of(stated_at.year - (number > stated_at.month), number)
    if weekday:
        if weekday.islower() and (not lead or len(weekday) <= _SHORT):
            return None
        # "on Friday" may be the one before or the one to come
        return _UNKNOWN
    if year and lead and lead != "on":
        return first_of(int(year), 1, "year"), f"in {year}"
    return None


def _month(name: str) -> int:
    return _MONTH_NAMES[name.lower().rstrip(".")]


def _plain(word: str, stated_at: datetime) -> tuple[Date | None, str]:
    if word == "tomorrow":
        return later_day(stated_at, 1) or _FUTURE
    days = {"yesterday": 1, "last night": 1, "the day before yesterday": 2}.get(word, 0)
    at = days_back(stated_at, days)
    return on_day(at), f"on {at.date()}"


def _ago(number: str, unit: str, stated_at: datetime) -> tuple[Date | None, str]:
    count = int(number) if number.isdigit() else NUMBERS[number.lower()]
    unit = unit.lower()
    if unit == "year":
        year = first_of(stated_at.year - count, 1, "year")
        return year, f"in {year.at.year}"
    if unit == "month":
        return months_back(stated_at, count)
    if unit == "weekend":
        at = days_back(stated_at, (stated_at.weekday() - 5) % 7 + 7 * (count - 1))
        return on_day(at), f"on the weekend of {at.date()}"
    at = days_back(stated_at, count * (7 if unit == "week" else 1))
    # "a few weeks ago" is no exact day, and the sentence must not claim one
    about = "around" if number.lower() in {"few", "couple"} else "on"
    return on_day(at), f"{about} {at.date()}"


def _which(  # noqa: PLR0911 - as above
    which: str, what: str, stated_at: datetime
) -> tuple[Date | None, str] | None:
    if which in {"next", "coming"}:
        return _next(what, stated_at)
    last = which != "this"
    if what in {"night", "morning", "afternoon", "evening"}:
        at = days_back(stated_at, 1 if last else 0)
        return on_day(at), f"on {at.date()}"
    if what in WEEKDAYS:
        return _weekday(WEEKDAYS.index(what), last, stated_at)
    if what in _SHORT_DAYS:
        return _weekday(_SHORT_DAYS[what], last, stated_at)
    if what in SEASONS:
        return _season(what, last, stated_at)
    if what in _MONTH_NAMES:
        month = _MONTH_NAMES[what]
        passed = month < stated_at.month or (month == stated_at.month and not last)
        return (
            month_of(stated_at.year - (not passed), month) if last or passed else (None, "future")
        )
    return _unit(what, last, stated_at)


def _weekday(index: int, last: bool, stated_at: datetime) -> tuple[Date | None, str]:
    """The last Friday is the latest one before today; this Friday may be to come."""
    if not last:
        return None, "unknown"
    at = days_back(stated_at, (stated_at.weekday() - index - 1) % 7 + 1)
    return on_day(at), f"on {at.date()}"


def _season(name: str, last: bool, stated_at: datetime) -> tuple[Date, str]:
    month = SEASONS[name]
    # the last summer is one that has ended, or at least begun and is not called "this"
    year = stated_at.year - (stated_at.month < month + (3 if last else 0))
    if name == "winter":
        year = stated_at.year - 1
    return first_of(year, month, "month"), f"in {name} {year}"


def _unit(  # noqa: PLR0911 - as above
    what: str, last: bool, stated_at: datetime
) -> tuple[Date | None, str] | None:
    back = 1 if last else 0
    if what == "year":
        return first_of(stated_at.year - back, 1, "year"), f"in {stated_at.year - back}"
    if what == "month":
        return months_back(stated_at, back)
    if what == "week":
        at = days_back(stated_at, stated_at.weekday() + 7 * back)
        return week_of(at)
    if what == "weekend":
        if not last:
            return None, "unknown"
        at = days_back(stated_at, (stated_at.weekday() - 5) % 7 or 7)
        at = at if stated_at.weekday() != 6 else days_back(stated_at, 8)
        return on_day(at), f"on the weekend of {at.date()}"
    if what == "day":
        return None, "unknown"
    return None
