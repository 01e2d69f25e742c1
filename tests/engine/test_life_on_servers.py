"""The life of a memory on a PostgreSQL ledger: what the tests beside this show on SQLite."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from graphmem import Memory, Settings
from graphmem.clock import ManualClock
from tests.engine import (
    test_actors,
    test_communities,
    test_ids_alone,
    test_kept_summaries,
    test_listings,
    test_silence,
    test_summaries,
    test_types_of_tenants,
)
from tests.engine.test_servers import graph_url, ledger_url  # noqa: F401 - fixtures
from tests.faults.sizes import FUZZ
from tests.lifecycle import test_sweep

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


_ON_A_CLOCK: tuple[Callable[[Memory, ManualClock], None], ...] = (
    test_sweep.TestByHand().test_as_of_reaches_back_to_it,
    test_sweep.TestByHand().test_promoted_it_stays,
    test_sweep.TestReads().test_they_are_counted_beside_the_events,
    test_sweep.TestSweep().test_what_is_old_and_hardly_read_is_archived,
    test_sweep.TestSweep().test_what_has_expired_leaves_the_stores,
)


@pytest.mark.parametrize("shown", _ON_A_CLOCK, ids=lambda shown: shown.__name__)
def test_on_a_clock(
    shown: Callable[[Memory, ManualClock], None],
    ledger_url: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    """Archiving, promoting, sweeping and counting."""
    settings = Settings.load({}, ledger=ledger_url, graph="memory://", vectors="memory://")
    clock = ManualClock(test_sweep.START)
    with Memory(tmp_path / "m", user_id="ada", settings=settings, clock=clock) as opened:
        shown(opened, clock)


_AT_A_PLACE: tuple[Callable[..., None], ...] = (
    test_kept_summaries.kept_and_shown,
    test_kept_summaries.gone_with_what_it_was_made_of,
    test_kept_summaries.title_by_itself,
    test_summaries.erased_with_what_it_sums_up,
)


@pytest.mark.parametrize("shown", _AT_A_PLACE, ids=lambda shown: shown.__name__)
def test_at_a_place(shown: Callable[..., None], ledger_url: str, tmp_path: Path) -> None:  # noqa: F811
    """Summaries and titles that are kept."""
    shown(tmp_path / "m", ledger=ledger_url, graph="memory://", vectors="memory://")


def test_relation_types_of_two_users(ledger_url: str, tmp_path: Path) -> None:  # noqa: F811
    settings = Settings.load({}, ledger=ledger_url, graph="memory://", vectors="memory://")
    with Memory(tmp_path / "m", settings=settings) as opened:
        test_types_of_tenants._opposite(opened)
        test_types_of_tenants._check_apart(opened)
        opened.forget(user_id="ada")
        assert opened.verify().ok


def _communities(
    graph: str, rows: list[tuple[str, str, str]]
) -> tuple[list[tuple[str, list[str]]], float]:
    """The name and the members of each, and the seconds of processor that it took to have them."""
    urls = {"ledger": "memory://", "graph": graph, "vectors": "memory://"}
    with Memory(None, user_id="ada", settings=Settings.load({}, **urls)) as opened:
        for at in range(0, len(rows), 1000):
            opened.relate_many(rows[at : at + 1000])
        begun = time.process_time()
        shown = opened.communities(limit=1000)
        took = time.process_time() - begun
        assert opened.verify().ok  # the graph holds what was grouped
    return [(one.name, [entity.name for entity in one.entities]) for one in shown], took


def test_communities_are_the_same_on_every_graph(graph_url: str, tmp_path: Path) -> None:  # noqa: F811
    found = [
        _communities(graph, test_communities.pairs())[0]
        for graph in (graph_url, f"kuzu:///{tmp_path}/g.kuzu", "memory://")
    ]
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == len(test_communities.TEAMS)


@pytest.mark.skipif(FUZZ <= 1, reason="minutes: make nightly")
@pytest.mark.timeout(1800)
def test_ten_thousand_entities_are_grouped_alike_on_every_graph(
    graph_url: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    rows = test_communities.many_pairs(10_000)
    found = []
    for graph in (graph_url, f"kuzu:///{tmp_path}/g.kuzu", "memory://"):
        groups, took = _communities(graph, rows)
        print(f"{graph.split(':')[0]}: {len(groups)} communities in {took:.2f} s", flush=True)  # noqa: T201 - what is measured
        assert took < 5
        found.append(groups)
    assert found[0] == found[1] == found[2]
    assert sum(len(members) for _, members in found[0]) == 10_000


@pytest.mark.parametrize("shown", _OF_ONE, ids=lambda shown: shown.__name__)
def test_of_one_user(shown: Callable[[Memory], None], memory: Memory) -> None:
    shown(memory)


@pytest.mark.parametrize("shown", _OF_ALL, ids=lambda shown: shown.__name__)
def test_of_a_whole_store(shown: Callable[[Memory], None], shared: Memory) -> None:
    if shown.__module__ == test_listings.__name__:
        test_listings.fill(shared)
    shown(shared)
