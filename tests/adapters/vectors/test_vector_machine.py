"""Random writes, searches and reopenings of every store against a dictionary and one another."""

from __future__ import annotations

import asyncio
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from graphmem.adapters.vectors.memory import MemoryVectors
from graphmem.adapters.vectors.qdrant_edge.store import EdgeVectors
from graphmem.ports.vectors import (
    COLLECTIONS,
    Only,
    Point,
    Scored,
    VectorChanges,
    VectorQuery,
    VectorStore,
)
from graphmem.testing.vector_points import SIZE, TOLERANCE, drop, point, put, uid, unit
from graphmem.testing.vectors import vector_machine
from tests.adapters.vectors.qdrant_stores import client_in, local_store, no_index_warnings


def runs(count: int, steps: int) -> settings:
    return settings(
        max_examples=count,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def test_memory_against_a_dictionary() -> None:
    machine = vector_machine(MemoryVectors)
    run_state_machine_as_test(machine, settings=runs(40, 20))


def test_edge_against_a_dictionary(tmp_path: Path) -> None:
    def make() -> VectorStore:
        return EdgeVectors(Path(tempfile.mkdtemp(dir=tmp_path)))

    machine = vector_machine(make)
    run_state_machine_as_test(machine, settings=runs(4, 20))


@no_index_warnings
@pytest.mark.parametrize("old", [False, True])
def test_qdrant_against_a_dictionary(old: bool) -> None:
    machine = vector_machine(lambda: local_store(client_in(None, old=old)))
    run_state_machine_as_test(machine, settings=runs(12, 20))


@pytest.mark.parametrize("seed", range(3))
async def test_edge_and_memory_agree_on_hundreds_of_points(tmp_path: Path, seed: int) -> None:
    """Before and after optimizing for real (in the other process), with replacements and
    removals in between."""
    rng = random.Random(seed)
    vocabulary = [f"word{n}s" for n in range(60)]
    stores: list[VectorStore] = [EdgeVectors(tmp_path / "edge"), MemoryVectors()]
    tenants = [f"p/user:{n}" for n in range(3)]
    for store in stores:
        await store.open("store", "model", SIZE)
    for seq in range(1, 9):
        points = [
            point(
                rng.randrange(1, 4000),
                " ".join(rng.choices(vocabulary, k=rng.randrange(9))),
                tenant=rng.choice(tenants),
                agent_ids=tuple(rng.sample(["a", "b"], rng.randrange(3))),
                dense=unit(rng.randrange(900)),
                invalid_at=rng.choice([None, f"2026-01-0{rng.randrange(1, 9)}T00:00:00.000000Z"]),
            )
            for _ in range(500)
        ]
        gone = [uid(rng.randrange(1, 4000)) for _ in range(60)]
        for store in stores:
            await store.apply(put(*points), seq * 2)
            await store.apply(drop(*gone), seq * 2 + 1)
        if seq in (5, 8):
            await stores[0].optimize()
        queries = [
            VectorQuery(
                "facts",
                Only(rng.choice(tenants), agent_id=agent, ended_by=ended),
                20,
                dense=None if text else unit(rng.randrange(10**6)),
                text=text,
            )
            for text in (None, " ".join(rng.choices(vocabulary, k=4)), rng.choice(vocabulary))
            for agent in (None, "a")
            for ended in (None, "2026-01-04T00:00:00.000000Z")
        ]
        edge, memory = await asyncio.gather(*(store.search(queries) for store in stores))
        for ours, exact in zip(edge, memory, strict=True):
            agree(ours, exact)
        for tenant in (None, *tenants):
            assert await stores[0].ids("facts", tenant) == await stores[1].ids("facts", tenant)
    for store in stores:
        await store.close()


def agree(ours: list[Scored], exact: list[Scored]) -> None:
    """The same scores in the same places, and the same ids but where scores all but tie."""
    assert len(ours) == len(exact)
    for mine, theirs in zip(ours, exact, strict=True):
        assert mine.score == pytest.approx(theirs.score, abs=TOLERANCE)
    last = exact[-1].score if exact else 0.0
    clear = {hit.id for hit in exact if hit.score > last + TOLERANCE}
    assert clear <= {hit.id for hit in ours}


TENANTS = ("p/user:a", "p/user:b", "p/agent:a")
MOMENTS = tuple(f"2026-01-01T00:00:00.{n:06}Z" for n in range(4))
VOCABULARY = ("apples", "apple", "pears", "the", "running", "ran", "Zoë", "日本", "😀", "x\x00y")


def random_point(rng: random.Random) -> Point:
    def some(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(rng.sample(names, rng.randrange(3)))

    ends = (None, None, *MOMENTS)
    return point(
        rng.randrange(1, 80),
        " ".join(rng.choices(VOCABULARY, k=rng.randrange(7))),
        tenant=rng.choice(TENANTS),
        dense=unit(rng.randrange(30)),
        agent_ids=some(("a", "b", "A")),
        run_ids=some(("a", "r", "r ")),
        invalid_at=rng.choice(ends),
        expires_at=rng.choice(ends),
        archived_at=rng.choice(ends),
    )


def random_changes(rng: random.Random) -> VectorChanges:
    return VectorChanges(
        {kind: tuple(random_point(rng) for _ in range(rng.randrange(12))) for kind in COLLECTIONS},
        {kind: tuple(uid(rng.randrange(1, 80)) for _ in range(4)) for kind in COLLECTIONS},
    )


def every_query(rng: random.Random) -> list[VectorQuery]:
    """A dense and a BM25 question of each collection and tenant, with every narrowing."""
    return [
        VectorQuery(
            kind,
            Only(tenant, agent_id=agent, run_id=run, ended_by=ended, past=past),
            limit,
            dense=None if text else unit(rng.randrange(1000)),
            text=text,
        )
        for kind in COLLECTIONS
        for tenant in (*TENANTS, "p/user:nobody")
        for agent in (None, "a")
        for run in (None, "r")
        for ended, past in ((None, False), (rng.choice(MOMENTS), rng.random() < 0.5))
        for limit in (rng.choice((3, 10)), 100)
        for text in (None, " ".join(rng.choices(VOCABULARY, k=rng.randrange(1, 4))))
    ]


@no_index_warnings
@pytest.mark.parametrize("seed", range(4))
async def test_all_stores_are_congruent(tmp_path: Path, seed: int) -> None:
    """The same random changes, reopenings and clearings: the same ids, checkpoints and answers."""
    rng = random.Random(seed)
    stores: list[VectorStore] = [
        MemoryVectors(),
        EdgeVectors(tmp_path / "edge"),
        local_store(client_in(None)),
        local_store(client_in(None, old=True)),
    ]
    for store in stores:
        await store.open("store", "model", SIZE)
    for seq in range(1, 16):
        changes = random_changes(rng)
        what = rng.choice(["write", "write", "write", "write twice", "reopen", "clear"])
        for store in stores:
            if what == "clear" and seq % 5 == 0:
                await store.clear()
            if what == "reopen":
                await store.close()
                await store.open("store", "model", SIZE)
            for _ in range(2 if what == "write twice" else 1):
                await store.apply(changes, seq)
        checkpoints = [await store.open("store", "model", SIZE) for store in stores]
        assert checkpoints == checkpoints[:1] * len(stores)
        for kind in COLLECTIONS:
            for tenant in (None, *TENANTS):
                found_ids = [await store.ids(kind, tenant) for store in stores]
                assert found_ids == found_ids[:1] * len(stores)
        if seq % 5 == 0:
            queries = every_query(rng)
            exact, *others = [await store.search(queries) for store in stores]
            for answers in others:
                for ours, theirs in zip(answers, exact, strict=True):
                    agree(ours, theirs)
    for store in stores:
        await store.close()
