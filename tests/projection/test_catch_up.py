"""Projection: events to graph and vectors, whatever the batches, however often."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Set
from pathlib import Path
from typing import Any

import pytest

from graphmem import AsyncMemory, open_memory
from graphmem.adapters.graph.networkx import NetworkXGraph
from graphmem.adapters.vectors.memory import MemoryVectors
from graphmem.embedding import CachedEmbedder
from graphmem.ports.graph import Checkpoint
from graphmem.ports.vectors import COLLECTIONS, Collection
from graphmem.projection import catch_up
from graphmem.projection.apply import batch_of, graph_target, vector_target
from graphmem.projection.catch_up import Projection


async def lived_in(seed: int) -> AsyncMemory:
    """A memory with everything in its log: facts that change, ends, erasures, several scopes."""
    rng = random.Random(seed)
    memory = await open_memory("memory://")
    sentences = [
        f"{who} {what}."
        for who in ("Bob Stone", "Carol Reed", "Zoë Lane")
        for what in ("lives in Oslo", "moved to Rome", "works at Acme", "no longer works at Acme")
    ]
    episodes: list[tuple[str, str]] = []
    for number in range(40):
        user = rng.choice(["ada", "eve"])
        receipt = await memory.add(
            rng.choice(sentences),
            user_id=user,
            run_id=rng.choice([None, "r1"]),
            infer=rng.random() < 0.8,
            occurred_at=f"2024-{1 + number // 4:02}-01",
        )
        episodes.append((receipt.episode_id, user))
        if rng.random() < 0.2:
            facts = (await memory.get_all(user_id=user)).items
            if facts:
                await memory.delete(rng.choice(facts).id, user_id=user, erase=rng.random() < 0.5)
        if rng.random() < 0.15:
            id, owner = episodes.pop(rng.randrange(len(episodes)))
            await memory.delete(id, user_id=owner)
            episodes = [pair for pair in episodes if pair[0] != id]
    await memory.delete_all(user_id="eve", run_id="r1")
    return memory


class Stores:
    """A fresh graph and fresh vectors that follow a memory's ledger."""

    def __init__(self, memory: AsyncMemory) -> None:
        self.memory = memory
        self.graph, self.vectors = NetworkXGraph(), MemoryVectors()
        ledger = memory._parts.ledger
        embedder = CachedEmbedder(memory._parts.embedder, ledger)
        self.projections = (
            Projection("graph", ledger, graph_target(self.graph)),
            Projection("vectors", ledger, vector_target(self.vectors, embedder)),
        )

    async def open(self) -> None:
        embedder = self.memory._parts.embedder
        await self.graph.open("s")
        await self.vectors.open("s", embedder.name, await embedder.size())

    async def catch_up(self) -> None:
        for projection in self.projections:
            await projection.catch_up()

    async def content(self) -> tuple[object, dict[Collection, set[str]]]:
        return await self.graph.dump(), {name: await self.vectors.ids(name) for name in COLLECTIONS}


