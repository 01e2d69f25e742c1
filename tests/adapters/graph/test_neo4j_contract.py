"""The graph contract on a real Neo4j."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphmem.adapters.graph.neo4j.store import Neo4jGraph
from graphmem.ports.graph import GraphStore
from graphmem.testing.graph import PersistentGraphContract


class TestNeo4j(PersistentGraphContract):
    """All tests share one database, which is emptied before each."""

    @pytest.fixture(autouse=True)
    async def cleared(self, neo4j_uri: str) -> None:
        self.uri = neo4j_uri
        graph = Neo4jGraph(neo4j_uri, replace=True)
        await graph.open("nobody's")
        await graph.close()

    def make(self, folder: Path) -> GraphStore:
        return Neo4jGraph(self.uri, replace=True)
