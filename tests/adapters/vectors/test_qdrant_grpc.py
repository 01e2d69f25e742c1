"""The Qdrant adapter over gRPC (``?grpc=1``), against a stand-in on a real port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import grpc
import pytest
import pytest_asyncio

from graphmem.adapters.vectors.qdrant.store import QdrantVectors
from graphmem.errors import GraphmemError, Rejected, Unavailable, UsageError
from graphmem.ports.vectors import VectorStore
from graphmem.testing.vector_points import SIZE, point, put, uid
from graphmem.testing.vectors import VectorStoreContract
from tests.adapters.vectors.qdrant_grpc import QdrantGrpc

KEY = "s3cret-key-of-nobody"


class GrpcContract(VectorStoreContract):
    whole_batches = False
    version: ClassVar[str] = "1.20.0"
    server: QdrantGrpc

    @pytest_asyncio.fixture(autouse=True)
    async def serving(self) -> AsyncIterator[None]:
        async with QdrantGrpc(self.version) as self.server:
            yield

    def make(self, folder: Path) -> VectorStore:
        return QdrantVectors(self.server.url)

    async def reopen_replacing(self, store: VectorStore) -> VectorStore:
        await store.close()
        again = QdrantVectors(self.server.url, replace=True)
        await again.open("store-1", "model-a", SIZE)
        return again


class TestQdrantGrpc(GrpcContract):
    """As a server from 1.19 on."""


class TestQdrantGrpcOld(GrpcContract):
    """As a server before 1.19."""

    version = "1.18.2"


async def no_wait(_: float) -> None:
    return None


@pytest.mark.parametrize(
    ("code", "kind", "attempts"),
    [
        ("UNAVAILABLE", Unavailable, 4),
        ("INTERNAL", Unavailable, 4),
        ("DEADLINE_EXCEEDED", Unavailable, 4),
        ("RESOURCE_EXHAUSTED", Unavailable, 4),
        ("NOT_FOUND", Unavailable, 1),
        ("PERMISSION_DENIED", UsageError, 1),
        ("UNAUTHENTICATED", UsageError, 1),
        ("INVALID_ARGUMENT", Rejected, 1),
        ("UNIMPLEMENTED", Rejected, 1),
    ],
)
async def test_what_fails_is_ours(code: str, kind: type[GraphmemError], attempts: int) -> None:
    async with QdrantGrpc(api_key=KEY) as server:
        store = QdrantVectors(server.url, api_key=KEY)
        store._sleep = no_wait
        await store.open("store", "model", SIZE)
        server.asked = 0
        status: Any = getattr(grpc.StatusCode, code)
        server.fail = [status] * 10
        with pytest.raises(kind) as caught:
            await store.ids("facts")
        assert KEY not in str(caught.value)
        assert server.asked == attempts
        server.fail = [grpc.StatusCode.UNAVAILABLE] * 3
        await store.apply(put(point(1)), 1)
        assert await store.ids("facts") == {uid(1)}
        await store.close()


async def test_a_wrong_key_and_nobody_listening() -> None:
    async with QdrantGrpc(api_key=KEY) as server:
        store = QdrantVectors(server.url, api_key="wr0ng")
        with pytest.raises(UsageError, match="GRAPHMEM_VECTORS_API_KEY") as caught:
            await store.open("store", "model", SIZE)
        assert "wr0ng" not in str(caught.value)
        await store.close()
        url = server.url
    store = QdrantVectors(url)
    store._sleep = no_wait
    with pytest.raises(Unavailable):
        await store.open("store", "model", SIZE)
    await store.close()
