"""What is said some days after something was told, and what of it is then believed. Zoe says all of
it: first on 2 November 2026, then on 7 November, a Saturday."""

from __future__ import annotations

import pytest

from graphmem import Memory
from graphmem.clock import ManualClock

FIRST, THEN = "2026-11-02T18:00:00Z", "2026-11-07T18:00:00Z"


def believed(first: str, then: str) -> dict[str, str]:
    """Each relation and value that has been believed -> until when, as exact as it is known."""
    clock = ManualClock(FIRST)
    with Memory("memory://", user_id="zoe", user_name="Zoe", clock=clock) as memory:
        memory.add([{"role": "user", "content": first}], occurred_at=FIRST)
        clock.advance(days=5)
        memory.add([{"role": "user", "content": then}], occurred_at=THEN)
        names = {one.id: one.name for one in memory.entities()}
        found = {}
        for fact in memory.get_all(current=False).items:
            says = f"{names.get(fact.subject_id or '')} {fact.type}"
            says += f" {names.get(fact.object_id or '')}"
            until = fact.invalid_date.iso() if fact.invalid_date is not None else ""
            found[says if fact.type else fact.text] = until[:10]
        return found


DEPARTURES = [
    ("I'm leaving Acme at the end of the month.", "2026-11-30"),
    ("I'm leaving Acme at the end of this month.", "2026-11-30"),
    ("I'm leaving Acme at the end of next month.", "2026-12-31"),
    ("I'm leaving Acme at the end of the year.", "2026-12-31"),
    ("I'm leaving Acme at the end of the week.", "2026-11-08"),
    ("I'm leaving Acme next month.", "2026-12"),
    ("I'm leaving Acme in March.", "2027-03"),
    ("I'm leaving Acme at the end of March.", "2027-03-31"),
    ("I'm leaving Acme on 30 November.", "2026-11-30"),
    ("I'm leaving Acme in two weeks.", "2026-11-21"),
    ("I'm leaving Acme in two months.", "2027-01"),
    ("I'm quitting Acme at the end of the month.", "2026-11-30"),
    ("I leave Acme at the end of the month.", "2026-11-30"),
    ("I'll be leaving Acme at the end of the month.", "2026-11-30"),
    ("I'm leaving my job at the end of the month.", "2026-11-30"),
    ("I'm leaving the company at the end of the month.", "2026-11-30"),
    ("I quit Acme at the end of last month.", "2026-10-31"),
    ("I'm leaving Acme.", "2026-11-07"),
]
NO_DEPARTURES = [
    "I'm leaving Acme at Christmas.",
    "I'm leaving Acme soon.",
    "I might be leaving Acme at the end of the month.",
    "I'm not leaving Acme at the end of the month.",
    "Am I leaving Acme at the end of the month?",
    "If I get it, I'm leaving Acme at the end of the month.",
    "I want to leave Acme at the end of the month.",
    "I leave Acme at five on Fridays.",
    "Anna is leaving Acme at the end of the month.",
]


@pytest.mark.parametrize(("then", "until"), DEPARTURES)
def test_a_job_ends_when_it_is_to_be_left(then: str, until: str) -> None:
    assert believed("I work at Acme.", then)["Zoe works_at Acme"] == until


def test_a_job_of_another_ends_when_they_are_to_leave() -> None:
    found = believed("Anna works at Acme.", "Anna is leaving Acme at the end of the month.")
    assert found == {"Anna works_at Acme": "2026-11-30"}


@pytest.mark.parametrize("then", NO_DEPARTURES)
def test_a_job_does_not_end_by_what_is_no_departure(then: str) -> None:
    assert believed("I work at Acme.", then)["Zoe works_at Acme"] == ""
