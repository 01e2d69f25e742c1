"""Claims of which only is known that they were over by then: where they stand among the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from graphmem.belief.intervals import Claim, Marks, exclude, said_before
from graphmem.relation_types.shape import Shape


def before_their_end(claims: Sequence[Claim], marks: Marks) -> Iterator[Claim]:
    """Claims, and undated ones that were still said after what ended them as it was told later:
    they held before that end, from nobody knows when."""
    for claim in claims:
        if claim.start is None or claim.dated or claim.end is not None:
            yield claim
            continue
        ends = [
            mark.at
            for mark in marks.get(claim.target, ())
            if mark.at <= claim.start
            and said_before(claim.statement, mark.statement, same_turn=True)
        ]
        at = max(ends, default=None)
        if at is None or any(_restarts(other, claim, at) for other in claims):
            yield claim
        else:
            yield replace(claim, start=None, anchor=at)


def over_by_then(claims: Sequence[Claim], marks: Marks, shape: Shape) -> Iterator[Claim]:
    """Claims, with those of a past that tells no date marked; it was over already when what took
    its place began."""
    for claim in claims:
        told = claim.statement
        over = told.valid_at is None and claim.start is None and claim.end == told.stated_at
        if not (shape.functional and over and claim.edit is None):
            yield claim
            continue
        end = _over_before(claim, claims, marks, shape) or told.stated_at
        yield replace(claim, end=end, anchor=end, vague=True)


def _over_before(
    past: Claim, claims: Sequence[Claim], marks: Marks, shape: Shape
) -> datetime | None:
    """Before which beginning a vague past was over, if one is known. A rival that still holds did
    not begin within it; one that followed the same thing had taken its place."""
    told = past.statement.stated_at
    before = [c for c in claims if c.start is not None and c.anchor < told]
    rivals = [c for c in before if exclude(shape, c, past)]
    known = max((c.anchor for c in before if c.target == past.target), default=None)
    if known is not None:
        ends = [mark.at for mark in marks.get(past.target, ()) if known < mark.at < told]
        return min([*ends, *(c.anchor for c in rivals if c.anchor > known)], default=None)
    if not any(_open_at(c, told, marks) for c in rivals):
        return None
    return min(c.anchor for c in rivals)


def _open_at(claim: Claim, moment: datetime, marks: Marks) -> bool:
    ends = [mark.at for mark in marks.get(claim.target, ()) if mark.at > claim.anchor]
    if claim.end is not None:
        ends.append(claim.end)
    return all(end > moment for end in ends)


def _restarts(other: Claim, claim: Claim, end: datetime) -> bool:
    """Whether ``other`` dates a beginning after ``end`` that the claim may speak of."""
    return other.target == claim.target and other.dated and end < other.anchor <= claim.anchor
