"""What is said some days after something was told, and what of it is then believed. Zoe says all of
it: first on Monday, 2 November 2026, then on Saturday, 7 November."""

from __future__ import annotations

import pytest

from graphmem import Memory
from graphmem.clock import ManualClock

FIRST = "2026-11-02T18:00:00Z"


def believed(first: str, then: str, days: int = 5) -> dict[str, str]:
    """Each relation that has been believed -> until when, as exact as it is known."""
    return _stored(first, then, days)[0]


def memory_values(first: str, then: str) -> dict[str, str]:
    """Each value of an attribute -> until when it was one."""
    return _stored(first, then, 5)[1]


def _stored(first: str, then: str, days: int) -> tuple[dict[str, str], dict[str, str]]:
    clock = ManualClock(FIRST)
    with Memory("memory://", user_id="zoe", user_name="Zoe", clock=clock) as memory:
        memory.add([{"role": "user", "content": first}], occurred_at=FIRST)
        clock.advance(days=days)
        memory.add([{"role": "user", "content": then}], occurred_at=clock.now())
        names = {one.id: one.name for one in memory.entities()}
        relations, values = dict[str, str](), dict[str, str]()
        for fact in memory.get_all(current=False).items:
            until = fact.invalid_date.iso()[:10] if fact.invalid_date is not None else ""
            if fact.object_id is not None:
                subject = names[str(fact.subject_id)]
                relations[f"{subject} {fact.type} {names[fact.object_id]}"] = until
            elif " is " in fact.text:
                values[fact.text.rpartition(" is ")[2]] = until
        return relations, values


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


OVER = [
    ("Tom lives in Bath.", "Sorry, I meant Tom lives in Bonn.", "Tom lives_in Bath"),
    ("I live with Pieter.", "I don't live with Pieter any more.", "Zoe lives_with Pieter"),
    ("I live with Pieter.", "I don't live with Pieter anymore.", "Zoe lives_with Pieter"),
    ("I live with Pieter.", "I'm not living with Pieter any more.", "Zoe lives_with Pieter"),
    ("I live with Pieter.", "Pieter and I no longer live together.", "Zoe lives_with Pieter"),
    ("I live with Pieter.", "Pieter and I don't live together any more.", "Zoe lives_with Pieter"),
    ("My partner is Pieter.", "Pieter and I broke up.", "Pieter partner_of Zoe"),
    ("We have a dog called Biscuit.", "I don't have a dog any more.", "Zoe has_pet Biscuit"),
    ("We have a dog called Biscuit.", "We no longer have a dog.", "Zoe has_pet Biscuit"),
    ("My partner is Pieter.", "My partner is Tom now.", "Pieter partner_of Zoe"),
    ("My partner is Pieter.", "My partner is now Tom.", "Pieter partner_of Zoe"),
    ("My partner is Pieter.", "My new partner is Tom.", "Pieter partner_of Zoe"),
    ("Pieter is my partner.", "Tom is my new partner.", "Pieter partner_of Zoe"),
    ("My partner is Pieter.", "Sorry, I meant my partner is Tom.", "Pieter partner_of Zoe"),
    ("My landlord is Pieter.", "My landlord is Tom now.", "Pieter landlord_of Zoe"),
    ("I work at Acme.", "I changed jobs, I'm at Globex now.", "Zoe works_at Acme"),
    ("I work at Acme.", "I've switched jobs and I'm now at Globex.", "Zoe works_at Acme"),
    ("Anna works at Acme.", "Anna changed jobs, she's at Globex now.", "Anna works_at Acme"),
    ("I work at Acme.", "Correction: I work at Globex.", "Zoe works_at Acme"),
    ("I live in Ghent.", "Sorry, I meant I live in Bruges.", "Zoe lives_in Ghent"),
    ("I live in Ghent.", "Oops, I meant to say that I live in Bruges.", "Zoe lives_in Ghent"),
]
NOT_OVER = [
    ("I live with Pieter.", "I don't live with Pieter's mother any more.", "Zoe lives_with Pieter"),
    ("I live with Pieter.", "I don't live with Pieter for the money.", "Zoe lives_with Pieter"),
    (
        "I live with Pieter.",
        "If Pieter and I no longer live together, I go.",
        "Zoe lives_with Pieter",
    ),
    ("I live with Pieter.", "Pieter and I broke up.", "Zoe lives_with Pieter"),
    ("We have a dog called Biscuit.", "I don't have a dog with me.", "Zoe has_pet Biscuit"),
    ("We have a dog called Biscuit.", "I don't have a cat any more.", "Zoe has_pet Biscuit"),
    ("We have a dog called Biscuit.", "Anna doesn't have a dog any more.", "Zoe has_pet Biscuit"),
    ("My partner is Pieter.", "My new business partner is Tom.", "Pieter partner_of Zoe"),
    ("My partner is Pieter.", "My partner is Tom's brother.", "Pieter partner_of Zoe"),
    ("My partner is Pieter.", "Anna's new partner is Tom.", "Pieter partner_of Zoe"),
    ("My partner is Pieter.", "Is my new partner Tom?", "Pieter partner_of Zoe"),
    ("My partner is Pieter.", "What if my new partner is Tom?", "Pieter partner_of Zoe"),
    ("My partner is Pieter.", "My partner is Tom now, not really.", "Pieter partner_of Zoe"),
    ("I live in Ghent.", 'Tom said: "Correction: I live in Bruges."', "Zoe lives_in Ghent"),
    ("I work at Acme.", "I might change jobs, I'm at Globex now and then.", "Zoe works_at Acme"),
    ("I work at Acme.", "Anna changed jobs, she's at Globex now.", "Zoe works_at Acme"),
    ("I live in Ghent.", "Sorry, I meant I would like to live in Bruges.", "Zoe lives_in Ghent"),
    ("I live in Ghent.", "Correction: do I live in Bruges?", "Zoe lives_in Ghent"),
    ("I live in Ghent.", "Correction: my sister Eva lives in Bruges.", "Zoe lives_in Ghent"),
    ("I live in Ghent.", "I meant to call you from Bruges.", "Zoe lives_in Ghent"),
]


