"""Intervals: the one that each statement gives, and those computed from all statements.

Values only. :mod:`.fold` computes intervals from statements, :mod:`.stated_ends` and
:mod:`.overlaps` decide where they end.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from typing import Any, TypeAlias

from graphmem.model import Date, Edit, Statement, valid_from, valid_until
from graphmem.relation_types.types import Target, TypeBehaviour
from graphmem.text import text_key

LONG_AGO = datetime.min.replace(tzinfo=UTC)
_Kind: TypeAlias = tuple[object, ...]
_Place: TypeAlias = tuple[str, tuple[str, int] | None]


@dataclass(frozen=True)
class StatedInterval:
    """The interval that one statement gives for its target: ``start`` to ``end``. Without ``start``
    it held until ``anchor``, since an unknown time."""

    statement: Statement
    target: Target
    start_date: Date | None
    end_date: Date | None
    anchor_date: Date
    dated: bool
    edit: Edit | None = None
    undated_past: bool = False
    """Known only to have ended before ``anchor`` ("I used to live in Lyon")."""

    # Cached: read for every comparison with an interval that may conflict.

    @cached_property
    def start(self) -> datetime | None:
        return None if self.start_date is None else self.start_date.at

    @cached_property
    def end(self) -> datetime | None:
        return None if self.end_date is None else self.end_date.at

    @cached_property
    def anchor(self) -> datetime:
        return self.anchor_date.at

    @cached_property
    def key(self) -> tuple[datetime, bool]:
        """By what stated intervals are ordered in time."""
        return (self.anchor_date.at, self.start_date is not None)

    @cached_property
    def bounded_in(self) -> tuple[str, int] | None:
        """The episode and turn, if they state both start and end; else None. Two such intervals of
        different turns may overlap."""
        bounded = self.dated and self.end_date is not None
        return (self.statement.episode_id, self.statement.turn) if bounded else None

    @property
    def ended_by_edit(self) -> bool:
        """Whether a person set its end."""
        return self.edit is not None and self.edit.invalid_at is not None

    @cached_property
    def kind(self) -> _Kind:
        """Intervals of one kind compare alike in :func:`stated_at_once` and ``undated_past``."""
        statement = self.statement
        turn = statement.episode_id, statement.turn
        return self.undated_past, *turn, self.key, self.end, self.dated


@dataclass(frozen=True, slots=True)
class StatedEnd:
    """A statement or a person's edit by which something ended at ``date``."""

    statement: Statement
    date: Date
    dated: bool
    by_edit: bool = False

    @property
    def at(self) -> datetime:
        return self.date.at


@dataclass(frozen=True)
class Interval:
    """A time during which one target held, and the statements that say so.

    ``dated``: ``since`` was stated as a date, or follows from one. ``followed_by`` is the
    ``number`` of the interval that took its place, ``reason`` why it ended.
    """

    number: int
    target: Target
    stated: tuple[StatedInterval, ...]
    ends: tuple[StatedEnd, ...] = ()
    since_date: Date | None = None
    until_date: Date | None = None
    dated: bool = False
    reason: str | None = None
    followed_by: int | None = None
    planned_for: Date | None = None

    @property
    def modality(self) -> str:
        """The modality that all its statements share."""
        return self.stated[0].statement.modality

    @cached_property
    def since(self) -> datetime | None:
        return None if self.since_date is None else self.since_date.at

    @cached_property
    def until(self) -> datetime | None:
        return None if self.until_date is None else self.until_date.at

    @property
    def begin_date(self) -> Date:
        """``since_date``, or ``LONG_AGO`` when that is not known."""
        return self.since_date or Date(LONG_AGO, "instant")

    @cached_property
    def begins(self) -> datetime:
        """The moment of ``begin_date``."""
        return LONG_AGO if self.since_date is None else self.since_date.at

    @cached_property
    def edited_end(self) -> Date | None:
        """The end that a person set, which no statement changes; the latest of several."""
        edited = [one.end_date for one in self.stated if one.end_date and one.ended_by_edit]
        return max(edited, key=by_moment) if edited else None

    @cached_property
    def past_only(self) -> bool:
        """Whether it is known only to have ended, not from when to when it held."""
        return all(stated.undated_past for stated in self.stated)

    @cached_property
    def empty(self) -> bool:
        """Whether it ends at or before its start."""
        return self.until_date is not None and self.until_date.at <= self.begins

    def covers(self, moment: datetime) -> bool:
        """Whether it held at that moment."""
        return self.begins <= moment and (self.until is None or moment < self.until)


