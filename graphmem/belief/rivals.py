"""The end of what something newer replaces: intervals that cannot hold together, which of them ends
which, and what goes on after an interruption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from graphmem.belief.intervals import Interval, by_moment, stated_at_once, statement_order
from graphmem.clock import Date
from graphmem.relation_types.behaviour import Target, TypeBehaviour

_REPLACED = "something else held from then on"


def separate(intervals: Sequence[Interval], behaviour: TypeBehaviour) -> list[Interval]:
    """Intervals, given in order of time, with their final ends: none overlaps one that cannot hold
    beside it. Of some nothing is left; they are ``empty``.

    A newer start ends the older interval. What was interrupted by something that ended, and was
    said to hold after that, goes on.
    """
    if behaviour.single_valued:
        return _separate(intervals, behaviour)
    if behaviour.event:
        return list(intervals)
    by_target: dict[Target, list[Interval]] = {}
    for one in intervals:
        by_target.setdefault(one.target, []).append(one)
    return [one for own in by_target.values() for one in _separate(own, behaviour)]


def _separate(intervals: Sequence[Interval], behaviour: TypeBehaviour) -> list[Interval]:
    waiting, done = list(intervals), list[Interval]()
    next_number = 1 + max((one.number for one in intervals), default=0)
    while waiting:
        first = _started(waiting[0], done, behaviour)
        first, waiting = _ended(first, waiting[1:], behaviour, next_number)
        next_number += 1
        done.append(first)
    return done


def _apart(one: Interval, other: Interval, behaviour: TypeBehaviour) -> bool:
    """Whether the two cannot hold at once."""
    if one.target == other.target:
        return not behaviour.event
    if all(stated.undated_past for interval in (one, other) for stated in interval.stated):
        return False
    if behaviour.may_overlap and any(
        stated_at_once(a, b) for a in one.stated for b in other.stated
    ):
        return False
    return behaviour.rivals(one.target, other.target)


def _started(one: Interval, earlier: Sequence[Interval], behaviour: TypeBehaviour) -> Interval:
    """Not before the end that a person set of another, and when nobody knows from when, not before
    the end of the one before it."""
    for other in earlier:
        if other.until is None or not _apart(one, other, behaviour):
            continue
        if one.since is None or (other.edited_end and one.since < other.until):
            one = replace(one, since_date=other.until_date, dated=True)
    return one


def _ended(
    one: Interval, later: Sequence[Interval], behaviour: TypeBehaviour, next_number: int
) -> tuple[Interval, list[Interval]]:
    """The interval, ended by what comes after it; and that, with a beginning that this tells, and
    with what goes on of the interval after an interruption."""
    rivals = [other for other in later if _apart(one, other, behaviour)]
    if not rivals:
        return one, list(later)
    nearest, *others = rivals
    if nearest.since is None:
        since = one.edited_end or _replaced_at(one, nearest)
        nearest = replace(nearest, since_date=since, dated=True)
    begun = [other.since_date for other in (nearest, *others) if other.since_date is not None]
    edge = min(begun, key=by_moment)
    changed = {nearest.number: nearest}
    added: list[Interval] = []
    if one.edited_end is None and (one.until is None or edge.at < one.until):
        resumed = _resumed(one, nearest, others, next_number)
        if resumed is not None and resumed.number == next_number:
            added = [resumed]
        elif resumed is not None:
            changed[resumed.number] = resumed
        one = replace(one, until_date=edge, followed_by=nearest.number, reason=_REPLACED)
    place = 1 + [other.number for other in later].index(nearest.number)
    updated = [changed.get(other.number, other) for other in later]
    return one, [*updated[:place], *added, *updated[place:]]


def _replaced_at(one: Interval, later: Interval) -> Date:
    """When ``later``, of which only the end is known, took the place of ``one``: not before ``one``
    was last said to hold, else after its vague start, else halfway."""
    end = later.until_date or later.stated[0].anchor_date
    begins = one.begins
    if one.since_date is None:
        return min(one.until_date or end, end, key=by_moment)
    if one.until_date is not None and begins < one.until_date.at < end.at:
        return one.until_date
    known = (
        Date(_last_stated(one), "instant"),
        Date(one.since_date.end, one.since_date.precision),
        Date(begins + (end.at - begins) / 2, "instant"),
    )
    return max((date for date in known if begins < date.at < end.at), key=by_moment, default=end)


def _last_stated(one: Interval) -> datetime:
    """When it was last said to hold, without an end."""
    open_ = [s.statement.stated_at for s in one.stated if s.end is None and s.start]
    return max((one.begins, *open_))


def _resumed(
    one: Interval, nearest: Interval, others: Sequence[Interval], number: int
) -> Interval | None:
    """What goes on of ``one`` after ``nearest`` ended, when it was said to hold after that end, and
    either knowing of it or beside an interruption that was stated with its end: an interval of that
    number, or a later one of the same that begins sooner."""
    end_date, end = nearest.until_date, nearest.until
    if end is None or one.target == nearest.target or one.since is None:
        return None
    if one.until is not None and one.until <= end:
        return None
    whole = any(stated.end is not None for stated in nearest.stated)
    still = tuple(
        stated
        for stated in one.stated
        if stated.dated
        and stated.end is None
        and stated.statement.stated_at >= end
        # What was only given up later had taken the place of what was said before.
        and (
            whole
            or all(
                statement_order(e.statement) < statement_order(stated.statement)
                for e in nearest.ends
            )
        )
    )
    if not still:
        return None
    if others and others[0].begins <= end:
        return None
    if others and others[0].target == one.target:
        return replace(others[0], since_date=end_date, dated=True)
    return Interval(number, one.target, still, one.ends, end_date, one.until_date, True, one.reason)
