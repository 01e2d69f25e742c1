"""Where plainly stated claims stand in time: runs of one target, and who closes whom.

A *target* is what a claim is about beyond its subject (the object; both ends of a symmetric
relation; a sentence). A *run* is a stretch in which one target held. Runs that share a *slot* (the
subject of a single-valued relation) are rivals: they never overlap.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

from graphmem.belief.values import (
    Edit,
    Statement,
    period_end,
    refines,
)
from graphmem.relation_types.shape import Shape, Target, object_key
from graphmem.text import text_key

_POST = "works_as"
LONG_AGO = datetime.min.replace(tzinfo=UTC)


def exclude(shape: Shape, one: Claim, other: Claim) -> bool:
    """Whether these two claims cannot both be. Of two that are over and began nobody knows when,
    either may have been first."""
    if one.vague and other.vague:
        return False
    return shape.rivals(one.target, other.target) and not (shape.soft and told_together(one, other))


def said(statement: Statement) -> tuple[Any, ...]:
    """The order of what was said. Only what was said at the very same moment, as when no more than
    the day is known, goes by the order of arrival: ids rise with the time."""
    return (
        statement.stated_at,
        statement.episode_id,
        statement.turn,
        statement.ordinal,
        _Wording(statement.text),
        statement.id,
    )


class _Wording:
    """A text among others: by its key, then as it stands. Only what was said at the very same
    moment is compared by that, so no key is made before."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Wording) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __lt__(self, other: _Wording) -> bool:
        return (text_key(self._text), self._text) < (text_key(other._text), other._text)


def span(statement: Statement) -> tuple[datetime | None, datetime | None]:
    """From when to when it claims to hold. Without a date it holds from when it was said, unless
    it says that it was over by then: then nobody knows from when."""
    start, end = statement.valid_at, statement.invalid_at
    if start is not None and end is not None and end <= start:
        start, end = (start, None) if start == end else (None, end)
    if start is None and (end is None or end > statement.stated_at):
        start = statement.stated_at
    return start, end


@dataclass(frozen=True, slots=True)
class Claim:
    """A plain assertion in its place. Without ``start`` it held just before ``anchor``."""

    statement: Statement
    target: Target
    start: datetime | None
    end: datetime | None
    anchor: datetime
    dated: bool
    edit: Edit | None = None
    vague: bool = False
    """A past that tells no date ("I used to live in Lyon"): it was over when it was told."""

    @property
    def key(self) -> tuple[datetime, bool]:
        return (self.anchor, self.start is not None)


@dataclass(frozen=True, slots=True)
class Mark:
    """Something ended at ``at``. ``hand`` is an end set by a person."""

    statement: Statement
    at: datetime
    dated: bool
    hand: bool = False


def told_together(one: Claim, other: Claim) -> bool:
    """Whether two claims are told as holding at the same time."""
    a, b = one.statement, other.statement
    if (a.episode_id, a.turn) == (b.episode_id, b.turn):
        return one.key == other.key and one.end == other.end
    return all(claim.dated and claim.end is not None for claim in (one, other))


Marks = dict[Target, list[Mark]]


