"""Time and new ids, injected everywhere so that tests never sleep and never guess.

Inside graphmem a time is a timezone-aware UTC ``datetime``. Stored, it is text of fixed width,
``2026-11-21T10:50:00.000000Z``, which sorts alike in SQL, Cypher and Qdrant.
"""

from __future__ import annotations

import os
import re
import threading
import time
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple, Protocol, TypeAlias

from graphmem.errors import UsageError, shown

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST_MOMENT = datetime.max.replace(tzinfo=UTC)
MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
SHORT_MONTHS = tuple(name[:3] for name in MONTHS)

Precision: TypeAlias = Literal["year", "month", "week", "day", "instant"]
"""How exact a date is; the moment stored beside it is the first of that time."""

_COARSEST_FIRST: tuple[Precision, ...] = ("year", "month", "week", "day", "instant")
_ISO_FORMS: tuple[tuple[Precision, re.Pattern[str]], ...] = (
    ("year", re.compile(r"\d{4}", re.ASCII)),
    ("month", re.compile(r"\d{4}-\d\d", re.ASCII)),
    ("week", re.compile(r"\d{4}-?W\d\d", re.ASCII)),
    ("day", re.compile(r"\d{4}-?\d\d-?\d\d|\d{4}-?W\d\d-?\d", re.ASCII)),
)
_ISO_LENGTH: dict[Precision, int] = {"year": 4, "month": 7, "day": 10}


class Date(NamedTuple):
    """A moment with its precision: ``2024-05`` is the first instant of that month, as a month."""

    at: datetime
    precision: Precision

    @property
    def end(self) -> datetime:
        """The end of the time that it stands for."""
        return period_end(self.at, self.precision)

    @property
    def over(self) -> Date:
        """When that time is over: the midnight after it, exact to the day."""
        return Date(self.end, "instant" if self.precision == "instant" else "day")

    def iso(self) -> str:
        """As :func:`parse_date` reads it again: ``2024``, ``2024-05``, ``2024-W18``,
        ``2024-05-01``, or the stored form of an instant."""
        if self.precision == "week":
            year, week, _ = self.at.isocalendar()
            return f"{year:04}-W{week:02}"
        return stamp(self.at)[: _ISO_LENGTH.get(self.precision)]


def month_number(name: str) -> int:
    """Which month begins with the same three letters, from 1; ValueError where none does."""
    return SHORT_MONTHS.index(name[:3].lower()) + 1


