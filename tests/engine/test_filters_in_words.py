"""Filters with times in words, and with all or any of several values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from graphmem import Memory
from graphmem.clock import ManualClock
from graphmem.errors import UsageError

DAYS = ("2025-12-31", "2026-03-10", "2026-11-16", "2026-11-20", "2026-11-22", "2026-11-23")


@pytest.fixture(scope="module")
def memory() -> Iterator[Memory]:
    """Opened on a Monday, the 23rd of November 2026."""
    with Memory("memory://", user_id="ada", clock=ManualClock("2026-11-23T15:00:00Z")) as opened:
        for day in DAYS:
            opened.add(f"The bell rang on {day}.", occurred_at=day, infer=False)
        yield opened


def _days(memory: Any, where: Any) -> list[str]:
    found = memory.get_all(where=where).items
    hits = memory.search("bell", where=where, kinds=["fact"], limit=50)
    assert {hit.id for hit in hits} == {fact.id for fact in found}, "both stores agree"
    return [fact.text[-11:-1] for fact in found]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("last week", DAYS[2:5]),
        ("this week", DAYS[5:]),
        ("yesterday", DAYS[4:5]),
        ("last 3 days", DAYS[4:]),
        ("since March", DAYS[1:]),
        ("since last Friday", DAYS[3:]),
        ("before March", DAYS[:1]),
        ("until March", DAYS[:2]),
        ("after yesterday", DAYS[5:]),
        ("between March and 20 November 2026", DAYS[1:4]),
        ("last year", DAYS[:1]),
        ("March", DAYS[1:2]),
        ("next week", ()),
    ],
)
def test_a_time_in_words(memory: Memory, words: str, expected: tuple[str, ...]) -> None:
    assert _days(memory, {"occurred_at": words}) == list(expected)
    assert _days(memory, f'occurred_at = "{words}"') == list(expected)
    assert _days(memory, f'not occurred_at = "{words}"') == [d for d in DAYS if d not in expected]


def test_words_in_an_order_and_held_at(memory: Memory) -> None:
    assert _days(memory, {"occurred_at": {"gt": "last week"}}) == ["2026-11-23"]
    assert _days(memory, {"occurred_at": {"gte": "last week"}}) == list(DAYS[2:])
    assert _days(memory, 'occurred_at < "last week"') == list(DAYS[:2])
    assert _days(memory, 'occurred_at <= "last week"') == list(DAYS[:5])
    assert _days(memory, {"occurred_at": ["yesterday", "March"]}) == [DAYS[1], DAYS[4]]
    assert _days(memory, 'holding at "last year"') == [DAYS[0]]


def test_what_is_no_time_is_an_error(memory: Memory) -> None:
    for words in ("last blah", "since ever", "between March and", "this is it"):
        with pytest.raises(UsageError, match="last week, since March"):
            memory.search("bell", where={"occurred_at": words})
    with pytest.raises(UsageError, match="occurred_at"):
        memory.search("bell", where={"occurred_at": "soon"})
    with pytest.raises(UsageError, match="open on that side"):
        memory.search("bell", where={"occurred_at": {"gt": "since March"}})


def test_all_or_any_of_several() -> None:
    with Memory("memory://", user_id="ada") as memory:
        for text, tags in (
            ("Anna Schmidt met Bob Stone.", ["work", "oslo"]),
            ("Anna Schmidt likes tea.", ["work"]),
            ("Bob Stone likes chess.", ["oslo"]),
            ("It rains.", []),
        ):
            memory.add(text, tags=tags, metadata={"list": tags})

        def count(where: Any) -> tuple[int, int]:
            hits = memory.search("Anna Bob tea chess", where=where, kinds=["turn"], limit=50)
            return len(memory.get_all(where=where).items), len(hits)

        every, one, both = count("tag exists"), count({"tags": {"any": ["work", "none"]}}), (1, 1)
        assert every == (3, 3)
        assert one == count("tags any (work, none)") == count("tag = work") == (2, 2)
        assert count({"tags": {"any": ["work", "oslo"]}}) == every
        assert count({"tags": {"all": ["work", "oslo"]}}) == both
        assert count("tags all (work, oslo)") == count("metadata.list all (work, oslo)") == both
        assert count({"people": {"all": ["Anna Schmidt", "Bob Stone"]}}) == both
        assert count('people all ("Anna Schmidt", "Bob Stone")') == both
        assert count('people any ("Anna Schmidt", "Bob Stone")') == every
        assert count({"tags": {"all": ["work", "none"]}}) == (0, 0)
        with pytest.raises(UsageError, match="at least one value"):
            memory.get_all(where={"tags": {"all": []}})