@dataclass(slots=True)
class Run:
    """A stretch of one target; its neighbours settle ``since`` and ``until`` for good."""

    target: Target
    claims: list[Claim]
    support: list[Statement] = field(default_factory=list)
    """Hearsay that it confirms."""
    marks: list[Mark] = field(default_factory=list)
    since: datetime | None = None
    until: datetime | None = None
    dated: bool = True
    """Whether ``since`` is a date that was told (or follows from one)."""
    why: str | None = None
    closer: Run | None = None
    resumed: bool = False
    _ends: set[datetime] = field(default_factory=set)
    """That its claims tell, after its beginning."""
    _soonest: datetime | None = None
    """The first of them."""
    _dates: set[datetime] = field(default_factory=set)

    def take(self, claim: Claim) -> None:
        """One more claim, the last of them."""
        self.claims.append(claim)
        if claim.end is not None and self._ended_by(claim.end):
            self._ends.add(claim.end)
            self._soonest = min(claim.end, self._soonest or claim.end)
        if claim.dated:
            self._dates.add(claim.anchor)

    def _ended_by(self, moment: datetime) -> bool:
        first = self.claims[0]
        return first.start is None or moment > first.anchor

    def broken_by(self, claim: Claim, marks: Sequence[Mark], shape: Shape) -> bool:
        """Whether the claim, which comes after all of this run, speaks of another stretch."""
        if shape.event and claim.dated and not self._dated_as(claim.anchor):
            return True
        marked = (m.at for m in marks if self._ended_by(m.at))
        if claim.start is None:
            return self.claims[0].start is not None and any(
                at < claim.anchor and not refines(claim.anchor, at)
                for at in chain(self._ends, marked)
            )
        ended = self._soonest is not None and self._soonest <= claim.start
        return ended or any(at <= claim.start for at in marked)

    def _dated_as(self, moment: datetime) -> bool:
        return moment in self._dates or any(
            refines(moment, date) or refines(date, moment) for date in self._dates
        )

    def settle(self) -> None:
        """Its own start and end, before its neighbours are looked at."""
        edits = [c.edit for c in self.claims if c.edit and c.edit.valid_at]
        starts = [c for c in self.claims if c.start is not None]
        if edits:
            self.since = max(edits, key=lambda e: (e.at, e.id)).valid_at
        elif starts:
            self.since, self.dated = _earliest(starts)
        ends = self.marks + [m for c in self.claims if (m := own_mark(c))]
        if ends:
            chosen = _end(ends)
            self.until = chosen.at
            self.why = "set by hand" if chosen.hand else "said to have ended"

    @property
    def hand_end(self) -> datetime | None:
        return max((m.at for c in self.claims if (m := own_mark(c)) and m.hand), default=None)

    @property
    def begins(self) -> datetime:
        return LONG_AGO if self.since is None else self.since

    def attested(self) -> datetime:
        """When it was last said to hold, with a date of its own and no end."""
        open_ = [c.statement.stated_at for c in self.claims if c.end is None and c.start]
        return max((self.begins, *open_))

    def covers(self, moment: datetime) -> bool:
        return self.begins <= moment and (self.until is None or moment < self.until)


def own_mark(claim: Claim) -> Mark | None:
    """The end that the claim itself tells."""
    if claim.end is None:
        return None
    hand = claim.edit is not None and claim.edit.invalid_at is not None
    return Mark(claim.statement, claim.end, dated=True, hand=hand)


def _earliest(claims: Sequence[Claim]) -> tuple[datetime, bool]:
    """The first start, and whether it is a told date. A vague date gives way to a finer one within
    it, unless something undated was said to hold before that."""
    first = min(claims, key=lambda c: (c.anchor, not c.dated))
    if not first.dated:
        return first.anchor, False
    known = min((c.anchor for c in claims if not c.dated), default=None)
    start = first.anchor
    fine = sorted({c.anchor for c in claims if c.dated and (known is None or c.anchor <= known)})
    for moment in fine:
        if refines(moment, start):
            start = moment
    return start, True


def _end(marks: Sequence[Mark]) -> Mark:
    """By hand before told, dated before undated; the last said date, as exact as it is known. A
    denial ends what is open: what has ended by then it does not prolong."""
    first = min((m.at for m in marks if m.statement.modality != "negated"), default=None)
    marks = [m for m in marks if m.statement.modality != "negated" or not first or m.at < first]
    best = [m for m in marks if m.hand] or [m for m in marks if m.dated]
    if not best:
        return min(marks, key=lambda m: (m.at, said(m.statement)))
    best.sort(key=lambda m: (said(m.statement), m.at))
    chosen = best[-1]
    for mark in sorted(marks, key=lambda m: (said(m.statement), m.at)):
        if not chosen.hand and refines(mark.at, chosen.at):
            chosen = mark
    return chosen


# -- placing ---------------------------------------------------------------------------------------


def claim_of(statement: Statement, shape: Shape, edit: Edit | None) -> Claim:
    start, end = span(statement)
    dated = statement.valid_at is not None and start is not None
    if edit is not None and edit.valid_at is not None:
        start, dated = edit.valid_at, True
    if edit is not None and edit.invalid_at is not None:
        end = edit.invalid_at
        start = None if start is not None and start >= end else start
    elif start is not None and end is not None and end <= start:
        end = None
    anchor = start if start is not None else end
    if anchor is None:
        raise ValueError("a claim has a start, an end, or was said at some time")
    return Claim(statement, shape.target(statement), start, end, anchor, dated, edit)