@lru_cache(maxsize=8192)  # a load stamps a few times an item, each in several stages
def stamp(moment: datetime) -> str:
    """Stored form of a time: UTC, microseconds, fixed width."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="microseconds")[:-6] + "Z"


def unstamp(text: str) -> datetime:
    """The time that :func:`stamp` wrote."""
    return datetime.fromisoformat(text)


@lru_cache(maxsize=8192)
def stamp_or_none(moment: datetime | None) -> str | None:
    return None if moment is None else stamp(moment)


@lru_cache(maxsize=8192)  # what is read together was often stored together
def unstamp_or_none(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def parse_date(value: datetime | date | str, *, name: str = "time") -> Date:
    """A user's idea of a date: the moment in UTC, and how exact it was given.

    Takes a ``datetime`` (an instant), a ``date`` (a day) or ISO 8601 text, also a month, a week or
    a year alone (``2024-05``, ``2024-W18``, ``2024``): of a span of time its first instant. What
    has no zone is taken as UTC. Anything else is a :class:`UsageError` that names the argument.
    """
    precision: Precision = "instant"
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        moment, precision = datetime(value.year, value.month, value.day), "day"
    elif isinstance(value, str):
        text = value.strip()
        precision = next((known for known, form in _ISO_FORMS if form.fullmatch(text)), "instant")
        coarse = precision in {"year", "month"}
        try:
            moment = datetime.fromisoformat(f"{text}-01-01"[:10] if coarse else text)
        except ValueError as error:
            raise UsageError(
                f"{name}: {shown(value)} is not a date; write ISO 8601, as in 2026-11, 2026-11-21 "
                "or 2026-11-21T10:50:00+01:00 (UTC when no zone is given)"
            ) from error
    else:
        raise UsageError(
            f"{name}: expected a datetime, a date or ISO 8601 text, got {type(value).__name__}"
        )
    if moment != moment:  # noqa: PLR0124 - a table's NaT, the only time that is not itself
        raise UsageError(f"{name}: {shown(value)} is no time; leave the argument out")
    if moment.tzinfo is None:
        return Date(moment.replace(tzinfo=UTC), precision)
    try:
        return Date(moment.astimezone(UTC), precision)
    except OverflowError as error:
        raise UsageError(f"{name}: {shown(value)} is outside the years 1 to 9999 in UTC") from error


def parse_date_or_none(value: datetime | date | str | None, *, name: str = "time") -> Date | None:
    return None if value is None else parse_date(value, name=name)


def parse_when(value: datetime | date | str, *, name: str = "time") -> datetime:
    """The moment of :func:`parse_date`, where nothing depends on how exact it is."""
    return parse_date(value, name=name).at


def parse_when_or_none(
    value: datetime | date | str | None, *, name: str = "time"
) -> datetime | None:
    return None if value is None else parse_when(value, name=name)


_PERIOD = re.compile(r"(\d{1,6}) *(m|h|d|w|y|minute|hour|day|week|year)s?")
_UNITS_S = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400, "y": 365 * 86_400}


def parse_duration(value: timedelta | str, *, name: str) -> timedelta:
    """A user's idea of a length of time: a ``timedelta``, or a number of minutes, hours, days,
    weeks or years (of 365 days), as in ``90d`` or ``90 days``. Anything else, and 1,000 years or
    more, is a :class:`UsageError` that names the argument."""
    found = value if isinstance(value, timedelta) else None
    if isinstance(value, str) and (read := _PERIOD.fullmatch(value.strip().lower())):
        found = timedelta(seconds=int(read[1]) * _UNITS_S[read[2][0]])
    if found is None or not timedelta() <= found < timedelta(days=365_000):
        raise UsageError(
            f"{name} is a number of minutes, hours, days, weeks or years (90d, 12 hours) or a "
            f"timedelta, not negative and shorter than 1,000 years, got {shown(value)}"
        )
    return found


def period_end(moment: datetime, precision: Precision | None) -> datetime:
    """The end of the time that a date stands for, half-open; an instant stands for itself."""
    try:
        if precision == "year":
            return moment.replace(year=moment.year + 1)
        if precision == "month":
            month = moment.month % 12 + 1
            return moment.replace(month=month, year=moment.year + (month == 1))
        if precision == "week":
            return moment + timedelta(days=7)
        return moment + timedelta(days=1) if precision == "day" else moment
    except (ValueError, OverflowError):  # the calendar ends with the year 9999
        return moment


def refines(fine: Date, coarse: Date) -> bool:
    """Whether ``fine`` is a more exact form of the date ``coarse``."""
    finer = _COARSEST_FIRST.index(fine.precision) > _COARSEST_FIRST.index(coarse.precision)
    return finer and coarse.at <= fine.at < coarse.end


def same_date(one: Date, other: Date) -> bool:
    """Whether the two are one date, or one is a more exact form of the other."""
    return one == other or refines(one, other) or refines(other, one)


class Clock(Protocol):
    """What time it is, and the next new id. Both only ever grow."""

    def now(self) -> datetime:
        """UTC now. Two calls never return the same instant in one process."""
        ...

    def new_id(self) -> str:
        """A new UUID version 7 (RFC 9562 section 5.7) as text: sorts by time of creation."""
        ...


class SystemClock:
    """The machine's clock, made strictly monotonic within this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last_us = 0

    def _tick(self) -> int:
        with self._lock:
            now, last = time.time_ns() // 1000, self._last_us
            self._last_us = now if now > last else last + 1
            return self._last_us

    def now(self) -> datetime:
        return _EPOCH + timedelta(microseconds=self._tick())

    def new_id(self) -> str:
        return uuid7(self._tick(), os.urandom(8))


class ManualClock:
    """A clock for tests and replays: starts where told, moves only when told (or 1 µs a call)."""

    def __init__(self, start: datetime | str = "2026-01-01T00:00:00Z") -> None:
        self._moment = parse_when(start)
        self._count = 0

    def now(self) -> datetime:
        self._moment += timedelta(microseconds=1)
        return self._moment

    def new_id(self) -> str:
        self._count += 1
        us = (self._moment - _EPOCH) // timedelta(microseconds=1)
        return uuid7(us, self._count.to_bytes(8, "big"))

    def advance(self, **kwargs: float) -> None:
        """Move on by ``timedelta(**kwargs)``."""
        self._moment += timedelta(**kwargs)


def uuid7(us: int, random: bytes) -> str:
    """UUID version 7 from microseconds since 1970 and 8 random bytes.

    RFC 9562 section 6.2, method 3: the sub-millisecond fraction fills ``rand_a``.
    """
    ms, fraction = divmod(us, 1000)
    time = f"{ms & (1 << 48) - 1:012x}"
    rest = f"{0b10 << 62 | int.from_bytes(random, 'big') & (1 << 62) - 1:016x}"
    return f"{time[:8]}-{time[8:]}-7{fraction * 4096 // 1000:03x}-{rest[:4]}-{rest[4:]}"
