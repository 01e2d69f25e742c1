"""Days, months and years as moments with their precision, in UTC."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta

from graphmem.clock import MONTHS, Date, Precision


def first_of(year: int, month: int, precision: Precision) -> Date:
    return Date(datetime(max(year, 1), month, 1, tzinfo=UTC), precision)


def on_day(at: datetime) -> Date:
    return Date(at, "day")


def week_of(monday: datetime) -> tuple[Date, str]:
    return Date(monday, "week"), f"in the week of {monday.date()}"


def midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def day_of(year: int, month: int, day: str | int) -> tuple[Date, str] | None:
    number = int(re.sub(r"\D", "", str(day)))
    try:
        at = datetime(year, month, number, tzinfo=UTC)
    except ValueError:
        return None
    return on_day(at), f"on {at.date()}"


def day_without_month(day: str, stated_at: datetime, ahead: int) -> tuple[Date, str] | None:
    """The 24th: the latest that there was, or the next."""
    this = day_of(stated_at.year, stated_at.month, day)
    if this is not None and not ahead and this[0].at <= stated_at:
        return this
    if this is not None and ahead and this[0].at > stated_at:
        return this
    month, step = stated_at.year * 12 + stated_at.month - 1, 1 if ahead else -1
    months = (month + step, month + 2 * step)  # of two months in a row one has 31 days
    found = (day_of(one // 12, one % 12 + 1, day) for one in months)
    return next((one for one in found if one is not None), None)


def end_of_month(year: int, month: int) -> tuple[Date, str]:
    """The last day of a month."""
    at = datetime(year, month, monthrange(year, month)[1], tzinfo=UTC)
    return on_day(at), f"at the end of {MONTHS[month - 1].title()} {year}"


def end_of_span(span: str, stated_at: datetime) -> tuple[Date, str] | None:
    """The last day of "the week", "this month", "next year", "last month"; weeks end on Sunday."""
    which, _, unit = span.rpartition(" ")
    step = {"next": 1, "last": -1}.get(which.strip(), 0)
    if unit == "week":
        return later_day(stated_at, 6 - stated_at.weekday() + 7 * step)
    if unit == "year":
        year = stated_at.year + step
        return end_of_month(year, 12) if MINYEAR <= year <= MAXYEAR else None
    year, month = divmod(stated_at.year * 12 + stated_at.month - 1 + step, 12)
    return end_of_month(year, month + 1) if MINYEAR <= year <= MAXYEAR else None


def in_a_while(count: int, unit: str, stated_at: datetime) -> tuple[Date, str] | None:
    """In how many days, weeks, months or years; None past the end of the calendar."""
    if unit in {"month", "year"}:
        months = stated_at.year * 12 + stated_at.month - 1 + count * (12 if unit == "year" else 1)
        year, month = divmod(months, 12)
        return month_of(year, month + 1) if year <= MAXYEAR else None
    return later_day(stated_at, count * (7 if unit == "week" else 1))


def later_day(moment: datetime, days: int) -> tuple[Date, str] | None:
    try:
        at = midnight(moment) + timedelta(days=days)
    except OverflowError:
        return None
    return on_day(at), f"on {at.date()}"


def latest_day(month: int, day: str, stated_at: datetime) -> tuple[Date, str] | None:
    """A day without its year: the latest one that is not after it was said."""
    this_year = day_of(stated_at.year, month, day)
    if this_year is None or this_year[0].at <= stated_at:
        return this_year
    return day_of(stated_at.year - 1, month, day)


def month_of(year: int, month: int) -> tuple[Date, str]:
    return first_of(year, month, "month"), f"in {MONTHS[month - 1].title()} {year}"


def days_back(moment: datetime, days: int) -> datetime:
    try:
        return midnight(moment) - timedelta(days=days)
    except OverflowError:
        return datetime(1, 1, 1, tzinfo=UTC)


def months_back(moment: datetime, months: int) -> tuple[Date, str]:
    year, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    return month_of(max(year, 1), month + 1)


def day_of_numbers(parts: str, sign: str) -> tuple[Date, str] | None:
    """``31.12.2023`` is day and month; ``31/12/2023`` and ``12/31/2023`` are what only one of them
    can be, and ``04/03/2023`` is vague: around the earlier of the two days."""
    one, two, year = (int(part) for part in parts.split(sign))
    days = [day_of(year, two, one), None if sign == "." else day_of(year, one, two)]
    found = sorted({day for day in days if day is not None})
    if len(found) < 2:
        return found[0] if found else None
    return found[0][0], f"around {found[0][0].at.date()}"


_HAPPENED = (
    r"(?:(?!(?:book|plann?|schedul|suppos|expect|invit|need|want|hop|excit|hundr|nak)ed\b)"
    r"[a-z]{2,}(?<!e)ed|left|got|sold|bought|broke|split|lost|met|quit|took|gave|began|came|flew|"
    r"went|was|were|had|saw|told|became|won|fell|ran|drove)"
)
_BEFORE_DAY = re.compile(
    rf"\b{_HAPPENED}\b(?P<rest>(?:(?!\b{_HAPPENED}\b)[^.;!?])*)$", re.IGNORECASE
)
_AFTER_DAY = re.compile(rf"^[\s,]*(?P<rest>(?:\w+\s+){{1,3}}?){_HAPPENED}\b", re.IGNORECASE)
_INTENDED = re.compile(
    r"\bto\s+(?!the\b|an?\b|my\b|h(?:is|er)\b|our\b|their\b|[A-Z])[a-z]+|'[sm]\b|'re\b|"
    r"\b(?:that|if|for|wh[a-z]+|how|and|but|so|because|due|can|could|would|should|must|is|are|am|[a-z]+ing)\b"
)


def just_gone(before: str, after: str) -> bool:
    """Whether what is told of a weekday has happened: "Rex died on Friday", "On Friday Eva left",
    but not "I asked whether we meet on Friday"."""
    verb = _BEFORE_DAY.search(before) if before.strip() else _AFTER_DAY.search(after)
    return verb is not None and _INTENDED.search(verb["rest"]) is None
