"""Runs side by side: who closes whom, and what goes on after an interruption."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from graphmem.belief.intervals import Run, said, told_together
from graphmem.belief.values import period_end
from graphmem.relation_types.shape import Shape


def close(runs: Sequence[Run], shape: Shape) -> tuple[list[Run], list[Run]]:
    """Runs with their final intervals, none overlapping a rival, and runs that nothing is left of.

    A newer start closes the older run. What was interrupted by something that ended, and was said
    to hold after that, goes on.
    """
    todo, done = list(runs), list[Run]()
    while todo:
        run = todo.pop(0)
        _start(run, done, shape)
        later = [r for r in todo if _apart(run, r, shape)]
        if not later:
            done.append(run)
            continue
        nearest = later[0]
        if nearest.since is None:
            nearest.since, nearest.dated = run.hand_end or _boundary(run, nearest), True
        edge = min(r.since for r in later if r.since is not None)
        if run.hand_end is None and (run.until is None or edge < run.until):
            again = _resumed(run, nearest, shape, todo)
            run.until, run.closer = edge, nearest
            run.why = "something else held from then on"
            if again is not None:
                todo.insert(todo.index(nearest) + 1, again)
        done.append(run)
    empty = [r for r in done if r.until is not None and r.until <= r.begins]
    return [r for r in done if r not in empty], empty


def _apart(one: Run, other: Run, shape: Shape) -> bool:
    if one.target == other.target:
        return not shape.event
    if all(claim.vague for run in (one, other) for claim in run.claims):
        return False
    if shape.soft and any(told_together(a, b) for a in one.claims for b in other.claims):
        return False
    return shape.rivals(one.target, other.target)


def _start(run: Run, done: Sequence[Run], shape: Shape) -> None:
    """Not before what holds by hand, and not before the end of the stretch before it."""
    for other in done:
        if not _apart(run, other, shape) or other.until is None:
            continue
        if run.since is None or (other.hand_end and run.since < other.until):
            run.since, run.dated = other.until, True


def _boundary(run: Run, later: Run) -> datetime:
    """When ``later``, of which only the end is known, took the place of ``run``: not before
    ``run`` was last said to hold, else after its vague start, else halfway."""
    end = later.until or later.claims[0].anchor
    begins = run.begins
    if run.since is None:
        return min(run.until or end, end)
    known = [
        m for m in (run.attested(), period_end(begins), begins + (end - begins) / 2) if m < end
    ]
    ended = [run.until] if run.until is not None and begins < run.until < end else []
    return ended[0] if ended else max((m for m in known if m > begins), default=end)


def _resumed(run: Run, nearest: Run, shape: Shape, todo: Sequence[Run]) -> Run | None:
    """What goes on of ``run`` after ``nearest`` ended, when it was said to hold after that end, and
    either knowing of it or beside an interruption that was told with its end."""
    end = nearest.until
    if end is None or run.target == nearest.target or run.since is None:
        return None
    if run.until is not None and run.until <= end:
        return None
    whole = any(claim.end is not None for claim in nearest.claims)
    still = [
        claim
        for claim in run.claims
        if claim.dated
        and claim.end is None
        and claim.statement.stated_at >= end
        # What was only given up later had taken the place of what was said before.
        and (whole or all(said(m.statement) < said(claim.statement) for m in nearest.marks))
    ]
    if not still:
        return None
    after = [r for r in todo if r is not nearest and _apart(run, r, shape)]
    if after and (after[0].begins <= end or after[0].target == run.target):
        if after[0].target == run.target and after[0].begins > end:
            after[0].since, after[0].dated = end, True
        return None
    return Run(
        run.target, still, since=end, until=run.until, why=run.why, resumed=True, marks=run.marks
    )
