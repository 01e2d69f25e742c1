"""``cypher/``: every statement is named, described, used, and the tour runs through the guard."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from graphmem.adapters.cypher import statements
from graphmem.adapters.graph_kuzu import KuzuGraph
from graphmem.adapters.graph_networkx import NetworkXGraph
from graphmem.clock import stamp
from graphmem.model import Fact, Table
from graphmem.ports.graph import GraphChanges
from graphmem.testing.graph_samples import ADA, BOB, MOMENT, entity, episode, fact

FILES = ("schema.kuzu.cypher", "write.cypher", "read.cypher", "inspect.cypher")
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("file", FILES)
def test_every_statement_is_named_and_described(file: str) -> None:
    found = statements(file)
    heads = re.findall(r"^// name: (\w+)$", (ROOT / "cypher" / file).read_text(), re.MULTILINE)
    assert list(found) == heads
    for statement in found.values():
        assert len(statement.description) > 10
        assert statement.text
        assert "//" not in statement.text


@pytest.mark.parametrize("file", ["write.cypher", "read.cypher"])
def test_no_statement_is_left_over(file: str) -> None:
    code = "".join(path.read_text() for path in (ROOT / "graphmem/adapters").glob("*.py"))
    for name in statements(file):
        verb, _, rest = name.partition("_")
        by_label = verb in ("create", "set", "get", "remove", "dump") and rest
        assert f'"{name}"' in code or by_label, name


def test_a_name_used_twice_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cypher").mkdir()
    (tmp_path / "cypher" / "twice.cypher").write_text("// name: a\n// b.\nRETURN 1\n" * 2)
    here = tmp_path / "graphmem" / "adapters" / "cypher.py"
    monkeypatch.setattr("graphmem.adapters.cypher._HERE", here)
    with pytest.raises(ValueError, match="twice"):
        statements("twice.cypher")


def test_an_installed_package_brings_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = tmp_path / "graphmem" / "cypher"
    inside.mkdir(parents=True)
    (inside / "mine.cypher").write_text("// name: one\n// Gives one.\nRETURN 1\n")
    here = tmp_path / "graphmem" / "adapters" / "cypher.py"
    monkeypatch.setattr("graphmem.adapters.cypher._HERE", here)
    assert statements("mine.cypher")["one"].text == "RETURN 1"


def _story() -> GraphChanges:
    """Ada moves from Rome to Oslo, works with Bo, and somebody is never spoken of."""

    def relation(id: str, subject: str, type: str, object: str, text: str, *sources: str) -> Fact:
        return replace(fact(id, subject, object, sources=sources, text=text), type=type)

    lived = relation("f1", "ada", "lives_in", "rome", "Ada lives in Rome", "e1")
    moved = relation("f2", "ada", "lives_in", "oslo", "Ada lives in Oslo", "e2", "e3")
    works = relation("f3", "ada", "works_with", "bo", "Ada works with Bo", "e2")
    other = relation("f4", "bo", "lives_in", "oslo", "Bo lives in Oslo", "e3")
    also = relation("f5", "bo", "lives_in", "rome", "Bo lives in Rome", "e3")
    later = MOMENT + timedelta(days=30)
    return GraphChanges(
        episodes=(
            episode("e1", text="I live in Rome."),
            episode("e2", previous_id="e1", text="I moved to Oslo and work with Bo."),
            episode("e3", previous_id="e2", text="Bo lives in Oslo as I do."),
            episode("e4", previous_id="e3", text="Hello."),
        ),
        entities=tuple(
            replace(entity(id, name=name), kind=kind)
            for id, name, kind in (
                ("ada", "Ada", "person"),
                ("bo", "Bo", "person"),
                ("rome", "Rome", "place"),
                ("oslo", "Oslo", "place"),
                ("eve", "Eve", "person"),
            )
        ),
        facts=(
            replace(lived, valid_at=MOMENT, invalid_at=later),
            replace(moved, valid_at=later, supersedes_id="f1"),
            replace(works, expires_at=later + timedelta(days=9)),
            other,
            also,
        ),
        mentions=(("e2", "ada"), ("e2", "bo"), ("e3", "bo"), ("e3", "ada"), ("e4", "ada")),
    )


GIVEN = {
    "name": "Ada",
    "one": "Ada",
    "other": "Bo",
    "type": "lives_in",
    "at": stamp(MOMENT + timedelta(days=1)),
    "since": stamp(MOMENT + timedelta(days=1)),
    "episode_id": "e2",
    "fact_id": "f2",
}

ANSWERS: dict[str, object] = {
    "overview": ("person", 3),
    "who_is": "Ada lives in Oslo",
    "relations_of": ("Ada", "works_with", "Bo", None, None),
    "most_connected": ("Ada", "person", 3),
    "relation_types": ("lives_in", 4, 1),
    "who_has": "Rome",
    "state_at": ("Ada", "lives_in", "Rome", stamp(MOMENT)),
    "changed_since": "Ada lives in Oslo",
    "learned_since": None,
    "timeline_of": "Ada lives in Rome",
    "superseded": "Ada lives in Oslo",
    "contradictions": ("Bo", "lives_in", "Oslo", "Rome"),
    "facts_of_episode": "Ada works with Bo",
    "sources_of_fact": "I moved to Oslo and work with Bo.",
    "well_supported": ("Ada lives in Oslo", 2),
    "latest_episodes": ("e2", stamp(MOMENT), 2),
    "silent_episodes": ("e4", stamp(MOMENT)),
    "mentioned_together": ("Bo", "person", 2),
    "in_common": ("Oslo", "lives_in", "lives_in"),
    "shared_facts": "Ada works with Bo",
    "within_two_steps": ("Bo", "Rome"),
    "orphans": ("Eve", "person"),
    "ending_soon": "Ada works with Bo",
    "most_important": "Bo lives in Oslo",
}
"""A row, or a value in some row, of each answer about the story; None for an empty one."""


@pytest.fixture
async def graph() -> AsyncIterator[KuzuGraph]:
    store = KuzuGraph(None)
    await store.open("store")
    await store.apply(_story(), 1)
    await store.apply(GraphChanges(entities=(entity("x", BOB, name="Ada"),)), 2)
    yield store
    await store.close()


async def _answer(store: KuzuGraph | NetworkXGraph, name: str) -> Table:
    query = statements("inspect.cypher")[name].text
    given = {key: value for key, value in GIVEN.items() if re.search(rf"\${key}\b", query)}
    return await store.cypher(query, given, wall=ADA.wall, max_rows=100, timeout_s=30)


def test_the_whole_tour_is_known_here() -> None:
    assert list(statements("inspect.cypher")) == list(ANSWERS)


@pytest.mark.parametrize("name", ANSWERS)
async def test_the_tour(graph: KuzuGraph, name: str) -> None:
    table = await _answer(graph, name)
    expected = ANSWERS[name]
    if expected is None:
        assert table.rows == ()
    elif isinstance(expected, tuple):
        assert expected in table.rows
    else:
        assert any(expected in row for row in table.rows), table.rows


async def test_the_tour_says_which_parameters_it_takes() -> None:
    for name, statement in statements("inspect.cypher").items():
        for parameter in set(re.findall(r"\$\w+", statement.text)):
            assert parameter in statement.description, name


async def test_the_memory_backend_answers_the_tour_too() -> None:
    store = NetworkXGraph()
    await store.open("store")
    await store.apply(_story(), 1)
    assert ("Bo", "lives_in", "Oslo", "Rome") in (await _answer(store, "contradictions")).rows
    await store.close()
