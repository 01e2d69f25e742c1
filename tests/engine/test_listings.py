"""Lists of who and what a store holds, their counts and their pages; conversations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from graphmem import Memory
from graphmem.clock import ManualClock
from graphmem.errors import NotFound, UsageError
from tests.engine.helpers import NOTHING


@pytest.fixture
def store() -> Iterator[Memory]:
    with Memory("memory://") as memory:
        fill(memory)
        yield memory


def fill(memory: Memory) -> None:
    """Two projects; in the first two users, one of them with two agents and three runs."""
    for at, (user, agent, run) in enumerate(
        [("ada", "bot", "r1"), ("ada", "bot", "r1"), ("ada", "owl", "r2"), ("eve", None, "r1")]
    ):
        memory.add(
            f"Bob Stone works at Acme{at}.",
            user_id=user,
            agent_id=agent,
            run_id=run,
            occurred_at=f"2024-01-0{at + 1}",
        )
    memory.add("Tea.", infer=False, user_id="ada", project_id="other")
    memory.add("Tea.", infer=False, agent_id="bot")


def ids(listing: object) -> list[str]:
    return [one.id for one in listing]  # type: ignore[attr-defined]


def test_projects_users_and_agents_with_counts(store: Memory) -> None:
    assert sorted(ids(store.projects())) == ["default", "other"]
    users = {one.id: (one.episodes, one.facts) for one in store.users()}
    assert users == {"ada": (3, 3), "eve": (1, 1)}
    assert {one.id: one.episodes for one in store.agents()} == {"bot": 3, "owl": 1}
    assert ids(store.users(project_id="other")) == ["ada"]
    assert ids(store.users(project_id="nobody's")) == []


def test_who_gives_an_owner_sees_only_what_is_theirs(store: Memory) -> None:
    assert ids(store.users(user_id="eve")) == ["eve"]
    assert ids(store.agents(user_id="eve")) == []
    assert sorted(ids(store.agents(user_id="ada"))) == ["bot", "owl"]
    assert ids(store.projects(user_id="eve")) == ["default"]
    assert [(one.id, one.owner) for one in store.runs(user_id="eve")] == [("r1", "eve")]
    assert sorted(ids(store.runs(user_id="ada"))) == ["r1", "r2"]
    assert ids(store.runs(user_id="ada", agent_id="owl")) == ["r2"]


def test_pages_by_offset_know_how_much_there_is(store: Memory) -> None:
    first = store.users(limit=1)
    assert (len(first), first.total, first.next_offset) == (1, 2, 1)
    rest = store.users(limit=1, offset=1)
    assert (rest.total, rest.next_offset) == (2, None)
    assert sorted([*ids(first), *ids(rest)]) == ["ada", "eve"]
    assert (store.users(offset=7).items, store.users(offset=7).total) == ((), 2)
    for wrong in (-1, True, "1"):
        with pytest.raises(UsageError, match="offset"):
            store.users(offset=wrong)  # type: ignore[arg-type]


def test_facts_are_counted_and_passed_over(memory: Memory) -> None:
    texts = [f"Fact number {at}." for at in range(7)]
    memory.add_many([{"content": text, "tags": ["even"] * (at % 2 == 0)} for at, text in
                     enumerate(texts)], infer=False)  # fmt: skip
    page = memory.get_all(limit=2, offset=3, count=True)
    assert (list(page), len(page), page[0]) == ([*page.items], 2, page.items[0])
    assert [fact.text for fact in page.items] == texts[3:5]
    assert page.total == 7
    assert memory.get_all(limit=2).total is None
    assert memory.get_all(after=page.next).items[0].text == texts[5]
    assert memory.get_all(where="tag = even", count=True, limit=1).total == 4
    memory.delete(page.items[0].id)
    assert memory.get_all(count=True, limit=1).total == 6


def test_what_was_known_is_counted() -> None:
    clock = ManualClock("2024-01-01")
    with Memory("memory://", user_id="ada", clock=clock) as memory:
        memory.add_many(["One.", "Two."], infer=False)
        clock.advance(days=1)
        memory.delete(memory.get_all().items[0].id)
        page = memory.as_of(known_at="2024-01-01T12:00:00Z").get_all(count=True, limit=1)
        assert (page.total, memory.get_all(count=True).total) == (2, 1)


def test_entities_relations_and_moments_are_passed_over(story: Memory) -> None:
    for call in (story.entities, story.relations, story.timeline):
        every = call(limit=100)
        assert len(every) > 3
        assert call(limit=2, offset=1) == every[1:3]
        assert call(offset=len(every)) == []


def test_stats_of_a_project(store: Memory) -> None:
    assert store.stats().episodes == 6
    assert store.stats(project_id="default").episodes == 5
    assert store.stats(project_id="other").facts == 1
    assert store.stats(project_id="none").entities == 0
    assert store.stats(project_id="default", user_id="eve").episodes == 1


class TestConversations:
    def test_what_it_is_called_and_how_much_was_told(self, store: Memory) -> None:
        (one,) = [run for run in store.runs(user_id="ada") if run.id == "r1"]
        assert one.title == "Bob Stone works at Acme0."
        assert not one.titled
        assert (one.episodes, one.turns, one.facts) == (2, 2, 2)
        assert (one.first_at.day, one.last_at.day) == (1, 2)
        assert one.closed_at is None

    def test_it_is_renamed_closed_and_described(self, store: Memory) -> None:
        store.update_run("r1", title="Jobs", closed=True, metadata={"a": 1}, user_id="ada")
        store.update_run("r1", metadata={"b": 2}, merge_metadata=True, user_id="ada")
        found = {(one.owner, one.id): one for one in store.runs()}
        mine = found["ada", "r1"]
        assert (mine.title, mine.titled, mine.metadata) == ("Jobs", True, {"a": 1, "b": 2})
        assert mine.closed_at
        assert found["eve", "r1"].title != "Jobs"
        assert store.update_run("r1", closed=False, user_id="ada").closed_at is None
        with pytest.raises(NotFound):
            store.update_run("r2", title="x", user_id="eve")
        with pytest.raises(UsageError, match="nothing to change"):
            store.update_run("r1", user_id="ada")

    def test_it_is_searched_and_erased_alone(self, store: Memory) -> None:
        store.update_run("r1", title="Jobs", user_id="ada")
        found = store.search("Where does Bob Stone work?", user_id="ada", run_id="r2")
        assert {hit.episode_id for hit in found} == {found[0].episode_id}
        store.delete_all(user_id="ada", run_id="r1")
        assert ids(store.runs(user_id="ada")) == ["r2"]
        assert ids(store.runs(user_id="eve")) == ["r1"]
        store.add("Tea.", infer=False, user_id="ada", run_id="r1")
        (again,) = [run for run in store.runs(user_id="ada") if run.id == "r1"]
        assert again.title == "Tea."

    def test_a_deleted_fact_is_no_title(self, store: Memory) -> None:
        (relation,) = store.relations(user_id="eve")
        store.delete(relation.fact_id, user_id="eve")
        assert store.runs(user_id="eve")[0].title == "r1"

    def test_it_goes_with_export_backup_and_forgetting(self, tmp_path: Path) -> None:
        with Memory(tmp_path / "store", user_id="ada") as memory:
            memory.add("Tea.", infer=False, run_id="r1")
            memory.update_run("r1", title="Quitenamed", closed=True)
            memory.export(tmp_path / "lines.jsonl")
            kept = memory.runs()[0]
        with Memory(tmp_path / "other", user_id="ada") as other:
            other.import_(tmp_path / "lines.jsonl")
            assert other.runs()[0] == kept
            other.forget(wait=True)
            assert other.stats() == NOTHING
        files = [path for path in (tmp_path / "other").rglob("*") if path.is_file()]
        assert not [path for path in files if b"Quitenamed" in path.read_bytes()]
