"""What every graph store must do: subclass :class:`GraphStoreContract` once per store.

::

    class TestMyGraph(PersistentGraphContract):
        def make(self, folder: Path) -> GraphStore:
            return MyGraph(folder / "graph")

A store that outlives its object subclasses :class:`PersistentGraphContract`. Nothing here is
timed, and nothing sleeps.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from graphmem.clock import stamp
from graphmem.errors import BackendError, UsageError
from graphmem.ports.graph import GraphChanges, GraphDump, GraphStore, Mark
from graphmem.testing.graph_cypher import CypherContract
from graphmem.testing.graph_samples import (
    ADA,
    AWKWARD,
    AWKWARD_IDS,
    BOB,
    MOMENT,
    SMALL,
    edges_of,
    entity,
    episode,
    fact,
    large,
    node_of,
    parts,
    removal_of_large,
)


class GraphStoreContract(CypherContract):
    """The tests; ``make`` gives a new, unopened store, ``folder`` is where it may keep files."""

    @abstractmethod
    def make(self, folder: Path) -> GraphStore:
        """A new store object; made twice with one folder, it is the same store."""

    @pytest.fixture
    async def graph(self, tmp_path: Path) -> AsyncIterator[GraphStore]:
        store = self.make(tmp_path)
        await store.open("store")
        yield store
        await store.close()

    async def test_a_new_store_is_empty(self, tmp_path: Path) -> None:
        store = self.make(tmp_path)
        assert await store.open("store") == Mark("store", 0)
        assert await store.dump() == GraphDump((), ())
        await store.close()
        await store.close()

    async def test_opening_an_open_store(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 7)
        before = await graph.dump()
        assert await graph.open("store") == Mark("store", 7)
        assert await graph.dump() == before
        assert await graph.open("other") == Mark("other", 0)
        assert await graph.dump() == GraphDump((), ())

    async def test_a_closed_store_says_so(self, graph: GraphStore) -> None:
        await graph.close()
        with pytest.raises(UsageError, match="not open"):
            await graph.apply(SMALL, 1)
        with pytest.raises(UsageError, match="not open"):
            await graph.expand(ADA.wall, ["n1"], limit=1)
        with pytest.raises(UsageError, match="not open"):
            await graph.dump()

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
        assert edges_of(dump) == {
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
            "invalid_at": "2026-03-02T12:00:00.000000Z",
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
        assert relates["stated_at"] == "2026-02-28T12:00:00.000000Z"

    async def test_what_is_not_stated_is_a_fact_but_no_relation(self, graph: GraphStore) -> None:
        plan = replace(fact("f1", "n1", "n2"), modality="planned", planned_for=MOMENT)
        people = (entity("n1"), entity("n2"))
        await graph.apply(GraphChanges(entities=people, facts=(plan,)), 1)
        dump = await graph.dump()
        assert node_of(dump, "Fact", "f1")["modality"] == "planned"
        assert node_of(dump, "Fact", "f1")["planned_for"] == stamp(MOMENT)
        assert {edge[0] for edge in dump.edges} == {"ABOUT"}
        (link,) = (await graph.expand(plan.scope.wall, ["n1"], limit=9))["n1"]
        assert link.modality == "planned"

    async def test_every_element_carries_the_scope(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 1)
        dump = await graph.dump()
        assert {dict(found[2])["scope"] for found in dump.nodes} == {ADA.wall}
        assert {dict(edge[3])["scope"] for edge in dump.edges} == {ADA.wall}

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
        mine = {edge for edge in edges_of(dump) if "f2" in edge}
        assert mine == {("ABOUT", "f2", "n3"), ("ABOUT", "f2", "n2"), ("STATES", "e2", "f2")}
        assert edges_of(dump, "RELATES") == {("RELATES", "n1", "n2"), ("RELATES", "n3", "n2")}
        assert node_of(dump, "Fact", "f2")["text"] == "moved"

    async def test_a_fact_that_stops_being_a_relation(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 1)
        await graph.apply(GraphChanges(facts=(fact("f1", about=["n1"]),)), 2)
        dump = await graph.dump()
        assert edges_of(dump, "RELATES") == {("RELATES", "n1", "n3")}
        assert "type" not in node_of(dump, "Fact", "f1")

    async def test_replacing_what_was_superseded_keeps_that(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 1)
        closed = replace(fact("f1", "n1", "n2", sources=["e1"]), invalid_at=MOMENT)
        await graph.apply(GraphChanges(facts=(closed,)), 2)
        dump = await graph.dump()
        assert edges_of(dump, "SUPERSEDES") == {("SUPERSEDES", "f2", "f1")}
        assert node_of(dump, "Fact", "f1")["invalid_at"] == stamp(MOMENT)
        (link,) = [x for x in (await graph.expand(ADA.wall, ["n2"], limit=9))["n2"] if x.type]
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
        assert ("RELATES", "n1", "n1") in edges_of(await graph.dump())
        await graph.apply(GraphChanges(removed_facts=("f4",)), 3)
        assert ("RELATES", "n1", "n1") not in edges_of(await graph.dump())

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
        assert edges_of(dump) == {
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
        anew = GraphChanges(
            removed_facts=("f1",), removed_entities=("n2",), entities=(entity("n2", name="anew"),)
        )
        await graph.apply(anew, 2)
        dump = await graph.dump()
        assert node_of(dump, "Entity", "n2")["name"] == "anew"
        assert not [edge for edge in edges_of(dump) if "n2" in edge]

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
        assert edges_of(await graph.dump()) == {("STATES", "e1", "f1"), ("ABOUT", "f1", "n1")}

    async def test_no_edge_crosses_a_wall(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 1)
        await graph.apply(
            GraphChanges(
                episodes=(episode("b1", BOB, previous_id="e1"),),
                entities=(entity("m1", BOB),),
                facts=(
                    fact("g1", "m1", "n1", scope=BOB, sources=["e1", "b1"], supersedes="f1"),
                    fact("g2", "n1", "n2", scope=BOB),
                ),
                mentions=(("b1", "n1"), ("e1", "m1"), ("b1", "m1")),
            ),
            2,
        )
        dump = await graph.dump()
        assert edges_of(dump) - edges_of(await graph.dump(ADA.wall)) == {
            ("MENTIONS", "b1", "m1"),
            ("STATES", "b1", "g1"),
            ("ABOUT", "g1", "m1"),
        }
        assert edges_of(dump, "RELATES") == {("RELATES", "n1", "n2"), ("RELATES", "n1", "n3")}

    async def test_an_id_of_another_wall_is_refused_and_nothing_is_written(
        self, graph: GraphStore
    ) -> None:
        await graph.apply(SMALL, 1)
        before = await graph.dump()
        for stolen in (
            GraphChanges(entities=(entity("new"), entity("n1", BOB))),
            GraphChanges(entities=(entity("new"),), facts=(fact("f1", scope=BOB),)),
            GraphChanges(episodes=(episode("new"), episode("e1", BOB))),
        ):
            with pytest.raises(BackendError, match="another scope"):
                await graph.apply(stolen, 2)
            assert await graph.dump() == before
        assert await graph.open("store") == Mark("store", 1)

    async def test_expand(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 1)
        found = await graph.expand(ADA.wall, ["n1", "n2", "nobody", "n1"], limit=10)
        assert {id: {link.fact_id for link in links} for id, links in found.items()} == {
            "n1": {"f1", "f2"},
            "n2": {"f1", "f3"},
        }
        (link,) = [link for link in found["n2"] if link.fact_id == "f1"]
        assert link.entity_ids == ("n1", "n2")
        assert (link.subject_id, link.type, link.object_id) == ("n1", "knows", "n2")
        assert (link.valid_at, link.invalid_at) == (None, None)
        (plain,) = [link for link in found["n2"] if link.fact_id == "f3"]
        assert (plain.subject_id, plain.type, plain.object_id) == (None, None, None)

    async def test_expand_knows_an_entity_without_facts(self, graph: GraphStore) -> None:
        await graph.apply(GraphChanges(entities=(entity("n1"),)), 1)
        assert await graph.expand(ADA.wall, ["n1", "n2"], limit=10) == {"n1": ()}
        assert await graph.expand(ADA.wall, [], limit=10) == {}

    async def test_expand_stays_inside_the_wall(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 1)
        assert await graph.expand(BOB.wall, ["n1", "n2"], limit=10) == {}

    async def test_expand_gives_no_more_than_the_limit(self, graph: GraphStore) -> None:
        facts = tuple(fact(f"f{i}", "hub", f"n{i}") for i in range(30))
        people = (entity("hub"), *(entity(f"n{i}") for i in range(30)))
        await graph.apply(GraphChanges(entities=people, facts=facts), 1)
        found = await graph.expand(ADA.wall, ["hub", "n3"], limit=7)
        first = sorted(f"f{i}" for i in range(30))[:7]
        assert [link.fact_id for link in found["hub"]] == first
        await graph.apply(GraphChanges(facts=(fact(first[0], "hub", "n0", text="anew"),)), 2)
        again = await graph.expand(ADA.wall, ["hub"], limit=7)
        assert [link.fact_id for link in again["hub"]] == first
        assert [link.fact_id for link in found["n3"]] == ["f3"]
        assert await graph.expand(ADA.wall, ["hub"], limit=0) == {"hub": ()}

    @pytest.mark.parametrize("many", [1, 80])
    async def test_awkward_text_comes_back_as_it_was(self, graph: GraphStore, many: int) -> None:
        texts = [text for text in AWKWARD for _ in range(many)]
        await graph.apply(
            GraphChanges(
                episodes=tuple(episode(f"e{i}", text=t or "x") for i, t in enumerate(texts)),
                entities=(entity("n1", name="it's"), entity("n2", aliases=(*AWKWARD[:17], "z"))),
                facts=tuple(
                    replace(fact(f"f{i}", "n1", "n2"), text=t, tags=(t, "t"))
                    for i, t in enumerate(texts)
                ),
            ),
            1,
        )
        dump = await graph.dump()
        assert node_of(dump, "Entity", "n2")["aliases"] == (*AWKWARD[:17], "z")
        facts = {id: dict(properties) for label, id, properties in dump.nodes if label == "Fact"}
        relations = {
            dict(found)["fact_id"]: dict(found)["fact"]
            for type, _, _, found in dump.edges
            if type == "RELATES"
        }
        for i, text in enumerate(texts):
            assert facts[f"f{i}"]["text"] == text
            assert facts[f"f{i}"]["tags"] == (text, "t")
            assert relations[f"f{i}"] == text

    async def test_awkward_ids(self, graph: GraphStore) -> None:
        ids = list(AWKWARD_IDS)
        await graph.apply(
            GraphChanges(
                entities=tuple(entity(id) for id in ids),
                facts=tuple(fact(id, id, ids[0]) for id in ids),
            ),
            1,
        )
        found = await graph.expand(ADA.wall, ids[1:], limit=5)
        assert {id: links[0].entity_ids for id, links in found.items()} == {
            id: (id, ids[0]) for id in ids[1:]
        }

    async def test_one_large_batch_equals_many_small_ones(self, graph: GraphStore) -> None:
        batch = large(1300)
        await graph.apply(batch, 1)
        at_once = await graph.dump()
        await graph.clear()
        for part in parts(batch, 400):
            await graph.apply(part, 1)
        assert await graph.dump() == at_once

    async def test_a_dump_of_one_wall(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 1)
        alone = await graph.dump()
        await graph.apply(
            GraphChanges(entities=(entity("m1", BOB),), facts=(fact("g1", "m1", "m1", scope=BOB),)),
            2,
        )
        assert await graph.dump(ADA.wall) == alone
        assert {found[1] for found in (await graph.dump(BOB.wall)).nodes} == {"m1", "g1"}
        assert await graph.dump("nowhere") == GraphDump((), ())

    async def test_clear(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 5)
        await graph.clear()
        assert await graph.dump() == GraphDump((), ())
        await graph.apply(SMALL, 3)
        assert await graph.open("store") == Mark("store", 3)
        await graph.clear()
        assert await graph.open("store") == Mark("store", 0)

    async def test_many_tasks_at_once(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 1)

        async def write(i: int) -> None:
            batch = GraphChanges(
                entities=(entity(f"t{i}"),), facts=(fact(f"tf{i}", f"t{i}", "n1"),)
            )
            await graph.apply(batch, i)

        async def read(_: int) -> None:
            found = await graph.expand(ADA.wall, ["n2", "n3"], limit=5)
            assert {id: len(links) for id, links in found.items()} == {"n2": 2, "n3": 1}

        await asyncio.gather(*(job(i) for i in range(20) for job in (write, read)))
        assert len((await graph.expand(ADA.wall, ["n1"], limit=100))["n1"]) == 22

    async def test_a_cancelled_write_is_whole_or_absent(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 1)
        before = await graph.dump()
        for turns in range(6):
            task = asyncio.ensure_future(graph.apply(large(20), 2))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            dump = await graph.dump()
            assert len(dump.nodes) in (len(before.nodes), len(before.nodes) + 60)
            await graph.apply(removal_of_large(20), 1)
            assert await graph.dump() == before

    async def test_a_cancelled_read_is_cancelled(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 1)
        for turns in range(6):
            task = asyncio.ensure_future(graph.expand(ADA.wall, ["n1"] * 50, limit=5))
            for _ in range(turns):
                await asyncio.sleep(0)
            cancelling = task.cancel()
            (outcome,) = await asyncio.gather(task, return_exceptions=True)
            assert not cancelling or isinstance(outcome, asyncio.CancelledError)
            assert len((await graph.expand(ADA.wall, ["n1"], limit=5))["n1"]) == 2


class PersistentGraphContract(GraphStoreContract):
    """For stores that another object, or another process, finds again."""

    async def test_opening_again_keeps_the_mark(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 7)
        before = await graph.dump()
        await graph.close()
        assert await graph.open("store") == Mark("store", 7)
        assert await graph.dump() == before

    async def test_another_store_id_begins_anew(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 7)
        await graph.close()
        assert await graph.open("other") == Mark("other", 0)
        assert await graph.dump() == GraphDump((), ())

    async def test_another_object_finds_it(self, graph: GraphStore, tmp_path: Path) -> None:
        await graph.apply(SMALL, 9)
        before = await graph.dump()
        await graph.close()
        other = self.make(tmp_path)
        assert await other.open("store") == Mark("store", 9)
        assert await other.dump() == before
        assert len((await other.expand(ADA.wall, ["n1"], limit=5))["n1"]) == 2
        await other.close()
