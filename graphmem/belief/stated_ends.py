"""Ends that statements give: what has ended, when, and which of several counts.

An end because something newer began is decided in ``rivals.py``, a statement's own in
``intervals.py``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TypeAlias

from graphmem.belief.intervals import StatedEnd, StatedInterval, by_moment, statement_order
from graphmem.clock import refines
from graphmem.model import Date, Statement
from graphmem.relation_types.behaviour import Target, TypeBehaviour, object_key

Ends: TypeAlias = Mapping[Target, Sequence[StatedEnd]]
"""What is said to have ended, by target."""

_POST = "works_as"


def is_end(statement: Statement) -> bool:
    """Whether a statement ends what was open: an end, or a denial."""
    if statement.kind == "end":
        return statement.modality in {"stated", "negated"}
    return statement.kind == "assert" and statement.modality == "negated"


def end_of(statement: Statement) -> StatedEnd:
    """When an end, or a plain denial, says that something was over."""
    date = statement.invalid_date if statement.kind == "end" else None
    date = date or statement.valid_date
    if date is None:
        return StatedEnd(statement, Date(statement.stated_at, "instant"), dated=False)
    # "No longer" comes from some with the day of the statement as its date.
    dated = abs(statement.stated_at - date.at) >= timedelta(days=1)
    return StatedEnd(statement, date, dated)


def ends_by_target(
    endings: Iterable[Statement], stated: Sequence[StatedInterval], behaviour: TypeBehaviour
) -> Ends:
    """What these statements end of what was stated. An end that falls on the very date of the
    start it ends ("began in May, ended in May") moves to the end of that vague date, or to when it
    was stated."""
    found: dict[Target, list[StatedEnd]] = {}
    by_target: dict[Target, list[StatedInterval]] = {}
    for one in stated:
        by_target.setdefault(one.target, []).append(one)
    for statement in endings:
        for target, own in by_target.items():
            if behaviour.meant(statement, target) and _of_same_company(statement, own):
                found.setdefault(target, []).append(_after_start(end_of(statement), own))
    return found


def _of_same_company(ending: Statement, own: Sequence[StatedInterval]) -> bool:
    """Whether an end of all posts is stated with the company that this one was last held at: who
    left one company has given up the posts there, and no others."""
    if ending.type != _POST or object_key(ending) is not None:
        return True
    others = {id for id in ending.entity_ids if id != ending.subject_id}
    last = max(own, key=lambda one: (one.anchor, statement_order(one.statement)))
    return others <= {*last.statement.entity_ids}


def _after_start(end: StatedEnd, own: Sequence[StatedInterval]) -> StatedEnd:
    ends_other = any(one.anchor < end.at for one in own)
    if ends_other or not any(one.dated and one.start == end.at for one in own):
        return end
    period_end = Date(end.date.end, end.date.precision)
    dates = (period_end, Date(end.statement.stated_at, "instant"))
    later = [date for date in dates if date.at > end.at]
    return replace(end, date=min(later, key=by_moment)) if later else end


def chosen_end(ends: Sequence[StatedEnd]) -> StatedEnd:
    """The end that counts: a person's before a stated one, dated before undated; the last stated
    date, as exact as it is known. A denial ends what is open: what has ended by then it does not
    prolong."""
    first = min((e.at for e in ends if e.statement.modality != "negated"), default=None)
    ends = [e for e in ends if e.statement.modality != "negated" or not first or e.at < first]
    best = [e for e in ends if e.by_edit] or [e for e in ends if e.dated]
    if not best:
        return min(ends, key=lambda e: (e.at, statement_order(e.statement)))
    chosen = max(best, key=_order)
    for end in sorted(ends, key=_order):
        if not chosen.by_edit and refines(end.date, chosen.date):
            chosen = end
    return chosen


def _order(end: StatedEnd) -> tuple[object, ...]:
    return statement_order(end.statement), end.at
