"""The end of what something newer replaces: intervals that cannot hold together, which of them ends
which, and what goes on after an interruption. An index holds each against few others, not against
all."""

from __future__ import annotations

from bisect import bisect, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from heapq import merge
from itertools import chain
from typing import Literal, TypeAlias

from graphmem.belief.intervals import Interval, any_stated_at_once, by_moment, statement_order
from graphmem.clock import Date
from graphmem.relation_types.types import Target, TypeBehaviour

Order: TypeAlias = tuple[int, ...]
"""The place of an interval among others."""
_Entry: TypeAlias = tuple[Order, int]
_Turn: TypeAlias = tuple[str, int]
_InTurn: TypeAlias = _Turn | Literal["any"] | None
_IndexKey: TypeAlias = tuple[object, ...]
_NOBODY: frozenset[int] = frozenset()


class IntervalIndex:
    """Intervals by the entities that they share, in order. One that is only known to be over
    excludes others like it only where their target is its own."""

    def __init__(self, behaviour: TypeBehaviour) -> None:
        self._behaviour = behaviour
        self._by_key: dict[_IndexKey, _OrderedIntervals] = {}

    def add(self, order: Order, one: Interval) -> None:
        past, turn = one.past_only, self._bounded_in(one)
        keys = self._keys(one, (past,), ("any", turn))
        if past or turn is not None:
            keys.append(("of", one.target))
        for key in keys:
            self._by_key.setdefault(key, _OrderedIntervals()).add((order, one.number), one)

    def near(
        self, one: Interval, remaining: Mapping[int, Interval]
    ) -> Iterator[tuple[Order, Interval]]:
        """Those that may exclude this, in order, of what ``remaining`` has."""
        turn = self._bounded_in(one)
        # Bounded intervals of different turns may overlap.
        turns: tuple[_InTurn, ...] = ("any",) if turn is None else (None, turn)
        keys = self._keys(one, (False,) if one.past_only else (False, True), turns)
        keys.append(("of", one.target))
        found = [self._by_key[key] for key in keys if key in self._by_key]
        last = None
        for order, number in merge(*(own.near(one, remaining, self._behaviour) for own in found)):
            if number != last and number in remaining:
                yield order, remaining[number]
            last = number

    def _keys(
        self, one: Interval, pasts: Iterable[bool], turns: Iterable[_InTurn]
    ) -> list[_IndexKey]:
        """Of those with an entity in common: over or not; in any turn, bounded in this one, or not
        bounded."""
        endpoints = self._behaviour.endpoints(one.target)
        return [(past, turn, entity) for past in pasts for turn in turns for entity in endpoints]

    def _bounded_in(self, one: Interval) -> _Turn | None:
        """The turn of a single statement that says from when to when, where such count."""
        single = self._behaviour.may_overlap and len(one.stated) == 1
        return one.stated[0].bounded_in if single else None


class _OrderedIntervals:
    """Intervals in order, those that are alike and follow each other together."""

    def __init__(self) -> None:
        self._groups: list[_AlikeIntervals] = []
        self._first = 0
        """The group before which nothing is left."""

    def add(self, entry: _Entry, one: Interval) -> None:
        groups = self._groups
        if not groups or groups[-1].entries[-1] < entry:
            if not groups or not groups[-1].is_like(one):
                groups.append(_AlikeIntervals(one))
            groups[-1].add(entry, one)
            return
        place = bisect(groups, entry, key=lambda group: group.entries[0])
        if place and entry < groups[place - 1].entries[-1]:
            groups.insert(place, groups[place - 1].split(entry))
        group = _AlikeIntervals(one)
        group.add(entry, one)
        groups.insert(place, group)
        self._first = min(self._first, place)

    def near(
        self, one: Interval, remaining: Mapping[int, Interval], behaviour: TypeBehaviour
    ) -> Iterator[_Entry]:
        """Those that may exclude this; some are not there any more."""
        while self._first < len(self._groups) and self._groups[self._first].used_up(remaining):
            self._first += 1
        for place in range(self._first, len(self._groups)):
            group = self._groups[place]
            if not group.can_coexist(one, behaviour):
                yield from group.entries[group.first :]


