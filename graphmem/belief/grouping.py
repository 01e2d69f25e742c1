"""Stated intervals to intervals: what speaks of one and the same stretch of time."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from operator import attrgetter

from graphmem.belief.intervals import (
    Exclusion,
    Interval,
    StatedEnd,
    StatedInterval,
    own_end,
)
from graphmem.belief.stated_ends import Ends, chosen_end
from graphmem.clock import Date, refines, same_date
from graphmem.relation_types.behaviour import Target, TypeBehaviour


@dataclass(frozen=True, slots=True)
class Grouped:
    """Intervals in order of time; what another of the same date corrects; and the ids of the
    statements that ended anything."""

    intervals: tuple[Interval, ...]
    corrected: tuple[StatedInterval, ...]
    ending_ids: frozenset[str]


def group(stated: Sequence[StatedInterval], ends: Ends, behaviour: TypeBehaviour) -> Grouped:
    """Intervals with the start and end that their own statements give them. Each goes on until
    something ended, or something that excludes it was stated in between. ``stated`` is in the order
    of the statements."""
    kept, corrected = _uncorrected(stated, behaviour)
    drafts = _drafts(kept, ends, behaviour)
    own_ends: dict[int, list[StatedEnd]] = {}
    ending_ids = set()
    places: dict[Target, list[int]] = {}
    for number, draft in enumerate(drafts):
        if draft.target in ends:
            places.setdefault(draft.target, []).append(number)
    for target, own in places.items():
        begun = [drafts[number].stated[0].key for number in own]
        for end in ends[target]:
            # The last that began before it, or that it is all that is known of.
            if place := bisect_left(begun, (end.at, True)):
                own_ends.setdefault(own[place - 1], []).append(end)
                ending_ids.add(end.statement.id)
    intervals = (_interval(n, d, own_ends.get(n, ())) for n, d in enumerate(drafts))
    return Grouped(tuple(intervals), tuple(corrected), frozenset(ending_ids))


def _uncorrected(
    stated: Sequence[StatedInterval], behaviour: TypeBehaviour
) -> tuple[list[StatedInterval], list[StatedInterval]]:
    """Of rivals from the very same date the last stated is right; repeats of it stay with it."""
    if not behaviour.single_valued:
        return list(stated), []
    kept: list[StatedInterval] = []
    corrected: list[StatedInterval] = []
    by_key: dict[tuple[datetime, bool], Exclusion] = {}
    for one in reversed(stated):
        of_that_date = by_key.setdefault(one.key, Exclusion(behaviour))
        if next(of_that_date.excluded(one), None) is not None:
            corrected.append(one)
        else:
            of_that_date.add(one)
            kept.append(one)
    return kept[::-1], corrected


@dataclass(slots=True)
class _Draft:
    """An interval while what belongs to it is gathered. It notes the dates that it is asked for,
    so that many repeats of one thing cost no more than their number."""

    target: Target
    stated: list[StatedInterval] = field(default_factory=list)
    ends: set[Date] = field(default_factory=set)
    """Of its own, after its beginning."""
    first_end: datetime | None = None
    dates: set[Date] = field(default_factory=set)

    def add(self, one: StatedInterval) -> None:
        """One more, the last of them."""
        self.stated.append(one)
        if one.end_date is not None and self._ended_by(one.end_date.at):
            self.ends.add(one.end_date)
            self.first_end = min(one.end_date.at, self.first_end or one.end_date.at)
        if one.dated:
            self.dates.add(one.anchor_date)

    def _ended_by(self, moment: datetime) -> bool:
        first = self.stated[0]
        return first.start is None or moment > first.anchor

    def goes_on(
        self, one: StatedInterval, ends: Sequence[StatedEnd], behaviour: TypeBehaviour
    ) -> bool:
        """Whether what comes after all of this speaks of the same stretch."""
        if behaviour.event and one.dated and not self._has_date(one.anchor_date):
            return False
        known = (end.date for end in ends if self._ended_by(end.at))
        if one.start is None:
            return self.stated[0].start is None or not any(
                date.at < one.anchor and not refines(one.anchor_date, date)
                for date in chain(self.ends, known)
            )
        ended = self.first_end is not None and self.first_end <= one.start
        return not ended and not any(date.at <= one.start for date in known)

    def _has_date(self, date: Date) -> bool:
        return date in self.dates or any(same_date(date, other) for other in self.dates)


def _drafts(stated: Sequence[StatedInterval], ends: Ends, behaviour: TypeBehaviour) -> list[_Draft]:
    drafts: list[_Draft] = []
    open_: dict[Target, _Draft] = {}
    last = Exclusion(behaviour)
    for one in sorted(stated, key=attrgetter("key")):
        draft = open_.get(one.target)
        if draft is None or not draft.goes_on(one, ends.get(one.target, ()), behaviour):
            draft = _Draft(one.target)
            drafts.append(draft)
        before = open_.pop(one.target, None)
        if before is not None:
            last.remove(before.stated[-1])
        for target in list(last.excluded(one)):
            over = open_.pop(target, None)  # of a couple it may be found at both ends
            if over is not None:
                last.remove(over.stated[-1])
        draft.add(one)
        last.add(one)
        open_[one.target] = draft
    return drafts


def _interval(number: int, draft: _Draft, ends: Sequence[StatedEnd]) -> Interval:
    """Its own start and end, before its neighbours are looked at."""
    edits = [s.edit for s in draft.stated if s.edit and s.edit.valid_at]
    starts = [s for s in draft.stated if s.start is not None]
    since, dated = None, True
    if edits:
        since = max(edits, key=lambda e: (e.at, e.id)).valid_date
    elif starts:
        since, dated = _earliest(starts)
    known = [*ends, *(end for s in draft.stated if (end := own_end(s)))]
    end = chosen_end(known) if known else None
    return Interval(
        number,
        draft.target,
        tuple(draft.stated),
        tuple(ends),
        since,
        end.date if end else None,
        dated,
        ("set by hand" if end.by_edit else "said to have ended") if end else None,
    )


def _earliest(stated: Sequence[StatedInterval]) -> tuple[Date, bool]:
    """The first start, and whether it is a stated date. A vague date gives way to a finer one
    within it, unless something undated was said to hold before that."""
    first = min(stated, key=lambda s: (s.anchor, not s.dated))
    if not first.dated:
        return first.anchor_date, False
    known = min((s.anchor for s in stated if not s.dated), default=None)
    start = first.anchor_date
    for date in sorted(
        {s.anchor_date for s in stated if s.dated and (known is None or s.anchor <= known)}
    ):
        if refines(date, start):
            start = date
    return start, True
