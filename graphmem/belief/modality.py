"""Plans, hearsay, suppositions and denials: what stands beside plain belief, and how long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from graphmem.belief.beliefs import Account
from graphmem.belief.intervals import (
    Interval,
    StatedInterval,
    by_moment,
    stated_before,
    statement_order,
)
from graphmem.belief.stated_ends import end_of
from graphmem.clock import refines, same_date
from graphmem.model import Date, Edit, Statement
from graphmem.relation_types.behaviour import Target, TypeBehaviour

_PLANNED, _DENIED = "planned", "negated"
_STANDS = Account("believed", "stands")
_CONFIRMED = Account("believed", "confirmed by a plain statement")
_KNOWN = Account("corrected", "it is known to be so")


@dataclass(frozen=True, slots=True)
class Modal:
    """What is not plainly stated comes to: intervals of one modality each, by the number of a plain
    interval the hearsay that it confirms, and an account of each statement by id."""

    intervals: tuple[Interval, ...]
    support: Mapping[int, Sequence[Statement]]
    accounts: Mapping[str, Account]


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
) -> Modal:
    """What these statements, none of them plain, come to beside the plain intervals; numbered from
    ``first_number`` on."""
    found: dict[tuple[Target, str], list[Interval]] = {}
    support: dict[int, list[Statement]] = {}
    accounts: dict[str, Account] = {}
    for number, statement in enumerate(sorted(statements, key=statement_order), first_number):
        one = _interval(number, statement, behaviour, edits)
        confirming = _confirming(one, plain)
        stop = _first_stop(one, plain, endings, behaviour)
        if confirming is not None and one.modality == "hearsay":
            support.setdefault(confirming.number, []).append(statement)
            accounts[statement.id] = _CONFIRMED
        elif confirming is not None:
            accounts[statement.id] = _KNOWN
        elif stop is not None and stop.date.at <= one.begins:
            accounts[statement.id] = Account("corrected", stop.reason)
        else:
            accounts[statement.id] = Account("believed", stop.reason) if stop else _STANDS
            same = found.setdefault((one.target, one.modality), [])
            same[-1:] = _joined(same[-1:], _stopped(one, stop))
    intervals = _plans_replaced([one for same in found.values() for one in same], behaviour)
    gone = {
        s.statement.id: Account("corrected", one.reason or "")
        for one in intervals
        if one.empty
        for s in one.stated
    }
    left = tuple(one for one in intervals if not one.empty)
    return Modal(left, support, {**accounts, **gone})


def _interval(
    number: int, statement: Statement, behaviour: TypeBehaviour, edits: Mapping[str, Edit]
) -> Interval:
    """A plan stands from when it was made, the rest from when it is said to hold."""
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


def _confirming(one: Interval, plain: Sequence[Interval]) -> Interval | None:
    """The plain interval that says the same. It fulfils a plan, and contradicts a denial."""
    if one.modality in {_PLANNED, _DENIED}:
        return None
    same = (other for other in plain if other.target == one.target)
    return next((other for other in same if other.covers(one.begins)), None)


def _first_stop(
    one: Interval, plain: Sequence[Interval], endings: Sequence[Statement], behaviour: TypeBehaviour
) -> _Stop | None:
    """What ends it first, if anything."""
    since, (stated,) = one.begins, one.stated
    statement = stated.statement
    stops = [
        _Stop(other.begin_date, "a plain statement took its place", other.number)
        for other in plain
        if other.target == one.target and other.begins >= since
    ]
    if one.modality != _DENIED:
        stops += _denials(one, endings, behaviour)
    if one.modality == _PLANNED:
        planned_for = statement.valid_date
        if planned_for is not None and planned_for.end > since:
            passed = Date(planned_for.end, planned_for.precision)
            stops.append(_Stop(passed, "its date has passed"))
    elif statement.invalid_date is not None and statement.invalid_date.at > since:
        stops.append(_Stop(statement.invalid_date, "said to have ended"))
    if one.modality in {"hearsay", "hypothetical"}:
        stops += _rivals(one, plain, behaviour)
    return min(stops, key=lambda s: s.date.at, default=None)


def _denials(one: Interval, endings: Sequence[Statement], behaviour: TypeBehaviour) -> list[_Stop]:
    (stated,) = one.stated
    return [
        _Stop(
            Date(ending.stated_at, "instant")
            if one.modality == _PLANNED
            else max(end_of(ending).date, one.begin_date, key=by_moment),
            "said not to be so" if ending.kind == "assert" else "called off",
        )
        for ending in endings
        if behaviour.meant(ending, one.target)
        and stated_before(stated.statement, ending, same_turn=True)
    ]


def _rivals(one: Interval, plain: Sequence[Interval], behaviour: TypeBehaviour) -> list[_Stop]:
    since, stated_at = one.begins, one.stated[0].statement.stated_at
    stops = []
    for other in plain:
        if not behaviour.rivals(other.target, one.target):
            continue
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
    """The last interval that says the same and ``one``, as one; or both, after a stop and for
    another date of a plan."""
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
    """A later plan for the same thing with another date, or (single-valued) for another thing at
    the same time, takes the place of the one before."""
    ordered = sorted(intervals, key=lambda one: one.number)
    plans = [one for one in ordered if one.modality == _PLANNED]
    return [
        _replaced(one, plans, behaviour) if one.modality == _PLANNED else one for one in ordered
    ]


def _replaced(old: Interval, plans: Sequence[Interval], behaviour: TypeBehaviour) -> Interval:
    instead = [
        new
        for new in plans
        if new.begins > old.begins
        and (
            new.target == old.target
            or (
                behaviour.rivals(new.target, old.target)
                and _agree(old.planned_for, new.planned_for)
            )
        )
    ]
    first = min(instead, key=lambda new: new.begins, default=None)
    if first is None or (old.until is not None and old.until <= first.begins):
        return old
    return _stopped(old, _Stop(first.begin_date, "the plan was changed", first.number))
