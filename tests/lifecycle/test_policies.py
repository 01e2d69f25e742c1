"""The policy of each type of memory, and what a setting makes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from graphmem import Memory
from graphmem.clock import ManualClock
from graphmem.errors import UsageError
from graphmem.lifecycle.memory_types import DEFAULT_POLICIES, MEMORY_TYPES, policies_of
from graphmem.settings import Settings

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("kind", MEMORY_TYPES)
def test_only_short_term_expires_by_itself(kind: str) -> None:
    with Memory("memory://", user_id="ada", clock=ManualClock(NOW)) as memory:
        receipt = memory.add("Tea.", infer=False, memory_type=kind)  # type: ignore[arg-type]
        (id,) = receipt.fact_ids
        added_at = memory.episode(receipt.episode_id).recorded_at
        end = added_at + timedelta(days=7) if kind == "short_term" else None
        assert memory.get(id).expires_at == end
        assert [f.id for f in memory.get_all(where=f"memory_type = {kind}").items] == [id]


def test_what_is_given_goes_before_the_type() -> None:
    with Memory("memory://", user_id="ada", clock=ManualClock(NOW)) as memory:
        receipt = memory.add("Tea.", infer=False, memory_type="short_term", expires_at="2027-01-01")
        assert memory.get(receipt.fact_ids[0]).expires_at == datetime(2027, 1, 1, tzinfo=UTC)


def test_a_setting_changes_the_table() -> None:
    settings = Settings.load(
        {"GRAPHMEM_MEMORY_TYPES": '{"rule": {"searched": false, "expires_after_days": 2}}'}
    )
    clock = ManualClock(NOW)
    with Memory("memory://", user_id="ada", settings=settings, clock=clock) as memory:
        (id,) = memory.add("Answer in English.", infer=False, memory_type="rule").fact_ids
        fact = memory.get(id)
        assert fact.stated_at
        assert fact.expires_at == fact.stated_at + timedelta(days=2)
        assert memory.search("English").hits == ()
        assert memory.context("English") == ""
        assert [hit.id for hit in memory.search("English", where="memory_type = rule")] == [id]
        assert [fact.id for fact in memory.get_all().items] == [id]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"shortterm": {}}', "known are: semantic"),
        ('{"rule": {"expires": 1}}', "known are: archives"),
        ('{"rule": {"searched": 1}}', "true or false"),
        ('{"rule": {"expires_after_days": -1}}', "above 0"),
        ('{"rule": 7}', "must be a mapping"),
        ("{", "no JSON"),
    ],
)
def test_what_is_wrong_is_named_at_opening(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        Settings.load({"GRAPHMEM_MEMORY_TYPES": text})


def test_without_changes_it_is_the_table_that_comes_with_it() -> None:
    assert policies_of({}) == DEFAULT_POLICIES
    assert set(DEFAULT_POLICIES) == set(MEMORY_TYPES)
