"""Who, what, since when, how do these connect: and the same in Cypher and NetworkX."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from graphmem import Memory
from graphmem.clock import ManualClock
from graphmem.errors import NotFound, UsageError
from graphmem.model import Relation


def stated(relation: Relation) -> str:
    return f"{relation.subject} {relation.type} {relation.object}"


class TestEntities:
    def test_all_by_name(self, story: Memory) -> None:
        names = [entity.name for entity in story.entities()]
        assert names == sorted(names)
        assert {"Ada Lovelace", "Acme", "Lisbon"} <= set(names)
        assert len(names) == story.stats().entities

    def test_by_part_of_a_name_and_by_kind(self, story: Memory) -> None:
        assert [e.name for e in story.entities("LOVE")] == ["Ada Lovelace"]
        assert [e.name for e in story.entities(kind="organization")] == ["Acme"]
        assert [e.name for e in story.entities("ad", kind="organization")] == []
        assert story.entities("nobody") == []
        assert len(story.entities(limit=3)) == 3

    def test_one_by_id_name_or_spelling(self, story: Memory) -> None:
        bob = story.entity("Bob Stone")
        assert story.entity(bob.id) == bob
        for spelling in ("bob stone", "BOB  STONE", "Mr. Bob Stone", "Bobstone"):
            assert story.entity(spelling) == bob
        with pytest.raises(NotFound, match="entities"):
            story.entity("Nobody")

    def test_by_a_part_that_only_one_has(self, story: Memory) -> None:
        bob = story.entity("Bob Stone")
        assert story.entity("Bob") == story.entity("stone") == bob
        assert story.relations("Bob") == story.relations("Bob Stone")
        with pytest.raises(NotFound, match="did you mean Bob Stone"):
            story.merge("Bob", "Carol Reed")


class TestRelations:
    def test_of_one_entity_on_either_side(self, story: Memory) -> None:
        assert [stated(r) for r in story.relations("Carol Reed")] == [
            "Bob Stone married_to Carol Reed",
            "Carol Reed lives_in Lisbon",
        ]
        assert [stated(r) for r in story.relations("Acme", current=False)] == [
            "Ada Lovelace works_at Acme",
            "Bob Stone works_at Acme",
        ]

    def test_by_type_and_between_two(self, story: Memory) -> None:
        assert [stated(r) for r in story.relations(type="lives_in")] == [
            "Carol Reed lives_in Lisbon",
            "Ada Lovelace lives_in Berlin",
            "Dora Lane lives_in Oslo",
        ]
        both = ["Bob Stone married_to Carol Reed"]
        assert [stated(r) for r in story.relations("Bob Stone", other="Carol Reed")] == both
        assert [stated(r) for r in story.relations("Carol Reed", other="Bob Stone")] == both
        assert [stated(r) for r in story.relations(other="Lisbon")] == [
            "Carol Reed lives_in Lisbon"
        ]
        assert story.relations("Dora Lane", other="Acme") == []
        assert story.relations(type="owns") == []
        assert len(story.relations(limit=2)) == 2

    def test_each_carries_its_fact_and_times(self, story: Memory) -> None:
        paris, berlin = story.relations("Ada Lovelace", type="lives_in", current=False)
        moved = datetime(2025, 3, 1, tzinfo=UTC)
        assert (paris.valid_at, paris.invalid_at) == (None, moved)
        assert paris.stated_at == datetime(2024, 1, 11, tzinfo=UTC)
        assert (berlin.valid_at, berlin.invalid_at) == (moved, None)
        assert story.get(berlin.fact_id).text == berlin.fact == "Ada Lovelace moved to Berlin"
        assert berlin.subject_id == story.entity("Ada Lovelace").id

    def test_unknown_names_are_not_found(self, story: Memory) -> None:
        for ask in (
            lambda: story.relations("Nobody"),
            lambda: story.relations("Acme", other="Nobody"),
            lambda: story.neighbours("Nobody"),
            lambda: story.paths("Acme", "Nobody"),
            lambda: story.timeline("Nobody"),
        ):
            with pytest.raises(NotFound, match="Nobody"):
                ask()

    def test_the_limit_leaves_the_earliest(self, memory: Memory) -> None:
        for year, city in ((2020, "Rome"), (2010, "Oslo"), (2000, "Bonn"), (2005, "Pisa")):
            memory.relate("Zed", "visited", city, valid_at=f"{year}-01-01")
        memory.relate("Ann", "visited", "Zed", valid_at="1990-01-01")
        asked: list[dict[str, Any]] = [{}, {"entity": "Zed"}, {"type": "visited"}]
        for options in (*asked, {"entity": "Zed", "type": "visited"}):
            ordered = [r.fact_id for r in memory.relations(**options)]
            assert len(ordered) == 5
            for limit in range(1, 5):
                cut = [r.fact_id for r in memory.relations(**options, limit=limit)]
                assert cut == ordered[:limit]


class TestWalks:
    def test_neighbours_hop_by_hop(self, story: Memory) -> None:
        def names(hops: int, *, current: bool = False) -> set[str]:
            found = story.neighbours("Carol Reed", hops=hops, current=current)
            assert found.entities[0].name == "Carol Reed"
            return {entity.name for entity in found.entities}

        near = {"Carol Reed", "Bob Stone", "Lisbon"}
        assert names(1) == near
        assert names(2) == near | {"Acme"}
        assert names(3) == near | {"Acme", "Ada Lovelace"}
        assert names(10) == near | {"Acme", "Ada Lovelace", "Paris", "Berlin"}
        assert names(10, current=True) == near, "Bob no longer works at Acme"

    def test_relations_among_the_neighbours_come_too(self, story: Memory) -> None:
        found = story.neighbours("Acme", current=False, hops=2)
        ids = {entity.id for entity in found.entities}
        assert all(r.subject_id in ids and r.object_id in ids for r in found.relations)
        assert len(found.relations) == len({r.fact_id for r in found.relations}) == 5

    def test_neighbours_keep_to_the_limit(self, story: Memory) -> None:
        found = story.neighbours("Acme", hops=5, limit=3, current=False)
        assert len(found.entities) == 3

    def test_paths_are_shortest_first_and_read_both_ways(self, story: Memory) -> None:
        (path,) = story.paths("Ada Lovelace", "Carol Reed", current=False)
        assert str(path) == (
            "Ada Lovelace -works_at→ Acme ←works_at- Bob Stone -married_to→ Carol Reed"
        )
        assert [step.forward for step in path.steps] == [True, False, True]
        assert path.steps[1].fact == "Bob Stone works at Acme"
        assert all(a.target == b.source for a, b in zip(path.steps, path.steps[1:], strict=False))
        (back,) = story.paths("Carol Reed", "Ada Lovelace", current=False)
        assert [step.fact_id for step in back.steps] == [s.fact_id for s in reversed(path.steps)]

    def test_there_may_be_no_path(self, story: Memory) -> None:
        assert story.paths("Ada Lovelace", "Carol Reed") == [], "it led through the past"
        assert story.paths("Ada Lovelace", "Carol Reed", current=False, max_hops=2) == []
        assert story.paths("Dora Lane", "Acme") == []
        assert story.paths("Acme", "acme") == []

    def test_several_ways_up_to_the_limit(self, memory: Memory) -> None:
        for name in ("Acme", "Initech", "Hooli"):
            memory.add(f"Bob Stone owns {name}.")
            memory.add(f"Carol Reed owns {name}.")
        memory.add("Bob Stone knows Carol Reed.")
        ways = memory.paths("Bob Stone", "Carol Reed", limit=10)
        assert len(ways[0].steps) == 1
        assert len(memory.paths("Bob Stone", "Carol Reed", limit=1)) == 1
        memory.delete(ways[0].steps[0].fact_id)
        ways = memory.paths("Bob Stone", "Carol Reed", limit=10)
        assert {str(way) for way in ways} == {
            f"Bob Stone -owns→ {name} ←owns- Carol Reed" for name in ("Acme", "Initech", "Hooli")
        }


class TestTimeline:
    def test_what_began_ended_and_was_stated(self, story: Memory) -> None:
        moments = [(str(m.at.date()), m.what, m.fact.text) for m in story.timeline("Ada Lovelace")]
        assert moments == [
            ("2024-01-10", "stated", "Ada Lovelace works at Acme"),
            ("2024-01-11", "stated", "Ada Lovelace lives in Paris"),
            ("2025-03-01", "ended", "Ada Lovelace lives in Paris"),
            ("2025-03-01", "began", "Ada Lovelace moved to Berlin"),
        ]

    def test_between_two_times_half_open(self, story: Memory) -> None:
        def when(**window: str) -> list[str]:
            return [str(m.at.date()) for m in story.timeline(**window)]  # type: ignore[arg-type]

        assert when(since="2025-04-01") == ["2025-04-01", "2025-05-01"]
        assert when(since="2024-02-01", until="2024-02-03") == ["2024-02-01", "2024-02-02"]
        assert when(since="2030-01-01") == []
        assert [str(m.at.date()) for m in story.timeline(limit=2)] == ["2024-01-10", "2024-01-11"]
        assert sorted(when()) == when()


class TestCypher:
    def test_one_query_over_nodes_and_edges(self, story: Memory) -> None:
        found = story.cypher(
            "MATCH (p:Entity)-[r:RELATES]->(o:Entity) WHERE r.type = $type AND r.invalid_at IS NULL"
            " RETURN p.name AS who, o.name AS place ORDER BY who",
            {"type": "lives_in"},
        )
        assert found.columns == ("who", "place")
        assert found.rows == (
            ("Ada Lovelace", "Berlin"),
            ("Carol Reed", "Lisbon"),
            ("Dora Lane", "Oslo"),
        )
        assert not found.truncated

    def test_from_a_fact_to_its_episode(self, story: Memory) -> None:
        found = story.cypher(
            "MATCH (e:Episode)-[:STATES]->(f:Fact)-[:SUPERSEDES]->(old:Fact)"
            " RETURN e.content, f.text, old.text"
        )
        assert found.rows == (
            (
                "Ada Lovelace moved to Berlin.",
                "Ada Lovelace moved to Berlin",
                "Ada Lovelace lives in Paris",
            ),
        )

    def test_rows_are_limited_and_it_says_so(self, story: Memory) -> None:
        found = story.cypher("MATCH (e:Entity) RETURN e.name", max_rows=2)
        assert (len(found.rows), found.truncated) == (2, True)

    @pytest.mark.parametrize(
        "query",
        [
            "CREATE (:Entity {id: 'x'})",
            "MATCH (n) DELETE n",
            "MATCH (n:Entity) SET n.name = 'x' RETURN n",
            "MATCH (n) RETURN n; MATCH (m) DELETE m",
            "DROP TABLE Entity",
            "CALL show_tables() RETURN *",
            "COPY Entity FROM '/etc/passwd'",
            "LOAD FROM '/etc/passwd' RETURN *",
            "nonsense",
        ],
    )
    def test_what_is_not_a_read_is_refused(self, story: Memory, query: str) -> None:
        before = story.stats()
        with pytest.raises(UsageError, match="Cypher"):
            story.cypher(query)
        assert story.stats() == before

    def test_it_agrees_with_the_other_ways_to_ask(self, story: Memory) -> None:
        counts = {
            label: story.cypher(f"MATCH (n:{label}) RETURN count(n)").rows[0][0]
            for label in ("Entity", "Fact", "Episode")
        }
        stats = story.stats()
        assert counts == {
            "Entity": stats.entities,
            "Fact": stats.facts,
            "Episode": stats.episodes,
        }


def test_the_whole_scope_as_networkx(story: Memory) -> None:
    graph = story.to_networkx(current=False)
    assert graph.number_of_nodes() == story.stats().entities
    assert graph.number_of_edges() == story.stats().relations
    bob, carol = story.entity("Bob Stone"), story.entity("Carol Reed")
    assert graph.nodes[bob.id]["name"] == "Bob Stone"
    ((key, edge),) = graph[bob.id][carol.id].items()
    assert edge["type"] == "married_to"
    assert story.get(key).text == edge["fact"] == "Bob Stone is married to Carol Reed"
    assert story.to_networkx().number_of_edges() == len(story.relations())


@pytest.mark.parametrize("where", [None, "importance >= 0"])
def test_walks_keep_to_what_has_not_expired_and_is_not_archived(where: str | None) -> None:
    clock = ManualClock("2024-03-01")
    with Memory("memory://", user_id="ada", clock=clock) as memory:
        short = memory.relate("Ada", "friend_of", "Bob").fact_ids[0]
        memory.relate("Bob", "friend_of", "Cy")
        (way,) = memory.paths("Ada", "Cy", where=where)
        assert str(way) == "Ada -friend_of→ Bob -friend_of→ Cy"
        before = clock.now()
        memory.update(short, expires_at="2024-03-05")
        clock.advance(days=10)
        for view in (memory, memory.as_of("2024-03-10"), memory.as_of(known_at=clock.now())):
            assert _around(view, "Ada", where=where) == {"Ada"}
            assert _around(view, "Bob", where=where) == {"Bob", "Cy"}
            assert view.paths("Ada", "Cy", where=where) == []
        assert len(memory.paths("Ada", "Cy", current=False, where=where)) == 1
        assert len(memory.as_of(before).paths("Ada", "Cy", where=where)) == 1
        assert len(memory.as_of(known_at=before).paths("Ada", "Cy", where=where)) == 1


class TestHubs:
    def test_what_holds_is_found_behind_what_has_ended(self, memory: Memory) -> None:
        memory.relate_many(
            {"subject": "Hub", "type": "met", "object": f"P{i}", "valid_at": "2020-01-01",
             "invalid_at": "2021-01-01"}
            for i in range(200)
        )  # fmt: skip
        memory.relate("Hub", "met", "Old")
        memory.relate("Old", "met", "Far")
        assert _around(memory, "Hub") == {"Hub", "Old"}
        assert len(memory.paths("Hub", "Old")) == len(memory.paths("Old", "Hub")) == 1
        (way,) = memory.paths("Hub", "Far")
        assert str(way) == "Hub -met→ Old -met→ Far"
        everyone = {"Hub", *(f"P{i}" for i in range(200))}
        assert _around(memory, "Hub", limit=999, current=False) == everyone | {"Old"}
        if isinstance(memory, Memory):
            assert _around(memory.as_of("2020-06-01"), "Hub", limit=999) == everyone

    def test_runs_and_limits_are_looked_at_before_anything_is_cut(self, memory: Memory) -> None:
        memory.relate("Hub", "met", "First", run_id="r1")
        rows = [{"subject": "Hub", "type": "met", "object": f"P{i}"} for i in range(260)]
        memory.relate_many(rows, run_id="r2")
        memory.relate_many({**row, "subject": "Axle"} for row in rows)
        assert _around(memory, "Hub", run_id="r1") == {"Hub", "First"}
        everyone = {"Hub", "First", *(f"P{i}" for i in range(260))}
        assert _around(memory, "Hub", limit=1000) == everyone
        for limit in (1, 50, 230):
            assert len(_around(memory, "Hub", limit=limit)) == limit
        for a, b in (("Hub", "First"), ("First", "Hub")):
            (way,) = memory.paths(a, b, max_hops=1)
            assert [str(step.source.name) for step in way.steps] == [a]
        assert len(memory.paths("Hub", "Axle", limit=300)) == 260
        for a, b in (("First", "Axle"), ("Axle", "First")):
            way = memory.paths(a, b)[0]
            assert (way.steps[0].source.name, way.steps[-1].target.name) == (a, b)
            assert len(way.steps) == 3

    def test_who_is_met_again_and_again_hides_nobody(self, memory: Memory) -> None:
        memory.relate("Hub", "met", "Once")
        memory.relate_many(
            {"subject": "Hub", "type": f"met_{i}", "object": "Often"} for i in range(250)
        )
        assert _around(memory, "Hub") == {"Hub", "Once", "Often"}


def _around(memory: Any, name: str, **options: Any) -> set[str]:
    return {entity.name for entity in memory.neighbours(name, **options).entities}
