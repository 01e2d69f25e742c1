"""Dates as models write them, ISO 8601 or not."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from graphmem.clock import Date, Precision, parse_date
from graphmem.errors import UsageError

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = r"(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>\d{4})"
_FORMS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"{_YEAR}(?:[-/.](?P<month_number>\d{{1,2}}))?(?:[-/.](?P<day>\d{{1,2}}))?",
        rf"{_YEAR}[- ]?Q(?P<quarter>[1-4])",
        rf"Q(?P<quarter>[1-4])[- ,]*{_YEAR}",
        rf"{_MONTH},?\s+{_YEAR}",
        rf"{_DAY}(?:\s+of)?\s+{_MONTH},?\s+{_YEAR}",
        rf"{_MONTH}\s+{_DAY},?\s+{_YEAR}",
        rf"{_DAY}\.\s*(?P<month_number>\d{{1,2}})\.\s*{_YEAR}",
    )
)
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_ISO_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})[T ][\d:.]*Z?$")
_ABOUT = re.compile(
    r"^(?:circa|ca\.?|c\.|about|around|approx(?:imately|\.)?|since|in|on|~)\s*", re.I
)
_NOTE = re.compile(r"(?<!\s)\s*\(.*\)$")
_WEEKDAY = re.compile(r"^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s+", re.IGNORECASE)


def read_date(text: str) -> Date | None:
    """The day, month, year or instant that ``text`` names, of a quarter the first month; None for
    what is impossible (30 February), relative ("last spring") or could be two days (05/06/2024)."""
    text = _WEEKDAY.sub("", _ABOUT.sub("", _NOTE.sub("", text.strip())))
    for form in _FORMS:
        if found := form.fullmatch(text):
            return _first(*_numbers(found.groupdict()))
    if found := _SLASHED.fullmatch(text):
        first, second, year = (int(part) for part in found.groups())
        # Which of them is the month depends on the country, unless one of them cannot be one.
        if first != second and first <= 12 and second <= 12:
            return None
        return _first(year, min(first, second), max(first, second))
    try:
        return parse_date(text)
    except UsageError:
        day = _ISO_DAY.match(text)
        return _first(*(int(part) for part in day[1].split("-"))) if day else None


def _numbers(parts: dict[str, str | None]) -> tuple[int, int | None, int | None]:
    number = parts.get("month_number")
    month = None if number is None else int(number)
    if name := parts.get("month"):
        month = _MONTHS.index(name[:3].lower()) + 1
    elif quarter := parts.get("quarter"):
        month = int(quarter) * 3 - 2
    day = parts.get("day")
    return int(parts["year"] or 0), month, None if day is None else int(day)


def _first(year: int, month: int | None = None, day: int | None = None) -> Date | None:
    precision: Precision = "day" if day is not None else "year" if month is None else "month"
    try:
        at = datetime(year, 1 if month is None else month, 1 if day is None else day, tzinfo=UTC)
    except ValueError:
        return None
    return Date(at, precision)
