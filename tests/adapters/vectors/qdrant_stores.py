"""Qdrant stores for tests: on the client's local mode, or on the real server of ``QDRANT_URL``."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from qdrant_client import AsyncQdrantClient, models

from graphmem.adapters.vectors.qdrant.store import QdrantVectors
from graphmem.ports.vectors import Only, VectorQuery, VectorStore
from graphmem.testing.vector_points import SIZE, TENANT
from tests.adapters.vectors.qdrant_http import QdrantHttp

URL = "http://localhost:6333"

# Local mode searches everything one by one, and says so.
no_index_warnings = pytest.mark.filterwarnings("ignore:Payload indexes have no effect")


class OldClient(AsyncQdrantClient):
    """Local mode that claims to be a server without per-query IDF, and fails where it is used."""

    async def info(self) -> models.VersionInfo:
        return models.VersionInfo(title="qdrant", version="1.18.2")

    async def query_batch_points(
        self,
        collection_name: str,
        requests: Sequence[models.QueryRequest],
        consistency: Any = None,
        timeout: int | None = None,  # noqa: ASYNC109 (the client's own signature)
        **kwargs: Any,
    ) -> list[models.QueryResponse]:
        assert all(request.params is None for request in requests)
        return await super().query_batch_points(collection_name, requests)


def local_store(client: AsyncQdrantClient, options: str = "", **more: Any) -> QdrantVectors:
    return QdrantVectors(URL + options, client=client, **more)


def client_in(folder: Path | None, *, old: bool = False) -> AsyncQdrantClient:
    kind = OldClient if old else AsyncQdrantClient
    if folder is None:
        return kind(":memory:")
    return kind(path=str(folder))


def new_prefix() -> str:
    return f"graphmem-test-{uuid.uuid4().hex[:12]}"


class Sleeps(list[float]):
    """Stands in for waiting between attempts."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)
        await asyncio.sleep(0)


def made(server: QdrantHttp, options: str = "", **more: Any) -> tuple[QdrantVectors, Sleeps]:
    store, sleeps = QdrantVectors(server.url + options, **more), Sleeps()
    store._sleep = sleeps
    return store, sleeps


async def opened(server: QdrantHttp, options: str = "", **more: Any) -> QdrantVectors:
    store, _ = made(server, options, **more)
    await store.open("store", "model", SIZE)
    return store


async def facts_with(store: VectorStore, text: str) -> list[str]:
    query = VectorQuery("facts", Only(TENANT), 50, text=text)
    return [hit.id for hit in (await store.search([query]))[0]]
