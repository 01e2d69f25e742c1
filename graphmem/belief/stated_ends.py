"""Ends that statements give: what ended, when, and which of several ends counts; and where an
undated past ("I used to ...") belongs in time.

An end because something newer began is decided in ``overlaps.py``, the end that a statement gives
for itself in ``intervals.py``.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime, timedelta
from heapq import merge
from typing import TypeAlias

from graphmem.belief.intervals import (
    StatedEnd,
    StatedInterval,
    by_moment,
    cannot_coexist,
    stated_before,
    statement_order,
)
from graphmem.clock import refines
from graphmem.model import Date, Statement
from graphmem.relation_types.types import Target, TypeBehaviour

Ends: TypeAlias = Mapping[Target, Sequence[StatedEnd]]
"""Stated ends, by the target that they end."""

_POST = "works_as"


def is_end(statement: Statement) -> bool:
    """Whether a statement ends an open interval: an end, or a denial."""
    if statement.kind == "end":
        return statement.modality in {"stated", "negated"}
    return statement.kind == "assert" and statement.modality == "negated"


def end_of(statement: Statement) -> StatedEnd:
    """The end, with its date, that an end statement or a plain denial gives."""
    date = statement.invalid_date if statement.kind == "end" else None
    date = date or statement.valid_date
    if date is None:
        return StatedEnd(statement, Date(statement.stated_at, "instant"), dated=False)
    # Some extractors date "no longer" with the day of the statement: that is no stated date.
    dated = abs(statement.stated_at - date.at) >= timedelta(days=1)
    return StatedEnd(statement, date, dated)


def ends_by_target(
    endings: Iterable[Statement], stated: Sequence[StatedInterval], behaviour: TypeBehaviour
) -> Ends:
    """The ends that these statements give to the stated intervals, by target. An end on the very
    date of the start that it ends ("began in May, ended in May") moves to the end of that vague
    date, or to when it was stated, whichever is first; so does one within whose vague date it was
    said that what it ends holds."""
    found: dict[Target, list[StatedEnd]] = {}
    by_target: dict[Target, list[StatedInterval]] = {}
    for one in stated:
        by_target.setdefault(one.target, []).append(one)
    targets = Targets(by_target, behaviour)
    starts: dict[Target, tuple[datetime, Set[datetime | None]]] = {}
    posts: _Posts | None = None
    for statement in endings:
        meant = targets.of_statement(statement)
        if statement.type == _POST and statement.object_key is None:
            posts = posts or _Posts(by_target, behaviour)
            meant = posts.of_same_company(statement, meant)
        for target in meant:
            if target not in starts:
                own = by_target[target]
                dated = {one.start for one in own if one.dated}
                starts[target] = min(one.anchor for one in own), dated
            end = _after_start(end_of(statement), *starts[target])
            end = _behind_statements(end, by_target[target])
            found.setdefault(target, []).append(end)
    return found


class Targets:
    """Finds the targets that an end or a withdrawal is about, in their order."""

    def __init__(self, targets: Iterable[Target], behaviour: TypeBehaviour) -> None:
        self._behaviour = behaviour
        self._all = dict.fromkeys(targets)
        self._by_endpoint: dict[str, list[Target]] | None = None

    def of_statement(self, statement: Statement) -> Sequence[Target]:
        """The targets that an end or a withdrawal is about: see :meth:`TypeBehaviour.speaks_of`."""
        if statement.type is None or statement.object_key is not None:
            target = self._behaviour.target(statement)
            return [target] if target in self._all else []
        if statement.subject_id is None:
            return []
        if self._by_endpoint is None:
            self._by_endpoint = {}
            for target in self._all:
                for entity in self._behaviour.endpoints(target):
                    self._by_endpoint.setdefault(entity, []).append(target)
        return self._by_endpoint.get(statement.subject_id, [])


class _Posts:
    """Posts by the entities that they were last stated with: whoever left one company has given up
    the posts there, and no others."""

    def __init__(
        self, by_target: Mapping[Target, Sequence[StatedInterval]], behaviour: TypeBehaviour
    ) -> None:
        self._behaviour = behaviour
        self._about: dict[Target, frozenset[str]] = {}
        self._of: dict[str, list[Target]] = {}
        for target, own in by_target.items():
            last = max(own, key=lambda one: (one.anchor, statement_order(one.statement)))
            # One turn may state a post twice: as a profession, and as the post at a company.
            self._about[target] = frozenset[str]().union(
                *(
                    one.statement.entity_ids
                    for one in own
                    if one.statement.episode_id == last.statement.episode_id
                    and one.statement.turn == last.statement.turn
                )
            )
            for id in self._about[target]:
                self._of.setdefault(id, []).append(target)

    def of_same_company(self, ending: Statement, meant: Sequence[Target]) -> Sequence[Target]:
        """Those of the targets ``meant`` that an end of all posts is about: posts stated with every
        other entity that the end names; all of them, if it names none."""
        others = {id for id in ending.entity_ids if id != ending.subject_id}
        if not others:
            return meant
        fewest = min((self._of.get(id, []) for id in others), key=len)
        return [
            one
            for one in fewest
            if others <= self._about[one] and self._behaviour.speaks_of(ending, one)
        ]


def _after_start(end: StatedEnd, first: datetime, dated: Set[datetime | None]) -> StatedEnd:
    """Move an end off the start that it equals (:func:`ends_by_target`). ``first`` is when the
    earliest interval began, ``dated`` are the starts that were stated as dates."""
    return end if first < end.at or end.at not in dated else _moved(end, end.at)


def _behind_statements(end: StatedEnd, own: Iterable[StatedInterval]) -> StatedEnd:
    """Move an end behind what was said, without a date, within the time that it stands for: "I
    work at Acme" on Monday, and the week after "I left last week"."""
    within = [
        one.start
        for one in own
        if one.start is not None
        and one.end is None
        and not one.dated
        and end.at <= one.start < end.date.end
        and stated_before(one.statement, end.statement, same_turn=False)
    ]
    return _moved(end, max(within)) if within else end


