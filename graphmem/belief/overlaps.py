"""Resolves overlaps between conflicting intervals: a newer one ends the older, and an interval may
resume after an interruption. An index limits how many intervals each is compared with."""

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
"""The position of an interval in order of time."""
_Entry: TypeAlias = tuple[Order, int]
_Turn: TypeAlias = tuple[str, int]
_InTurn: TypeAlias = _Turn | Literal["any"] | None
_IndexKey: TypeAlias = tuple[object, ...]
_NOBODY: frozenset[int] = frozenset()


class IntervalIndex:
    """Intervals by endpoint, in order of time. Two that are known only to have ended
    (``past_only``) conflict only if they have the same target."""

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
        """The intervals in ``remaining`` that may conflict with ``one``, in order."""
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
        """Index keys of every endpoint: past only or not, and the turn that bounds the interval
        (None: unbounded; ``"any"``: bounded or not)."""
        endpoints = self._behaviour.endpoints(one.target)
        return [(past, turn, entity) for past in pasts for turn in turns for entity in endpoints]

    def _bounded_in(self, one: Interval) -> _Turn | None:
        """The turn that states start and end, for types whose bounded intervals may overlap."""
        single = self._behaviour.may_overlap and len(one.stated) == 1
        return one.stated[0].bounded_in if single else None


class _OrderedIntervals:
    """Intervals in order, with consecutive alike ones in one group."""

    def __init__(self) -> None:
        self._groups: list[_AlikeIntervals] = []
        self._first = 0
        """Groups before this index have no remaining intervals."""

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
        """Entries that may conflict with ``one``; some may no longer be in ``remaining``."""
        while self._first < len(self._groups) and self._groups[self._first].used_up(remaining):
            self._first += 1
        for place in range(self._first, len(self._groups)):
            group = self._groups[place]
            if not group.can_coexist(one, behaviour):
                yield from group.entries[group.first :]


class _AlikeIntervals:
    """Consecutive intervals with a single statement each, of one turn and with the same times, so
    that one comparison decides for all. Without this, a turn that lists a thousand things done in
    one year would need a million comparisons."""

    def __init__(self, like: Interval) -> None:
        self._like = like
        self._numbers: dict[Target, set[int]] = {}
        self.entries: list[_Entry] = []
        self.first = 0
        """Entries before this index no longer remain."""

    def add(self, entry: _Entry, one: Interval) -> None:
        self.entries.append(entry)
        self._numbers.setdefault(one.target, set()).add(one.number)

    def is_like(self, one: Interval) -> bool:
        """Whether an interval belongs in this group."""
        mine, other = self._like.stated, one.stated
        return len(mine) == 1 == len(other) and mine[0].kind == other[0].kind

    def split(self, entry: _Entry) -> _AlikeIntervals:
        """Move the entries from ``entry`` on into a new group and return it."""
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
        """Whether no interval of the group conflicts with ``one``."""
        if len(self._like.stated) != 1 or self._numbers.get(one.target, _NOBODY) - {one.number}:
            return False
        if one.past_only and self._like.past_only:
            return True
        return behaviour.may_overlap and any_stated_at_once(one.stated, self._like.stated)


_REPLACED = "something else held from then on"