def own_end(stated: StatedInterval) -> StatedEnd | None:
    """The end given by the statement itself, or by an edit of it."""
    if stated.end_date is None:
        return None
    by_edit = stated.ended_by_edit
    return StatedEnd(stated.statement, stated.end_date, dated=True, by_edit=by_edit)


def stated_interval(
    statement: Statement, behaviour: TypeBehaviour, edit: Edit | None
) -> StatedInterval:
    """The interval a statement gives, with a person's edit applied."""
    own = statement if edit is None or not edit.cleared else _without(statement, edit.cleared)
    start, end = _span(own)
    dated = own.valid_at is not None and start is not None
    if edit is not None and edit.valid_date is not None:
        start, dated = edit.valid_date, True
    if edit is not None and edit.invalid_date is not None:
        end = _after(start, edit.invalid_date)
        start = None if start is not None and start.at >= end.at else start
    elif start is not None and end is not None:
        end = _after(start, end)
        end = None if end.at <= start.at else end
    anchor = start if start is not None else end
    if anchor is None:
        raise ValueError("a statement has a start, an end, or a time at which it was made")
    return StatedInterval(statement, behaviour.target(statement), start, end, anchor, dated, edit)


def _without(statement: Statement, cleared: Collection[str]) -> Statement:
    """The statement without the dates that a person cleared."""
    if "valid_at" in cleared:
        statement = replace(statement, **valid_from(None))
    if "invalid_at" in cleared:
        statement = replace(statement, **valid_until(None))
    return statement


def _span(statement: Statement) -> tuple[Date | None, Date | None]:
    """Start and end of a statement. Without a start date it starts when it was stated, or, if it
    had ended by then, at an unknown time (None)."""
    start, end = statement.valid_date, statement.invalid_date
    if start is not None and end is not None and end.at < start.at:
        start = None
    if start is None and (end is None or end.at > statement.stated_at):
        start = Date(statement.stated_at, "instant")
    return start, end


def _after(start: Date | None, end: Date) -> Date:
    """The end; one on the very date of the start ("2020 to 2020") is the end of that time."""
    return end.over if start is not None and start.at == end.at else end


def by_moment(date: Date) -> datetime:
    """Sort key of dates."""
    return date.at


# -- before, after, and at once --------------------------------------------------------------------


def statement_order(statement: Statement) -> tuple[Any, ...]:
    """Sort key: the order in which statements were made. Those of the same moment (often only the
    day is known) are in order of arrival, as ids rise with time."""
    return (
        statement.stated_at,
        statement.episode_id,
        statement.turn,
        statement.ordinal,
        _Wording(statement.text),
        statement.id,
    )


