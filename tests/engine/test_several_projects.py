"""One read over several projects of one owner: each answers by itself, and nothing else is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory, Settings
from graphmem.clock import ManualClock
from graphmem.errors import NotFound, UsageError
from graphmem.model import Fact
from tests.engine.test_servers import graph_url, ledger_url  # noqa: F401 - fixtures

BOTH: Any = {"project_ids": ["work", "home"]}


def settle(memory: Memory) -> None:
    for day, project, text in (
        ("2024-01-01", "work", "Anna Schmidt works at Acme."),
        ("2024-02-02", "home", "Anna Schmidt lives in Oslo."),
        ("2024-03-03", "work", "Bob Stone works at Acme."),
        ("2024-04-04", "secret", "Anna Schmidt works at Zyxquorple."),
        ("2024-05-05", "home", "Carla Lind likes tea."),
    ):
        memory.add(text, project_id=project, occurred_at=day)
    memory.add("Anna Schmidt works at Quuxcorp.", user_id="eve", project_id="home")


def walked(memory: Memory) -> list[object]:
    """What reads the graph gives, of both projects and no other."""
    near = memory.neighbours("Anna Schmidt", **BOTH)
    assert {one.name for one in near.entities} == {"Anna Schmidt", "Acme", "Oslo"}
    assert {one.object for one in near.relations} == {"Acme", "Oslo"}
    ways = memory.paths("Anna Schmidt", "Acme", **BOTH)
    assert [len(way.steps) for way in ways] == [1], "in the one project that knows both"
    names = memory.cypher("MATCH (e:Entity) RETURN e.name ORDER BY e.name", **BOTH)
    assert [row[0] for row in names.rows] == [
        *("Acme", "Anna Schmidt", "Bob Stone"), *("Anna Schmidt", "Carla Lind", "Oslo", "tea"),
    ]  # fmt: skip
    graph = memory.to_networkx(**BOTH)
    assert sorted(name for _, name in graph.nodes(data="name")) == sorted(
        row[0] for row in names.rows
    )
    groups = memory.communities(min_size=2, **BOTH)
    assert groups.total == len(groups.items) == 3
    then = memory.as_of("2024-01-15").neighbours("Anna Schmidt", **BOTH)
    assert {one.object for one in then.relations} == {"Acme"}
    return [near, *ways, names, list(graph.nodes(data=True)), *groups, then]


def check(memory: Memory) -> None:
    found = memory.search("Where does Anna Schmidt live and work?", limit=20, **BOTH)
    assert {hit.project_id for hit in found} == {"work", "home"}
    assert [hit.rank for hit in found] == list(range(1, len(found) + 1))
    for project in ("work", "home"):
        alone = memory.search(
            "Where does Anna Schmidt live and work?", limit=20, project_id=project
        )
        own = [hit for hit in found if hit.project_id == project]
        assert [hit.id for hit in own] == [hit.id for hit in alone], "each in its own order"
        assert [hit.score for hit in own] == [hit.score for hit in alone]
    shown = memory.context("Where does Anna Schmidt live and work?", **BOTH)
    assert "Oslo" in shown
    assert "Acme" in shown
    everything = [
        *map(str, found),
        shown,
        *map(str, memory.get_all(**BOTH).items),
        *map(str, memory.entities(**BOTH)),
        *map(str, memory.relations("Anna Schmidt", **BOTH)),
        *map(str, memory.timeline(**BOTH)),
        *map(str, walked(memory)),
    ]
    assert not [text for text in everything if "Zyx" in text or "Quux" in text]
    assert memory.verify().ok


@pytest.fixture
def memory() -> Iterator[Memory]:
    with Memory("memory://", user_id="ada", clock=ManualClock("2025-01-01")) as opened:
        settle(opened)
        yield opened


def test_each_answers_and_no_other(memory: Memory) -> None:
    check(memory)


def test_lists_are_one_list(memory: Memory) -> None:
    facts = memory.get_all(count=True, **BOTH)
    assert facts.total == len(facts.items) == 4
    assert [fact.text for fact in facts.items] == [
        "Anna Schmidt works at Acme",
        "Anna Schmidt lives in Oslo",
        "Bob Stone works at Acme",
        "Carla Lind likes tea",
    ], "oldest first, whatever the project"
    paged: list[Fact] = []
    after = None
    while True:
        page = memory.get_all(limit=1, after=after, **BOTH)
        paged += page.items
        after = page.next
        if after is None:
            break
    assert paged == list(facts.items)
    assert memory.get_all(offset=1, limit=2, **BOTH).items == facts.items[1:3]
    names = [one.name for one in memory.entities(**BOTH)]
    assert names == sorted(names)
    assert memory.entities(offset=2, limit=3, **BOTH) == memory.entities(**BOTH)[2:5]
    days = [moment.at for moment in memory.timeline(**BOTH)]
    assert days == sorted(days)
    assert len(days) == 4
    relations = memory.relations(**BOTH)
    assert [one.object for one in relations][:3] == ["Acme", "Oslo", "Acme"]
    assert memory.relations(offset=1, limit=1, **BOTH) == relations[1:2]
    tea = memory.relations("Carla Lind", **BOTH)
    assert [one.object for one in tea] == ["tea"], "a name that one project knows"
    with pytest.raises(NotFound):
        memory.relations("Nobody", **BOTH)
    past = memory.as_of("2024-02-15")
    assert len(past.get_all(**BOTH).items) == 2


def test_an_id_is_found_where_it_is(memory: Memory) -> None:
    (oslo,) = memory.search("Oslo", kinds=["fact"], limit=1, **BOTH)
    assert memory.get(oslo.id, **BOTH).text == oslo.text
    assert memory.history(oslo.id, **BOTH)
    assert memory.explain(oslo, **BOTH).text == oslo.text
    assert memory.episode(str(oslo.episode_id), **BOTH).scope.project_id == "home"
    (secret,) = memory.search("Zyxquorple", kinds=["fact"], limit=1, project_id="secret")
    for read in (memory.get, memory.history, memory.explain):
        with pytest.raises(NotFound):
            read(secret.id, **BOTH)


def test_reads_that_are_shown_are_counted(memory: Memory) -> None:
    (best,) = memory.search("Where does Anna Schmidt live?", kinds=["fact"], limit=1, **BOTH)
    memory.sweep(dry_run=True)  # what was counted is written
    counts = {f.id: memory.get(f.id, **BOTH).access_count for f in memory.get_all(**BOTH).items}
    assert {id for id, count in counts.items() if count} == {best.id}


@pytest.mark.parametrize(
    "given",
    [
        {"project_ids": []},
        {"project_ids": "work"},
        {"project_ids": ["work", 3]},
        {"project_ids": {"work": 1}},
        {"project_ids": 5},
        {"project_ids": [f"p{n}" for n in range(21)]},
        {"project_ids": ["work", ""]},
        {"project_ids": ["work", "a\nb"]},
        {"project_ids": ["work"], "project_id": "work"},
    ],
    ids=repr,
)
def test_what_is_no_list_of_projects(memory: Memory, given: Any) -> None:
    for read in (memory.get_all, memory.entities, memory.relations, memory.timeline):
        with pytest.raises(UsageError):
            read(**given)
    with pytest.raises(UsageError):
        memory.search("Oslo", **given)
    with pytest.raises(UsageError):
        memory.get("x", **given)


def test_what_writes_is_in_one_project(memory: Memory) -> None:
    with pytest.raises(UsageError, match="project_ids"):
        memory.add("Bob lives in Rome.", **BOTH)
    with pytest.raises(UsageError, match="project_ids"):
        memory.sweep(**BOTH)


def test_each_limit_is_that_of_the_whole(memory: Memory) -> None:
    """The nearest of each project in turns; the shortest ways; the first rows."""
    near = memory.neighbours("Anna Schmidt", hops=3, limit=3, **BOTH)
    assert [one.name for one in near.entities] == ["Anna Schmidt", "Anna Schmidt", "Acme"]
    assert [one.object for one in near.relations] == ["Acme"]
    memory.add("Anna Schmidt knows Bob Stone. Bob Stone lives in Oslo.", project_id="home")
    memory.add("Anna Schmidt knows Bob Stone.", project_id="work")
    ways = memory.paths("Anna Schmidt", "Bob Stone", **BOTH)
    assert [len(way.steps) for way in ways] == sorted(len(way.steps) for way in ways)
    assert len(ways) == 4, "in each project one of one step, one of two"
    assert memory.paths("Anna Schmidt", "Bob Stone", limit=2, **BOTH) == ways[:2]
    rows = memory.cypher("MATCH (e:Entity) RETURN e.name ORDER BY e.name", **BOTH).rows
    cut = memory.cypher("MATCH (e:Entity) RETURN e.name ORDER BY e.name", max_rows=4, **BOTH)
    assert (cut.rows, cut.truncated) == (rows[:4], True)
    groups = memory.communities(min_size=2, **BOTH)
    assert groups.total == 3
    sizes = [len(one.entities) for one in groups]
    assert sizes == sorted(sizes, reverse=True)
    assert memory.communities(min_size=2, limit=1, offset=1, **BOTH).items == groups.items[1:2]


def test_searches_by_time_tags_and_people_are_searches(memory: Memory) -> None:
    memory.add("The bus is late.", infer=False, tags=["bus"], project_id="work")
    memory.add("The bus is on time.", infer=False, tags=["bus"], project_id="home")
    memory.add("The bus is full.", infer=False, tags=["bus"], project_id="secret")
    for question in (None, "Which bus?"):
        found = memory.search_by_tags(["bus"], question, **BOTH)
        assert {hit.project_id for hit in found} == {"work", "home"}
        assert [hit.rank for hit in found] == [1, 2]
    newest = memory.temporal_search(since="2024-01-01", until="2024-12-31", **BOTH)
    assert [hit.text for hit in newest][:2] == ["Carla Lind likes tea", "Bob Stone works at Acme"]
    assert len(newest) == 4
    assert len(memory.search_by_people(["Anna Schmidt"], **BOTH)) == 2


@pytest.mark.server
@pytest.mark.timeout(120)
def test_on_servers(
    ledger_url: str,  # noqa: F811
    graph_url: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    settings = Settings.load({}, ledger=ledger_url, graph=graph_url, vectors="memory://")
    clock = ManualClock("2025-01-01")
    with Memory(tmp_path / "m", user_id="ada", settings=settings, clock=clock) as memory:
        settle(memory)
        check(memory)


def test_on_kuzu_and_qdrant(tmp_path: Path) -> None:
    with Memory(tmp_path / "m", user_id="ada", clock=ManualClock("2025-01-01")) as memory:
        settle(memory)
        check(memory)
