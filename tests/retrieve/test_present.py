"""What has changed is answered with what holds now."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from graphmem import Memory, Settings


@pytest.fixture
def memory() -> Iterator[Memory]:
    with Memory("memory://", user_id="ada", settings=Settings.load({})) as memory:
        memory.add("I live in Paris. I like the sea.", occurred_at="2024-01-15")
        memory.add("Do you still live in Paris?", occurred_at="2024-06-15")
        memory.add("I moved to Berlin last month!", occurred_at="2025-03-02")
        memory.add("Klaus lives in Munich. Priya lives in Zurich.", occurred_at="2025-03-03")
        yield memory


def test_the_present_fact_comes_first(memory: Memory) -> None:
    for question in ("Where does Ada live?", "Where do I live?"):
        first = memory.search(question)[0]
        assert first.fact is not None
        assert "Berlin" in first.text
        assert "present" in {signal.name for signal in first.signals}


def test_a_turn_that_no_longer_holds_says_so(memory: Memory) -> None:
    found = memory.search("Where do I live?")
    (old,) = [hit for hit in found if hit.text.startswith("I live in Paris")]
    assert old.outdated == "lives_in until February 2025"
    assert [signal.share < 0 for signal in old.signals if signal.name == "outdated"] == [True]
    assert "outdated: lives_in until February 2025" in memory.context("Where do I live?")
    assert all(hit.outdated is None for hit in memory.search("Where do I live?", current=False))


def test_facts_about_whom_is_asked_beat_those_about_others(memory: Memory) -> None:
    texts = [hit.text for hit in memory.search("Where do I live?", kinds=["fact"])]
    assert texts.index("ada moved to Berlin in February 2025") < texts.index(
        "Klaus lives in Munich"
    )
    assert memory.search("Where does Klaus live?")[0].text == "Klaus lives in Munich"


def test_a_question_is_not_an_answer(memory: Memory) -> None:
    (asked,) = [hit for hit in memory.search("live in Paris") if hit.text.endswith("?")]
    assert [signal.share < 0 for signal in asked.signals if signal.name == "asks"] == [True]


def test_a_day_of_long_ago_is_written_with_its_four_digits() -> None:
    with Memory("memory://", user_id="ada", settings=Settings.load({})) as memory:
        memory.relate("Rome", "rules", "Gaul", valid_at="0052-09-01", invalid_at="0406-12-31")
        assert "until 0406-12-31" in memory.context("Who rules Gaul?")


def test_as_many_hits_as_are_asked_for() -> None:
    with Memory("memory://", user_id="ada", settings=Settings.load({})) as memory:
        memory.add([{"content": f"I saw a heron, number {n}."} for n in range(150)])
        for limit in (10, 120, 150):
            found = memory.search("heron", limit=limit, kinds=["turn"])
            assert len({hit.turn_id for hit in found}) == limit