def _moved(end: StatedEnd, after: datetime) -> StatedEnd:
    """The end at the end of its vague date, or when it was stated, whichever is first then."""
    dates = (end.date.over, Date(end.statement.stated_at, "instant"))
    later = [date for date in dates if date.at > after]
    return replace(end, date=min(later, key=by_moment)) if later else end


def chosen_end(ends: Sequence[StatedEnd]) -> StatedEnd:
    """The end that counts: one set by a person before a stated one, dated before undated; of dated
    ends the last stated, or a finer date within it; of undated ones the earliest. A denial counts
    only before the first other end: it does not prolong what has ended."""
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


def place_undated(
    stated: Sequence[StatedInterval], ends: Ends, behaviour: TypeBehaviour
) -> list[StatedInterval]:
    """The stated intervals in their order. Those without dates that had ended by a known end, or by
    the start of a conflicting interval, are placed before that."""
    restarts: dict[Target, list[datetime]] = {}
    for one in stated:
        if one.dated and one.target in ends:
            restarts.setdefault(one.target, []).append(one.anchor)
    for anchors in restarts.values():
        anchors.sort()
    before_end = [_before_its_end(one, restarts, ends) for one in stated]
    begun: _Begun | None = None
    placed = []
    for one in before_end:
        if behaviour.single_valued and _is_undated_past(one):
            begun = begun or _Begun(before_end, behaviour)
            end = _replaced_at(one, begun, ends) or Date(one.statement.stated_at, "instant")
            one = replace(one, end_date=end, anchor_date=end, undated_past=True)  # noqa: PLW2901
        placed.append(one)
    return placed


def _before_its_end(
    one: StatedInterval, restarts: Mapping[Target, Sequence[datetime]], ends: Ends
) -> StatedInterval:
    """Place an undated, open interval before an end that was stated later but dated no later than
    the interval's start; its own start is then unknown. Not if the target has a dated start between
    the two (``restarts``): the statement may be about that one."""
    if one.start is None or one.dated or one.end is not None:
        return one
    known = (
        end.date
        for end in ends.get(one.target, ())
        if end.at <= one.start and stated_before(one.statement, end.statement, same_turn=True)
    )
    at = max(known, key=by_moment, default=None)
    if at is None:
        return one
    anchors = restarts.get(one.target, ())
    if bisect_right(anchors, at.at) < bisect_right(anchors, one.anchor):
        return one
    return replace(one, start_date=None, anchor_date=at)


def begin_after_rivals(
    stated: Sequence[StatedInterval], behaviour: TypeBehaviour
) -> list[StatedInterval]:
    """The stated intervals. Where it was said within the vague date of a start, and before that was
    told, that a conflicting one holds, the start lies after that: "I live in Paris", and in the
    evening "I moved to Berlin today". It stays as vague as it was."""
    if not behaviour.single_valued:
        return list(stated)
    holding: dict[str, _Holding] = {}
    undated = (one for one in stated if one.start and not one.dated and one.end is None)
    for one in sorted(undated, key=lambda one: one.anchor):
        for entity in behaviour.endpoints(one.target):
            holding.setdefault(entity, _Holding()).add(one)
    return [_after_rivals(one, holding, behaviour) for one in stated]


