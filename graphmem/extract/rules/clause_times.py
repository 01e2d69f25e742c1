"""From when to when a clause says that something holds."""

from __future__ import annotations

import re
from datetime import datetime

from graphmem.clock import Date
from graphmem.extract.rules.dates import TimeExpression
from graphmem.extract.rules.phrases import Parse
from graphmem.extract.rules.relation_rows import RelationRule
from graphmem.extract.rules.tokenizer import clause_starts
from graphmem.model.printing import printed_date

_LONG_AGO = re.compile(
    r"\bwhen\s+(?:I|he|she|we|they)\s+(?:was|were)\b|\bas an? (?:kid|child|teen|baby)|"
    r"\b(?:years|ages|decades|long time) ago\b|\bonce\b|\bback (?:then|in the day)\b|"
    r"\b(?:that|which|this)(?:['\u2019]s| is| was) (?:when|how)\b",
    re.IGNORECASE,
)
_UNTIL = frozenset({"until", "till", "to"})
_STARTING = re.compile(r"\b(?:starting|beginning|commencing|as\s+of)\s+(?:on\s+)?$", re.IGNORECASE)
_SAME_CLAUSE = re.compile(r"(?:(?!\b(?:and|but|so|who)\b)[^;:()])*")
_RANGE = re.compile(r"\s*(?:to|till|until|through|[-–—])\s", re.IGNORECASE)


def when_of(
    parse: Parse, start: int, end: int
) -> tuple[TimeExpression | None, TimeExpression | None]:
    """The phrases of time that belong to a clause: since when, until when."""
    stop = min((s for s, _, _ in clause_starts(parse.sentence) if s > end + 2), default=None)
    text = parse.sentence.text
    if stop is not None and parse.date_at(stop + 6) is not None:
        # "from 2010 until 2015": a date, not a clause
        stop = None
    if stop is not None and text[end:stop].strip() == ",":
        stop = None
    inside = [d for d in parse.dates if d.start >= start and (stop is None or d.start < stop)]
    lead = [d for d in parse.dates if d.end <= start and not text[d.end : start].strip(" ,")]
    known = [d for d in lead + inside if d.at is not None or d.future]
    if not known:
        # "In 2018 I moved to Porto and started at Acme."
        known = [d for d in parse.dates[:1] if d.at and not text[: d.start].strip(" ,")]
    first = next((d for d in known if d.lead not in _UNTIL), None) or _starting(parse, end)
    return first, next((d for d in known if d.lead in _UNTIL), None)


def begins_then(parse: Parse, when: TimeExpression) -> bool:
    """Whether a state holds from a day on: "from May", "starting 3 May"; not "from May to July"."""
    text = parse.sentence.text
    if _RANGE.match(text, when.end):
        return False
    return when.lead == "from" or _STARTING.search(text[: when.start]) is not None


def _starting(parse: Parse, end: int) -> TimeExpression | None:
    """The 3 May of "a nurse at Acme, starting 3 May", from the nurse's end on."""
    text = parse.sentence.text
    for when in parse.dates:
        if when.start > end and (found := _STARTING.search(text, end, when.start)) is not None:
            return when if _SAME_CLAUSE.fullmatch(text, end, found.start()) else None
    return None


def times_of(  # noqa: PLR0911 - one return for each kind of time
    rule: RelationRule,
    parse: Parse,
    expressions: tuple[TimeExpression | None, TimeExpression | None],
    stated_at: datetime,
) -> tuple[Date | None, Date | None, str]:
    """(from when, until when, words of time for the sentence)."""
    when, until = expressions
    at = when.date if when is not None else None
    now = Date(stated_at, "instant")
    words = f" {when.text}" if when is not None and when.text else ""
    lasting = when is not None and when.lasting
    since = when is not None and (lasting or when.lead == "since")
    if rule.time == "taste":
        return None, None, ""
    if rule.time == "state":
        if not since or when is None:
            return None, None, ""
        return at, None, f" since {_plain_time(when)}"
    if rule.time == "event":
        return (None, None, "") if lasting else (at, None, words)
    if rule.time == "past":
        ended = (until.date if until is not None else None) or now
        start = None if lasting or (at is not None and at.at >= ended.at) else at
        return start, ended, ""
    if lasting:
        at, words = None, ""
    if rule.time == "end":
        return None, at or now, words
    if at is None and _LONG_AGO.search(parse.sentence.text):
        return None, None, ""
    return at or now, None, words


def day_or_year(when: TimeExpression | None, parse: Parse) -> bool:
    """ "On 4 March" may be the next one; with its year, as "today" or "since March" it is sure."""
    if when is not None and when.lead == "since" and when.precision in {"month", "year"}:
        return True
    wording = parse.sentence.text[when.start : when.end] if when is not None else ""
    return bool(re.search(r"\d{4}|\byears?\b|\btoday\b", wording, re.IGNORECASE))


def _plain_time(when: TimeExpression) -> str:
    words = when.text.removeprefix("in ").removeprefix("on ").removeprefix("the week of ")
    if when.lasting and when.at is not None:
        return printed_date(when.at, when.precision)
    return words