def mark_of(statement: Statement) -> Mark:
    """When an end, or a plain denial, says that something was over."""
    told = statement.invalid_at if statement.kind == "end" else None
    told = told or statement.valid_at
    if told is None:
        return Mark(statement, statement.stated_at, dated=False)
    # "No longer" comes from some with the day it was said as its date.
    dated = abs(statement.stated_at - told) >= timedelta(days=1)
    return Mark(statement, told, dated)


def said_before(one: Statement, other: Statement, *, same_turn: bool) -> bool:
    """Whether ``one`` was said first. What speaks of something presupposes it: at the same time in
    two episodes, the end or withdrawal (``other``) comes second."""
    if one.stated_at != other.stated_at:
        return one.stated_at < other.stated_at
    if one.episode_id != other.episode_id:
        return True
    return one.turn < other.turn or (same_turn and one.turn == other.turn)


def marks_for(endings: Iterable[Statement], claims: Sequence[Claim], shape: Shape) -> Marks:
    """What is said to have ended, by target. An end that falls on the very date of the start it
    ends ("began in May, ended in May") moves to the end of that vague date, or to when it was
    said."""
    found: Marks = {}
    by_target: dict[Target, list[Claim]] = {}
    for claim in claims:
        by_target.setdefault(claim.target, []).append(claim)
    for statement in endings:
        for target, own in by_target.items():
            if shape.meant(statement, target) and _about_the_same(statement, own):
                found.setdefault(target, []).append(_not_empty(mark_of(statement), own))
    return found


def _about_the_same(ending: Statement, own: Sequence[Claim]) -> bool:
    """Whether an end of all posts is told with the company that this one was last held at: who left
    one company has given up the posts there, and no others."""
    if ending.type != _POST or object_key(ending) is not None:
        return True
    others = {id for id in ending.entity_ids if id != ending.subject_id}
    last = max(own, key=lambda claim: (claim.anchor, said(claim.statement)))
    return others <= {*last.statement.entity_ids}


def _not_empty(mark: Mark, own: Sequence[Claim]) -> Mark:
    ends_other = any(claim.anchor < mark.at for claim in own)
    if ends_other or not any(claim.dated and claim.start == mark.at for claim in own):
        return mark
    told, vague = mark.statement.stated_at, period_end(mark.at)
    later = [moment for moment in (vague, told) if moment > mark.at]
    return replace(mark, at=min(later)) if later else mark


def place(
    claims: Sequence[Claim], marks: Marks, shape: Shape
) -> tuple[list[Run], list[Claim], set[str]]:
    """Runs in order of time; claims that another of the same date corrects; and the ids of the
    statements that ended anything."""
    kept, corrected = _uncorrected(claims, shape)
    runs: list[Run] = []
    latest: dict[Target, Run] = {}
    for claim in sorted(kept, key=lambda c: (c.key, said(c.statement))):
        run = latest.get(claim.target)
        if run is None or run.broken_by(claim, marks.get(claim.target, ()), shape):
            run = Run(claim.target, [])
            runs.append(run)
        run.take(claim)
        for target in [t for t, r in latest.items() if exclude(shape, r.claims[-1], claim)]:
            del latest[target]
        latest[claim.target] = run
    used: set[str] = set()
    for target, mark in ((t, m) for t, found in marks.items() for m in found):
        begun = [r for r in runs if r.target == target and _begun(r.claims[0], mark.at)]
        if begun:
            begun[-1].marks.append(mark)
            used.add(mark.statement.id)
    for run in runs:
        run.settle()
    return runs, corrected, used


def _begun(first: Claim, moment: datetime) -> bool:
    return first.anchor < moment or (first.start is None and first.anchor == moment)


def _uncorrected(claims: Sequence[Claim], shape: Shape) -> tuple[list[Claim], list[Claim]]:
    """Of rivals from the very same date the last said is right; repeats of it stay with it."""
    if not shape.functional:
        return list(claims), []
    kept: list[Claim] = []
    corrected: list[Claim] = []
    holds: dict[tuple[datetime, bool], list[Claim]] = {}
    for claim in sorted(claims, key=lambda c: said(c.statement), reverse=True):
        there = holds.setdefault(claim.key, [])
        if any(exclude(shape, claim, other) for other in there):
            corrected.append(claim)
        else:
            there.append(claim)
            kept.append(claim)
    return kept, corrected