class _Holding:
    """What was said of one entity without a date, in order of time. A search for what conflicts
    passes over repeats of one target at once."""

    def __init__(self) -> None:
        self._all: list[StatedInterval] = []
        self._before: list[int] = []
        """Where the last one of another target stands."""

    def add(self, one: StatedInterval) -> None:
        repeats = self._all and self._all[-1].target == one.target
        self._before.append(self._before[-1] if repeats else len(self._all) - 1)
        self._all.append(one)

    def last_rival(
        self, one: StatedInterval, before: datetime, behaviour: TypeBehaviour
    ) -> datetime | None:
        """When it was last said, within the date of ``one`` and ``before`` a moment, that something
        holds which conflicts with it."""
        place = bisect_left(self._all, before, key=lambda other: other.anchor) - 1
        while place >= 0 and self._all[place].anchor >= one.anchor:
            other = self._all[place]
            if cannot_coexist(one, other, behaviour):
                return other.anchor
            place = self._before[place] if other.target == one.target else place - 1
        return None


def _after_rivals(
    one: StatedInterval, holding: Mapping[str, _Holding], behaviour: TypeBehaviour
) -> StatedInterval:
    date = one.start_date
    by_edit = one.edit is not None and one.edit.valid_date is not None
    if date is None or by_edit or not one.dated or one.end is not None:
        return one
    last = min(date.end, one.statement.stated_at)
    beside = (holding[id] for id in behaviour.endpoints(one.target) if id in holding)
    found = [own.last_rival(one, last, behaviour) for own in beside]
    rivals = [moment for moment in found if moment is not None]
    if not rivals:
        return one
    first = max(rivals)
    date = date._replace(at=first + min(timedelta(days=1), (last - first) / 2))
    return replace(one, start_date=date, anchor_date=date)


def _is_undated_past(one: StatedInterval) -> bool:
    """Whether the statement says only that something was over by then ("I used to ..."): it was
    over when whatever took its place began."""
    statement = one.statement
    over = statement.valid_at is None and one.start is None and one.end == statement.stated_at
    return over and one.edit is None


class _Begun:
    """Intervals with a known start, in order of time, by endpoint and by target."""

    def __init__(self, stated: Iterable[StatedInterval], behaviour: TypeBehaviour) -> None:
        self._behaviour = behaviour
        self._by_endpoint: dict[str, list[StatedInterval]] = {}
        self._by_target: dict[Target, list[datetime]] = {}
        begun = [one for one in stated if one.start is not None]
        begun.sort(key=lambda one: one.anchor)
        self._places = {id(one): place for place, one in enumerate(begun)}
        for one in begun:
            for entity in behaviour.endpoints(one.target):
                self._by_endpoint.setdefault(entity, []).append(one)
            self._by_target.setdefault(one.target, []).append(one.anchor)

    def last(self, target: Target, before: datetime) -> datetime | None:
        """When the target last began before that moment; None if it never did."""
        anchors = self._by_target.get(target, [])
        place = bisect_left(anchors, before)
        return anchors[place - 1] if place else None

    def rivals(
        self, past: StatedInterval, after: datetime | None, before: datetime
    ) -> Iterator[StatedInterval]:
        """Intervals that began between these moments and conflict with ``past``, the earliest
        first."""
        endpoints = self._behaviour.endpoints(past.target)
        lists = [self._by_endpoint.get(entity, []) for entity in endpoints]
        for one in merge(*(_from(own, after) for own in lists), key=self._place):
            if one.anchor >= before:
                return
            if cannot_coexist(one, past, self._behaviour):
                yield one

    def _place(self, one: StatedInterval) -> int:
        return self._places[id(one)]


def _from(own: Sequence[StatedInterval], after: datetime | None) -> Iterator[StatedInterval]:
    place = 0 if after is None else bisect_right(own, after, key=lambda one: one.anchor)
    return (own[n] for n in range(place, len(own)))


def _replaced_at(past: StatedInterval, begun: _Begun, ends: Ends) -> Date | None:
    """The date by which an undated past was over, if one is known. If the same target is known to
    have begun before: its next end or the next start of a conflicting interval, whichever is first.
    Else the first start of a conflicting interval, if one of these still holds: that did not begin
    within the past."""
    stated_at = past.statement.stated_at
    known = begun.last(past.target, stated_at)
    first = next(begun.rivals(past, known, stated_at), None)
    if known is not None:
        over = [end.date for end in ends.get(past.target, ()) if known < end.at < stated_at]
        over += [] if first is None else [first.anchor_date]
        return min(over, key=by_moment, default=None)
    if first is None:
        return None
    rivals = begun.rivals(past, None, stated_at)
    return first.anchor_date if any(_open_at(one, stated_at, ends) for one in rivals) else None


def _open_at(one: StatedInterval, moment: datetime, ends: Ends) -> bool:
    known = [end.at for end in ends.get(one.target, ()) if end.at > one.anchor]
    return all(end > moment for end in (*known, *(() if one.end is None else (one.end,))))
