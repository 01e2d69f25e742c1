"""Phrases of time are resolved against the turn, never against today."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from graphmem.extract.rules.dates import find_dates
from graphmem.extract.rules.extractor import extract
from tests.extract.rules.helpers import STATED_AT, ask, episode


@pytest.mark.parametrize(
    ("phrase", "day"),
    [
        ("today", "2024-05-15"),
        ("yesterday", "2024-05-14"),
        ("the day before yesterday", "2024-05-13"),
        ("last night", "2024-05-14"),
        ("last week", "2024-05-06"),
        ("this week", "2024-05-13"),
        ("last weekend", "2024-05-11"),
        ("last month", "2024-04-01"),
        ("last year", "2023-01-01"),
        ("last Friday", "2024-05-10"),
        ("last Wednesday", "2024-05-08"),
        ("last Fri", "2024-05-10"),
        ("last spring", "2023-03-01"),
        ("last summer", "2023-06-01"),
        ("last winter", "2023-12-01"),
        ("last March", "2024-03-01"),
        ("last June", "2023-06-01"),
        ("two days ago", "2024-05-13"),
        ("a week ago", "2024-05-08"),
        ("two weeks ago", "2024-05-01"),
        ("a couple of weeks ago", "2024-05-01"),
        ("3 months ago", "2024-02-01"),
        ("six months ago", "2023-11-01"),
        ("about four years ago", "2020-01-01"),
        ("in 2019", "2019-01-01"),
        ("since 2019", "2019-01-01"),
        ("in May", "2024-05-01"),
        ("in March", "2024-03-01"),
        ("in August", "2023-08-01"),
        ("in August 2021", "2021-08-01"),
        ("in summer 2021", "2021-06-01"),
        ("on 8 May 2023", "2023-05-08"),
        ("on May 8, 2023", "2023-05-08"),
        ("on the 8th of May 2023", "2023-05-08"),
        ("on 3 March", "2024-03-03"),
        ("on December 24th", "2023-12-24"),
        ("on 2023-05-08", "2023-05-08"),
        ("on 31/12/2023", "2023-12-31"),
        ("on 12/31/2023", "2023-12-31"),
        ("on 3.4.2023", "2023-04-03"),
        ("on 04/04/2023", "2023-04-04"),
        ("on 03/04/2023", "2023-03-04"),
    ],
)
def test_resolves_to_the_earliest_instant(phrase: str, day: str) -> None:
    found = [when for when in find_dates(f"I moved to Oslo {phrase}.", STATED_AT) if when.at]
    assert [f"{when.at:%Y-%m-%d}" for when in found] == [day]


@pytest.mark.parametrize("phrase", ["next May", "tomorrow", "next week", "in 2031", "next year"])
def test_knows_the_future(phrase: str) -> None:
    assert [when.future for when in find_dates(f"We meet {phrase}.", STATED_AT)] == [True]


@pytest.mark.parametrize(
    "text",
    [
        "I may go",
        "march on",
        "1999 things",
        "call 2024567",
        "30 February 2023",
        "on 2023-02-30",
        "on 30/02/2023",
        "on 13/13/2023",
        "on Friday",
        "I agreed to go on Friday",
        "I asked whether we meet on Friday",
        "He left and we meet on Friday",
        "I need it on Friday",
        "we booked a table for dinner on Friday",
        "On Friday we go to Oslo",
        "may 5",
    ],
)
def test_takes_nothing_else_for_a_date(text: str) -> None:
    assert [when.at for when in find_dates(text, STATED_AT) if when.at is not None] == []


@pytest.mark.parametrize(
    ("text", "sentence", "valid_at"),
    [
        ("I moved to Oslo last year.", "Ada moved to Oslo in 2023", "2023-01-01"),
        ("Last year I moved to Oslo.", "Ada moved to Oslo in 2023", "2023-01-01"),
        ("In May 2021, we moved to Oslo.", "Ada moved to Oslo in May 2021", "2021-05-01"),
        ("I moved to Oslo.", "Ada moved to Oslo", "2024-05-15"),
        ("I moved to Oslo when I was a kid.", "Ada moved to Oslo", None),
        ("My aunt gave me a brush, that's when I took up painting.", "Ada started painting", None),
        ("I live in Oslo.", "Ada lives in Oslo", None),
        ("I live in Oslo since 2019.", "Ada lives in Oslo since 2019", "2019-01-01"),
        ("I've worked at Acme for six years.", "Ada works at Acme since 2018", "2018-01-01"),
        ("I moved to Oslo on Friday.", "Ada moved to Oslo on 2024-05-10", "2024-05-10"),
        ("On Wednesday I moved to Oslo.", "Ada moved to Oslo on 2024-05-08", "2024-05-08"),
        ("I sold up and moved to Oslo on Friday.", "Ada moved to Oslo on 2024-05-10", "2024-05-10"),
        ("I've lived in Oslo since Monday.", "Ada lives in Oslo since 2024-05-13", "2024-05-13"),
        ("I visited Kyoto.", "Ada visited Kyoto", None),
        ("I visited Kyoto a few days ago.", "Ada visited Kyoto around 2024-05-12", "2024-05-12"),
        ("I visited Kyoto on 2 April 2022.", "Ada visited Kyoto on 2022-04-02", "2022-04-02"),
        ("Bob and I got married in June 2020.", "Bob married Ada in June 2020", "2020-06-01"),
    ],
)
def test_valid_at(text: str, sentence: str, valid_at: str | None) -> None:
    facts = {fact.text: fact for fact in ask(text).facts}
    assert sentence in facts
    at = facts[sentence].valid_at
    assert (f"{at:%Y-%m-%d}" if at else None) == valid_at


@pytest.mark.parametrize(
    ("text", "invalid_at"),
    [
        ("I left Acme Labs.", STATED_AT),
        ("I left Acme Labs last month.", datetime(2024, 4, 1, tzinfo=UTC)),
        ("I don't like tea anymore.", STATED_AT),
        ("I no longer live in Oslo.", STATED_AT),
    ],
)
def test_an_end_retracts(text: str, invalid_at: datetime) -> None:
    fact, *also = ask(text).facts
    assert all(one.retracts and one.invalid_at == invalid_at for one in also)
    assert fact.retracts
    assert (fact.valid_at, fact.invalid_at) == (None, invalid_at)


@pytest.mark.parametrize(
    ("text", "sentence", "valid_at"),
    [
        ("My boss is Petra since October.", "Petra is Ada's boss", "2023-10-01"),
        ("Since October my boss is Petra.", "Petra is Ada's boss", "2023-10-01"),
        ("As of March 2024 our dentist is Dr Kaur.", "Dr Kaur is Ada's dentist", "2024-03-01"),
        ("Petra has been our manager for two years.", "Petra is Ada's manager", "2022-01-01"),
        ("We've had our dog Rex since May 2020.", "Ada has a dog named Rex", "2020-05-01"),
        (
            "Zoe and Rui have been married since 2015.",
            "Zoe is married to Rui since 2015",
            "2015-01-01",
        ),
        ("My boss Petra is ill since Monday.", "Petra is Ada's boss", None),
        ("Since May my sister Zoe lives in Rome.", "Zoe is Ada's sister", None),
        ("My wife Thandi has been sick since Monday.", "Thandi is Ada's wife", None),
        ("My boss Petra, here since 2010, left.", "Petra is Ada's boss", None),
    ],
)
def test_since_when_somebody_is_who_they_are(
    text: str, sentence: str, valid_at: str | None
) -> None:
    (fact,) = [f for f in ask(text).facts if f.text == sentence]
    assert (fact.valid_at and fact.valid_at.date().isoformat()) == valid_at


def test_a_past_state_is_closed_without_retracting() -> None:
    (fact,) = ask("I lived in Oslo from 2010 until 2015.").facts
    assert not fact.retracts
    assert fact.valid_at == datetime(2010, 1, 1, tzinfo=UTC)
    assert fact.invalid_at == datetime(2015, 1, 1, tzinfo=UTC)


def test_the_turns_own_time_comes_before_the_episodes() -> None:
    given = episode(("Ada", "I moved to Oslo yesterday."))
    turn = replace(given.turns[0], occurred_at=datetime(2020, 1, 1, 12, tzinfo=UTC))
    (fact,) = extract(replace(given, turns=(turn,)), ()).facts
    assert fact.valid_at == datetime(2019, 12, 31, tzinfo=UTC)


@pytest.mark.parametrize("year", [1, 2, 9999])
def test_the_ends_of_the_calendar(year: int) -> None:
    edge = datetime(year, 1, 1, tzinfo=UTC)
    for phrase in ("yesterday", "last week", "last winter", "999 years ago", "999 months ago",
                   "last year", "in May", "on 24 December", "for 999 weeks", "last weekend",
                   "last December", "this month"):  # fmt: skip
        assert all(w.at is None or w.at.tzinfo is UTC for w in find_dates(f"So {phrase}.", edge))