class _AlikeIntervals:
    """Intervals that stand one after another, of which all or none are stated at once with any
    other: single statements of one turn with the same times. In a list of a thousand things that
    somebody did in one year each would be compared with each."""

    def __init__(self, like: Interval) -> None:
        self._like = like
        self._numbers: dict[Target, set[int]] = {}
        self.entries: list[_Entry] = []
        self.first = 0
        """Before this place nothing is left."""

    def add(self, entry: _Entry, one: Interval) -> None:
        self.entries.append(entry)
        self._numbers.setdefault(one.target, set()).add(one.number)

    def is_like(self, one: Interval) -> bool:
        """Whether it could be one of them."""
        mine, other = self._like.stated, one.stated
        return len(mine) == 1 == len(other) and mine[0].kind == other[0].kind

    def split(self, entry: _Entry) -> _AlikeIntervals:
        """Those from a place on, as a group of their own."""
        cut, rest = bisect(self.entries, entry), _AlikeIntervals(self._like)
        rest._numbers = self._numbers
        rest.entries, self.entries = self.entries[cut:], self.entries[:cut]
        rest.first, self.first = max(0, self.first - cut), min(self.first, cut)
        return rest

    def used_up(self, remaining: Mapping[int, Interval]) -> bool:
        while self.first < len(self.entries) and self.entries[self.first][1] not in remaining:
            self.first += 1
        return self.first == len(self.entries)

    def can_coexist(self, one: Interval, behaviour: TypeBehaviour) -> bool:
        """Whether none of them can exclude it."""
        if len(self._like.stated) != 1 or self._numbers.get(one.target, _NOBODY) - {one.number}:
            return False
        if one.past_only and self._like.past_only:
            return True
        return behaviour.may_overlap and any_stated_at_once(one.stated, self._like.stated)


_REPLACED = "something else held from then on"


def resolve_overlaps(intervals: Sequence[Interval], behaviour: TypeBehaviour) -> list[Interval]:
    """Intervals, given in order of time, with their final ends: none overlaps one that cannot hold
    beside it. Of some nothing is left; they are ``empty``.

    A newer start ends the older interval. What was interrupted by something that ended, and was
    said to hold after that, goes on.
    """
    if behaviour.single_valued:
        return _resolve_overlaps(intervals, behaviour)
    if behaviour.event:
        return list(intervals)
    by_target: dict[Target, list[Interval]] = {}
    for one in intervals:
        by_target.setdefault(one.target, []).append(one)
    return [one for own in by_target.values() for one in _resolve_overlaps(own, behaviour)]


def _resolve_overlaps(intervals: Sequence[Interval], behaviour: TypeBehaviour) -> list[Interval]:
    if len(intervals) == 1:
        return list(intervals)  # as most are: there is nothing that could end it
    waiting, done = _Waiting(intervals, behaviour), _Done(behaviour)
    next_number = waiting.resumed_from
    while (first := waiting.take()) is not None:
        first = _started(first, done, behaviour)
        done.add(_ended(first, waiting, behaviour, next_number))
        next_number += 1
    return done.intervals


def _cannot_coexist(one: Interval, other: Interval, behaviour: TypeBehaviour) -> bool:
    """Whether the two cannot hold at once."""
    if one.target == other.target:
        return not behaviour.event
    if one.past_only and other.past_only:
        return False
    if behaviour.may_overlap and any_stated_at_once(one.stated, other.stated):
        return False
    return behaviour.rivals(one.target, other.target)


class _Waiting:
    """Intervals in order of time that are still to get their ends."""

    def __init__(self, intervals: Sequence[Interval], behaviour: TypeBehaviour) -> None:
        self._remaining = {one.number: one for one in intervals}
        self.resumed_from = 1 + max(self._remaining, default=0)
        self._orders: dict[int, Order] = {}
        self._early: dict[int, None] = {}
        self._order: list[tuple[Order, int]] = []
        self._at = 0
        self._index = IntervalIndex(behaviour)
        for place, one in enumerate(intervals):
            self._put((place,), one)

    def _put(self, order: Order, one: Interval) -> None:
        self._orders[one.number] = order
        insort(self._order, (order, one.number), lo=self._at)
        self._index.add(order, one)

    def take(self) -> Interval | None:
        """The first, which waits no more."""
        if self._at == len(self._order):
            return None
        _, number = self._order[self._at]
        self._at += 1
        return self._remaining.pop(number)

    def excluded_by(self, one: Interval, behaviour: TypeBehaviour) -> Iterator[Interval]:
        """Those that cannot hold beside it, in order."""
        for _, other in self._index.near(one, self._remaining):
            if _cannot_coexist(one, other, behaviour):
                yield other

    def change(self, one: Interval) -> None:
        """It is now so."""
        self._remaining[one.number] = one
        if one.begins < one.stated[0].anchor:
            self._early[one.number] = None

    def early(self) -> Iterator[Interval]:
        """Those that begin before their anchors, since others were decided."""
        return (self._remaining[number] for number in self._early if number in self._remaining)

    def put_after(self, one: Interval, place: Interval) -> None:
        """One more, right after another."""
        self._remaining[one.number] = one
        # A higher number comes later: of several after one place the last is the nearest to it.
        self._put((*self._orders[place.number], -one.number), one)