@pytest.mark.parametrize(("first", "then", "fact"), OVER)
def test_it_ends(first: str, then: str, fact: str) -> None:
    assert believed(first, then)[fact] == "2026-11-07"


@pytest.mark.parametrize(("first", "then", "fact"), NOT_OVER)
def test_it_holds_on(first: str, then: str, fact: str) -> None:
    assert believed(first, then)[fact] == ""


@pytest.mark.parametrize(
    "then",
    [
        "Correction: my phone number is 0470 999999.",
        "Sorry, I meant my phone number is 0470 999999.",
        "I have a new phone number: 0470 999999",
        "I've got a new phone number, it's 0470 999999.",
        "My new phone number is 0470 999999.",
    ],
)
def test_a_new_number_takes_the_place_of_the_old(then: str) -> None:
    values = memory_values("My phone number is 0470 123456.", then)
    assert values == {"0470 123456": "2026-11-07", "0470 999999": ""}


@pytest.mark.parametrize(
    "then",
    [
        "I have a new phone number.",
        "Anna has a new phone number: 0470 999999",
        "Do I have a new phone number: 0470 999999?",
    ],
)
def test_another_number_does_not(then: str) -> None:
    found = memory_values("My phone number is 0470 123456.", then)
    assert found["0470 123456"] == ""


@pytest.mark.parametrize(
    ("then", "until"),
    [
        ("I quit last week.", "2026-11-09"),  # by the week's end
        ("I left Acme last week.", "2026-11-09"),
        ("I quit on 2 November.", "2026-11-03"),
        ("I quit in November.", "2026-11-10"),  # at the latest when it was said
        ("I quit on 3 November.", "2026-11-03"),
        ("I quit in October.", "2026-10"),  # it was wrong that it still held
    ],
)
def test_a_vague_end_is_not_before_what_it_ends_was_told(then: str, until: str) -> None:
    found = believed("I work at Acme.", then, days=8)
    assert found == {"Zoe works_at Acme": until}


def test_a_job_that_was_told_of_holds_until_the_vague_end() -> None:
    with Memory("memory://", user_id="zoe", clock=ManualClock(FIRST)) as memory:
        memory.add([{"role": "user", "content": "I work at Acme."}], occurred_at=FIRST)
        memory.add([{"role": "user", "content": "I quit last week."}], occurred_at="2026-11-10")
        days = {
            day: len(memory.as_of(f"2026-11-{day:02}T12:00Z").relations()) for day in range(3, 13)
        }
    assert [day for day, held in days.items() if held] == [3, 4, 5, 6, 7, 8]
