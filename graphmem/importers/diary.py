"""A journal: text or Markdown whose lines or headings say on which day what follows was written.

A day is given by a heading that is a date, begins with one (``## 2024-06-04 Team meeting``) or ends
with one that is set off (``# Kick-off, 3 March 2025``), by a line that begins with one
(``2024-10-01: I started …``, ``2024-10-01 - …``), and by a line that is
nothing else. Dates are ``2024-06-04``, ``2024/06/04``, ``4.6.2024`` (the day first),
``4 June 2024`` or ``June 4, 2024``. A heading counts until the next of its rank, a line until the
next date or heading. Each dated part is an episode; what comes before the first belongs to the day
of the file. A date within a sentence changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from graphmem.clock import MONTHS, month_number
from graphmem.importers.items import Item, Position, text_items
from graphmem.importers.text import body_of, head_of
from graphmem.text import unix_lines

_MONTH = rf"(?:{'|'.join(month[:3] + f'(?:{month[3:]})?' for month in MONTHS)})\.?"
_WEEKDAY = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,?[ ]+)?"
_DATE = (
    rf"{_WEEKDAY}(?:(?P<year>\d{{4}})(?P<sign>[-/])(?P<month>\d\d)(?P=sign)(?P<day>\d\d)"
    r"|(?P<day4>\d{1,2})\.(?P<month4>\d{1,2})\.(?P<year4>\d{4})"
    rf"|(?P<day2>\d{{1,2}})(?:st|nd|rd|th|\.)?[ ]+(?P<month2>{_MONTH}),?[ ]+(?P<year2>\d{{4}})"
    rf"|(?P<month3>{_MONTH})[ ]+(?P<day3>\d{{1,2}})(?:st|nd|rd|th)?,?[ ]+(?P<year3>\d{{4}}))"
    r"(?:(?:T|,?[ ]+)(?P<hour>\d\d):(?P<minute>\d\d)(?::\d\d)?)?"
)
_WRAP = r"[\[(*_]{0,3}"
_UNWRAP = r"[\])*_]{0,3}"
_BEGINS = re.compile(rf"{_WRAP}{_DATE}(?![\w-]){_UNWRAP}", re.IGNORECASE)
_LINE = re.compile(
    rf"[ \t]{{0,3}}(?P<bullet>[-*+•][ \t]+)?{_WRAP}{_DATE}{_UNWRAP}"
    rf"(?::{_UNWRAP}(?=[ \t]|$)|[ \t]+[-–—](?=[ \t]))[ \t]*",
    re.IGNORECASE,
)
_ENDS = re.compile(rf"(?P<before>[,|(\[]|[ ][-–—]|[ ])[ ]*{_DATE}{_UNWRAP}[ ]*$", re.IGNORECASE)
_VERSION = re.compile(r"\[?v?\d")
_ABOUT = re.compile(r"\b(?:since|until|till|for|by|from|to|on|of|before|after|due)$", re.IGNORECASE)
_LONGEST_HEADING = 200
_DIGIT = re.compile(r"[0-9]")
_LONGEST_LABEL = 40
_HEADING = re.compile(r"[ ]{0,3}(#{1,6})[ \t]+(.*)")
_FENCE = re.compile(r"[ ]{0,3}(?:```|~~~)")


@dataclass(frozen=True, slots=True)
class DatedPart:
    """The text of one day; ``at`` is None before the first date."""

    at: datetime | None
    text: str


@dataclass(slots=True)
class _Reading:
    """How far the lines of a text have been read."""

    headings: list[tuple[int, datetime | None]] = field(default_factory=list)
    at: datetime | None = None
    lines: list[str] = field(default_factory=list)
    opening: bool = True
    """The line before was empty or a heading."""
    dated: bool = False
    """The paragraph began with a date."""
    fenced: bool = False


def is_journal(text: str, name: str) -> bool:
    """Whether a text has dated parts."""
    return any(part.at for part in dated_parts(body_of(text, name)))


def read_journal(text: str, name: str, at: datetime | None) -> Iterator[Item]:
    """The parts in order; front matter of Markdown counts for all of them."""
    head = head_of(text, name, at)
    for part in dated_parts(head.body):
        session = None if part.at is None else str(part.at.date())
        position = Position("journal", session=session, title=head.title)
        yield from text_items(part.text, part.at or head.at, position, name, **head.options)


def dated_parts(text: str) -> Iterator[DatedPart]:
    """The parts of a text by the day on which they were written."""
    title = ""
    for part in _parts(text):
        if not part.text.strip():
            continue
        lines = filter(str.strip, part.text.split("\n"))
        if part.at is None and all(map(_HEADING.match, lines)):
            title += f"{part.text.strip()}\n\n"  # what stands above the first day goes with it
            continue
        yield DatedPart(part.at, title + part.text)
        title = ""
    if title:
        yield DatedPart(None, title)


def _parts(text: str) -> Iterator[DatedPart]:
    now = _Reading()
    for line in unix_lines(text).split("\n"):
        if _FENCE.match(line):
            now.fenced = not now.fenced
        heading = None if now.fenced else _HEADING.match(line)
        entry = None if now.fenced else _entry(line, now)
        if heading:
            at = _under(heading, now)
            if at != now.at or _begins(heading[2]):
                yield from _ended(now)
            now.at = at
            now.lines.append(line)
        elif entry:
            yield from _ended(now)
            now.at, rest = entry
            now.lines.append(rest)
        else:
            now.lines.append(line)
        now.dated = bool(entry) or (now.dated and not heading and bool(line.strip()))
        now.opening = bool(heading) or not line.strip()
    yield from _ended(now)


def _ended(now: _Reading) -> Iterator[DatedPart]:
    if now.lines:
        yield DatedPart(now.at, "\n".join(now.lines))
        now.lines = []


def _under(heading: re.Match[str], now: _Reading) -> datetime | None:
    """The day under a heading: its own, or that of the one above it."""
    rank = len(heading[1])
    while now.headings and now.headings[-1][0] >= rank:
        now.headings.pop()
    above = now.headings[-1][1] if now.headings else None
    at = _begins(heading[2]) or _ends(heading[2]) or above
    now.headings.append((rank, at))
    return at


def _entry(line: str, now: _Reading) -> tuple[datetime, str] | None:
    """The day that a line begins with, and the rest of it.

    Only where a line is one of its own: in a list, or in a paragraph that begins with a date. What
    stands further down in a paragraph may be the end of a sentence.
    """
    if not _DIGIT.search(line, 0, _LONGEST_LABEL):
        return None
    if match := _LINE.match(line):
        at = _date(match)
        rest = line[match.end() :]
        if at and (match["bullet"] or now.opening or now.dated) and not _BEGINS.match(rest):
            return at, rest
    alone = _BEGINS.fullmatch(line.strip().rstrip(":*_")) if now.opening else None
    at = _date(alone) if alone else None
    return (at, "") if at else None


def _begins(title: str) -> datetime | None:
    match = _BEGINS.match(title.strip())
    return _date(match) if match else None


def _ends(title: str) -> datetime | None:
    """The day that a heading ends with: behind a comma, a dash or in brackets; a day in digits also
    behind a space. "Plan for 3 March 2025" was not written on that day, and what is said of a
    version on the day of its release neither."""
    match = _ENDS.search(title) if len(title) <= _LONGEST_HEADING else None
    if match is None or (match["before"] == " " and not match["year"]) or _VERSION.match(title):
        return None
    return None if _ABOUT.search(title[: match.start()]) else _date(match)


def _date(match: re.Match[str]) -> datetime | None:
    """None for digits that only look like a date."""
    name, digits = match["month2"] or match["month3"], match["month"] or match["month4"]
    number = int(digits) if digits else month_number(name)
    year = int(match["year"] or match["year2"] or match["year3"] or match["year4"])
    day = int(match["day"] or match["day2"] or match["day3"] or match["day4"])
    try:
        return datetime(
            year, number, day, int(match["hour"] or 0), int(match["minute"] or 0), tzinfo=UTC
        )
    except ValueError:
        return None
