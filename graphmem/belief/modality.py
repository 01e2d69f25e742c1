"""Plans, hearsay, suppositions and denials: what stands beside plain belief, and how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from graphmem.belief.intervals import Run, mark_of, said, said_before
from graphmem.belief.values import Account, Statement, period_end, refines
from graphmem.relation_types.shape import Shape, Target

_PLANNED, _DENIED = "planned", "negated"


@dataclass(slots=True)
class Stand:
    """Statements of one modality and target that say one thing, and from when to when it stood."""

    target: Target
    statements: list[Statement]
    since: datetime
    until: datetime | None = None
    why: str | None = None
    closer: Run | Stand | None = None
    planned_for: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Stop:
    at: datetime
    why: str
    by: Run | None = None


def stand(
    unsure: Sequence[Statement],
    runs: Sequence[Run],
    endings: Sequence[Statement],
    shape: Shape,
    accounts: dict[str, Account],
) -> list[Stand]:
    """What stands beside the plain runs. Every statement in ``unsure`` is accounted for; hearsay
    that a run confirms becomes its support."""
    stands: list[Stand] = []
    for statement in sorted(unsure, key=said):
        target = shape.target(statement)
        since = _since(statement)
        planned = statement.modality == _PLANNED
        covering = None if planned else _confirmed(statement, target, since, runs)
        if covering is not None:
            if statement.modality == "hearsay":
                covering.support.append(statement)
                accounts[statement.id] = Account("believed", "confirmed by a plain statement")
            else:
                accounts[statement.id] = Account("corrected", "it is known to be so")
            continue
        stop = _stop(statement, target, since, runs=runs, endings=endings, shape=shape)
        if stop is not None and stop.at <= since:
            accounts[statement.id] = Account("corrected", stop.why)
            continue
        accounts[statement.id] = Account("believed", stop.why if stop else "stands")
        _join(stands, statement, target, since, stop)
    _replace_plans(stands, shape)
    kept = [held for held in stands if held.until is None or held.until > held.since]
    for held in stands:
        if held not in kept:
            for statement in held.statements:
                accounts[statement.id] = Account("corrected", held.why or "")
    return kept


def _since(statement: Statement) -> datetime:
    """A plan stands from when it was made, the rest from when it is said to hold."""
    if statement.modality == _PLANNED:
        return statement.stated_at
    return statement.valid_at or statement.stated_at


def _confirmed(
    statement: Statement, target: Target, since: datetime, runs: Sequence[Run]
) -> Run | None:
    if statement.modality == _DENIED:
        return None
    return next((r for r in runs if r.target == target and r.covers(since)), None)


def _stop(
    statement: Statement,
    target: Target,
    since: datetime,
    *,
    runs: Sequence[Run],
    endings: Sequence[Statement],
    shape: Shape,
) -> _Stop | None:
    """What ends it first, if anything."""
    stops = [
        _Stop(run.begins, "a plain statement took its place", run)
        for run in runs
        if run.target == target and run.begins >= since
    ]
    if statement.modality != _DENIED:
        stops += _denials(statement, target, since, endings, shape)
    if statement.modality == _PLANNED:
        passed = period_end(statement.valid_at) if statement.valid_at else None
        if passed is not None and passed > since:
            stops.append(_Stop(passed, "its date has passed"))
    elif statement.invalid_at is not None and statement.invalid_at > since:
        stops.append(_Stop(statement.invalid_at, "said to have ended"))
    if statement.modality in {"hearsay", "hypothetical"}:
        stops += _rivals(statement, target, since, runs, shape)
    return min(stops, key=lambda s: s.at, default=None)


def _denials(
    statement: Statement,
    target: Target,
    since: datetime,
    endings: Sequence[Statement],
    shape: Shape,
) -> list[_Stop]:
    planned = statement.modality == _PLANNED
    stops = []
    for ending in endings:
        if not shape.meant(ending, target):
            continue
        if not said_before(statement, ending, same_turn=True):
            continue
        at = ending.stated_at if planned else max(mark_of(ending).at, since)
        stops.append(_Stop(at, "said not to be so" if ending.kind == "assert" else "called off"))
    return stops


def _rivals(
    statement: Statement, target: Target, since: datetime, runs: Sequence[Run], shape: Shape
) -> list[_Stop]:
    stops = []
    for run in runs:
        if not shape.rivals(run.target, target):
            continue
        if run.begins > since:
            stops.append(_Stop(run.begins, "something else held from then on", run))
            continue
        later = [c.statement.stated_at for c in run.claims]
        told = [at for at in later if at > statement.stated_at and run.covers(at)]
        if told:
            stops.append(_Stop(max(min(told), since), "contradicted by a plain statement", run))
    return stops


def _join(
    stands: list[Stand],
    statement: Statement,
    target: Target,
    since: datetime,
    stop: _Stop | None,
) -> None:
    """Add to what says the same, or begin anew: after a stop, or for another date of a plan."""
    held = next(
        (
            h
            for h in reversed(stands)
            if h.target == target and h.statements[0].modality == statement.modality
        ),
        None,
    )
    planned = statement.modality == _PLANNED
    until = stop.at if stop else None
    by = stop.by if stop else None
    same = held is not None and (
        _same_date(held.planned_for, statement.valid_at)
        and (held.until is None or since < held.until)
        if planned
        else held.closer is by and (held.until is None or since < held.until)
    )
    if held is None or not same:
        when = statement.valid_at if planned else None
        why = stop.why if stop else None
        stands.append(Stand(target, [statement], since, until, why, by, when))
        return
    held.statements.append(statement)
    held.since = min(held.since, since)
    if planned:
        held.planned_for = _finer(held.planned_for, statement.valid_at)
    if until is not None and (held.until is None or until < held.until):
        held.until, held.closer = until, by
        held.why = stop.why if stop else None


def _same_date(one: datetime | None, other: datetime | None) -> bool:
    if one is None or other is None or one == other:
        return True
    return refines(one, other) or refines(other, one)


def _finer(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return one if refines(one, other) else other


def _replace_plans(stands: Sequence[Stand], shape: Shape) -> None:
    """A later plan for the same thing with another date, or (single-valued) for another thing at
    the same time, takes the place of the one before."""
    plans = [held for held in stands if held.statements[0].modality == _PLANNED]
    for old in plans:
        for new in plans:
            if new.since <= old.since or (old.until is not None and old.until <= new.since):
                continue
            changed = new.target == old.target
            instead = shape.rivals(new.target, old.target) and _same_date(
                old.planned_for, new.planned_for
            )
            if changed or instead:
                old.until, old.why, old.closer = new.since, "the plan was changed", new
