"""What was said, as it is kept for good, and what is believed because of it.

A statement never changes. A :class:`Belief` is computed from all statements of its cell
(:mod:`graphmem.belief.fold`), so an episode is undone by computing without its statements, and
an edit by hand is kept by computing with its edit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from graphmem.model import Modality, Source
from graphmem.model.statements import Edit, Statement, StatementKind

__all__ = [
    "Account",
    "Belief",
    "Edit",
    "Folded",
    "Modality",
    "Outcome",
    "Statement",
    "StatementKind",
    "period_end",
    "refines",
]


Outcome = Literal["believed", "ends", "withdrawn", "withdraws", "corrected", "pending"]


@dataclass(frozen=True, slots=True)
class Belief:
    """One computed fact: it held from ``since`` until ``invalid_at``.

    ``since`` is ``valid_at`` when that was told, else when it was first said; None when all that is
    known is that it ended. ``statement_ids`` are in the order said. ``supersedes`` is the place, in
    the same tuple of beliefs, of the one that it followed. ``reason`` says why it ended, if it did.
    ``planned_for`` is the date of a plan.
    """

    text: str
    statement_ids: tuple[str, ...]
    stated_at: datetime
    since: datetime | None
    valid_at: datetime | None = None
    invalid_at: datetime | None = None
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

    def holds_at(self, moment: datetime) -> bool:
        """Whether ``moment`` lies within it."""
        begun = self.since is None or self.since <= moment
        return begun and (self.invalid_at is None or moment < self.invalid_at)


@dataclass(frozen=True, slots=True)
class Account:
    """What became of one statement, and why."""

    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class Folded:
    """What a cell comes to: its beliefs by time, and an account of every statement by id."""

    beliefs: tuple[Belief, ...] = ()
    accounts: Mapping[str, Account] = field(default_factory=dict)


# -- vague dates -----------------------------------------------------------------------------------


def period_end(moment: datetime) -> datetime:
    """The end of the time that a date stands for: ``2024`` comes as its first instant, so does
    ``2024-05``. An instant that is not midnight stands for itself."""
    if (moment.hour, moment.minute, moment.second, moment.microsecond) != (0, 0, 0, 0):
        return moment
    try:
        if (moment.month, moment.day) == (1, 1):
            return moment.replace(year=moment.year + 1)
        if moment.day == 1:
            month = moment.month % 12 + 1
            return moment.replace(month=month, year=moment.year + (month == 1))
        return moment + timedelta(days=1)
    except (ValueError, OverflowError):  # the calendar ends with the year 9999
        return moment


def refines(fine: datetime, vague: datetime) -> bool:
    """Whether ``fine`` is a more exact form of the date ``vague``."""
    return vague < fine < period_end(vague) and period_end(fine) <= period_end(vague)
