"""Importance as a signal: of two facts that answer alike the more important one is above."""

from __future__ import annotations

import pytest

from graphmem import Memory, Settings

QUESTION = "What does Anna Schmidt drink?"


def _facts(memory: Memory) -> list[str]:
    return [hit.text for hit in memory.search(QUESTION, kinds=["fact"])]


@pytest.mark.parametrize("important", ["tea", "ale"])
def test_of_two_alike_the_more_important_is_above(important: str) -> None:
    with Memory("memory://", user_id="ada") as memory:
        for drink in ("tea", "ale"):
            weight = 1.0 if drink == important else 0.1
            memory.add(f"Anna Schmidt drinks {drink}.", importance=weight, infer=False)
        memory.add("The bus leaves at nine.", importance=1.0, infer=False)
        first, second, *_ = _facts(memory)
        assert important in first
        assert "drinks" in second, "what matters, but not to the question, is not raised"
        (score,) = [
            one
            for one in memory.search(QUESTION, kinds=["fact"]).hits[0].signals
            if one.name == "importance"
        ]
        assert score.share > 0


def test_where_nobody_gave_any_it_changes_nothing() -> None:
    """So that no set without it is ranked otherwise than before."""
    found = []
    for without in ("", "importance"):
        settings = Settings.load({}, llm="none", search_without=without)
        with Memory("memory://", user_id="ada", settings=settings) as memory:
            for number in range(30):
                memory.add(f"Anna Schmidt drinks tea number {number} in City{number % 7}.")
            hits = memory.search(QUESTION, limit=30)
            found.append([(hit.text, hit.total, hit.score) for hit in hits])
            assert all(one.name != "importance" for hit in hits for one in hit.signals)
    assert found[0] == found[1]