def resolve_overlaps(intervals: Sequence[Interval], behaviour: TypeBehaviour) -> list[Interval]:
    """Return intervals, given in order of time, with their final ends, so that no two conflicting
    ones overlap. Some may become ``empty``.

    A newer start ends the older interval. An interrupted interval resumes after the interruption
    ended, if it was stated to hold after that.
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
        return list(intervals)  # the usual case: nothing could end it
    waiting, done = _Waiting(intervals, behaviour), _Done(behaviour)
    next_number = waiting.resumed_from
    while (first := waiting.take()) is not None:
        first = _started(first, done, behaviour)
        done.add(_ended(first, waiting, behaviour, next_number))
        next_number += 1
    return done.intervals


def _cannot_coexist(one: Interval, other: Interval, behaviour: TypeBehaviour) -> bool:
    """Whether two intervals conflict."""
    if one.target == other.target:
        return not behaviour.event
    if one.past_only and other.past_only:
        return False
    if behaviour.may_overlap and any_stated_at_once(one.stated, other.stated):
        return False
    return behaviour.rivals(one.target, other.target)


class _Waiting:
    """Intervals, in order of time, whose final ends are not decided yet."""

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
        """Remove and return the first interval; None if none is left."""
        if self._at == len(self._order):
            return None
        _, number = self._order[self._at]
        self._at += 1
        return self._remaining.pop(number)

    def excluded_by(self, one: Interval, behaviour: TypeBehaviour) -> Iterator[Interval]:
        """The waiting intervals that conflict with ``one``, in order."""
        for _, other in self._index.near(one, self._remaining):
            if _cannot_coexist(one, other, behaviour):
                yield other

    def change(self, one: Interval) -> None:
        """Replace the waiting interval of the same number."""
        self._remaining[one.number] = one
        if one.begins < one.stated[0].anchor:
            self._early[one.number] = None

    def early(self) -> Iterator[Interval]:
        """Waiting intervals whose start was moved before their anchor."""
        return (self._remaining[number] for number in self._early if number in self._remaining)

    def put_after(self, one: Interval, place: Interval) -> None:
        """Add an interval right after ``place``."""
        self._remaining[one.number] = one
        # A higher number comes later: of several after one place the last is the nearest to it.
        self._put((*self._orders[place.number], -one.number), one)


class _Done:
    """Intervals whose final ends are decided, in order."""

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
        """Intervals with an end that may conflict with ``one``, with their positions."""
        return self._index.near(one, self._ending)

    def edited(self, after: int) -> Iterator[Interval]:
        """Intervals whose end a person set, from position ``after`` on."""
        return (one for place, one in self._edited if place >= after)


def _started(one: Interval, earlier: _Done, behaviour: TypeBehaviour) -> Interval:
    """The interval with its final start. An unknown start becomes the end of the first conflicting
    interval in ``earlier``; no start is before a conflicting end that a person set."""
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
    """The interval, ended where the first conflicting one of ``later`` starts. Also gives the
    nearest one a start if it has none, and adds to ``later`` what resumes after an interruption."""
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
    """The earliest start of these. All but ``early`` are in order of their anchors; none starts
    before its anchor except those in ``early`` and resumed intervals, whose numbers are at least
    ``resumed``. So the search can stop early."""
    begun = [nearest.since_date]
    for other in chain(() if after is None else (after,), rest):
        begun.append(other.since_date)
        first = min(date.at for date in begun if date is not None)
        if other.number < resumed and other.stated[0].anchor >= first:
            break
    begun += (other.since_date for other in early)
    return min((date for date in begun if date is not None), key=by_moment)


def _replaced_at(one: Interval, later: Interval) -> Date:
    """When ``later``, which has no known start, replaced ``one``: at the end of ``one`` if known,
    else when ``one`` was last stated to hold, after its vague start, or halfway between the start
    of ``one`` and the end of ``later``, whichever is last; each only if within that time."""
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
    """When it was last stated to hold without an end."""
    open_ = [s.statement.stated_at for s in one.stated if s.end is None and s.start]
    return max((one.begins, *open_))


def _resumed(
    one: Interval, nearest: Interval, after: Interval | None, number: int
) -> Interval | None:
    """What resumes of ``one`` after ``nearest``, which interrupted it, ended; None if nothing does.
    A dated statement of ``one`` must have been made after that end, and also after the end was
    stated, unless ``nearest`` was stated together with its end. The result is a new interval with
    this number, or ``after`` with an earlier start if it has the same target."""
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
        # If the end was stated separately, only statements made after it count.
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
