"""What every graph store must do with what it is given; part of :class:`GraphStoreContract`."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from graphmem.clock import stamp
from graphmem.errors import BackendError
from graphmem.ports.graph import Checkpoint, GraphChanges, GraphStore
from graphmem.testing.graph_samples import (
    ADA_SCOPE,
    BOB_SCOPE,
    MOMENT,
    SMALL,
    edges_in,
    entity,
    episode,
    fact,
    node_of,
)


class WritesContract:
    """The tests that write, and look at all that is there then."""

    async def test_everything_is_written(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 1)
        dump = await graph.dump()
        assert {found[:2] for found in dump.nodes} == {
            ("Episode", "e1"),
            ("Episode", "e2"),
            ("Entity", "n1"),
            ("Entity", "n2"),
            ("Entity", "n3"),
            ("Fact", "f1"),
            ("Fact", "f2"),
            ("Fact", "f3"),
        }
        assert edges_in(dump) == {
            ("NEXT", "e1", "e2"),
            ("MENTIONS", "e1", "n1"),
            ("MENTIONS", "e1", "n2"),
            ("MENTIONS", "e2", "n1"),
            ("STATES", "e1", "f1"),
            ("STATES", "e1", "f2"),
            ("STATES", "e2", "f2"),
            ("STATES", "e2", "f3"),
            ("ABOUT", "f1", "n1"),
            ("ABOUT", "f1", "n2"),
            ("ABOUT", "f2", "n1"),
            ("ABOUT", "f2", "n3"),
            ("ABOUT", "f3", "n2"),
            ("RELATES", "n1", "n2"),
            ("RELATES", "n1", "n3"),
            ("SUPERSEDES", "f2", "f1"),
        }

    async def test_properties(self, graph: GraphStore) -> None:
        whole = replace(
            fact("f1", "n1", "n2"),
            version=3,
            valid_at=MOMENT,
            invalid_at=MOMENT + timedelta(days=1),
            invalid_precision="day",
            expires_at=MOMENT + timedelta(days=2),
            archived_at=MOMENT + timedelta(days=3),
            importance=1,
            memory_type="episodic",
            tags=("work", "a, b"),
            stated_at=MOMENT - timedelta(days=1),
        )
        people = (entity("n1", aliases=("A", "it's, B")), entity("n2"))
        await graph.apply(GraphChanges(entities=people, facts=(whole,)), 1)
        dump = await graph.dump()
        assert node_of(dump, "Fact", "f1") == {
            "scope": "p/user:ada",
            "project_id": "p",
            "user_id": "ada",
            "agent_id": "bot",
            "run_id": "r1",
            "text": "text of f1",
            "version": 3,
            "valid_at": "2026-03-01T12:00:00.000000Z",
            "valid_precision": "instant",
            "invalid_at": "2026-03-02T12:00:00.000000Z",
            "invalid_precision": "day",
            "expires_at": "2026-03-03T12:00:00.000000Z",
            "archived_at": "2026-03-04T12:00:00.000000Z",
            "recorded_at": stamp(MOMENT),
            "subject_id": "n1",
            "type": "knows",
            "object_id": "n2",
            "entity_ids": ("n1", "n2"),
            "memory_type": "episodic",
            "importance": 1.0,
            "tags": ("work", "a, b"),
            "stated_at": "2026-02-28T12:00:00.000000Z",
            "modality": "stated",
        }
        assert node_of(dump, "Entity", "n1")["aliases"] == ("A", "it's, B")
        relates = next(dict(edge[3]) for edge in dump.edges if edge[0] == "RELATES")
        assert relates["fact"] == "text of f1"
        assert relates["scope"] == "p/user:ada"
        assert relates["invalid_at"] == "2026-03-02T12:00:00.000000Z"
        assert (relates["valid_precision"], relates["invalid_precision"]) == ("instant", "day")
        assert relates["stated_at"] == "2026-02-28T12:00:00.000000Z"

    async def test_what_is_not_stated_is_a_fact_but_no_relation(self, graph: GraphStore) -> None:
        plan = replace(fact("f1", "n1", "n2"), modality="planned", planned_for=MOMENT)
        plan = replace(plan, planned_precision="month")
        people = (entity("n1"), entity("n2"))
        await graph.apply(GraphChanges(entities=people, facts=(plan,)), 1)
        dump = await graph.dump()
        assert node_of(dump, "Fact", "f1")["modality"] == "planned"
        node = node_of(dump, "Fact", "f1")
        assert (node["planned_for"], node["planned_precision"]) == (stamp(MOMENT), "month")
        assert {edge[0] for edge in dump.edges} == {"ABOUT"}
        (link,) = (await graph.expand(plan.scope.tenant, ["n1"], limit=9))["n1"]
        assert link.modality == "planned"

    async def test_every_element_carries_the_scope(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 1)
        dump = await graph.dump()
        assert {dict(found[2])["scope"] for found in dump.nodes} == {ADA_SCOPE.tenant}
        assert {dict(edge[3])["scope"] for edge in dump.edges} == {ADA_SCOPE.tenant}

    async def test_applying_twice_changes_nothing(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 1)
        before = await graph.dump()
        await graph.apply(SMALL, 1)
        assert await graph.dump() == before

    async def test_repeats_inside_a_batch_count_once(self, graph: GraphStore) -> None:
        twice = replace(SMALL, mentions=SMALL.mentions * 2)
        await graph.apply(twice, 1)
        dump = await graph.dump()
        assert len([edge for edge in dump.edges if edge[0] == "MENTIONS"]) == 3

    async def test_renewed_mentions_take_the_place_of_the_old(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 1)
        before = await graph.dump()
        (first, *_) = (edge for edge in before.edges if edge[0] == "MENTIONS")
        episode, other = first[1], "n3"
        renewed = GraphChanges(mentions=((episode, other),), renewed_mentions=(episode,))
        for seq in (2, 3):
            await graph.apply(renewed, seq)
            dump = await graph.dump()
            found = [edge[1:3] for edge in dump.edges if edge[0] == "MENTIONS"]
            kept = [e[1:3] for e in before.edges if e[0] == "MENTIONS" and e[1] != episode]
            assert sorted(found) == sorted([(episode, other), *kept])
            assert dump.nodes == before.nodes

    async def test_a_replaced_fact_leaves_no_stale_edge(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 1)
        moved = fact("f2", "n3", "n2", sources=["e2"], text="moved")
        await graph.apply(GraphChanges(facts=(moved,)), 2)
        dump = await graph.dump()
        mine = {edge for edge in edges_in(dump) if "f2" in edge}
        assert mine == {("ABOUT", "f2", "n3"), ("ABOUT", "f2", "n2"), ("STATES", "e2", "f2")}
        assert edges_in(dump, "RELATES") == {("RELATES", "n1", "n2"), ("RELATES", "n3", "n2")}
        assert node_of(dump, "Fact", "f2")["text"] == "moved"

    async def test_a_fact_that_stops_being_a_relation(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 1)
        await graph.apply(GraphChanges(facts=(fact("f1", about=["n1"]),)), 2)
        dump = await graph.dump()
        assert edges_in(dump, "RELATES") == {("RELATES", "n1", "n3")}
        assert "type" not in node_of(dump, "Fact", "f1")

    async def test_replacing_what_was_superseded_keeps_that(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 1)
        closed = replace(fact("f1", "n1", "n2", sources=["e1"]), invalid_at=MOMENT)
        await graph.apply(GraphChanges(facts=(closed,)), 2)
        dump = await graph.dump()
        assert edges_in(dump, "SUPERSEDES") == {("SUPERSEDES", "f2", "f1")}
        assert node_of(dump, "Fact", "f1")["invalid_at"] == stamp(MOMENT)
        (link,) = [
            x for x in (await graph.expand(ADA_SCOPE.tenant, ["n2"], limit=9))["n2"] if x.type
        ]
        assert link.invalid_at == stamp(MOMENT)

    async def test_two_relations_between_the_same_two(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 1)
        await graph.apply(GraphChanges(facts=(fact("f4", "n1", "n2"),)), 2)
        await graph.apply(GraphChanges(removed_facts=("f1",)), 3)
        relates = [edge for edge in (await graph.dump()).edges if edge[0] == "RELATES"]
        assert sorted(str(dict(edge[3])["fact_id"]) for edge in relates) == ["f2", "f4"]

    async def test_a_relation_to_oneself(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 1)
        await graph.apply(GraphChanges(facts=(fact("f4", "n1", "n1"),)), 2)
        assert ("RELATES", "n1", "n1") in edges_in(await graph.dump())
        await graph.apply(GraphChanges(removed_facts=("f4",)), 3)
        assert ("RELATES", "n1", "n1") not in edges_in(await graph.dump())

    async def test_removing_takes_the_edges(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 1)
        await graph.apply(
            GraphChanges(
                removed_facts=("f2", "none"),
                removed_episodes=("e2", "none"),
                removed_entities=("n3", "none"),
            ),
            2,
        )
        dump = await graph.dump()
        assert {found[1] for found in dump.nodes} == {"e1", "n1", "n2", "f1", "f3"}
        assert edges_in(dump) == {
            ("MENTIONS", "e1", "n1"),
            ("MENTIONS", "e1", "n2"),
            ("STATES", "e1", "f1"),
            ("ABOUT", "f1", "n1"),
            ("ABOUT", "f1", "n2"),
            ("ABOUT", "f3", "n2"),
            ("RELATES", "n1", "n2"),
        }

    async def test_removals_come_first(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 1)
        replacement = GraphChanges(
            removed_facts=("f1",), removed_entities=("n2",), entities=(entity("n2", name="anew"),)
        )
        await graph.apply(replacement, 2)
        dump = await graph.dump()
        assert node_of(dump, "Entity", "n2")["name"] == "anew"
        assert not [edge for edge in edges_in(dump) if "n2" in edge]

    async def test_an_edge_with_a_missing_end_is_left_out(self, graph: GraphStore) -> None:
        await graph.apply(
            GraphChanges(
                episodes=(episode("e1", previous_id="gone"),),
                entities=(entity("n1"),),
                facts=(fact("f1", "n1", "gone", sources=["e1", "gone"], supersedes="gone"),),
                mentions=(("e1", "gone"), ("gone", "n1")),
            ),
            1,
        )
        assert edges_in(await graph.dump()) == {("STATES", "e1", "f1"), ("ABOUT", "f1", "n1")}

    async def test_no_edge_crosses_a_tenant(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 1)
        await graph.apply(
            GraphChanges(
                episodes=(episode("b1", BOB_SCOPE, previous_id="e1"),),
                entities=(entity("m1", BOB_SCOPE),),
                facts=(
                    fact("g1", "m1", "n1", scope=BOB_SCOPE, sources=["e1", "b1"], supersedes="f1"),
                    fact("g2", "n1", "n2", scope=BOB_SCOPE),
                ),
                mentions=(("b1", "n1"), ("e1", "m1"), ("b1", "m1")),
            ),
            2,
        )
        dump = await graph.dump()
        assert edges_in(dump) - edges_in(await graph.dump(ADA_SCOPE.tenant)) == {
            ("MENTIONS", "b1", "m1"),
            ("STATES", "b1", "g1"),
            ("ABOUT", "g1", "m1"),
        }
        assert edges_in(dump, "RELATES") == {("RELATES", "n1", "n2"), ("RELATES", "n1", "n3")}

    async def test_an_id_of_another_tenant_is_refused_and_nothing_is_written(
        self, graph: GraphStore
    ) -> None:
        await graph.apply(SMALL, 1)
        before = await graph.dump()
        for stolen in (
            GraphChanges(entities=(entity("new"), entity("n1", BOB_SCOPE))),
            GraphChanges(entities=(entity("new"),), facts=(fact("f1", scope=BOB_SCOPE),)),
            GraphChanges(episodes=(episode("new"), episode("e1", BOB_SCOPE))),
        ):
            with pytest.raises(BackendError, match="another scope"):
                await graph.apply(stolen, 2)
            assert await graph.dump() == before
        assert await graph.open("store") == Checkpoint("store", 1)
