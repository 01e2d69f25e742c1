"""The decision of a sweep about one fact, from the fact, its reads and the thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from graphmem.lifecycle.memory_types import Policies
from graphmem.model import Change, Fact

SweepDecision = Literal["promote", "archive", "expire"]
PROMOTED_BY = 0.1
_PER_USE = 0.01


@dataclass(frozen=True, slots=True)
class SweepThresholds:
    """When a sweep promotes and archives; the settings are described in docs/settings.md."""

    promote_reads: int
    promote_importance: float
    archive_days: float
    archive_importance: float
    archive_reads: int
    reads_raise_importance: bool


def weighed(fact: Fact, reads: int, thresholds: SweepThresholds) -> float:
    """The importance of a fact (0 to 1), raised by its reads if the thresholds say so."""
    if not thresholds.reads_raise_importance:
        return fact.importance
    return min(1.0, fact.importance + _PER_USE * reads)


def sweep_decision(
    fact: Fact, reads: int, now: datetime, policies: Policies, thresholds: SweepThresholds
) -> SweepDecision | None:
    """The decision about a fact; None to leave it as it is, as always if it is archived."""
    if fact.archived_at is not None:
        return None
    if fact.expires_at is not None and fact.expires_at <= now:
        return "expire"
    policy, importance = policies[fact.memory_type], weighed(fact, reads, thresholds)
    often = reads >= thresholds.promote_reads
    lasts = fact.memory_type == "long_term" and fact.expires_at is None
    if policy.promotes and not lasts and often and importance >= thresholds.promote_importance:
        return "promote"
    old = now - (fact.stated_at or fact.recorded_at) >= timedelta(days=thresholds.archive_days)
    seldom = reads < thresholds.archive_reads
    if policy.archives and old and seldom and importance < thresholds.archive_importance:
        return "archive"
    return None


def was_reversed(decision: SweepDecision, last: Change) -> bool:
    """Whether the last change of a fact reversed this decision, so that a sweep must not repeat it
    until the fact changes again. An expiry is never reversed."""
    before, after = last.before, last.after
    if before is None or after is None or decision == "expire":
        return False
    if decision == "archive":
        return before.archived_at is not None and after.archived_at is None
    return before.memory_type == "long_term" != after.memory_type
