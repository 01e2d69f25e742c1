"""Statements of which only is known that they were over by then: where they stand among others."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from heapq import merge

from graphmem.belief.intervals import StatedInterval, by_moment, exclude, stated_before
from graphmem.belief.stated_ends import Ends
from graphmem.model import Date
from graphmem.relation_types.behaviour import Target, TypeBehaviour


def place_undated(
    stated: Sequence[StatedInterval], ends: Ends, behaviour: TypeBehaviour
) -> list[StatedInterval]:
    """Stated intervals, with what no date was stated of before the end, or the beginning of
    something else, that it was over by."""
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
    """What was undated and still stated after what, as stated later, had ended it by then: it held
    before that end, from nobody knows when. But a beginning dated after that end (``restarts``)
    may be what it speaks of."""
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


def _is_undated_past(one: StatedInterval) -> bool:
    """Whether it says no more than that it was over by then ("I used to ..."): it was over already
    when what took its place began."""
    statement = one.statement
    over = statement.valid_at is None and one.start is None and one.end == statement.stated_at
    return over and one.edit is None


class _Begun:
    """What is known to have begun, by when: of everything, of one end, of one target."""

    def __init__(self, stated: Iterable[StatedInterval], behaviour: TypeBehaviour) -> None:
        self._behaviour = behaviour
        self._by_end: dict[str, list[StatedInterval]] = {}
        self._by_target: dict[Target, list[datetime]] = {}
        begun = [one for one in stated if one.start is not None]
        begun.sort(key=lambda one: one.anchor)
        self._places = {id(one): place for place, one in enumerate(begun)}
        for one in begun:
            for end in self._ends(one.target):
                self._by_end.setdefault(end, []).append(one)
            self._by_target.setdefault(one.target, []).append(one.anchor)

    def last(self, target: Target, before: datetime) -> datetime | None:
        """When this last began before that moment."""
        anchors = self._by_target.get(target, [])
        place = bisect_left(anchors, before)
        return anchors[place - 1] if place else None

    def rivals(
        self, past: StatedInterval, after: datetime | None, before: datetime
    ) -> Iterator[StatedInterval]:
        """What began between these and cannot be beside it, the earliest first."""
        lists = [self._by_end.get(end, []) for end in self._ends(past.target)]
        for one in merge(*(_from(own, after) for own in lists), key=self._place):
            if one.anchor >= before:
                return
            if exclude(one, past, self._behaviour):
                yield one

    def _place(self, one: StatedInterval) -> int:
        return self._places[id(one)]

    def _ends(self, target: Target) -> Iterable[str]:
        return dict.fromkeys(target if self._behaviour.symmetric else target[:1])


def _from(own: Sequence[StatedInterval], after: datetime | None) -> Iterator[StatedInterval]:
    place = 0 if after is None else bisect_right(own, after, key=lambda one: one.anchor)
    return (own[n] for n in range(place, len(own)))


def _replaced_at(past: StatedInterval, begun: _Begun, ends: Ends) -> Date | None:
    """Before which beginning an undated past was over, if one is known. A rival that still holds
    did not begin within it; one that followed the same thing had taken its place."""
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
