"""Numbers, addresses, sizes: what the rules take down of somebody, and what they leave."""

from __future__ import annotations

import timeit
from time import process_time

import pytest

from graphmem import Memory
from graphmem.relation_types.types import RelationTypes
from tests.extract.rules.helpers import ask, facts

STATED = [
    ("My phone number is 555-1234.", "phone_number", "555-1234"),
    ("My new phone number is now +44 20 7946 0018", "phone_number", "+44 20 7946 0018"),
    ("my mobile is 0170 1234567, call me!", "mobile_number", "0170 1234567"),
    ("My email is ada@example.org.", "email", "ada@example.org"),
    (
        "My work email address is a.l@example.com and I read it daily.",
        "work_email",
        "a.l@example.com",
    ),
    ("My website is https://ada.example.org/notes.", "website", "https://ada.example.org/notes"),
    ("My address is 12 High Street, Leeds LS1 4AB.", "address", "12 High Street, Leeds LS1 4AB"),
    ("By the way, my shoe size is 42.", "shoe_size", "42"),
    ("My blood type is O+.", "blood_type", "O+"),
    ("My blood type is AB negative", "blood_type", "AB negative"),
    ("Our rent is $1,250.50 a month.", "rent", "$1,250.50 a month"),
    ("My monthly budget is 300 euros, so let's see.", "monthly_budget", "300 euros"),
    ("My wifi password is hunter2.", "wifi_password", "hunter2"),
    ("My wifi password is “open sesame”.", "wifi_password", '"open sesame"'),
    ("My locker code is 1234.", "locker_code", "1234"),
    ("My passport number is X123.", "passport_number", "X123"),
    ("My time zone is UTC+1.", "time_zone", "UTC+1"),
    ("I'm 34 years old.", "age", "34"),
    ("I turned 34 yesterday.", "age", "34"),
    ("I'm 34 and happy.", "age", "34"),
    ("I weigh 70 kg.", "weight", "70 kg"),
    ("I'm 1.80 m tall.", "height", "1.80 m"),
]


@pytest.mark.parametrize(("text", "type", "value"), STATED)
def test_what_is_extracted(text: str, type: str, value: str) -> None:
    (fact,) = ask(text).facts
    assert (fact.subject, fact.type, fact.value, fact.object) == ("Ada", type, value, None)
    assert fact.text.startswith("Ada's ")
    assert fact.text.endswith(f" is {value}")


@pytest.mark.parametrize("type", sorted({type for _, type, _ in STATED}))
def test_of_these_there_is_one(type: str) -> None:
    """The rules name them, the types say how they behave: the two lists agree."""
    assert RelationTypes().count(type) == "usually_one"


@pytest.mark.parametrize(
    "text",
    [
        "My rent is too high.",
        "My rent is high, and 3 people live here.",
        "My password is weak.",
        "My password is too weak for 2026.",
        "My phone is broken.",
        "My email is down, mail ben@example.org instead.",
        "My age is a secret.",
        "My phone is 2 years old.",
        "My phone is an iPhone 13.",
        "My phone is at 20% battery.",
        "My rent is due on the 1st.",
        "My rent is 3 weeks late.",
        "When I turned 18, I bought a car.",
        "I turned 30 years old in 2015.",
        "Ben told me: I am 34 years old.",
        "By the time I am 40, things change.",
        'Ben wrote "my phone number is 12345" on the wall.',
        "My dream is that my salary is 100000.",
        "Is my shoe size 42?",
        "If my shoe size is 42 they fit.",
        "My shoe size isn't 42.",
        "My blood type is a mystery.",
        "I'm 34 minutes late.",
        "I'm 2 weeks in.",
        "I turned 3 pages.",
        "My address is wrong.",
        "The budget is 300 euros.",
        "Her phone number is 555-1234.",
    ],
)
def test_what_is_left(text: str) -> None:
    assert not any(" is " in stated for stated in facts(text))


def test_those_of_others_who_are_known() -> None:
    given = "Ben Toll lives in Oslo. Ben Toll's phone number is 555-77. Ben Toll is 40 years old."
    assert {"Ben Toll's phone number is 555-77", "Ben Toll's age is 40"} <= facts(given)


def test_the_latest_counts() -> None:
    with Memory("memory://", user_id="Ada") as memory:
        memory.add(
            "My phone number is 555-1234. My work email is a@b.example.", occurred_at="2024-01-01"
        )
        memory.add("My new phone number is 555-9999.", occurred_at="2024-06-01")
        memory.add("My email is c@d.example.", occurred_at="2024-07-01")
        found = {str(fact) for fact in memory.get_all().items}
        assert found == {
            "Ada's phone number is 555-9999",
            "Ada's work email is a@b.example",
            "Ada's email is c@d.example",
        }
        assert "555-9999" in memory.search("What is my phone number?").hits[0].text
        then = memory.as_of("2024-03-01").search("What is my phone number?").hits[0]
        assert "555-1234" in then.text


def test_a_birthday_is_one() -> None:
    with Memory("memory://", user_id="Ada") as memory:
        memory.add("Felix's birthday is on 12 March.", occurred_at="2024-01-01")
        memory.add("Felix's birthday is on 13 March.", occurred_at="2024-02-01")
        assert [fact.text for fact in memory.get_all().items] == ["Felix's birthday is on 13 March"]


@pytest.mark.parametrize("hostile", ["My phone is{};x", "My phone is 1{};x", "{} is 1;x"])
@pytest.mark.parametrize("again", [" ", "1 ", "My my ", "A-", ", "])
def test_what_a_long_text_costs_grows_with_its_length(hostile: str, again: str) -> None:
    def cost(size: int) -> float:
        text = hostile.format(again * (size // len(again)))
        return min(timeit.repeat(lambda: ask(text), process_time, number=1, repeat=3))

    assert cost(1600) < 40 * cost(400) + 0.02  # four times, or 16; it was 64 and more
