"""The graph contract on NetworkX."""

from __future__ import annotations

from pathlib import Path

from graphmem.adapters.graph.networkx import NetworkXGraph
from graphmem.ports.graph import GraphStore
from graphmem.testing.graph import GraphStoreContract


class TestNetworkX(GraphStoreContract):
    def make(self, folder: Path) -> GraphStore:
        return NetworkXGraph()
