"""A question about the past is answered by what held then, whether it has ended or not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory, Settings
from graphmem.clock import ManualClock, parse_when
from graphmem.retrieve.question.parse import parse_question

TOLD = {
    "2018-09-03": "My name is Nora. I live in Cork. I work at Harrow Books.",
    "2019-06-12": "My boss is Fintan Daly. I have a dog, Bramble.",
    "2021-02-20": "I moved to Galway in January 2021. I work at Tidewater now.",
    "2021-11-05": "My boss is Aoife Burke now.",
    "2023-08-14": "I moved to Porto in July 2023. I left Tidewater and now work at Lumen.",
    "2025-01-09": "My boss is Rui Santos now.",
}


@pytest.fixture(scope="module")
def memory() -> Iterator[Memory]:
    clock = ManualClock("2025-06-01")
    with Memory("memory://", user_id="nora", clock=clock, settings=Settings.load({})) as memory:
        for day, text in TOLD.items():
            memory.add(text, occurred_at=day)
        yield memory


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Where did I live in 2019?", "Cork"),
        ("Where did I live in March 2022?", "Galway"),
        ("Where did we live three years ago?", "Galway"),
        ("In which town did I live last year?", "Porto"),
        ("Where did I work in 2020?", "Harrow Books"),
        ("Where did I work in autumn 2022?", "Tidewater"),
        ("Who was my boss in 2020?", "Fintan Daly"),
        ("Who was my boss in 2023?", "Aoife Burke"),
        ("Where did I live before Porto?", "Galway"),
        ("Where did I live before Galway?", "Cork"),
        ("Where did I live before I moved to Porto?", "Galway"),
        ("Where did I previously work?", "Tidewater"),
        ("When did I move to Galway?", "Galway"),
        ("Did I ever live in Cork?", "Cork"),
        ("Was Fintan Daly my boss?", "Fintan Daly"),
        ("Where do I live?", "Porto"),
        ("Where do I work?", "Lumen"),
        ("Who is my boss?", "Rui Santos"),
        ("Where have I lived since 2023?", "Porto"),
    ],
)
def test_what_held_at_the_time_that_is_asked_of_answers(
    memory: Memory, question: str, answer: str
) -> None:
    best = memory.search(question, kinds=["fact"]).hits[0]
    assert answer in best.text
    places = {"Cork", "Galway", "Porto", "Harrow Books", "Tidewater", "Lumen"}
    assert {place for place in places if place in best.text} <= {answer}


@pytest.mark.parametrize(
    ("question", "periods"),
    [
        ("Where did I live in 2019?", [("2019-01-01", "2020-01-01")]),
        ("Where was I in December 2024?", [("2024-12-01", "2025-01-01")]),
        ("Who called in March?", [("2025-03-01", "2025-04-01")]),
        ("Who called in September?", [("2024-09-01", "2024-10-01")]),
        ("What will I do in 2027?", []),
        ("What did I do before 2019?", []),
        ("Where do I live?", []),
    ],
)
def test_periods_are_those_that_have_begun(question: str, periods: list[tuple[str, str]]) -> None:
    parsed = parse_question(question, parse_when("2025-06-01"))
    assert list(parsed.periods) == [(parse_when(a), parse_when(b)) for a, b in periods]


def _facts(memory: Memory, question: str, **options: Any) -> list[str]:
    return [hit.text for hit in memory.search(question, kinds=["fact"], **options)]


def test_only_its_end_is_forgiven(tmp_path: Path) -> None:
    """What has expired, is archived, fails a filter or is another agent's stays out."""
    clock = ManualClock("2020-01-01")
    with Memory(tmp_path / "s", user_id="nora", clock=clock, settings=Settings.load({})) as memory:
        memory.add("I live in Cork.", metadata={"town": "Cork"})
        clock.advance(days=30)
        memory.add("I live in Sligo.", expires_at="2021-01-01")
        clock.advance(days=30)
        memory.add("I live in Derry.", agent_id="other")
        clock.advance(days=30)
        memory.add("I live in Porto.", occurred_at="2024-05-01")
        clock.advance(days=2000)
        question = "Where did I live in 2020?"
        found = " ".join(_facts(memory, question))
        assert "Cork" in found
        assert "Sligo" not in found
        assert "Derry" not in " ".join(_facts(memory, question, agent_id="mine"))
        assert not any(
            "Cork" in text for text in _facts(memory, question, where={"metadata.town": "Porto"})
        )
        assert not any("Cork" in text for text in _facts(memory, question, user_id="tom"))
        (cork,) = [hit.id for hit in memory.search(question, kinds=["fact"]) if "Cork" in hit.text]
        memory.archive(cork)
        assert not any("Cork" in text for text in _facts(memory, question))
        at = memory.as_of(valid_at="2024-06-01").search(question, kinds=["fact"])
        assert not any("Cork" in hit.text for hit in at)
