"""How values read when they are printed: ``str()`` of them is for people, ``repr()`` is exact."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from graphmem.clock import Precision

_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


def day(moment: datetime | None) -> str:
    """The day of a time (UTC)."""
    return "" if moment is None else moment.date().isoformat()


def printed_date(moment: datetime | None, precision: Precision | None) -> str:
    """A date as exact as it is known, an instant as its day (UTC): ``2024``, ``May 2024``,
    ``2024-05-01``."""
    if moment is not None and precision in {"year", "month"}:
        month = f"{_MONTHS[moment.month - 1]} " if precision == "month" else ""
        return f"{month}{moment.year:04}"
    return day(moment)


def printed_interval(
    valid_at: datetime | None,
    valid_precision: Precision | None,
    invalid_at: datetime | None,
    invalid_precision: Precision | None,
) -> str:
    """``since …``, ``until …``, or both; empty when neither is known."""
    since = f"since {printed_date(valid_at, valid_precision)}" if valid_at else ""
    until = f"until {printed_date(invalid_at, invalid_precision)}" if invalid_at else ""
    return " ".join(filter(None, (since, until)))


def noted(text: str, *notes: str | None) -> str:
    """A text, and behind it in brackets what is to be said of it, if anything is."""
    given = ", ".join(filter(None, notes))
    return f"{text} ({given})" if given else text


def dotted(*parts: object) -> str:
    """What there is of these, on one line."""
    return " · ".join(filter(None, (str(part) for part in parts if part is not None)))


def with_speaker(text: str, speaker: str | None) -> str:
    return f"{speaker}: {text}" if speaker else text


def lines(values: Iterable[object], *, none: str) -> str:
    return "\n".join(map(str, values)) or none
