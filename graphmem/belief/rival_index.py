"""Intervals by what they can exclude: each is held against few others, not against all."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Iterator, Mapping
from heapq import merge
from typing import Literal, TypeAlias

from graphmem.belief.intervals import Interval, any_stated_at_once
from graphmem.relation_types.behaviour import Target, TypeBehaviour

Order: TypeAlias = tuple[int, ...]
"""The place of an interval among others."""
_Entry: TypeAlias = tuple[Order, int]
_Turn: TypeAlias = tuple[str, int]
_InTurn: TypeAlias = _Turn | Literal["any"] | None
_LineKey: TypeAlias = tuple[object, ...]
_NOBODY: frozenset[int] = frozenset()


class IntervalIndex:
    """Those with an end of the relation in common stand together, in order. What is only known to
    be over excludes nothing of its kind but its own target."""

    def __init__(self, behaviour: TypeBehaviour) -> None:
        self._behaviour = behaviour
        self._lines: dict[_LineKey, _Line] = {}

    def add(self, order: Order, one: Interval) -> None:
        past, turn = one.past_only, self._closed_in(one)
        keys = self._keys(one, (past,), ("any", turn))
        if past or turn is not None:
            keys.append(("of", one.target))
        for key in keys:
            self._lines.setdefault(key, _Line()).add((order, one.number), one)

    def near(
        self, one: Interval, still: Mapping[int, Interval]
    ) -> Iterator[tuple[Order, Interval]]:
        """Those that may be apart from this, in order, of what is ``still`` there."""
        turn = self._closed_in(one)
        # Those of other turns that are closed too can all be beside one that is closed.
        turns: tuple[_InTurn, ...] = ("any",) if turn is None else (None, turn)
        keys = self._keys(one, (False,) if one.past_only else (False, True), turns)
        keys.append(("of", one.target))
        lines = [self._lines[key] for key in keys if key in self._lines]
        last = None
        for order, number in merge(*(line.near(one, still, self._behaviour) for line in lines)):
            if number != last and number in still:
                yield order, still[number]
            last = number

    def _keys(
        self, one: Interval, pasts: Iterable[bool], turns: Iterable[_InTurn]
    ) -> list[_LineKey]:
        """Of those with an end in common: over or not; in any turn, closed in this one, or not
        closed."""
        ends = dict.fromkeys(one.target if self._behaviour.symmetric else one.target[:1])
        return [(past, turn, end) for past in pasts for turn in turns for end in ends]

    def _closed_in(self, one: Interval) -> _Turn | None:
        """The turn of a single statement that says from when to when, where such count."""
        single = self._behaviour.may_overlap and len(one.stated) == 1
        return one.stated[0].closed_in if single else None


class _Line:
    """Intervals in order, by runs."""

    def __init__(self) -> None:
        self._runs: list[_Run] = []
        self._first = 0
        """The run before which nothing is left."""

    def add(self, entry: _Entry, one: Interval) -> None:
        runs = self._runs
        if not runs or runs[-1].entries[-1] < entry:
            if not runs or not runs[-1].is_like(one):
                runs.append(_Run(one))
            runs[-1].add(entry, one)
            return
        place = bisect(runs, entry, key=lambda run: run.entries[0])
        if place and entry < runs[place - 1].entries[-1]:
            runs.insert(place, runs[place - 1].split(entry))
        run = _Run(one)
        run.add(entry, one)
        runs.insert(place, run)
        self._first = min(self._first, place)

    def near(
        self, one: Interval, still: Mapping[int, Interval], behaviour: TypeBehaviour
    ) -> Iterator[_Entry]:
        """Those that may be apart from this; some are not there any more."""
        while self._first < len(self._runs) and self._runs[self._first].used_up(still):
            self._first += 1
        for place in range(self._first, len(self._runs)):
            run = self._runs[place]
            if not run.beside(one, behaviour):
                yield from run.entries[run.first :]


class _Run:
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

    def split(self, entry: _Entry) -> _Run:
        """Those from a place on, as a run of their own."""
        cut, rest = bisect(self.entries, entry), _Run(self._like)
        rest._numbers = self._numbers
        rest.entries, self.entries = self.entries[cut:], self.entries[:cut]
        rest.first, self.first = max(0, self.first - cut), min(self.first, cut)
        return rest

    def used_up(self, still: Mapping[int, Interval]) -> bool:
        while self.first < len(self.entries) and self.entries[self.first][1] not in still:
            self.first += 1
        return self.first == len(self.entries)

    def beside(self, one: Interval, behaviour: TypeBehaviour) -> bool:
        """Whether none of them can be apart from it."""
        if len(self._like.stated) != 1 or self._numbers.get(one.target, _NOBODY) - {one.number}:
            return False
        if one.past_only and self._like.past_only:
            return True
        return behaviour.may_overlap and any_stated_at_once(one.stated, self._like.stated)
