"""The graph contract on Kuzu."""

from __future__ import annotations

from pathlib import Path

from graphmem.adapters.graph.kuzu.store import KuzuGraph
from graphmem.ports.graph import GraphStore
from graphmem.testing.graph import PersistentGraphContract


class TestKuzuOnDisk(PersistentGraphContract):
    def make(self, folder: Path) -> GraphStore:
        return KuzuGraph(folder / "graph.kuzu", buffer_pool_bytes=128 << 20)