class _Done:
    """Intervals with their final ends, in order."""

    def __init__(self, behaviour: TypeBehaviour) -> None:
        self.intervals: list[Interval] = []
        self._edited: list[tuple[int, Interval]] = []
        self._ending: dict[int, Interval] = {}
        self._index = IntervalIndex(behaviour)

    def add(self, one: Interval) -> None:
        place = len(self.intervals)
        self.intervals.append(one)
        if one.until is not None:
            self._ending[one.number] = one
            self._index.add((place,), one)
            if one.edited_end is not None:
                self._edited.append((place, one))

    def ending(self, one: Interval) -> Iterator[tuple[Order, Interval]]:
        """Those with an end that may exclude it."""
        return self._index.near(one, self._ending)

    def edited(self, after: int) -> Iterator[Interval]:
        """Those whose end a person set, from that place on."""
        return (one for place, one in self._edited if place >= after)


def _started(one: Interval, earlier: _Done, behaviour: TypeBehaviour) -> Interval:
    """Not before the end that a person set of another, and when nobody knows from when, not before
    the end of the one before it."""
    place = 0
    if one.since is None:
        ended = ((n, d) for (n, *_), d in earlier.ending(one) if _cannot_coexist(one, d, behaviour))
        place, first = next(ended, (0, None))
        if first is None:
            return one
        one = replace(one, since_date=first.until_date, dated=True)
    for other in earlier.edited(place):
        sooner = one.since is not None and other.until is not None and one.since < other.until
        if sooner and _cannot_coexist(one, other, behaviour):
            one = replace(one, since_date=other.until_date, dated=True)
    return one


def _ended(one: Interval, later: _Waiting, behaviour: TypeBehaviour, next_number: int) -> Interval:
    """The interval, ended by what comes after it; that gets the beginning that this tells, and what
    goes on of the interval after an interruption is put there."""
    rivals = later.excluded_by(one, behaviour)
    nearest = next(rivals, None)
    if nearest is None:
        return one
    after = next(rivals, None)
    if nearest.since is None:
        since = one.edited_end or _replaced_at(one, nearest)
        nearest = replace(nearest, since_date=since, dated=True)
        later.change(nearest)
    early = (other for other in later.early() if _cannot_coexist(one, other, behaviour))
    edge = _first_begun(nearest, after, rivals, early, later.resumed_from)
    if one.edited_end is None and (one.until is None or edge.at < one.until):
        resumed = _resumed(one, nearest, after, next_number)
        if resumed is not None and resumed.number == next_number:
            later.put_after(resumed, nearest)
        elif resumed is not None:
            later.change(resumed)
        one = replace(one, until_date=edge, followed_by=nearest.number, reason=_REPLACED)
    return one


def _first_begun(
    nearest: Interval,
    after: Interval | None,
    rest: Iterator[Interval],
    early: Iterator[Interval],
    resumed: int,
) -> Date:
    """When the first of these begins. They are in order of their anchors, before which none does
    but those that are ``early``, and what goes on after an interruption: that has a number from
    ``resumed`` on."""
    begun = [nearest.since_date]
    for other in chain(() if after is None else (after,), rest):
        begun.append(other.since_date)
        first = min(date.at for date in begun if date is not None)
        if other.number < resumed and other.stated[0].anchor >= first:
            break
    begun += (other.since_date for other in early)
    return min((date for date in begun if date is not None), key=by_moment)


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
    one: Interval, nearest: Interval, after: Interval | None, number: int
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
        # Where only the end of the interruption was stated, what was said before that counts not.
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
    if after is not None and after.begins <= end:
        return None
    if after is not None and after.target == one.target:
        return replace(after, since_date=end_date, dated=True)
    return Interval(number, one.target, still, one.ends, end_date, one.until_date, True, one.reason)
