"""``cypher/``: every statement is named, described, used, and the tour runs through the guard."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import TypeVar

import pytest

from graphmem.adapters.graph.cypher_files import Parameter, named_statements, statements
from graphmem.adapters.graph.kuzu.store import KuzuGraph
from graphmem.adapters.graph.neo4j.store import Neo4jGraph
from graphmem.adapters.graph.networkx import NetworkXGraph
from graphmem.clock import stamp
from graphmem.model import Fact, Table
from graphmem.ports.graph import GraphChanges, GraphStore
from graphmem.testing.graph_samples import ADA_SCOPE, BOB_SCOPE, MOMENT, entity, episode, fact

T = TypeVar("T", bound=GraphStore)
ROOT = Path(__file__).parents[3]
FILES = sorted(path.name for path in (ROOT / "cypher").glob("*.cypher"))


@pytest.mark.parametrize("file", FILES)
def test_every_statement_is_named_and_described(file: str) -> None:
    found = statements(file)
    heads = re.findall(r"^// name: (\w+)$", (ROOT / "cypher" / file).read_text(), re.MULTILINE)
    assert list(found) == heads
    for statement in found.values():
        assert len(statement.description) > 10
        assert statement.text
        assert "//" not in statement.text


@pytest.mark.parametrize("file", [f for f in FILES if f.startswith(("read", "write"))])
def test_no_statement_is_left_over(file: str) -> None:
    code = "".join(path.read_text() for path in (ROOT / "graphmem/adapters").rglob("*.py"))
    for name in statements(file):
        verb, _, rest = name.partition("_")
        by_label = verb in ("create", "set", "get", "remove", "dump", "put") and rest
        assert f'"{name}"' in code or by_label, name


def test_a_name_used_twice_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cypher").mkdir()
    (tmp_path / "cypher" / "twice.cypher").write_text("// name: a\n// b.\nRETURN 1\n" * 2)
    here = tmp_path / "graphmem" / "adapters" / "graph" / "cypher_files.py"
    monkeypatch.setattr("graphmem.adapters.graph.cypher_files._HERE", here)
    with pytest.raises(ValueError, match="twice"):
        statements("twice.cypher")


def test_an_installed_package_brings_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = tmp_path / "graphmem" / "cypher"
    inside.mkdir(parents=True)
    (inside / "mine.cypher").write_text("// name: one\n// Gives one.\nRETURN 1\n")
    here = tmp_path / "graphmem" / "adapters" / "graph" / "cypher_files.py"
    monkeypatch.setattr("graphmem.adapters.graph.cypher_files._HERE", here)
    assert statements("mine.cypher")["one"].text == "RETURN 1"


def _story() -> GraphChanges:
    """Ada moves from Rome to Oslo, works with Bo, and somebody is never spoken of."""

    def relation(id: str, subject: str, type: str, object: str, text: str, *sources: str) -> Fact:
        return replace(fact(id, subject, object, sources=sources, text=text), type=type)

    lived = relation("f1", "ada", "lives_in", "rome", "Ada lives in Rome", "e1")
    moved = relation("f2", "ada", "lives_in", "oslo", "Ada lives in Oslo", "e2", "e3")
    works = relation("f3", "ada", "works_with", "bo", "Ada works with Bo", "e2")
    other = relation("f4", "bo", "lives_in", "oslo", "Bo lives in Oslo", "e3")
    cy = relation("f6", "ada", "knows", "cy", "Ada knows Cy", "e3")
    home = relation("f7", "cy", "lives_in", "oslo", "Cy lives in Oslo", "e3")
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
            replace(entity(id, name=name, aliases=("Bobby",) * (id == "bo")), kind=kind)
            for id, name, kind in (
                ("ada", "Ada", "person"),
                ("bo", "Bo", "person"),
                ("rome", "Rome", "place"),
                ("oslo", "Oslo", "place"),
                ("eve", "Eve", "person"),
                ("cy", "Cy", "animal"),
            )
        ),
        facts=(
            replace(lived, valid_at=MOMENT, invalid_at=later),
            replace(moved, valid_at=later, supersedes_id="f1"),
            replace(works, expires_at=later + timedelta(days=9)),
            other,
            also,
            replace(cy, invalid_at=later),
            home,
            fact("f8", about=["rome"], text="Nobody said this"),
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
    "by_month": ("2026-03", 4),
    "who_is": "Ada lives in Oslo",
    "also_called": ("Bo", "person", ["Bobby"]),
    "relations_of": ("Ada", "works_with", "Bo", None, None),
    "most_connected": ("Ada", "person", 4),
    "relation_types": ("lives_in", 5, 1),
    "who_has": "Rome",
    "state_at": ("Ada", "lives_in", "Rome", stamp(MOMENT)),
    "changed_since": "Ada lives in Oslo",
    "learned_since": None,
    "timeline_of": "Ada lives in Rome",
    "ended": ("Ada", "lives_in", "Rome", stamp(MOMENT), stamp(MOMENT + timedelta(days=30))),
    "superseded": "Ada lives in Oslo",
    "contradictions": ("Bo", "lives_in", "Oslo", "Rome"),
    "facts_of_episode": "Ada works with Bo",
    "sources_of_fact": "I moved to Oslo and work with Bo.",
    "episodes_about": ("e4", stamp(MOMENT), "Hello."),
    "what_came_next": ("e1", "e2", "e3", "Bo lives in Oslo as I do."),
    "well_supported": ("Ada lives in Oslo", 2),
    "latest_episodes": ("e2", stamp(MOMENT), 2),
    "silent_episodes": ("e4", stamp(MOMENT)),
    "mentioned_together": ("Bo", "person", 2),
    "in_common": ("Oslo", "lives_in", "lives_in"),
    "shared_facts": "Ada works with Bo",
    "within_two_steps": ("Bo", "Rome"),
    "between_them": ("Ada", "knows", "Cy", "lives_in", "Oslo", "lives_in", "Bo"),
    "orphans": ("Eve", "person"),
    "without_source": "Nobody said this",
    "ending_soon": "Ada works with Bo",
    "most_important": "Bo lives in Oslo",
}
"""A row, or a value in some row, of each answer about the story; None for an empty one."""


@pytest.fixture
async def graph() -> AsyncIterator[KuzuGraph]:
    store = KuzuGraph(None)
    await store.open("store")
    yield await _filled(store)
    await store.close()


async def _filled(store: T) -> T:
    await store.apply(_story(), 1)
    await store.apply(GraphChanges(entities=(entity("x", BOB_SCOPE, name="Ada"),)), 2)
    return store


async def _answer(store: GraphStore, name: str) -> Table:
    query = statements("inspect.cypher")[name]
    given = {parameter.name: GIVEN[parameter.name] for parameter in query.parameters}
    return await store.cypher(
        query.text, given, tenant=ADA_SCOPE.tenant, max_rows=100, timeout_s=30
    )


def test_the_whole_tour_is_known_here() -> None:
    assert list(statements("inspect.cypher")) == list(ANSWERS)
    assert len(ANSWERS) >= 20


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


async def test_the_tour_gives_the_same_on_neo4j_and_in_memory(
    graph: KuzuGraph, neo4j_uri: str
) -> None:
    for other in (Neo4jGraph(neo4j_uri, replace=True), NetworkXGraph()):
        await other.open("store")
        await other.clear()  # a server may hold what another test left
        try:
            await _filled(other)
            for name in ANSWERS:
                assert await _answer(other, name) == await _answer(graph, name), name
        finally:
            await other.close()


def test_the_tour_says_which_parameters_it_takes() -> None:
    for name, statement in statements("inspect.cypher").items():
        used = set(re.findall(r"\$(\w+)", statement.text))
        assert used == {parameter.name for parameter in statement.parameters}, name
        assert "$" not in statement.description, name


def test_parameters_are_read_from_the_comment() -> None:
    source = (
        "// name: one\n// What?\n// $a: text. Whose.\n// $b: time = now. When on.\nRETURN $a, $b\n"
    )
    (found,) = named_statements(source, "x").values()
    assert found.description == "What?"
    assert found.parameters == (
        Parameter("a", "text", None, "Whose."),
        Parameter("b", "time", "now", "When on."),
    )


@pytest.fixture(scope="module")
def make_tour() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_tour", ROOT / "docs" / "make_tour.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_the_guide_shows_what_the_tour_gives(
    make_tour: ModuleType, tmp_path: Path, neo4j_uri: str
) -> None:
    on_neo4j = {"graph": f"{neo4j_uri}?replace=1"}
    answered = []
    for folder, settings in (("kuzu", {}), ("neo4j", on_neo4j)):
        memory = await make_tour.remembered(tmp_path / folder, **settings)
        try:
            answers = await make_tour.answers(memory)
        finally:
            await memory.close()
        assert sum(bool(table.rows) for _, table in answers.values()) >= 20
        answered.append(make_tour.as_markdown(answers))
    assert answered[0] == answered[1]
    guide = (ROOT / "cypher" / "README.md").read_text("utf-8")
    assert guide == make_tour.page(answered[0]), "run python docs/make_tour.py"
