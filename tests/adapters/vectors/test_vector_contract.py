"""The shipped contract, on the two stores that need no server."""

from __future__ import annotations

from pathlib import Path

from graphmem.adapters.vectors.memory import MemoryVectors
from graphmem.adapters.vectors.qdrant_edge.store import EdgeVectors
from graphmem.ports.vectors import VectorStore
from graphmem.testing.vectors import VectorStoreContract


class TestEdgeVectors(VectorStoreContract):
    def make(self, folder: Path) -> VectorStore:
        return EdgeVectors(folder / "vectors")


class TestMemoryVectors(VectorStoreContract):
    def make(self, folder: Path) -> VectorStore:
        return MemoryVectors()

    async def reopen(self, store: VectorStore) -> VectorStore:
        await store.close()
        await store.open("store-1", "model-a", 8)
        return store
