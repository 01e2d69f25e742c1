"""The life of a memory on a PostgreSQL ledger: what the tests beside this show on SQLite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from graphmem import Memory, Settings
from tests.engine import test_actors, test_ids_alone, test_listings, test_silence
from tests.engine.test_servers import ledger_url  # noqa: F401 - a fixture

pytestmark = pytest.mark.server


@pytest.fixture
def shared(ledger_url: str, tmp_path: Path) -> Iterator[Memory]:  # noqa: F811
    settings = Settings.load({}, ledger=ledger_url, graph="memory://", vectors="memory://")
    with Memory(tmp_path / "store", settings=settings) as opened:
        yield opened


@pytest.fixture
def memory(ledger_url: str, tmp_path: Path) -> Iterator[Memory]:  # noqa: F811
    settings = Settings.load({}, ledger=ledger_url, graph="memory://", vectors="memory://")
    with Memory(tmp_path / "store", user_id="ada", settings=settings) as opened:
        yield opened


_OF_ONE: tuple[Callable[[Memory], None], ...] = (
    test_silence.test_its_turn_is_found_no_more_and_again_when_it_is_undone,
    test_silence.test_two_deletions_of_one_turn_are_undone_one_by_one,
    test_silence.test_erasing_what_silenced_leaves_nothing_behind,
    test_actors.test_each_change_has_its_own,
    test_listings.test_facts_are_counted_and_passed_over,
)
_OF_ALL: tuple[Callable[[Memory], None], ...] = (
    test_ids_alone.test_get_update_history_and_delete,
    test_listings.test_projects_users_and_agents_with_counts,
    test_listings.test_pages_by_offset_know_how_much_there_is,
    test_listings.test_stats_of_a_project,
    test_listings.TestConversations().test_it_is_renamed_closed_and_described,
    test_listings.TestConversations().test_it_is_searched_and_erased_alone,
)


@pytest.mark.parametrize("shown", _OF_ONE, ids=lambda shown: shown.__name__)
def test_of_one_user(shown: Callable[[Memory], None], memory: Memory) -> None:
    shown(memory)


@pytest.mark.parametrize("shown", _OF_ALL, ids=lambda shown: shown.__name__)
def test_of_a_whole_store(shown: Callable[[Memory], None], shared: Memory) -> None:
    if shown.__module__ == test_listings.__name__:
        test_listings.fill(shared)
    shown(shared)
