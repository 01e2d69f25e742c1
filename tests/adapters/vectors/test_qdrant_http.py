"""The Qdrant adapter over real sockets: the contract, authentication, retries, what is asked.
The server is a stand-in (see qdrant_http.py); a real one is tried by test_qdrant_real.py."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import ClassVar

import pytest
import pytest_asyncio

from graphmem.adapters.vectors.qdrant import checkpoint
from graphmem.adapters.vectors.qdrant.store import QdrantVectors
from graphmem.errors import Rejected, Unavailable, UsageError
from graphmem.ports.vectors import COLLECTIONS, Only, VectorQuery, VectorStore
from graphmem.testing.vector_points import SIZE, TENANT, drop, point, put, uid, unit
from graphmem.testing.vectors import VectorStoreContract
from tests.adapters.vectors.qdrant_http import Fault, QdrantHttp
from tests.adapters.vectors.qdrant_stores import Sleeps, facts_with, made, opened

KEY = "s3cret-key-of-nobody"


class HttpContract(VectorStoreContract):
    whole_batches = False
    version: ClassVar[str] = "1.20.0"
    server: QdrantHttp

    @pytest_asyncio.fixture(autouse=True)
    async def serving(self) -> AsyncIterator[None]:
        async with QdrantHttp(self.version) as self.server:
            yield

    def make(self, folder: Path) -> VectorStore:
        return QdrantVectors(self.server.url)

    async def reopen_replacing(self, store: VectorStore) -> VectorStore:
        await store.close()
        again = QdrantVectors(self.server.url + "?replace=1")
        await again.open("store-1", "model-a", SIZE)
        return again


class TestQdrantHttp(HttpContract):
    """As a server from 1.19 on."""


class TestQdrantHttpOld(HttpContract):
    """As a server before 1.19."""

    version = "1.18.2"


# -- one server, whatever happens ----------------------------------------------------------------


@pytest_asyncio.fixture
async def server() -> AsyncIterator[QdrantHttp]:
    async with QdrantHttp() as server:
        yield server


async def test_a_search_is_one_request_a_collection(server: QdrantHttp) -> None:
    store = await opened(server)
    await store.apply(put(point(1)), 1)
    server.asked.clear()
    queries = [
        query
        for kind in ("facts", "turns")
        for query in (
            VectorQuery(kind, Only(TENANT), 5, text="words"),
            VectorQuery(kind, Only(TENANT), 5, dense=unit(1)),
        )
    ]
    await store.search(queries)
    assert [asked.path for asked in server.asked] == [
        "/collections/graphmem_facts/points/query/batch",
        "/collections/graphmem_turns/points/query/batch",
    ]
    await store.close()


async def test_opening_again_is_one_request(server: QdrantHttp) -> None:
    store = await opened(server)
    await store.apply(put(point(1)), 7)
    server.asked.clear()
    assert (await store.open("store", "model", SIZE)).applied_seq == 7
    assert len(server.asked) == 1
    await store.close()


async def test_connections_are_kept(server: QdrantHttp) -> None:
    store = await opened(server)
    before = server.connections
    for seq in range(1, 10):
        await store.apply(put(point(seq)), seq)
    assert server.connections == before
    await store.close()


async def test_what_a_collection_is_made_of(server: QdrantHttp) -> None:
    options = (
        "?prefix=mine&shards=2&replication=3&write_consistency=2&quantization=scalar&on_disk=1"
    )
    store = await opened(server, options)
    assert set(server.created) == {f"mine_{kind}" for kind in (*COLLECTIONS, "checkpoint")}
    facts = server.created["mine_facts"]
    assert facts["shard_number"] == 2
    assert (
        facts["replication_factor"] == server.created["mine_checkpoint"]["replication_factor"] == 3
    )
    assert facts["write_consistency_factor"] == 2
    assert facts["vectors"]["dense"] == {"size": SIZE, "distance": "Cosine", "on_disk": True}
    assert facts["quantization_config"]["scalar"]["type"] == "int8"
    assert (facts["hnsw_config"]["m"], facts["hnsw_config"]["payload_m"]) == (0, 16)
    # Two shards would count words each for itself: here the adapter counts.
    assert "modifier" not in facts["sparse_vectors"]["bm25"]
    format = checkpoint.CHECKPOINT_FORMAT
    named = {"store_id": "store", "embedder": "model", "size": SIZE, "format": format}
    assert facts["metadata"] == {"graphmem": named}
    index = next(a for a in server.asked if a.name == "PUT /collections/mine_facts/index")
    assert b'"is_tenant":true' in index.body
    await store.apply(put(point(1, "apples")), 1)
    assert await facts_with(store, "apples") == [uid(1)]
    server.asked.clear()
    await store.search([VectorQuery("facts", Only(TENANT), 5, dense=unit(1))])
    assert b'"rescore":true' in server.asked[0].body
    await store.close()


async def test_an_old_server_is_asked_only_what_it_knows() -> None:
    async with QdrantHttp("1.15.3") as server:
        store = await opened(server)
        await store.apply(put(point(1, "apples")), 1)
        assert await facts_with(store, "apples") == [uid(1)]
        bodies = b" ".join(asked.body for asked in server.asked)
        for unknown in (b"metadata", b"enable_hnsw", b'"idf"', b'"memory"'):
            assert unknown not in bodies
        await store.close()
    async with QdrantHttp("1.9.1") as server:
        store, _ = made(server)
        with pytest.raises(Rejected, match=r"1\.9\.1.*at least 1\.12"):
            await store.open("store", "model", SIZE)


async def test_a_large_batch_goes_in_requests_of_bounded_size(server: QdrantHttp) -> None:
    store, _ = made(server)
    await store.open("store", "model", 3000)
    points = [point(n, "tea", dense=unit(n, 3000)) for n in range(1, 701)]
    await store.apply(put(*points), 1)
    sizes = [len(a.body) for a in server.asked if a.path.endswith("facts/points/batch")]
    assert len(sizes) > 3
    assert max(sizes) < 9 * 1024 * 1024
    assert len(await store.ids("facts")) == 700
    await store.close()


# -- keys ----------------------------------------------------------------------------------------


async def test_the_key_is_sent_and_a_wrong_one_never_shown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    async with QdrantHttp(api_key=KEY) as server:
        store = await opened(server, api_key=f" {KEY}\n")
        assert all(asked.headers["api-key"] == KEY for asked in server.asked)
        await store.close()
        for wrong in (None, "wr0ng"):
            other, sleeps = made(server, api_key=wrong)
            with pytest.raises(UsageError, match=r"refused access.*GRAPHMEM_VECTORS_API_KEY") as e:
                await other.open("store", "model", SIZE)
            assert "wr0ng" not in str(e.value)
            assert not sleeps
            await other.close()
    assert KEY not in caplog.text
    assert KEY not in repr(store)


async def test_a_key_over_plain_http_to_elsewhere_is_warned_of(
    caplog: pytest.LogCaptureFixture, server: QdrantHttp
) -> None:
    from graphmem.adapters.vectors.qdrant.server import QdrantServer
    from graphmem.adapters.vectors.qdrant.url import QdrantOptions

    for url, warned in (
        ("http://qdrant.example:6333", True),
        ("https://qdrant.example", False),
        (server.url, False),
    ):
        caplog.clear()
        await QdrantServer(QdrantOptions.parse(url), KEY, asyncio.sleep).close()
        assert ("unencrypted" in caplog.text) == warned
        assert KEY not in caplog.text


def test_a_key_that_is_none_is_refused() -> None:
    for wrong in ("two\nlines", "schlüssel", "nul\x00"):
        with pytest.raises(UsageError, match="copied whole"):
            QdrantVectors("http://localhost", api_key=wrong)


# -- a network that is not what it should be -----------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        Fault("", "status", times=2),
        Fault("", "status", times=2, status=500, body="<html>oops</html>"),
        Fault("", "status", status=429, headers={"Retry-After": "2"}),
        Fault("", "status", status=429),
        Fault("", "drop", times=2),
        Fault("", "drop after", times=2),
    ],
    ids=lambda fault: f"{fault.how}-{fault.status}",
)
@pytest.mark.parametrize(
    "at", ["exists", "PUT /collections", "batch", "checkpoint/points", "GET /"]
)
async def test_what_passes_is_tried_again(server: QdrantHttp, fault: Fault, at: str) -> None:
    server.faults = [Fault(at, fault.how, fault.times, fault.status, fault.headers, fault.body)]
    store, sleeps = made(server)
    await store.open("store", "model", SIZE)
    await store.apply(put(point(1, "apples"), point(2, "pears")), 4)
    await store.apply(drop(uid(2)), 5)
    assert await facts_with(store, "apples") == [uid(1)]
    assert await store.ids("facts") == {uid(1)}
    assert (await store.open("store", "model", SIZE)).applied_seq == 5
    assert len(sleeps) == fault.times
    if fault.headers:
        assert sleeps[0] >= 2
    await store.close()


async def test_failures_that_stay_are_unavailable(server: QdrantHttp) -> None:
    store = await opened(server)
    for how, status, says in (
        ("status", 503, r"failed \(503: not now\)"),
        ("status", 429, "too much at once"),
        ("drop", 0, "cannot be reached"),
    ):
        server.faults = [Fault("", how, times=100, status=status)]
        server.asked.clear()
        with pytest.raises(Unavailable, match=says) as caught:
            await facts_with(store, "words")
        assert server.url in str(caught.value)
        assert len(server.asked) == 4
    server.faults = []
    assert await facts_with(store, "words") == []
    await store.close()


async def test_a_server_that_asks_for_much_patience_is_not_waited_for(server: QdrantHttp) -> None:
    store, sleeps = made(server)
    await store.open("store", "model", SIZE)
    for after in ("3600", "Wed, 21 Oct 2026 07:28:00 GMT"):
        server.faults = [Fault("", "status", 100, 429, headers={"Retry-After": after})]
        with pytest.raises(Unavailable, match="too much at once"):
            await store.ids("facts")
    assert max(sleeps, default=0) < 10
    await store.close()


@pytest.mark.parametrize("status", [400, 405, 413, 422, 501, 301])
async def test_refusals_are_not_repeated(server: QdrantHttp, status: int) -> None:
    store = await opened(server)
    server.faults = [Fault("", "status", 100, status)]
    server.asked.clear()
    with pytest.raises(Rejected, match=rf"{status}: not now"):
        await store.ids("facts")
    assert len(server.asked) == 1
    await store.close()


@pytest.mark.parametrize("body", ["", "null", "<html>hello</html>", "[]", '{"result": 7}'])
async def test_what_is_not_qdrant_is_refused(server: QdrantHttp, body: str) -> None:
    server.faults = [Fault("", "status", 100, 200, body=body)]
    store, _ = made(server)
    with pytest.raises(Rejected, match="did not answer as a Qdrant server would"):
        await store.open("store", "model", SIZE)
    await store.close()


async def test_nobody_listening_is_unavailable() -> None:
    with socket.socket() as other_server:
        other_server.bind(("127.0.0.1", 0))
        store = QdrantVectors(f"http://127.0.0.1:{other_server.getsockname()[1]}")
        store._sleep = Sleeps()
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1.*cannot be reached.*running"):
            await store.open("store", "model", SIZE)
    await store.close()


async def test_https_to_a_server_without_it_is_a_usage_error(server: QdrantHttp) -> None:
    store = QdrantVectors(server.url.replace("http:", "https:"))
    store._sleep = Sleeps()
    with pytest.raises(UsageError, match=r"reached securely.*is https right"):
        await store.open("store", "model", SIZE)
    await store.close()


async def test_a_server_that_never_answers_is_unavailable(server: QdrantHttp) -> None:
    store = await opened(server, "?timeout=1")
    server.faults = [Fault("", "hang", 100)]
    with pytest.raises(Unavailable, match=r"did not answer in time.*timeout=SECONDS"):
        await store.ids("facts")
    server.faults = []
    await store.close()
