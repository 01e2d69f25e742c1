"""Searches by time, tags and people; the counts of one user."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from graphmem import Memory
from graphmem.errors import NotFound, UsageError


@pytest.fixture(scope="module")
def memory() -> Iterator[Memory]:
    with Memory("memory://") as opened:
        for text, day, tags in (
            ("Bob Stone works at Acme.", "2024-01-05", ["work"]),
            ("Carol Reed lives in Oslo.", "2024-05-31", ["home", "work"]),
            ("Bob Stone knows Carol Reed.", "2024-06-02", []),
        ):
            opened.add(text, occurred_at=day, tags=tags, user_id="ada")
        opened.add(
            "Dan Hill lives in Bergen.", occurred_at="2024-05-31", tags=["home"], user_id="x"
        )
        yield opened


def _texts(found: Any) -> list[str]:
    return [hit.fact.text for hit in found]


def test_without_a_question_the_newest_come_first_and_have_no_score(memory: Memory) -> None:
    found = memory.search_by_tags(["work", "home"], user_id="ada")
    assert _texts(found) == ["Carol Reed lives in Oslo", "Bob Stone works at Acme"]
    assert [(hit.rank, hit.score, hit.kind) for hit in found] == [(1, 0, "fact"), (2, 0, "fact")]
    assert found[0].episode_id
    assert _texts(memory.search_by_tags(["work"], limit=1, user_id="ada")) == _texts(found)[:1]


def test_each_is_the_search_with_its_filter(memory: Memory) -> None:
    question = "Who lives where?"
    for found, where in (
        (
            memory.temporal_search(question, since="2024-05", until="2024-06-02", user_id="ada"),
            "occurred_at >= 2024-05 and occurred_at <= 2024-06-02",
        ),
        (memory.search_by_tags(["work", "home"], question, user_id="ada"), "tag in (work, home)"),
        (
            memory.search_by_people(["Bob Stone", "Carol Reed"], question, user_id="ada"),
            'about in ("Bob Stone", "Carol Reed")',
        ),
    ):
        same = memory.search(question, kinds=["fact"], where=where, user_id="ada")
        assert [hit.id for hit in found] == [hit.id for hit in same] != []
        assert [hit.score for hit in found] == [hit.score for hit in same]


def test_all_of_them_or_one_of_them(memory: Memory) -> None:
    both: Any = {"match_all": True, "user_id": "ada"}
    assert _texts(memory.search_by_tags(["work", "home"], **both)) == ["Carol Reed lives in Oslo"]
    people = ["Bob Stone", "Carol Reed"]
    assert _texts(memory.search_by_people(people, **both)) == ["Bob Stone knows Carol Reed"]
    assert len(memory.search_by_people(people, user_id="ada")) == 3


def test_a_vague_end_counts_as_a_whole(memory: Memory) -> None:
    assert _texts(memory.temporal_search(until="2024-05", user_id="ada")) == [
        "Carol Reed lives in Oslo",
        "Bob Stone works at Acme",
    ]
    assert _texts(memory.temporal_search(since="2024-06", user_id="ada")) == [
        "Bob Stone knows Carol Reed"
    ]


def test_a_view_narrows_too(memory: Memory) -> None:
    then = memory.as_of("2024-03")
    assert _texts(then.search_by_tags(["work"], user_id="ada")) == ["Bob Stone works at Acme"]


@pytest.mark.parametrize(
    ("method", "given", "why"),
    [
        ("temporal_search", {}, "since, until"),
        ("temporal_search", {"since": "soonish"}, "soonish"),
        ("temporal_search", {"since": "2024-06", "until": "2024-05"}, "is after until"),
        ("temporal_search", {"query": "", "since": "2024"}, "query"),
        ("temporal_search", {"since": "2024", "min_score": 2}, "min_score"),
        ("search_by_tags", {"tags": "work"}, "tags are a list"),
        ("search_by_tags", {"tags": []}, "tags are a list"),
        ("search_by_tags", {"tags": ["work", 7]}, "tags are a list"),
        ("search_by_tags", {"tags": ["work"], "match_all": 1}, "match_all"),
        ("search_by_tags", {"tags": ["work"], "limit": 0}, "limit"),
        ("search_by_people", {"people": {"a": 1}}, "people are a list"),
    ],
)
def test_what_is_wrong_is_refused(
    memory: Memory, method: str, given: dict[str, Any], why: str
) -> None:
    with pytest.raises(UsageError, match=why):
        getattr(memory, method)(**given, user_id="ada")


def test_people_of_others_are_not_there(memory: Memory) -> None:
    with pytest.raises(NotFound, match="Dan Hill"):
        memory.search_by_people(["Bob Stone", "Dan Hill"], user_id="ada")
    assert len(memory.search_by_people(["Dan Hill"], user_id="x")) == 1


def test_the_counts_of_a_user_are_never_those_of_the_store(memory: Memory) -> None:
    assert memory.get_user_stats(user_id="ada") == memory.stats(user_id="ada")
    assert memory.stats().facts == 4
    with pytest.raises(UsageError, match="user_id"):
        memory.get_user_stats()
    with pytest.raises(UsageError, match="user_id"):
        memory.get_user_stats(agent_id="bot")
