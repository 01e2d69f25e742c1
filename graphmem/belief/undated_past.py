"""Statements of which only is known that they were over by then: where they stand among others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from graphmem.belief.intervals import StatedInterval, by_moment, exclude, stated_before
from graphmem.belief.stated_ends import Ends
from graphmem.model import Date
from graphmem.relation_types.behaviour import TypeBehaviour


def place_undated(
    stated: Sequence[StatedInterval], ends: Ends, behaviour: TypeBehaviour
) -> list[StatedInterval]:
    """Stated intervals, with what no date was stated of before the end, or the beginning of
    something else, that it was over by."""
    before_end = [_before_its_end(one, stated, ends) for one in stated]
    return [_before_its_rival(one, before_end, ends, behaviour) for one in before_end]


def _before_its_end(
    one: StatedInterval, stated: Sequence[StatedInterval], ends: Ends
) -> StatedInterval:
    """What was undated and still stated after what, as stated later, had ended it by then: it held
    before that end, from nobody knows when."""
    if one.start is None or one.dated or one.end is not None:
        return one
    known = (
        end.date
        for end in ends.get(one.target, ())
        if end.at <= one.start and stated_before(one.statement, end.statement, same_turn=True)
    )
    at = max(known, key=by_moment, default=None)
    if at is None or any(_restarts(other, one, at.at) for other in stated):
        return one
    return replace(one, start_date=None, anchor_date=at)


def _restarts(other: StatedInterval, one: StatedInterval, end: datetime) -> bool:
    """Whether ``other`` dates a beginning after ``end`` that ``one`` may speak of."""
    return other.target == one.target and other.dated and end < other.anchor <= one.anchor


def _before_its_rival(
    one: StatedInterval, stated: Sequence[StatedInterval], ends: Ends, behaviour: TypeBehaviour
) -> StatedInterval:
    """An undated past ("I used to ..."), marked: it was over already when what took its place
    began."""
    statement = one.statement
    over = statement.valid_at is None and one.start is None and one.end == statement.stated_at
    if not (behaviour.single_valued and over and one.edit is None):
        return one
    end = _replaced_at(one, stated, ends, behaviour) or Date(statement.stated_at, "instant")
    return replace(one, end_date=end, anchor_date=end, undated_past=True)


def _replaced_at(
    past: StatedInterval, stated: Sequence[StatedInterval], ends: Ends, behaviour: TypeBehaviour
) -> Date | None:
    """Before which beginning an undated past was over, if one is known. A rival that still holds
    did not begin within it; one that followed the same thing had taken its place."""
    stated_at = past.statement.stated_at
    before = [one for one in stated if one.start is not None and one.anchor < stated_at]
    rivals = [one for one in before if exclude(one, past, behaviour)]
    known = max((one.anchor for one in before if one.target == past.target), default=None)
    if known is not None:
        over = [end.date for end in ends.get(past.target, ()) if known < end.at < stated_at]
        over += [one.anchor_date for one in rivals if one.anchor > known]
        return min(over, key=by_moment, default=None)
    if not any(_open_at(one, stated_at, ends) for one in rivals):
        return None
    return min((one.anchor_date for one in rivals), key=by_moment)


def _open_at(one: StatedInterval, moment: datetime, ends: Ends) -> bool:
    known = [end.at for end in ends.get(one.target, ()) if end.at > one.anchor]
    return all(end > moment for end in (*known, *(() if one.end is None else (one.end,))))
