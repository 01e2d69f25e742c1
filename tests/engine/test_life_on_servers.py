"""The life of a memory on a PostgreSQL ledger: what the tests beside this show on SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from graphmem import Memory, Settings
from tests.engine import test_actors, test_ids_alone, test_silence
from tests.engine.test_servers import ledger_url  # noqa: F401 - a fixture

pytestmark = pytest.mark.server


@pytest.fixture
def memory(ledger_url: str, tmp_path: Path) -> Iterator[Memory]:  # noqa: F811
    settings = Settings.load({}, ledger=ledger_url, graph="memory://", vectors="memory://")
    with Memory(tmp_path / "store", user_id="ada", settings=settings) as opened:
        yield opened


def test_turns_are_silenced(memory: Memory) -> None:
    test_silence.test_its_turn_is_found_no_more_and_again_when_it_is_undone(memory)
    test_silence.test_two_deletions_of_one_turn_are_undone_one_by_one(memory)


def test_what_silenced_is_erased(memory: Memory) -> None:
    test_silence.test_erasing_what_silenced_leaves_nothing_behind(memory)


def test_actors_are_kept(memory: Memory) -> None:
    test_actors.test_each_change_has_its_own(memory)


def test_ids_are_enough(ledger_url: str, tmp_path: Path) -> None:  # noqa: F811
    settings = Settings.load({}, ledger=ledger_url, graph="memory://", vectors="memory://")
    with Memory(tmp_path / "store", settings=settings) as opened:
        test_ids_alone.test_get_update_history_and_delete(opened)