@pytest.mark.parametrize("seed", range(3))
async def test_any_batches_give_the_same(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = await lived_in(seed)
    contents = []
    for size in (100_000, 1, 2, 7):
        monkeypatch.setattr(catch_up, "BATCH_EVENTS", size)
        stores = Stores(memory)
        await stores.open()
        await stores.catch_up()
        contents.append(await stores.content())
        assert {p.applied_seq for p in stores.projections} == {await memory._parts.ledger.head()}
    assert all(content == contents[0] for content in contents)
    assert (await memory.verify()).ok
    assert await memory._parts.graph.dump() == contents[0][0]
    await memory.close()


@pytest.mark.parametrize("seed", range(3))
async def test_again_changes_nothing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash between a batch and its checkpoint costs a repetition, from any earlier point."""
    memory = await lived_in(seed)
    monkeypatch.setattr(catch_up, "BATCH_EVENTS", 5)
    rng = random.Random(seed)
    stores = Stores(memory)
    await stores.open()
    await stores.catch_up()
    before = await stores.content()
    head = await memory._parts.ledger.head()
    for _ in range(5):
        for projection in stores.projections:
            projection.applied_seq = rng.randrange(head)
        await stores.catch_up()
        assert await stores.content() == before
    await memory.close()


async def test_the_last_state_of_each_thing_is_what_is_applied() -> None:
    async with await open_memory("memory://", user_id="ada") as memory:
        receipt = await memory.add("Bob Stone works at Acme.")
        (id,) = receipt.fact_ids
        for importance in (0.1, 0.2, 0.3):
            await memory.update(id, importance=importance)
        ledger = memory._parts.ledger
        batch = await batch_of(await ledger.events(0, 1000), ledger)
        assert [fact.importance for fact in batch.facts] == [0.3]
        assert len(batch.episodes) == 1
        await memory.delete(receipt.episode_id)
        batch = await batch_of(await ledger.events(0, 1000), ledger)
        assert (batch.facts, batch.episodes, batch.entities, batch.mentions) == ((),) * 4
        assert batch.removed_facts == (id,)
        assert batch.removed_episodes == (receipt.episode_id,)
        assert len(batch.removed_turns) == 1


async def test_progress_rises_to_the_head(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catch_up, "BATCH_EVENTS", 3)
    async with await open_memory("memory://", user_id="ada") as memory:
        await memory.add_many([f"Note {n}." for n in range(5)], infer=False)
        stores = Stores(memory)
        await stores.open()
        reported: list[int] = []
        await stores.projections[0].catch_up(reported.append)
        assert reported == sorted(set(reported))
        assert reported[-1] == await memory._parts.ledger.head()
        await stores.projections[0].catch_up(reported.append)
        assert len(reported) == len(set(reported)), "there is nothing left to tell"


async def test_it_says_in_which_tenants_a_store_has_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with await open_memory("memory://") as memory:
        ledger = memory._parts.ledger
        stores = Stores(memory)
        await stores.open()
        reported: list[Set[str] | None] = []
        following = Projection("graph", ledger, graph_target(stores.graph), reported.append)
        await memory.add("Bob lives in Oslo.", user_id="ada")
        await memory.add("Carol lives in Rome.", user_id="eve")
        await following.catch_up()
        ada, eve = [(await memory._scope({"user_id": user})).tenant for user in ("ada", "eve")]
        assert reported == [{ada, eve}]
        receipt = await memory.add("Bob lives in Bonn.", user_id="ada")
        await memory.delete(receipt.episode_id, user_id="ada")
        await following.catch_up()
        assert reported[1:] == [{ada}]
        await following.start_over(stores.graph.clear)
        assert reported[2:] == [None]
        # Where others write too, one of them may have made the store anew, checkpoint and all.
        monkeypatch.setattr(type(ledger), "shared", True)
        checkpoint = await stores.graph.open("s")

        async def again() -> Checkpoint:
            return checkpoint

        following.begin(checkpoint, again)
        await memory.add("Carol lives in Bonn.", user_id="eve")
        await following.catch_up()
        assert reported[3] is None


@pytest.mark.parametrize("store", ["graph", "vectors"])
async def test_a_rebuild_that_is_given_up_loses_nothing(
    tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported = [(f"Person{n}", "lives_in", f"Town{n}") for n in range(40)]
    async with await open_memory(tmp_path / "m", user_id="ada") as memory:
        await memory.relate_many(reported)
        assert (await memory.verify()).ok, "and both stores hold all of it"
        begun, successor = asyncio.Event(), type(getattr(memory._parts, store).successor)
        take_over = successor.take_over

        async def seen(self: Any, url: str) -> None:
            begun.set()
            await take_over(self, url)

        monkeypatch.setattr(successor, "take_over", seen)
        rebuilding = asyncio.ensure_future(memory.rebuild())
        await begun.wait()
        await asyncio.sleep(0.005)  # the thread is at work
        rebuilding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await rebuilding
        await memory.relate("New", "lives_in", "Oslo")
        near = await memory.neighbours("Person3")
        assert {entity.name for entity in near.entities} == {"Person3", "Town3"}
    async with await open_memory(tmp_path / "m", user_id="ada") as memory:
        assert (await memory.verify()).differences == ()
        near = await memory.neighbours("Person3")
        assert {entity.name for entity in near.entities} == {"Person3", "Town3"}
