"""Deadlines and budgets that a line of a note says have changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from graphmem.extract.rules.dates import find_dates
from graphmem.extract.rules.names import NameRegistry
from graphmem.ports.llm import CandidateFact

_WORD = r"[^\W\d_a-z][\w.'&+#-]*"
_NAME = rf"{_WORD}(?:\s+(?:(?:of|the|and|de|van|von|der|den|&)\s+){{0,2}}{_WORD}){{0,4}}"
_WEIGHT = 0.7
_MONEY = (
    r"[$€£¥]\s?\d[\d.,']*\s?(?:k|m|bn|million)?|"
    r"\d[\d.,']*\s?(?:k|m)?\s?(?:euros?|pounds?|dollars?|EUR|GBP|USD|CHF)"
)
_LATE = (
    rf"(?P<late>{_NAME}(?:\s+v?\d[\d.]*)?)\s+(?:(?:has|is|was)\s+)?(?:slipped|late|delayed)[:,;]?"
    r"\s+(?:(?:the|new)\s+)?"
)
_CHANGED = re.compile(
    rf"(?:(?P<owner>{_NAME})'s\s+|{_LATE}|(?:[Tt]he|[Oo]ur|[Nn]ew)\s+)?"
    r"(?P<what>[Dd]eadline|[Dd]ue date|[Ll]aunch(?: date)?|[Gg]o-live(?: date)?|"
    r"[Rr]elease(?: date)?|(?:[Ff]inish|[Oo]pening|[Cc]ompletion|[Hh]andover)(?: date)?|"
    r"[Bb]udget|[Cc]ost|[Pp]rice)"
    rf"(?:\s+(?:for|of)\s+(?:the\s+)?(?P<of>{_NAME})(?:\s+(?:project|work|app|release))?)?"
    r"\s*(?::|(?:\s+(?:is|was|has|been|now|moved|slipped|pushed|back|out|extended|changed|raised|"
    r"cut|increased|reduced|set|brought|forward|up|down|goes|put))+(?:\s+(?:to|at|for|is|now))*)"
    r"\s*(?:to\s+)?(?:by\s+)?(?P<value>[^\s,.;][^,;.]{0,60})"
)
_DATES = frozenset({"deadline", "due date"}) | {
    what + date
    for what in ("launch", "go-live", "release", "finish", "opening", "completion", "handover")
    for date in ("", " date")
}
_BLOCKED = re.compile(
    r"\b(?:if|(?-i:may)|might|could|would|should|maybe|perhaps|not|unless|until|wish|hope|propose[ds]?|suggest\w*)\b|\?",
    re.I,
)


def changed_values(
    line: str, topic: str | None, names: NameRegistry, stated_at: datetime
) -> Iterator[CandidateFact]:
    """ "The deadline moved to 28 March", "the budget for the Halyard project is now €150k"."""
    match = _CHANGED.search(line)
    if match is None or _BLOCKED.search(line):
        return
    about = match["owner"] or match["late"] or match["of"]
    about = names.canonical_of(about) if about else topic
    if about is None or names.is_person(about):
        return
    what = match["what"].lower()
    if what in _DATES:
        when = next(
            (d for d in find_dates(f"due {match['value']}", stated_at) if d.start < 12), None
        )
        if when is None or when.at is None:
            return
        value = match["value"].strip()[: max(0, when.end - 4)].strip()
    else:
        money = re.match(_MONEY, match["value"])
        if money is None:
            return
        value = money.group().strip()
    type = "deadline" if what in _DATES else "budget"
    yield CandidateFact(
        f"{about}'s {what} is {value}",
        about,
        type,
        None,
        (about,),
        value=value,
        importance=_WEIGHT,
    )
