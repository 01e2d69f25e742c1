"""What the rules find in texts as people write them stays found: thresholds that hold for each half
and each kind of text."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from graphmem import Memory
from graphmem.clock import ManualClock
from graphmem.testing.llm_server import LocalModelServer
from tests.engine.model_script import settings
from tests.plain_words.as_model import StatesAll
from tests.plain_words.measure import Measure, measure
from tests.plain_words.texts import load_texts

_LEAST = {
    "given": (0.70, 0.85),
    "held_out": (0.75, 0.80),
    "fresh": (0.65, 0.75),
    "later": (0.50, 0.55),
    "unread": (0.55, 0.55),
    "last": (0.75, 0.75),
    "other": (0.70, 0.60),
}
"""Of all that is plainly stated, and of all changes."""


@pytest.mark.parametrize("half", _LEAST)
def test_what_is_found_stays_found(half: str) -> None:
    kinds: dict[str, Measure] = defaultdict(Measure)
    for text in load_texts(half):
        kinds[text.kind] += measure(text)
    whole = sum(kinds.values(), Measure())
    misses = "\n".join(whole.misses)
    recall, changes = _LEAST[half]
    assert whole.share("stated") >= recall, misses
    assert whole.share("changes") >= changes, misses
    assert all(found.share("stated") >= 0.35 for found in kinds.values()), misses
    wrong = whole.counts["stored"] - whole.counts["stored right"]
    assert wrong <= 0.02 * whole.counts["stored"] + 1, misses
    assert whole.share("traps") >= 0.97, misses
    assert whole.share("apart") == 1, misses


def test_a_model_that_states_all_of_it_is_believed() -> None:
    """Of what a careful model gives, nothing is lost between its answer and the facts."""
    says, whole = StatesAll(), Measure()
    with LocalModelServer(answer=says) as server:
        for half in ("given", "held_out"):
            for text in load_texts(half):
                whole += measure(text, before=says.begin, settings=settings(server))
    misses = "\n".join(whole.misses)
    assert whole.share("stated") >= 0.97, misses
    assert whole.share("changes") >= 0.97, misses
    assert whole.share("traps") >= 0.98, misses
    assert whole.share("apart") == 1, misses


def test_the_measure_sees_what_is_wrong() -> None:
    """A text whose expectations are the reverse of what it says fails in every count."""
    (text, *_) = load_texts("held_out")
    for passage in text.passages:
        passage.expected = [
            one.__class__("x" if one.mark in "+=" else one.mark, one.subject, one.types, one.object)
            for one in passage.expected
        ]
    found = measure(text)
    assert found.share("traps") < 0.9
    assert found.counts["stored right"] < found.counts["stored"]


_TOLD = datetime(2025, 2, 3, 12, tzinfo=UTC)
_CHANGES = [
    tuple(part.strip() for part in line.split(" | "))
    for line in (Path(__file__).parent / "plain_changes.txt").read_text("utf-8").splitlines()
    if not line.startswith("#")
]


@pytest.mark.parametrize(("told", "then", "expected"), _CHANGES)
def test_a_change_told_plainly_is_believed_and_nothing_else_changes(
    told: str, then: str, expected: str
) -> None:
    clock = ManualClock(_TOLD)
    with Memory("memory://", user_id="u1", user_name="Mira Olsen", clock=clock) as memory:
        memory.add(told)
        before = {str(fact) for fact in memory.get_all(limit=100).items}
        assert before
        clock.advance(days=133)
        memory.add(then)
        now = {str(fact) for fact in memory.get_all(limit=100).items}
    if expected == "=":
        assert before <= now
    for sign, part in re.findall(r"([-+])([^-+]+)", expected):
        held = [fact for fact in now if part.strip().lower() in fact.lower()]
        assert bool(held) == (sign == "+"), now
