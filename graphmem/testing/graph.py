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
from pathlib import Path

import pytest

from graphmem.errors import UsageError
from graphmem.ports.graph import Checkpoint, GraphChanges, GraphDump, GraphStore
from graphmem.testing.graph_cypher import CypherContract
from graphmem.testing.graph_samples import (
    ADA_SCOPE,
    AWKWARD,
    AWKWARD_IDS,
    BOB_SCOPE,
    SMALL,
    entity,
    episode,
    fact,
    large,
    node_of,
    parts,
    removal_of_large,
)
from graphmem.testing.graph_writes import WritesContract


class GraphStoreContract(WritesContract, CypherContract):
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
        assert await store.open("store") == Checkpoint("store", 0)
        assert await store.dump() == GraphDump((), ())
        await store.close()
        await store.close()

    async def test_opening_an_open_store(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 7)
        before = await graph.dump()
        assert await graph.open("store") == Checkpoint("store", 7)
        assert await graph.dump() == before
        assert await graph.open("other") == Checkpoint("other", 0)
        assert await graph.dump() == GraphDump((), ())

    async def test_a_closed_store_says_so(self, graph: GraphStore) -> None:
        await graph.close()
        with pytest.raises(UsageError, match="not open"):
            await graph.apply(SMALL, 1)
        with pytest.raises(UsageError, match="not open"):
            await graph.expand(ADA_SCOPE.tenant, ["n1"], limit=1)
        with pytest.raises(UsageError, match="not open"):
            await graph.dump()

    async def test_expand(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 1)
        found = await graph.expand(ADA_SCOPE.tenant, ["n1", "n2", "nobody", "n1"], limit=10)
        turned = await graph.expand(ADA_SCOPE.tenant, ["n2", "nobody", "n1"], limit=10)
        assert (list(found), list(turned)) == (["n1", "n2"], ["n2", "n1"])  # as they were asked
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
        assert await graph.expand(ADA_SCOPE.tenant, ["n1", "n2"], limit=10) == {"n1": ()}
        assert await graph.expand(ADA_SCOPE.tenant, [], limit=10) == {}

    async def test_expand_stays_inside_the_tenant(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 1)
        assert await graph.expand(BOB_SCOPE.tenant, ["n1", "n2"], limit=10) == {}

    async def test_expand_gives_no_more_than_the_limit(self, graph: GraphStore) -> None:
        facts = tuple(fact(f"f{i}", "hub", f"n{i}") for i in range(30))
        people = (entity("hub"), *(entity(f"n{i}") for i in range(30)))
        await graph.apply(GraphChanges(entities=people, facts=facts), 1)
        found = await graph.expand(ADA_SCOPE.tenant, ["hub", "n3"], limit=7)
        first = sorted(f"f{i}" for i in range(30))[:7]
        assert [link.fact_id for link in found["hub"]] == first
        await graph.apply(GraphChanges(facts=(fact(first[0], "hub", "n0", text="anew"),)), 2)
        again = await graph.expand(ADA_SCOPE.tenant, ["hub"], limit=7)
        assert [link.fact_id for link in again["hub"]] == first
        assert [link.fact_id for link in found["n3"]] == ["f3"]
        assert await graph.expand(ADA_SCOPE.tenant, ["hub"], limit=0) == {"hub": ()}

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
        found = await graph.expand(ADA_SCOPE.tenant, ids[1:], limit=5)
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

    async def test_a_dump_of_one_tenant(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 1)
        alone = await graph.dump()
        await graph.apply(
            GraphChanges(
                entities=(entity("m1", BOB_SCOPE),),
                facts=(fact("g1", "m1", "m1", scope=BOB_SCOPE),),
            ),
            2,
        )
        assert await graph.dump(ADA_SCOPE.tenant) == alone
        assert {found[1] for found in (await graph.dump(BOB_SCOPE.tenant)).nodes} == {"m1", "g1"}
        assert await graph.dump("nowhere") == GraphDump((), ())

    async def test_clear(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 5)
        await graph.clear()
        assert await graph.dump() == GraphDump((), ())
        await graph.apply(SMALL, 3)
        assert await graph.open("store") == Checkpoint("store", 3)
        await graph.clear()
        assert await graph.open("store") == Checkpoint("store", 0)

    async def test_many_tasks_at_once(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 1)

        async def write(i: int) -> None:
            batch = GraphChanges(
                entities=(entity(f"t{i}"),), facts=(fact(f"tf{i}", f"t{i}", "n1"),)
            )
            await graph.apply(batch, i)

        async def read(_: int) -> None:
            found = await graph.expand(ADA_SCOPE.tenant, ["n2", "n3"], limit=5)
            assert {id: len(links) for id, links in found.items()} == {"n2": 2, "n3": 1}

        await asyncio.gather(*(job(i) for i in range(20) for job in (write, read)))
        assert len((await graph.expand(ADA_SCOPE.tenant, ["n1"], limit=100))["n1"]) == 22

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
            task = asyncio.ensure_future(graph.expand(ADA_SCOPE.tenant, ["n1"] * 50, limit=5))
            for _ in range(turns):
                await asyncio.sleep(0)
            cancelling = task.cancel()
            (outcome,) = await asyncio.gather(task, return_exceptions=True)
            assert not cancelling or isinstance(outcome, asyncio.CancelledError)
            assert len((await graph.expand(ADA_SCOPE.tenant, ["n1"], limit=5))["n1"]) == 2


class PersistentGraphContract(GraphStoreContract):
    """For stores that another object, or another process, finds again."""

    async def test_opening_again_keeps_the_checkpoint(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 7)
        before = await graph.dump()
        await graph.close()
        assert await graph.open("store") == Checkpoint("store", 7)
        assert await graph.dump() == before

    async def test_another_store_id_starts_empty(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 7)
        await graph.close()
        assert await graph.open("other") == Checkpoint("other", 0)
        assert await graph.dump() == GraphDump((), ())

    async def test_another_object_finds_it(self, graph: GraphStore, tmp_path: Path) -> None:
        await graph.apply(SMALL, 9)
        before = await graph.dump()
        await graph.close()
        other = self.make(tmp_path)
        assert await other.open("store") == Checkpoint("store", 9)
        assert await other.dump() == before
        assert len((await other.expand(ADA_SCOPE.tenant, ["n1"], limit=5))["n1"]) == 2
        await other.close()
