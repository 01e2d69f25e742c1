"""The shipped contract on the Qdrant adapter: on local mode, as a new and as an old server would
have it, and on a real server where QDRANT_URL names one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
from qdrant_client import AsyncQdrantClient

from graphmem.ports.vectors import VectorStore
from graphmem.testing.vector_points import SIZE
from graphmem.testing.vectors import VectorStoreContract
from tests.adapters.vectors.qdrant_stores import client_in, local_store, no_index_warnings


class LocalContract(VectorStoreContract):
    """One client per folder: local mode holds its data in it."""

    pytestmark: ClassVar[Any] = [pytest.mark.asyncio, no_index_warnings]
    whole_batches = False
    old = False
    on_disk = False
    options = ""

    def client(self, folder: Path) -> AsyncQdrantClient:
        clients: dict[Path, AsyncQdrantClient] = self.__dict__.setdefault("clients", {})
        if folder not in clients:
            clients[folder] = client_in(folder if self.on_disk else None, old=self.old)
        return clients[folder]

    def make(self, folder: Path) -> VectorStore:
        return local_store(self.client(folder), self.options)

    async def reopen_replacing(self, store: VectorStore) -> VectorStore:
        await store.close()
        again = local_store(self.client(self.folder), self.options, replace=True)
        await again.open("store-1", "model-a", SIZE)
        return again


class TestQdrantLocal(LocalContract):
    """IDF by the server, as from 1.19 on."""


class TestQdrantLocalOld(LocalContract):
    """IDF by the adapter, as for servers before 1.19."""

    old = True


class TestQdrantLocalSharded(LocalContract):
    """IDF by the adapter, because a new server counts shard by shard."""

    options = "?shards=2&prefix=many"
