"""The contract, and congruence with the store in memory, on a real Qdrant server.

It runs where QDRANT_URL names one (QDRANT_API_KEY, if it wants a key; by gRPC too where port 6334,
or the URL's ``grpc_port``, is open). Each test makes collections of its own and removes them.
"""

from __future__ import annotations

import os
import random
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from graphmem.adapters.vectors.memory import MemoryVectors
from graphmem.adapters.vectors.qdrant.server import QdrantServer, _client
from graphmem.adapters.vectors.qdrant.store import QdrantVectors
from graphmem.adapters.vectors.qdrant.url import QdrantOptions
from graphmem.errors import UsageError
from graphmem.ports.vectors import COLLECTIONS, VectorStore
from graphmem.testing.vector_points import SIZE, point, put, uid
from graphmem.testing.vectors import VectorStoreContract
from tests.adapters.vectors.qdrant_stores import new_prefix
from tests.adapters.vectors.test_vector_machine import agree, every_query, random_changes

URL = os.environ.get("QDRANT_URL", "")
KEY = os.environ.get("QDRANT_API_KEY")


def with_options(url: str, options: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{options}"


def grpc_is_open() -> bool:
    options = QdrantOptions.parse(URL)
    try:
        with socket.create_connection((options.host, options.grpc_port), 1):
            return True
    except OSError:
        return False


async def remove(url: str) -> None:
    options = QdrantOptions.parse(url)
    client = _client(options, KEY)
    for kind in (*COLLECTIONS, "checkpoint"):
        await client.delete_collection(f"{options.prefix}_{kind}")
    await client.close()


def test_a_real_server_is_named(qdrant_url: str | None) -> None:
    if qdrant_url is None:
        pytest.skip("QDRANT_URL names no server: Qdrant was tried in local mode only")
    assert QdrantOptions.parse(qdrant_url)


class RealContract(VectorStoreContract):
    whole_batches = False
    options = ""
    url: str

    @pytest_asyncio.fixture(autouse=True)
    async def own_collections(self) -> AsyncIterator[None]:
        self.url = with_options(URL, f"prefix={new_prefix()}{self.options}")
        yield
        await remove(self.url)

    def make(self, folder: Path) -> VectorStore:
        return QdrantVectors(self.url, api_key=KEY)

    async def reopen_replacing(self, store: VectorStore) -> VectorStore:
        await store.close()
        again = QdrantVectors(self.url, api_key=KEY, replace=True)
        await again.open("store-1", "model-a", SIZE)
        return again

    async def test_it_agrees_with_the_store_in_memory(self) -> None:
        rng = random.Random(5)
        server, memory = self.make(Path()), MemoryVectors()
        for store in (server, memory):
            await store.open("store", "model", SIZE)
        for seq in range(1, 13):
            changes = random_changes(rng)
            for store in (server, memory):
                if seq == 7:
                    await store.clear()
                await store.apply(changes, seq)
            assert await server.open("store", "model", SIZE) == await memory.open(
                "store", "model", SIZE
            )
            for kind in COLLECTIONS:
                assert await server.ids(kind) == await memory.ids(kind)
            if seq % 6 == 0:
                queries = every_query(rng)
                ours, exact = await server.search(queries), await memory.search(queries)
                for mine, theirs in zip(ours, exact, strict=True):
                    agree(mine, theirs)
        await server.close()

    async def test_another_store_is_refused(self, store: VectorStore) -> None:
        await store.apply(put(point(1)), 3)
        other = self.make(Path())
        with pytest.raises(UsageError, match="replace=1"):
            await other.open("store-2", "model-a", SIZE)
        await other.close()
        assert await store.ids("facts") == {uid(1)}

    async def test_more_points_than_a_page_and_a_request(self, store: VectorStore) -> None:
        await store.apply(put(*(point(n, f"tea {n}") for n in range(1, 4501))), 1)
        assert await store.ids("facts") == {uid(n) for n in range(1, 4501)}


if URL:

    class TestQdrantServer(RealContract):
        """As the server's version has it: IDF by the server from 1.19 on."""

        async def test_metadata_names_the_embedder(self, store: VectorStore) -> None:
            options = QdrantOptions.parse(self.url)
            server = QdrantServer(options, KEY, _no_sleep)
            await server.greet()
            info: Any = await server._client.get_collection(f"{options.prefix}_facts")
            if server.version >= (1, 16):
                assert info.config.metadata["graphmem"]["embedder"] == "model-a"
            schema = info.payload_schema
            assert schema["tenant"].params.is_tenant
            assert {"tenant", "agent_ids", "run_ids", "ended_at"} <= set(schema)
            await server.close()

    class TestQdrantServerSharded(RealContract):
        """IDF by the adapter, on every version."""

        options = "&shards=2"

    class TestQdrantServerQuantized(RealContract):
        options = "&quantization=scalar&on_disk=1"

    if grpc_is_open():

        class TestQdrantServerGrpc(RealContract):
            options = "&grpc=1"

        class TestQdrantServerGrpcSharded(RealContract):
            options = "&grpc=1&shards=2"


async def _no_sleep(_: float) -> None:
    return None
