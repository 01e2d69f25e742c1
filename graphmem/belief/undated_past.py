"""Statements of which only is known that they were over by then: where they stand among others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from graphmem.belief.ends import Ends
from graphmem.belief.intervals import StatedInterval, exclude, stated_before
from graphmem.relation_types.shape import Shape


def place_undated(
    stated: Sequence[StatedInterval], ends: Ends, shape: Shape
) -> list[StatedInterval]:
    """Stated intervals, with what no date was stated of before the end, or the beginning of
    something else, that it was over by."""
    before_end = [_before_its_end(one, stated, ends) for one in stated]
    return [_before_its_rival(one, before_end, ends, shape) for one in before_end]


def _before_its_end(
    one: StatedInterval, stated: Sequence[StatedInterval], ends: Ends
) -> StatedInterval:
    """What was undated and still stated after what, as stated later, had ended it by then: it held
    before that end, from nobody knows when."""
    if one.start is None or one.dated or one.end is not None:
        return one
    known = (
        end.at
        for end in ends.get(one.target, ())
        if end.at <= one.start and stated_before(one.statement, end.statement, same_turn=True)
    )
    at = max(known, default=None)
    if at is None or any(_restarts(other, one, at) for other in stated):
        return one
    return replace(one, start=None, anchor=at)


def _restarts(other: StatedInterval, one: StatedInterval, end: datetime) -> bool:
    """Whether ``other`` dates a beginning after ``end`` that ``one`` may speak of."""
    return other.target == one.target and other.dated and end < other.anchor <= one.anchor


def _before_its_rival(
    one: StatedInterval, stated: Sequence[StatedInterval], ends: Ends, shape: Shape
) -> StatedInterval:
    """An undated past ("I used to ..."), marked: it was over already when what took its place
    began."""
    statement = one.statement
    over = statement.valid_at is None and one.start is None and one.end == statement.stated_at
    if not (shape.functional and over and one.edit is None):
        return one
    end = _replaced_at(one, stated, ends, shape) or statement.stated_at
    return replace(one, end=end, anchor=end, undated_past=True)


def _replaced_at(
    past: StatedInterval, stated: Sequence[StatedInterval], ends: Ends, shape: Shape
) -> datetime | None:
    """Before which beginning an undated past was over, if one is known. A rival that still holds
    did not begin within it; one that followed the same thing had taken its place."""
    stated_at = past.statement.stated_at
    before = [one for one in stated if one.start is not None and one.anchor < stated_at]
    rivals = [one for one in before if exclude(one, past, shape)]
    known = max((one.anchor for one in before if one.target == past.target), default=None)
    if known is not None:
        over = [end.at for end in ends.get(past.target, ()) if known < end.at < stated_at]
        return min([*over, *(one.anchor for one in rivals if one.anchor > known)], default=None)
    if not any(_open_at(one, stated_at, ends) for one in rivals):
        return None
    return min(one.anchor for one in rivals)


def _open_at(one: StatedInterval, moment: datetime, ends: Ends) -> bool:
    known = [end.at for end in ends.get(one.target, ()) if end.at > one.anchor]
    return all(end > moment for end in (*known, *(() if one.end is None else (one.end,))))
