"""How values read when they are printed: ``str()`` of them is for people, ``repr()`` is exact; and
the sentence of a fact as one says it when that has ended: "Ada no longer lives in Rome"."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from graphmem.clock import MONTHS, Precision


def day(moment: datetime | None) -> str:
    """The day of a time (UTC)."""
    return "" if moment is None else moment.date().isoformat()


def printed_date(moment: datetime | None, precision: Precision | None) -> str:
    """A date as exact as it is known, an instant as its day (UTC): ``2024``, ``May 2024``,
    ``2024-05-01``."""
    if moment is not None and precision in {"year", "month"}:
        month = f"{MONTHS[moment.month - 1].title()} " if precision == "month" else ""
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


_NO_LONGER = "no longer"
_STATES = (
    "lives|works|owns|has|likes|loves|hates|enjoys|prefers|speaks|plays|studies|learns|leads|"
    "manages|runs|reports|uses|depends|belongs|knows|wants|goes|teaches|attends|follows|dates|"
    "drives|rents|volunteers|coaches|sings|supplies|hosts|keeps|reads|practises|practices"
)
_IS = re.compile(r"(?P<who>.+?) (?P<verb>is|are|am)(?: (?:now|still|also))? ")
_STATE = re.compile(rf"(?P<who>.+?) (?:now |still |also )?(?P<verb>{_STATES}) ")
_WHEN = r"(?P<when> (?:in|on|since|last|this|from) .+)?"
_CHANGES = tuple(
    (re.compile(rf"(?P<who>.+?) (?:{verbs}) (?P<what>.+?){_WHEN}"), says)
    for verbs, says in (
        ("moved to|moved in with|moves to|joined|joins", "left"),
        ("started working at|got a job at|was hired by|starts at", "no longer works at"),
        ("became", "is no longer"),
        ("got married to|married", "is no longer married to"),
        ("got engaged to", "is no longer engaged to"),
        ("bought|got|adopted", "no longer has"),
        ("started dating", "is no longer dating"),
    )
)
_OVER = re.compile(r"\b(?:no longer|used to|had|was|were|left|sold|stopped|former|quit|died)\b")


def no_longer(text: str) -> str:
    """What one says when a fact has ended; a sentence that says so itself stays as it is."""
    if _OVER.search(text):
        return text
    found = [match for match in (_IS.match(text), _STATE.match(text)) if match]
    if found:
        first = min(found, key=lambda match: match.start("verb"))
        rest = text[first.end() :]
        words = [first["verb"], _NO_LONGER] if first.re is _IS else [_NO_LONGER, first["verb"]]
        return " ".join((first["who"], *words, rest))
    for change, says in _CHANGES:
        if match := change.fullmatch(text):
            return f"{match['who']} {says} {match['what']}"
    return f"{_NO_LONGER}: {text}"
