"""The Qdrant adapter when the server dies and comes back, and beside other processes, over real
sockets (see qdrant_http.py)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from graphmem.errors import Conflict, Unavailable
from graphmem.ports.vectors import COLLECTIONS, Only, VectorChanges, VectorQuery, VectorStore
from graphmem.testing.vector_points import SIZE, TENANT, point, put, uid, unit
from tests.adapters.vectors.qdrant_http import Fault, QdrantHttp
from tests.adapters.vectors.qdrant_stores import Sleeps, facts_with, made, opened


@pytest_asyncio.fixture
async def server() -> AsyncIterator[QdrantHttp]:
    async with QdrantHttp() as server:
        yield server


# -- a server that dies --------------------------------------------------------------------------


def batches() -> list[VectorChanges]:
    """Changes in which every batch overwrites and removes what an earlier one wrote."""
    made = []
    for seq in range(1, 7):
        points = {
            kind: tuple(
                point(n, f"tea {seq} {kind}", dense=unit(seq * n))
                for n in range(seq, seq + 60, seq)
            )
            for kind in COLLECTIONS
        }
        gone = {kind: tuple(uid(n) for n in range(seq * 3, seq * 3 + 9)) for kind in COLLECTIONS}
        made.append(VectorChanges(points, gone))
    return made


async def content(store: VectorStore) -> list[Any]:
    content: list[Any] = [sorted(await store.ids(kind)) for kind in COLLECTIONS]
    for kind in COLLECTIONS:
        queries = [
            VectorQuery(kind, Only(TENANT), 1000, text="tea 3 6"),
            VectorQuery(kind, Only(TENANT), 1000, dense=unit(4)),
        ]
        for hits in await store.search(queries):
            content.append([(hit.id, round(hit.score, 4)) for hit in hits])
    return content


@pytest.mark.parametrize("how", ["die", "die after"])
@pytest.mark.parametrize("at", ["facts/points/batch", "sessions/points/batch", "points/payload"])
@pytest.mark.parametrize("skip", [0, 3])
async def test_a_server_that_dies_in_a_batch_and_comes_back(
    server: QdrantHttp, how: str, at: str, skip: int
) -> None:
    """The call fails clearly; applied again from the checkpoint, all is as if nothing had
    happened."""
    async with QdrantHttp() as quiet:
        undisturbed = await opened(quiet)
        for seq, changes in enumerate(batches(), start=1):
            await undisturbed.apply(changes, seq)
        expected = await content(undisturbed)
        await undisturbed.close()

    store = await opened(server)
    server.faults = [Fault(at, how, skip=skip)]
    fallen, seq = 0, 0
    while seq < len(batches()):
        try:
            await store.apply(batches()[seq], seq + 1)
            seq += 1
        except Unavailable:
            fallen += 1
            await server.start()
            # The same object goes on; how far it got is what the server says.
            seq = (await store.open("store", "model", SIZE)).applied_seq
    assert fallen == 1
    assert await content(store) == expected
    await store.close()


async def test_a_search_while_the_server_is_away_fails_and_then_works(server: QdrantHttp) -> None:
    store = await opened(server)
    await store.apply(put(point(1, "apples")), 1)
    await server.kill()
    store._server._sleep = Sleeps()  # type: ignore[union-attr]
    with pytest.raises(Unavailable):
        await facts_with(store, "apples")
    # Reading the checkpoint anew fails as well, and leaves the store open.
    with pytest.raises(Unavailable):
        await store.open("store", "model", SIZE)
    await server.start()
    assert await facts_with(store, "apples") == [uid(1)]
    await store.close()


async def test_a_cancelled_write_is_finished(server: QdrantHttp) -> None:
    store = await opened(server)
    write = asyncio.ensure_future(store.apply(put(*(point(n) for n in range(1, 1500))), 3))
    while not server.count("facts/points/batch"):
        server.was_asked.clear()
        await server.was_asked.wait()
    write.cancel()
    with pytest.raises(asyncio.CancelledError):
        await write
    await store.close()
    assert (await store.open("store", "model", SIZE)).applied_seq == 3
    assert len(await store.ids("facts")) == 1499
    await store.close()


# -- several processes ---------------------------------------------------------------------------


async def test_two_that_open_at_once_make_one_store(server: QdrantHttp) -> None:
    stores = [made(server)[0] for _ in range(4)]
    checkpoints = await asyncio.gather(*(store.open("store", "model", SIZE) for store in stores))
    assert {checkpoint.applied_seq for checkpoint in checkpoints} == {0}
    await stores[0].apply(put(point(1, "apples")), 1)
    for store in stores:
        assert await facts_with(store, "apples") == [uid(1)]
        assert (await store.open("store", "model", SIZE)).applied_seq == 1
        await store.close()


async def test_a_store_cleared_by_another_is_refused(server: QdrantHttp) -> None:
    mine, theirs = await opened(server), await opened(server)
    await mine.apply(put(point(1)), 1)
    await theirs.clear()
    with pytest.raises(Conflict, match="open it again"):
        await mine.apply(put(point(2)), 2)
    assert (await mine.open("store", "model", SIZE)).applied_seq == 0
    await mine.apply(put(point(1), point(2)), 2)
    assert await theirs.ids("facts") == {uid(1), uid(2)}
    for store in (mine, theirs):
        await store.close()


async def test_a_move_of_the_checkpoint_from_before_a_clearing_is_void(server: QdrantHttp) -> None:
    """Cleared between the last write of a batch and its checkpoint."""
    mine, theirs = await opened(server), await opened(server)
    slow = Fault("points/payload", "status")
    server.faults = [slow]

    async def clear_meanwhile(_: float) -> None:
        await theirs.clear()

    mine._server._sleep = clear_meanwhile  # type: ignore[union-attr]
    await mine.apply(put(point(1)), 9)
    assert (await theirs.open("store", "model", SIZE)).applied_seq == 0
    for store in (mine, theirs):
        await store.close()


@pytest.mark.parametrize(
    "after", ["graphmem_checkpoint", "graphmem_facts", "graphmem_turns", "payload"]
)
async def test_killed_while_collections_are_made(server: QdrantHttp, after: str) -> None:
    """Whatever was made, the next opening finishes it, after a while in which nobody else does."""
    store, _ = made(server)
    server.faults = [Fault(after, "die after")]
    with pytest.raises(Unavailable):
        await store.open("store", "model", SIZE)
    await store.close()
    await server.start()
    again, sleeps = made(server)
    assert (await again.open("store", "model", SIZE)).applied_seq == 0
    assert sum(sleeps) <= 6
    await again.apply(put(point(1, "apples")), 1)
    assert await facts_with(again, "apples") == [uid(1)]
    await again.close()


async def test_killed_while_clearing(server: QdrantHttp) -> None:
    store = await opened(server)
    await store.apply(put(point(1), into="sessions"), 5)
    server.faults = [Fault("DELETE /collections/graphmem_turns", "die")]
    with pytest.raises(Unavailable):
        await store.clear()
    await store.close()
    await server.start()
    again, _ = made(server)
    assert (await again.open("store", "model", SIZE)).applied_seq == 0
    assert await again.ids("sessions") == set()
    await again.close()


async def test_a_collection_removed_by_somebody_is_made_again(server: QdrantHttp) -> None:
    store = await opened(server)
    await store.apply(put(point(1)), 5)
    await server._client.delete_collection("graphmem_turns")
    with pytest.raises(Unavailable, match="open it again"):
        await store.ids("turns")
    await store.close()
    again, _ = made(server)
    assert (await again.open("store", "model", SIZE)).applied_seq == 0
    assert await again.ids("facts") == await again.ids("turns") == set()
    await again.close()


async def test_a_server_that_was_downgraded_gets_other_points(server: QdrantHttp) -> None:
    """What only a newer one can score inside the tenant is made anew, not scored across it."""
    store = await opened(server)
    await store.apply(put(point(1, "apples")), 5)
    await store.close()
    server.version = "1.18.0"
    again, _ = made(server)
    assert (await again.open("store", "model", SIZE)).applied_seq == 0
    await again.apply(put(point(1, "apples")), 5)
    assert await facts_with(again, "apples") == [uid(1)]
    await again.close()
    server.version = "1.20.0"
    later, _ = made(server)
    assert (await later.open("store", "model", SIZE)).applied_seq == 5
    assert await facts_with(later, "apples") == [uid(1)]
    await later.close()