class _Wording:
    """Orders texts by key, then verbatim. The key is computed only when two are compared, which
    is rare: only for statements of the same moment and place."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Wording) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __lt__(self, other: _Wording) -> bool:
        return (text_key(self._text), self._text) < (text_key(other._text), other._text)


def stated_before(one: Statement, other: Statement, *, same_turn: bool) -> bool:
    """Whether ``one`` was stated before ``other``, an end or a withdrawal. At the same time in two
    episodes it was, as an end presupposes what it ends."""
    if one.stated_at != other.stated_at:
        return one.stated_at < other.stated_at
    if one.episode_id != other.episode_id:
        return True
    return one.turn < other.turn or (same_turn and one.turn == other.turn)


def stated_at_once(one: StatedInterval, other: StatedInterval) -> bool:
    """Whether two stated intervals may hold at the same time: one turn states both with the same
    times, or different turns each state a start and an end."""
    a, b = one.statement, other.statement
    if (a.episode_id, a.turn) == (b.episode_id, b.turn):
        return one.key == other.key and one.end == other.end
    return one.bounded_in is not None and other.bounded_in is not None


def any_stated_at_once(one: Sequence[StatedInterval], other: Sequence[StatedInterval]) -> bool:
    """Whether :func:`stated_at_once` holds for any pair of the two sequences."""
    if len(one) == 1 == len(other):
        return stated_at_once(one[0], other[0])
    # Deduplicated: the statements of one turn mostly have the same times.
    mine, theirs = (
        {(s.statement.episode_id, s.statement.turn, s.key, s.end) for s in many}
        for many in (one, other)
    )
    if not mine.isdisjoint(theirs):
        return True
    bounded = [
        {(s.statement.episode_id, s.statement.turn): s for s in many if s.dated and s.end}
        for many in (one, other)
    ]
    return any(a != b for a in bounded[0] for b in islice(bounded[1], 2))


def cannot_coexist(one: StatedInterval, other: StatedInterval, behaviour: TypeBehaviour) -> bool:
    """Whether two stated intervals conflict. Two that are known only to have ended do not: either
    may have been first."""
    return behaviour.rivals(one.target, other.target) and not _can_coexist(one, other, behaviour)


def _can_coexist(one: StatedInterval, other: StatedInterval, behaviour: TypeBehaviour) -> bool:
    """Whether two stated intervals of conflicting targets can still both hold."""
    if one.undated_past and other.undated_past:
        return True
    return behaviour.may_overlap and stated_at_once(one, other)


class Exclusion:
    """An index of stated intervals that finds conflicts. They are filed by endpoint, turn and kind,
    so that a new one is compared once with each kind and not with every interval."""

    def __init__(self, behaviour: TypeBehaviour) -> None:
        self._behaviour = behaviour
        self._filed: dict[_Place, dict[_Kind, tuple[StatedInterval, dict[Target, None]]]] = {}
        self._turns: dict[str, dict[tuple[str, int] | None, None]] = {}
        """By entity, the turns (None: unbounded) under which intervals are filed."""

    def add(self, one: StatedInterval) -> None:
        """File an interval; each target is filed once under each kind."""
        turn = one.bounded_in
        for entity in self._endpoints(one):
            self._turns.setdefault(entity, {})[turn] = None
            kinds = self._filed.setdefault((entity, turn), {})
            kinds.setdefault(one.kind, (one, {}))[1][one.target] = None

    def remove(self, one: StatedInterval) -> None:
        """Remove the interval's target from its kind."""
        turn = one.bounded_in
        for entity in self._endpoints(one):
            kinds = self._filed[entity, turn]
            targets = kinds[one.kind][1]
            targets.pop(one.target, None)
            if not targets:
                del kinds[one.kind]
            if not kinds:
                del self._filed[entity, turn]
                del self._turns[entity][turn]

    def excluded(self, one: StatedInterval) -> Iterator[Target]:
        """Other targets whose filed intervals conflict with this one; may repeat a target."""
        turn = one.bounded_in
        for entity in self._endpoints(one):
            # Bounded intervals of different turns may overlap, so only unbounded ones and those of
            # this turn are compared.
            few = turn is not None and self._behaviour.may_overlap
            for other in (None, turn) if few else list(self._turns.get(entity, ())):
                for like, targets in list(self._filed.get((entity, other), {}).values()):
                    if _can_coexist(one, like, self._behaviour):
                        continue
                    yield from (target for target in targets if target != one.target)

    def _endpoints(self, one: StatedInterval) -> Sequence[str]:
        return self._behaviour.endpoints(one.target) if self._behaviour.single_valued else ()
