"""Filters on every read: what each finds, what it refuses, and that no filter widens a scope."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphmem import Memory, Settings
from graphmem.errors import NotFound, UsageError
from graphmem.filters import Record, Test, Where, as_text, matches
from graphmem.filters.records import fact_record, turn_record
from graphmem.filters.tree import all_of, any_of, none_of
from graphmem.model import Fact
from tests.adapters.ledger.conftest import fresh_schema
from tests.engine.helpers import STORY

_MORE: tuple[tuple[str, dict[str, Any]], ...] = (
    ("Bob Stone works at Initech.", {"tags": ["work", "news"], "run_id": "r1"}),
    ("Carol Reed visited Ada Lovelace in Berlin.", {"metadata": {"mood": "good", "n": 2}}),
    ("Dora Lane knows Bob Stone.", {"tags": ["people"], "metadata": {"n": 5, "ok": True}}),
    ("To reset the router, unplug it.", {"memory_type": "procedural", "importance": 0.9}),
    ("Ada Lovelace likes tea.", {"expires_at": "2100-01-01", "agent_id": "bot"}),
)


def state(memory: Memory, **scope: Any) -> None:
    for text, day in STORY:
        memory.add(text, occurred_at=day, **scope)
    for number, (text, options) in enumerate(_MORE):
        memory.add(text, occurred_at=f"2025-0{number + 1}-15", **{**options, **scope})
    memory.add(
        [
            {"name": "Ada", "content": "Bob Stone came by for tea."},
            {"name": "Bob", "content": "Ada Lovelace was not in Berlin then."},
        ],
        occurred_at="2025-06-01",
        tags=["talk"],
        **scope,
    )
    memory.relate("Acme", "located_in", "Berlin", valid_at="2020-01-01", tags=["news"], **scope)


class Everything:
    """All that a user has, as a filter sees it."""

    def __init__(self, memory: Memory, user_id: str) -> None:
        self.facts: dict[str, Fact] = {}
        self.records: dict[str, Record] = {}
        turns: dict[str, Any] = {}
        facts = memory.get_all(limit=1000, current=False, user_id=user_id).items
        ledger = memory._opened._parts.ledger
        scope = facts[0].scope
        tenant = memory._loop_thread.call(memory._opened._scope({"user_id": user_id}))
        episodes = memory._loop_thread.call(ledger.episodes(tenant))
        ids = [episode.id for episode in episodes]
        origins = memory._loop_thread.call(ledger.origins([], ids, ids))
        assert scope.user_id == tenant.user_name == user_id
        for episode in episodes:
            for turn in episode.turns:
                turns[turn.id] = turn
                about = [entity for _, entity in origins.mentions.get(turn.id, ())]
                if episode.infer:
                    self.records[turn.id] = turn_record(turn, episode, about)
        kinds = origins.kinds
        for fact in facts:
            stated = [turns[source.turn_id].speaker for source in fact.sources if source.turn_id]
            self.facts[fact.id] = fact
            self.records[fact.id] = fact_record(
                fact,
                speakers=[speaker for speaker in stated if speaker],
                sources=[kinds[source.episode_id] for source in fact.sources],
            )

    def passing(self, where: Where) -> set[str]:
        return {id for id, record in self.records.items() if matches(where, record)}


@pytest.fixture(scope="module", params=["folder", "memory", "postgres"])
def noted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """Two users who were told the same; every kind of ledger and vector store."""
    folder: str | Path = tmp_path_factory.mktemp("filters")
    if request.param == "memory":
        folder = "memory://"
    if request.param == "postgres":
        with fresh_schema(request.getfixturevalue("postgres_url")) as url:
            given = Settings.load({}, ledger=url)
            with Memory(folder, user_id="ada", settings=given) as memory:
                yield _noted(memory)
        return
    with Memory(folder, user_id="ada") as memory:
        yield _noted(memory)


def _noted(memory: Memory) -> tuple[Memory, Everything, Everything]:
    state(memory)
    state(memory, user_id="ben")
    return memory, Everything(memory, "ada"), Everything(memory, "ben")


def texts(found: Any) -> set[str]:
    return {hit.text for hit in found}


def test_a_search_finds_what_passes_and_nothing_else(noted: Any) -> None:
    memory, ada, _ = noted
    names = {e.id: e for e in memory.entities(limit=1000)}
    random = Random(5)
    seen = 0
    for _ in range(60):
        where = _tree(random, ada, list(names))
        found = memory.search("Ada Lovelace", limit=300, current=False, where=as_text(where))
        assert {hit.id for hit in found} == ada.passing(where), as_text(where)
        seen += len(found)
        facts = memory.get_all(limit=1000, current=False, where=as_text(where)).items
        assert {fact.id for fact in facts} == ada.passing(where) & set(ada.facts)
    assert seen > 100


def _tree(random: Random, believed: Everything, entities: list[str], depth: int = 2) -> Where:
    """A filter made of values that are there, so that many pass something."""
    choice = random.random()
    if depth and choice < 0.2:
        return none_of(_tree(random, believed, entities, depth - 1))
    if depth and choice < 0.6:
        parts = [_tree(random, believed, entities, depth - 1) for _ in range(2)]
        return all_of(parts) if choice < 0.4 else any_of(parts)
    record = random.choice(list(believed.records.values()))
    key = random.choice([key for key in record if key != "kind"])
    field, *path = key.split("\0")
    value = random.choice(record[key])
    if random.random() < 0.15:
        return Test(field, "exists", (), tuple(path))
    ordered = field.endswith("_at") or (isinstance(value, int | float) and value is not True)
    op: Any = random.choice(["lt", "lte", "gt", "gte"]) if ordered else "in"
    return Test(field, op, (value,), tuple(path))


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("tag = news", {"Bob Stone works at Initech", "Acme is located in Berlin."}),
        ("about = Dora and kind = fact", {"Dora Lane lives in Oslo", "Dora Lane knows Bob Stone"}),
        ("speaker = Bob and kind = turn", {"Ada Lovelace was not in Berlin then."}),
        ("memory_type = procedural and kind = turn", {"To reset the router, unplug it."}),
        ("metadata.n > 2 and kind = turn", {"Dora Lane knows Bob Stone."}),
        ("kind = turn and about = Dora and occurred_at = 2025-05", {"Dora Lane lives in Oslo."}),
        ("source = statements and kind = fact", {"Acme is located in Berlin."}),
        ({"run": "r1", "kind": "turn"}, {"Bob Stone works at Initech."}),
        ("valid_at = 2020", {"Acme is located in Berlin."}),
        ("type = lives_in and holding at 2024-05",
         {"Ada Lovelace lives in Paris", "Carol Reed lives in Lisbon"}),
    ],
)  # fmt: skip
def test_examples(noted: Any, where: Any, expected: set[str]) -> None:
    memory, _, _ = noted
    found = memory.search("who and where", limit=300, current=False, where=where)
    assert texts(found) >= expected
    if "kind" not in str(where):
        kept = memory.get_all(where=where, current=False).items
        assert {fact.text for fact in kept} >= expected


def test_a_filter_comes_before_the_limit(noted: Any) -> None:
    memory, _, _ = noted
    for limit in (1, 2):
        found = memory.search("Ada Lovelace in Berlin", limit=limit, where="about = Dora")
        assert len(found) == limit
        assert all("Dora" in hit.text for hit in found)
    assert len(memory.get_all(limit=2, where="tag = news").items) == 2
    (first,) = memory.relations(where="tag = news and type = located_in", limit=1)
    assert (first.subject, first.object) == ("Acme", "Berlin")


def test_relationship_queries_take_filters(noted: Any) -> None:
    memory, _, _ = noted
    believed = memory.relations(where="type in (lives_in, located_in) and about = Berlin")
    assert {(r.subject, r.type) for r in believed} == {
        ("Ada Lovelace", "lives_in"), ("Acme", "located_in"),
    }  # fmt: skip
    near = memory.neighbours("Bob Stone", where="type = knows")
    assert {r.type for r in near.relations} == {"knows"}
    assert {e.name for e in near.entities} == {"Bob Stone", "Dora Lane"}
    (way,) = memory.paths("Dora Lane", "Carol Reed", where="type in (knows, married_to)")
    assert [step.type for step in way.steps] == ["knows", "married_to"]
    assert memory.paths("Dora Lane", "Carol Reed", where="type = knows") == []
    moments = memory.timeline("Bob Stone", where="tag = work")
    assert {m.fact.text for m in moments} == {"Bob Stone works at Initech"}
    people = memory.entities(where='kind = person and name contains "lane"')
    assert [person.name for person in people] == ["Dora Lane"]
    graph = memory.to_networkx(where="type = knows")
    assert graph.number_of_edges() == 1
    then = memory.as_of("2024-06-01")
    assert {r.object for r in then.relations(where="type = lives_in")} == {"Paris", "Lisbon"}
    assert then.search("home", where="type = lives_in", kinds=["fact"])
    known = memory.as_of(known_at="2100-01-01")
    assert [f.text for f in known.get_all(where="tag = work").items]
    assert texts(known.search("home", where="about = Oslo and kind = turn")) == {
        "Dora Lane lives in Oslo."
    }
    assert [e.name for e in known.entities(where="name = oslo")] == ["Oslo"]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_no_filter_widens_a_scope(noted: Any, seed: int) -> None:
    """Filters made of what the other user has, ids and all."""
    memory, ada, ben = noted
    random = Random(seed)
    where = as_text(_tree(random, ben, []))
    mine = set(ada.records)
    try:
        found = [hit.id for hit in memory.search("Bob Stone", limit=100, where=where)]
        found += [fact.id for fact in memory.get_all(where=where, current=False).items]
        found += [relation.fact_id for relation in memory.relations(where=where)]
        found += [moment.fact.id for moment in memory.timeline(where=where)]
        near = memory.neighbours("Bob Stone", where=where)
        found += [relation.fact_id for relation in near.relations]
    except NotFound:
        return  # an id of another's entity is as unknown as any
    assert set(found) <= mine
    assert not set(found) & set(ben.records)


def test_what_a_filter_cannot_say_is_stated_by_name(noted: Any) -> None:
    memory, _, _ = noted
    for call in (memory.search, memory.context):
        with pytest.raises(UsageError, match=r"no field 'tgas' \(did you mean tags\?\)"):
            call("x", where="tgas = a")
    with pytest.raises(UsageError, match="'kind' is a field of searches, not of facts"):
        memory.get_all(where="kind = fact")
    with pytest.raises(UsageError, match="'tag' is a field of searches, not of entities"):
        memory.entities(where="tag = a")
    for field in ("user_id", "project", "tenant"):
        with pytest.raises(UsageError, match="cannot choose whose memory"):
            memory.relations(where={field: "ben"})
    with pytest.raises(NotFound, match="no entity 'Nobody'"):
        memory.search("x", where="about = Nobody")
    with pytest.raises(UsageError, match="where must be text or a mapping, got int"):
        memory.search("x", where=3)
    assert memory.search("tea", where="").hits == memory.search("tea", where={}).hits


def test_later_mentions_are_seen_by_filters(plain: Memory) -> None:
    """A turn is written before anybody has read what it mentions; a merge changes what that is."""
    plain.add("Bob Stone works at Acme.")
    assert texts(plain.search("x", kinds=["turn"], where="about = Acme"))
    plain.add("Robert Stone lives in Oslo.")
    bob, robert = plain.entity("Bob Stone"), plain.entity("Robert Stone")
    if bob.id != robert.id:
        plain.merge(bob.id, robert.id)
    both = {"Bob Stone works at Acme.", "Robert Stone lives in Oslo."}
    found = plain.search("x", kinds=["turn"], where={"about": bob.id})
    assert texts(found) == both
    plain.rebuild()
    assert texts(plain.search("x", kinds=["turn"], where={"about": bob.id})) == both


def test_a_changed_tag_is_found_by_its_new_name(plain: Memory) -> None:
    id = plain.add("Parcel at the door.", infer=False, tags=["old"]).fact_ids[0]
    assert plain.search("parcel", where="tag = old")
    plain.update(id, tags=["new"], metadata={"n": 1})
    assert not plain.search("parcel", where="tag = old")
    assert plain.search("parcel", where="tag = new and metadata.n = 1")
    assert [fact.id for fact in plain.get_all(where="tag = new").items] == [id]


def test_a_type_stands_for_what_was_declared_to_be_the_same(plain: Memory) -> None:
    plain.relate("Ann", "toils_for", "Acme", user_id="ada")
    plain.relate("Bea", "works_at", "Acme", user_id="ada")
    asked: dict[str, Any] = {"user_id": "ada"}
    assert len(plain.get_all(where="type = toils_for", **asked).items) == 1
    plain.declare_type("toils_for", same_as="works_at")
    for type in ("toils_for", '"toils for"', "works_at"):
        for where in (f"type = {type}", f"type in ({type}, likes)"):
            found = plain.get_all(where=where, **asked).items
            assert {fact.text for fact in found} == {"Ann toils for Acme.", "Bea works at Acme."}
            assert len(plain.search("Acme", where=where, **asked).hits) == 2
        assert not plain.get_all(where=f"type exists and not type = {type}", **asked).items
