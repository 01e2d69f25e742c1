"""The graph contract on Kuzu, on disk and in memory."""

from __future__ import annotations

from pathlib import Path

from graphmem.adapters.graph.kuzu.store import KuzuGraph
from graphmem.ports.graph import GraphStore
from graphmem.testing.graph import GraphStoreContract, PersistentGraphContract


class TestKuzuOnDisk(PersistentGraphContract):
    def make(self, folder: Path) -> GraphStore:
        return KuzuGraph(folder / "graph.kuzu", buffer_pool_bytes=128 << 20)


class TestKuzuInMemory(GraphStoreContract):
    def make(self, folder: Path) -> GraphStore:
        return KuzuGraph(None, buffer_pool_bytes=128 << 20)
