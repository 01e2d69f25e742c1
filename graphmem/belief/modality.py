"""Folds plans, hearsay, suppositions and denials beside the plain beliefs: how long each holds."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from graphmem.belief.beliefs import StatementOutcome
from graphmem.belief.intervals import (
    Interval,
    StatedInterval,
    by_moment,
    stated_before,
    statement_order,
)
from graphmem.belief.stated_ends import Targets, end_of
from graphmem.clock import refines, same_date
from graphmem.model import Date, Edit, Statement
from graphmem.relation_types.types import Target, TypeBehaviour

_PLANNED, _DENIED = "planned", "negated"
_STANDS = StatementOutcome("believed", "stands")
_CONFIRMED = StatementOutcome("believed", "confirmed by a plain statement")
_KNOWN = StatementOutcome("corrected", "it is known to be so")


@dataclass(frozen=True, slots=True)
class ModalBeliefs:
    """The result of folding statements that are not plain: intervals of one modality each; by
    number of a plain interval, the hearsay that it confirms; and the outcome of each statement, by
    id."""

    intervals: tuple[Interval, ...]
    support: Mapping[int, Sequence[Statement]]
    accounts: Mapping[str, StatementOutcome]


NOT_MODAL = ModalBeliefs((), {}, {})
"""The result where all statements are plain."""


@dataclass(frozen=True, slots=True)
class _Stop:
    date: Date
    reason: str
    by: int | None = None
    """Number of the interval that takes its place."""


def fold_modal(
    statements: Sequence[Statement],
    plain: Sequence[Interval],
    endings: Sequence[Statement],
    behaviour: TypeBehaviour,
    *,
    edits: Mapping[str, Edit],
    first_number: int,
) -> ModalBeliefs:
    """Fold these statements, none of them plain, beside the plain intervals and ends of the group.
    The new intervals are numbered from ``first_number`` on."""
    beside = _PlainContext(plain, endings, map(behaviour.target, statements), behaviour)
    found: dict[tuple[Target, str], list[Interval]] = {}
    support: dict[int, list[Statement]] = {}
    accounts: dict[str, StatementOutcome] = {}
    for number, statement in enumerate(sorted(statements, key=statement_order), first_number):
        one = _interval(number, statement, behaviour, edits)
        confirming = _confirming(one, beside)
        stop = _first_stop(one, beside)
        if confirming is not None and one.modality == "hearsay":
            support.setdefault(confirming.number, []).append(statement)
            accounts[statement.id] = _CONFIRMED
        elif confirming is not None:
            accounts[statement.id] = _KNOWN
        elif stop is not None and stop.date.at <= one.begins:
            accounts[statement.id] = StatementOutcome("corrected", stop.reason)
        else:
            accounts[statement.id] = StatementOutcome("believed", stop.reason) if stop else _STANDS
            same = found.setdefault((one.target, one.modality), [])
            same[-1:] = _joined(same[-1:], _stopped(one, stop))
    intervals = _plans_replaced([one for same in found.values() for one in same], behaviour)
    gone = {
        s.statement.id: StatementOutcome("corrected", one.reason or "")
        for one in intervals
        if one.empty
        for s in one.stated
    }
    left = tuple(one for one in intervals if not one.empty)
    return ModalBeliefs(left, support, {**accounts, **gone})


def _interval(
    number: int, statement: Statement, behaviour: TypeBehaviour, edits: Mapping[str, Edit]
) -> Interval:
    """The interval of one statement. A plan holds from when it was made, any other from the stated
    date, else from when it was stated."""
    target, planned = behaviour.target(statement), statement.modality == _PLANNED
    since = Date(statement.stated_at, "instant") if planned else statement.known_date
    stated = StatedInterval(
        statement, target, since, None, since, dated=False, edit=edits.get(statement.id)
    )
    planned_for = statement.valid_date if planned else None
    return Interval(number, target, (stated,), since_date=since, planned_for=planned_for)


def _stopped(one: Interval, stop: _Stop | None) -> Interval:
    if stop is None:
        return one
    return replace(one, until_date=stop.date, reason=stop.reason, followed_by=stop.by)


class _PlainContext:
    """What can confirm or end other modalities: the plain intervals, and the statements that end
    something."""

    def __init__(
        self,
        plain: Sequence[Interval],
        endings: Sequence[Statement],
        targets: Iterable[Target],
        behaviour: TypeBehaviour,
    ) -> None:
        self._behaviour = behaviour
        self.same: dict[Target, list[Interval]] = {}
        self.endings: dict[Target, list[Statement]] = {}
        self._places = {one.number: place for place, one in enumerate(plain)}
        self._by_endpoint: dict[str, list[Interval]] = {}
        for one in plain:
            self.same.setdefault(one.target, []).append(one)
            for entity in behaviour.endpoints(one.target) if behaviour.single_valued else ():
                self._by_endpoint.setdefault(entity, []).append(one)
        self._begun = {e: sorted(own, key=_begins) for e, own in self._by_endpoint.items()}
        self._latest = {e: sorted(own, key=_latest_stated) for e, own in self._by_endpoint.items()}
        spoken_of = Targets(targets, behaviour)
        for ending in endings:
            for target in spoken_of.of_statement(ending):
                self.endings.setdefault(target, []).append(ending)

    def rivals(self, target: Target, since: datetime, stated_at: datetime) -> list[Interval]:
        """The plain intervals that conflict with ``target``, in their order: of those that began
        after ``since`` the first (at each endpoint), of the others all with a statement made after
        ``stated_at``."""
        found: dict[int, Interval] = {}
        for entity in self._behaviour.endpoints(target):
            begun, latest = self._begun.get(entity, []), self._latest.get(entity, [])
            later = (begun[n] for n in range(bisect_right(begun, since, key=_begins), len(begun)))
            first = next((o for o in later if self._behaviour.rivals(o.target, target)), None)
            found |= {} if first is None else {first.number: first}
            for place in range(bisect_right(latest, stated_at, key=_latest_stated), len(latest)):
                other = latest[place]
                if other.begins <= since and self._behaviour.rivals(other.target, target):
                    found[other.number] = other
        return sorted(found.values(), key=lambda one: self._places[one.number])


def _begins(one: Interval) -> datetime:
    return one.begins


def _latest_stated(one: Interval) -> datetime:
    return max(stated.statement.stated_at for stated in one.stated)


def _confirming(one: Interval, beside: _PlainContext) -> Interval | None:
    """The plain interval of the same target that covers the start of ``one``. None for plans and
    denials: a plain statement fulfils a plan and contradicts a denial."""
    if one.modality in {_PLANNED, _DENIED}:
        return None
    same = beside.same.get(one.target, ())
    return next((other for other in same if other.covers(one.begins)), None)


def _first_stop(one: Interval, beside: _PlainContext) -> _Stop | None:
    """The earliest of what ends the interval; None if nothing does."""
    since, (stated,) = one.begins, one.stated
    statement = stated.statement
    stops = [
        _Stop(other.begin_date, "a plain statement took its place", other.number)
        for other in beside.same.get(one.target, ())
        if other.begins >= since
    ]
    if one.modality != _DENIED:
        stops += _denials(one, beside.endings.get(one.target, ()))
    if one.modality == _PLANNED:
        planned_for = statement.valid_date
        if planned_for is not None and planned_for.end > since:
            passed = Date(planned_for.end, planned_for.precision)
            stops.append(_Stop(passed, "its date has passed"))
    elif statement.invalid_date is not None and statement.invalid_date.at > since:
        stops.append(_Stop(statement.invalid_date, "said to have ended"))
    if one.modality in {"hearsay", "hypothetical"}:
        stops += _rivals(one, beside)
    return min(stops, key=lambda s: s.date.at, default=None)


def _denials(one: Interval, endings: Sequence[Statement]) -> list[_Stop]:
    (stated,) = one.stated
    return [
        _Stop(
            Date(ending.stated_at, "instant")
            if one.modality == _PLANNED
            else max(end_of(ending).date, one.begin_date, key=by_moment),
            "said not to be so" if ending.kind == "assert" else "called off",
        )
        for ending in endings
        if stated_before(stated.statement, ending, same_turn=True)
        and not _makes_room(ending, stated.statement)
    ]


def _makes_room(ending: Statement, plan: Statement) -> bool:
    """Whether an end without an object, in the turn that states the plan, is about the other
    objects: "my last day is 2 May, I start at Beta then"."""
    own = (ending.episode_id, ending.turn) == (plan.episode_id, plan.turn)
    return own and ending.type is not None and ending.object_key is None


def _rivals(one: Interval, beside: _PlainContext) -> list[_Stop]:
    since, stated_at = one.begins, one.stated[0].statement.stated_at
    stops = []
    for other in beside.rivals(one.target, since, stated_at):
        if other.begins > since:
            stops.append(_Stop(other.begin_date, "something else held from then on", other.number))
            continue
        later = (s.statement.stated_at for s in other.stated)
        known = [at for at in later if at > stated_at and other.covers(at)]
        if known:
            at = max(Date(min(known), "instant"), one.begin_date, key=by_moment)
            stops.append(_Stop(at, "contradicted by a plain statement", other.number))
    return stops


def _joined(last: Sequence[Interval], one: Interval) -> list[Interval]:
    """``last`` (empty, or the last interval of the same target and modality) and ``one``, joined
    into one interval; or both, if the last had ended by then, or they differ in the date planned
    for (plans) or in the interval that follows (others)."""
    if not last:
        return [one]
    (before,) = last
    planned = one.modality == _PLANNED
    open_ = before.until is None or one.begins < before.until
    if not open_ or not (
        _agree(before.planned_for, one.planned_for)
        if planned
        else before.followed_by == one.followed_by
    ):
        return [before, one]
    sooner = one.until is not None and (before.until is None or one.until < before.until)
    stopping = one if sooner else before
    return [
        replace(
            before,
            stated=(*before.stated, *one.stated),
            since_date=min(before.begin_date, one.begin_date, key=by_moment),
            until_date=stopping.until_date,
            reason=stopping.reason,
            followed_by=stopping.followed_by,
            planned_for=_finer(before.planned_for, one.planned_for),
        )
    ]


def _agree(one: Date | None, other: Date | None) -> bool:
    return one is None or other is None or same_date(one, other)


def _finer(one: Date | None, other: Date | None) -> Date | None:
    if one is None or other is None:
        return one or other
    return one if refines(one, other) else other


def _plans_replaced(intervals: Sequence[Interval], behaviour: TypeBehaviour) -> list[Interval]:
    """The intervals, where a later plan ends an earlier one for the same target with another date,
    or (single-valued) for another target at the same time."""
    ordered = sorted(intervals, key=lambda one: one.number)
    plans = sorted((one for one in ordered if one.modality == _PLANNED), key=_begins)
    return [
        _replaced(one, plans, behaviour) if one.modality == _PLANNED else one for one in ordered
    ]


def _replaced(old: Interval, plans: Sequence[Interval], behaviour: TypeBehaviour) -> Interval:
    """The plan, ended by the first later plan that replaces it. ``plans`` are in the order in which
    they were made."""
    later = (plans[n] for n in range(bisect_right(plans, old.begins, key=_begins), len(plans)))
    instead = (
        new
        for new in later
        if new.target == old.target
        or (behaviour.rivals(new.target, old.target) and _agree(old.planned_for, new.planned_for))
    )
    first = next(instead, None)
    if first is None or (old.until is not None and old.until <= first.begins):
        return old
    return _stopped(old, _Stop(first.begin_date, "the plan was changed", first.number))
