"""A deleted fact is told no more by the sentence that stated it."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphmem import Memory
from graphmem.clock import ManualClock
from graphmem.errors import UsageError

SECRET = "Ada Lovelace lives in Samarkand."


def hits(memory: Memory, **more: object) -> list[str]:
    return [hit.text for hit in memory.search("Samarkand", **more)]  # type: ignore[arg-type]


def lived_in(memory: Memory) -> str:
    (relation,) = memory.relations("Ada Lovelace")
    return relation.fact_id


def test_its_turn_is_found_no_more_and_again_when_it_is_undone(memory: Memory) -> None:
    memory.add(SECRET)
    memory.add("Bob Stone likes tea.")
    id = lived_in(memory)
    memory.delete(id)
    assert not [text for text in hits(memory, current=False) if "Samarkand" in text]
    assert "Samarkand" not in memory.context("Where does Ada Lovelace live?")
    assert [hit.kind for hit in memory.search("Bob Stone likes tea")][:1] != []
    assert memory.verify().ok
    memory.undo(memory.history(id)[-1].seq)
    assert {hit.kind for hit in memory.search("Samarkand")} == {"fact", "turn"}
    assert "Samarkand" in memory.context("Where does Ada Lovelace live?")
    assert memory.verify().ok


def test_the_turn_can_be_kept(memory: Memory) -> None:
    memory.add(SECRET)
    memory.delete(lived_in(memory), keep_turn=True)
    assert hits(memory) == [SECRET]
    with pytest.raises(UsageError, match="keep_turn"):
        memory.delete("x", keep_turn=1)  # type: ignore[arg-type]


def test_said_again_it_is_heard_again(memory: Memory) -> None:
    memory.add(SECRET, occurred_at="2024-01-01")
    memory.delete(lived_in(memory))
    memory.add(SECRET, occurred_at="2025-01-01")
    (turn,) = [hit for hit in memory.search("Samarkand") if hit.kind == "turn"]
    assert turn.occurred_at
    assert turn.occurred_at.year == 2025


def test_neither_beside_it_nor_by_its_conversation(memory: Memory) -> None:
    """What stands around a turn, and the whole conversation, are searched too."""
    memory.add(
        [
            {"role": "user", "name": "Ada Lovelace", "content": "Good morning."},
            {"role": "user", "name": "Ada Lovelace", "content": "I live in Samarkand."},
            {"role": "user", "name": "Ada Lovelace", "content": "It rains today."},
        ]
    )
    memory.delete(lived_in(memory))
    found = memory.search("Samarkand")
    assert not [hit for hit in found if "Samarkand" in hit.text]
    assert not [s for hit in found for s in hit.signals if s.name in {"session", "window"}]
    assert memory.verify().ok


def test_two_deletions_of_one_turn_are_undone_one_by_one(memory: Memory) -> None:
    memory.add("Bob Stone works at Acme and lives in Oslo.")
    ids = [relation.fact_id for relation in memory.relations("Bob Stone")]
    assert len(ids) == 2
    for id in ids:
        memory.delete(id)
    for id, found in zip(ids, (False, True), strict=True):
        memory.undo(memory.history(id)[-1].seq)
        assert any(hit.kind == "turn" for hit in memory.search("Bob Stone Acme")) == found
    assert memory.verify().ok


def test_as_of_before_it_was_deleted_it_was_there() -> None:
    clock = ManualClock("2024-01-01")
    with Memory("memory://", user_id="ada", clock=clock) as memory:
        memory.add(SECRET)
        id = lived_in(memory)
        clock.advance(days=10)
        memory.delete(id)
        clock.advance(days=10)
        memory.undo(memory.history(id)[-1].seq)
        clock.advance(days=10)
        kinds = {
            day: {hit.kind for hit in memory.as_of(known_at=day).search("Samarkand")}
            for day in ("2024-01-05", "2024-01-15", "2024-01-25")
        }
    both = {"fact", "turn"}
    assert kinds == {"2024-01-05": both, "2024-01-15": set(), "2024-01-25": both}


def test_it_survives_rebuild_export_and_reopening(tmp_path: Path) -> None:
    with Memory(tmp_path / "store", user_id="ada") as memory:
        memory.add(SECRET)
        id = lived_in(memory)
        memory.delete(id)
        assert memory.rebuild().ok
        assert hits(memory) == []
        memory.export(tmp_path / "lines.jsonl")
    with Memory(tmp_path / "store", user_id="ada") as memory:
        assert hits(memory) == []
    with Memory(tmp_path / "other", user_id="ada") as other:
        other.import_(tmp_path / "lines.jsonl")
        assert hits(other) == []
        assert other.verify().ok
        other.undo(other.history(id)[-1].seq)
        assert len(hits(other)) == 2


def test_erasing_what_silenced_leaves_nothing_behind(memory: Memory) -> None:
    episode = memory.add(SECRET).episode_id
    id = lived_in(memory)
    memory.delete(id)
    memory.delete(id, erase=True)
    assert memory.verify().ok
    memory.delete(episode)
    assert memory.verify().ok
    assert memory.stats().episodes == 0


def test_who_shares_nothing_is_not_touched(memory: Memory) -> None:
    memory.add(SECRET)
    memory.add(SECRET, user_id="eve")
    memory.delete(lived_in(memory))
    assert hits(memory) == []
    assert len(hits(memory, user_id="eve")) == 2
