"""The results of a fold: beliefs, and the outcome of every statement.

A statement never changes. A :class:`Belief` is computed from all statements of its conflict group
(:mod:`graphmem.belief.fold`), so an episode is undone by computing without its statements, and a
person's edit is kept by computing with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from graphmem.belief.intervals import LONG_AGO, Interval, statement_order
from graphmem.clock import LAST_MOMENT
from graphmem.model import (
    Dated,
    Edit,
    Modality,
    Precision,
    Source,
    Statement,
    valid_from,
    valid_until,
)
from graphmem.text import loose_key, text_key

_RANK = {"stated": 0, "planned": 1, "hearsay": 2, "hypothetical": 3, "negated": 4}
_LONGEST_TEXT = 400  # of two wordings the longer says more, up to here

Outcome = Literal["believed", "ends", "withdrawn", "withdraws", "corrected", "pending"]


@dataclass(frozen=True, slots=True)
class Belief(Dated):
    """One computed fact: it held from ``since`` until ``invalid_at``.

    ``since`` is ``valid_at`` when that was stated, else when it was first said; None when all that
    is known is that it ended. ``statement_ids`` are in the order of the statements. ``supersedes``
    is the index, in the same tuple of beliefs, of the one that it followed. ``reason`` says why it
    ended, if it did. ``planned_for`` is the date of a plan.
    """

    text: str
    statement_ids: tuple[str, ...]
    stated_at: datetime
    since: datetime | None
    valid_at: datetime | None = None
    valid_precision: Precision | None = None
    invalid_at: datetime | None = None
    invalid_precision: Precision | None = None
    subject_id: str | None = None
    type: str | None = None
    object_id: str | None = None
    entity_ids: tuple[str, ...] = ()
    modality: Modality = "stated"
    importance: float = 0.5
    sources: tuple[Source, ...] = ()
    supersedes: int | None = None
    reason: str | None = None
    planned_for: datetime | None = None
    planned_precision: Precision | None = None


@dataclass(frozen=True, slots=True)
class StatementOutcome:
    """What became of one statement, and why."""

    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class FoldedGroup:
    """The result of folding a conflict group: beliefs in order of time, and the outcome of every
    statement, by its id."""

    beliefs: tuple[Belief, ...] = ()
    accounts: Mapping[str, StatementOutcome] = field(default_factory=dict)


def beliefs_of(
    intervals: Sequence[Interval], support: Mapping[int, Sequence[Statement]]
) -> tuple[Belief, ...]:
    """Convert intervals to beliefs, in order of time. ``support``: by interval number, the hearsay
    that the interval confirms."""
    drafts = [(_belief(one, support.get(one.number, ())), one) for one in intervals]
    drafts.sort(key=lambda draft: _order(draft[0]))
    places = {one.number: place for place, (_, one) in enumerate(drafts)}
    followed: dict[int, int] = {}
    for place, (belief, one) in enumerate(drafts):
        next_place = None if one.followed_by is None else places.get(one.followed_by)
        # Of several predecessors, a plainly stated one is preferred.
        if next_place is not None and (belief.modality == "stated" or next_place not in followed):
            followed[next_place] = place
    return tuple(
        [
            replace(belief, supersedes=followed[place]) if place in followed else belief
            for place, (belief, _) in enumerate(drafts)
        ]
    )


def _order(belief: Belief) -> tuple[object, ...]:
    return (
        belief.since or LONG_AGO,
        belief.invalid_at or LAST_MOMENT,
        _RANK[belief.modality],
        belief.stated_at,
        text_key(belief.text),
        belief.text,
        belief.statement_ids,
    )


def _belief(one: Interval, support: Sequence[Statement]) -> Belief:
    statements = sorted((s.statement for s in one.stated), key=statement_order)
    first = statements[0]
    by_id = {s.edit.id: s.edit for s in one.stated if s.edit}
    edits = sorted(by_id.values(), key=lambda e: (e.at, e.id))
    sources = sorted((*statements, *support), key=statement_order) if support else statements
    belief = Belief(
        text=_text(statements),
        statement_ids=tuple([s.id for s in sources]),
        stated_at=first.stated_at,
        since=one.since,
        **valid_from(one.since_date if one.dated or one.since != first.stated_at else None),
        **valid_until(one.until_date),
        subject_id=first.subject_id,
        type=first.type,
        object_id=first.object_id,
        entity_ids=tuple(dict.fromkeys([id for s in statements for id in s.entity_ids])),
        modality=first.modality,
        importance=_importance(statements, edits),
        sources=tuple(dict.fromkeys([source for s in sources for source in s.sources])),
        reason=one.reason,
        planned_for=one.planned_for.at if one.planned_for else None,
        planned_precision=one.planned_for.precision if one.planned_for else None,
    )
    return _worded(belief, edits)


def _importance(statements: Sequence[Statement], edits: Sequence[Edit]) -> float:
    """The importance a person set last, else the highest of the statements."""
    last = next((edit for edit in reversed(edits) if edit.sets("importance")), None)
    if last is not None and last.importance is not None:
        return last.importance
    return max(statement.importance for statement in statements)


def _text(statements: Sequence[Statement]) -> str:
    """The longest text up to ``_LONGEST_TEXT`` characters; of equals the earliest."""
    fair = [s for s in statements if len(s.text) <= _LONGEST_TEXT] or statements
    length = {text: len(loose_key(text)) for text in {s.text for s in fair}}
    return min(fair, key=lambda s: (-length[s.text], s.stated_at, s.turn, s.id)).text


def _worded(belief: Belief, edits: Sequence[Edit]) -> Belief:
    """The belief with the text a person set last. If that text no longer names the subject or the
    object, the belief becomes a plain sentence; if a statement was added since, the edit is ignored
    instead."""
    last = next((edit for edit in reversed(edits) if edit.text is not None), None)
    if last is None or last.text is None:
        return belief
    if not last.unnamed:
        return replace(belief, text=last.text)
    if not set(belief.statement_ids) <= set(last.statement_ids):
        return belief
    about = tuple(id for id in belief.entity_ids if id not in last.unnamed)
    return replace(
        belief, text=last.text, subject_id=None, type=None, object_id=None, entity_ids=about
    )
