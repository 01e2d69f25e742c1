"""What only the Qdrant adapter has: options in its URL, ownership of collections, odd servers."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from qdrant_client import AsyncQdrantClient, models

from graphmem.adapters.vectors.qdrant import checkpoint
from graphmem.adapters.vectors.qdrant.checkpoint import CHECKPOINT_ID
from graphmem.adapters.vectors.qdrant.store import QdrantVectors
from graphmem.adapters.vectors.qdrant.url import QdrantOptions
from graphmem.errors import Rejected, UsageError
from graphmem.ports.vectors import COLLECTIONS, Only, VectorQuery
from graphmem.testing.vector_points import SIZE, TENANT, point, put, uid, unit
from tests.adapters.vectors.qdrant_stores import client_in, local_store, no_index_warnings

pytestmark = no_index_warnings


@pytest.fixture
def client() -> AsyncQdrantClient:
    return client_in(None)


async def opened(client: AsyncQdrantClient, options: str = "") -> QdrantVectors:
    store = local_store(client, options)
    await store.open("store", "model", SIZE)
    return store


# -- the URL -------------------------------------------------------------------------------------


def test_a_url_says_where_and_how() -> None:
    plain = QdrantOptions.parse("http://localhost")
    assert (plain.address, plain.prefix, plain.shards) == ("http://localhost:6333", "graphmem", 1)
    assert (plain.grpc, plain.grpc_port, plain.timeout, plain.replace) == (False, 6334, 30, False)
    assert plain.local
    full = QdrantOptions.parse(
        "https://[::1]:7/a/b/?prefix=My-1_x&shards=2&replication=2&write_consistency=1"
        "&quantization=binary&on_disk=1&grpc=true&grpc_port=9&timeout=5&replace=1"
    )
    assert full.address == "https://[::1]:7/a/b"
    assert full.secure
    assert full.local
    assert (full.prefix, full.shards, full.replication) == ("My-1_x", 2, 2)
    assert (full.write_consistency, full.quantization, full.on_disk) == (1, "binary", True)
    assert (full.grpc, full.grpc_port, full.timeout, full.replace) == (True, 9, 5, True)
    assert not QdrantOptions.parse("http://qdrant:6333").local
    assert not QdrantOptions.parse("http://10.0.0.3").local


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://h?prefx=a", r"unknown option 'prefx'; known are prefix, shards, .*replace"),
        ("http://h?prefix=", "prefix must be"),
        ("http://h?prefix=a/b", "prefix must be"),
        ("http://h?prefix=..", "prefix must be"),
        ("http://h?prefix=" + "x" * 65, "prefix must be"),
        ("http://h?shards=0", "shards must be a whole number from 1"),
        ("http://h?shards=two", "shards must be a whole number"),
        ("http://h?shards=٣", "shards must be a whole number"),
        ("http://h?shards=1&shards=2", "given twice"),
        ("http://h?quantization=none", "quantization must be scalar or binary"),
        ("http://h?on_disk=yes", "on_disk must be 1 or 0"),
        ("http://h?timeout=0", "timeout must be"),
        ("http://h?timeout=-1", "timeout must be"),
        ("http://h?grpc_port=65536", "grpc_port must be"),
        ("http://h?replace", "replace must be 1 or 0"),
        ("http://", "http.s.://host"),
        ("http://:6333", "http.s.://host"),
        ("ftp://h", "http.s.://host"),
        ("http://h:port", "ort"),
        ("http://h:99999", "ort"),
        ("http://h#prefix=a", "'#'"),
        ("http://user:hunter2@h", "GRAPHMEM_VECTORS_API_KEY"),
    ],
)
def test_a_bad_url_is_a_usage_error(url: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        QdrantVectors(url)
    assert "hunter2" not in str(caught.value)


def test_importing_the_adapter_does_not_import_the_client() -> None:
    """It takes a second, and who uses another store never needs it."""
    code = (
        "import sys, graphmem.adapters.vectors.qdrant.store as v; v.QdrantVectors('http://h');"
        "assert 'qdrant_client' not in sys.modules and 'grpc' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# -- whose collections ---------------------------------------------------------------------------


async def test_another_stores_points_are_kept(client: AsyncQdrantClient) -> None:
    mine = await opened(client)
    await mine.apply(put(point(1)), 5)
    other = local_store(client)
    for _ in range(2):
        with pytest.raises(UsageError, match=r"another store \(store\).*prefix=NAME.*replace=1"):
            await other.open("store-2", "model", SIZE)
    # What an engine does that was told to embed anew.
    with pytest.raises(UsageError, match="replace=1"):
        await other.clear()
    assert await mine.ids("facts") == {uid(1)}
    assert (await mine.open("store", "model", SIZE)).applied_seq == 5
    taking = local_store(client, "?replace=1")
    assert (await taking.open("store-2", "model", SIZE)).applied_seq == 0
    assert await taking.ids("facts") == set()
    with pytest.raises(UsageError, match="store-2"):
        await mine.open("store", "model", SIZE)


async def test_two_stores_share_a_server_by_prefix(client: AsyncQdrantClient) -> None:
    ada = await opened(client, "?prefix=ada")
    ben = local_store(client, "?prefix=ben")
    await ben.open("store-2", "model-b", 3)
    await ada.apply(put(point(1)), 5)
    await ben.apply(put(point(2, dense=unit(2, 3))), 6)
    await ben.clear()
    assert await ada.ids("facts") == {uid(1)}
    assert (await ada.open("store", "model", SIZE)).applied_seq == 5


@pytest.mark.parametrize("name", ["graphmem_facts", "graphmem_sessions", "graphmem_checkpoint"])
async def test_foreign_collections_are_never_touched(client: AsyncQdrantClient, name: str) -> None:
    await client.create_collection(
        name, vectors_config=models.VectorParams(size=2, distance=models.Distance.DOT)
    )
    await client.upsert(name, [models.PointStruct(id=1, vector=[1.0, 2.0], payload={"mine": 1})])
    for options in ("", "?replace=1"):
        store = local_store(client, options)
        with pytest.raises(UsageError, match=rf"{name}, which graphmem did not make.*prefix=NAME"):
            await store.open("store", "model", SIZE)
        with pytest.raises(UsageError, match="did not make"):
            await store.clear()
    assert (await client.get_collection(name)).points_count == 1
    assert {c.name for c in (await client.get_collections()).collections} == {name}


async def test_other_collections_of_the_server_stay(client: AsyncQdrantClient) -> None:
    for name in ("graphmem", "graphmem_facts_2", "other_facts"):
        await client.create_collection(name, vectors_config={})
    store = await opened(client)
    await store.clear()
    names = {c.name for c in (await client.get_collections()).collections}
    assert names == {"graphmem", "graphmem_facts_2", "other_facts"} | {
        f"graphmem_{kind}" for kind in (*COLLECTIONS, "checkpoint")
    }


async def test_clearing_what_was_never_opened_is_a_usage_error(client: AsyncQdrantClient) -> None:
    with pytest.raises(UsageError, match="never opened"):
        await local_store(client).clear()


async def test_clearing_after_a_refused_opening_frees_space(client: AsyncQdrantClient) -> None:
    """What the engine does with GRAPHMEM_REEMBED=1."""
    store = await opened(client)
    await store.apply(put(point(1)), 5)
    await store.close()
    again = local_store(client)
    with pytest.raises(UsageError, match=r"model .*rebuild"):
        await again.open("store", "model-b", 3)
    await again.clear()
    assert (await again.open("store", "model-b", 3)).applied_seq == 0
    await again.apply(put(point(1, dense=unit(1, 3))), 5)
    assert await again.ids("facts") == {uid(1)}


# -- the checkpoint
# ------------------------------------------------------------------------------------


async def test_points_of_another_format_are_replaced(
    client: AsyncQdrantClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await opened(client)
    await store.apply(put(point(1)), 5)
    await client.overwrite_payload(
        "graphmem_checkpoint", {"store_id": "store", "format": 0, "seq": 3}, points=[CHECKPOINT_ID]
    )
    with pytest.raises(UsageError, match="another store"):
        await local_store(client).open("store-2", "model", SIZE)
    assert (await store.open("store", "model", SIZE)).applied_seq == 0
    assert await store.ids("facts") == set()


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"format": checkpoint.CHECKPOINT_FORMAT},
        {"store_id": 7, "format": 0},
        {"store_id": "store", "format": checkpoint.CHECKPOINT_FORMAT, "applied_seq": "5"},
    ],
)
async def test_a_checkpoint_that_is_none_is_rejected(
    client: AsyncQdrantClient, payload: dict[str, object]
) -> None:
    store = await opened(client)
    await client.overwrite_payload("graphmem_checkpoint", payload, points=[CHECKPOINT_ID])
    with pytest.raises(Rejected, match=r"checkpoint.*holds something else.*prefix=NAME"):
        await store.open("store", "model", SIZE)


async def test_a_large_seq_and_long_names_are_kept(client: AsyncQdrantClient) -> None:
    store = local_store(client)
    name = "openai:näme/" + "x" * 500
    await store.open("s" * 300, name, SIZE)
    await store.apply(put(point(1)), 2**62)
    assert (await store.open("s" * 300, name, SIZE)).applied_seq == 2**62
    with pytest.raises(UsageError, match="näme"):
        await store.open("s" * 300, "other", SIZE)


# -- searching -----------------------------------------------------------------------------------


@pytest.mark.parametrize("old", [False, True])
async def test_more_ties_than_a_first_answer_holds(old: bool) -> None:
    """The first by id are found, in whatever order the server gives what ties."""
    store = await opened(client_in(None, old=old))
    numbers = list(range(1, 900))
    await store.apply(put(*(point(n, "tied", dense=unit(7)) for n in reversed(numbers))), 1)
    for limit in (1, 9, 700, 899, 5000):
        queries = [
            VectorQuery("facts", Only(TENANT), limit, text="tied"),
            VectorQuery("facts", Only(TENANT), limit, dense=unit(7)),
        ]
        by_text, by_vector = await store.search(queries)
        for hits in (by_text, by_vector):
            assert [hit.id for hit in hits] == [uid(n) for n in numbers[:limit]]


async def test_a_time_that_is_none_is_a_usage_error(client: AsyncQdrantClient) -> None:
    store = await opened(client)
    with pytest.raises(UsageError, match="not a time"):
        await store.search([VectorQuery("facts", Only(TENANT, ended_by="soon"), 5, text="tea")])


async def test_many_searches_and_writes_at_once(client: AsyncQdrantClient) -> None:
    store = await opened(client)
    await store.apply(put(*(point(n, f"word{n}") for n in range(1, 20))), 1)

    async def ask(n: int) -> None:
        query = VectorQuery("facts", Only(TENANT), 5, text=f"word{n}")
        assert [hit.id for hit in (await store.search([query]))[0]] == [uid(n)]

    writes = (store.apply(put(point(100 + n)), 2 + n) for n in range(20))
    await asyncio.gather(*(ask(n % 19 + 1) for n in range(60)), *writes)
    assert (await store.open("store", "model", SIZE)).applied_seq == 21


# -- local mode on disk --------------------------------------------------------------------------


async def test_a_store_in_a_folder_of_local_mode(tmp_path: Path) -> None:
    client = client_in(tmp_path)
    store = await opened(client)
    await store.apply(put(point(1, "apples")), 5)
    await store.close()
    await client.close()
    client = client_in(tmp_path)
    again = local_store(client)
    assert (await again.open("store", "model", SIZE)).applied_seq == 5
    assert await again.ids("facts") == {uid(1)}
    await client.close()
