"""How values read when they are printed: ``str()`` of them is for people, ``repr()`` is exact."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime


def day(moment: datetime | None) -> str:
    """The day of a time (UTC)."""
    return "" if moment is None else moment.date().isoformat()


def held(valid_at: datetime | None, invalid_at: datetime | None) -> str:
    """``since …``, ``until …``, or both; empty when neither is known."""
    since = f"since {day(valid_at)}" if valid_at else ""
    until = f"until {day(invalid_at)}" if invalid_at else ""
    return " ".join(filter(None, (since, until)))


def noted(text: str, *notes: str | None) -> str:
    """A text, and behind it in brackets what is to be said of it, if anything is."""
    told = ", ".join(filter(None, notes))
    return f"{text} ({told})" if told else text


def dotted(*parts: object) -> str:
    """What there is of these, on one line."""
    return " · ".join(filter(None, map(str, parts)))


def said(text: str, speaker: str | None) -> str:
    return f"{speaker}: {text}" if speaker else text


def lines(values: Iterable[object], *, none: str) -> str:
    return "\n".join(map(str, values)) or none
