"""The graph contract on ladybug. Not collected with the others: ladybug and kuzu must never be
loaded into one process, so ``test_ladybug.py`` runs this file in a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis.stateful import run_state_machine_as_test

from graphmem.adapters.graph.kuzu.store import KuzuGraph
from graphmem.adapters.graph.neo4j.store import Neo4jGraph
from graphmem.ports.graph import GraphStore
from graphmem.testing.graph import PersistentGraphContract
from tests.adapters.graph.congruence import congruence_machine


class TestLadybugOnDisk(PersistentGraphContract):
    def make(self, folder: Path) -> GraphStore:
        return KuzuGraph(folder / "graph.lbug", engine="ladybug", buffer_pool_bytes=128 << 20)


TestCongruence = congruence_machine(
    lambda: [KuzuGraph(None, engine="ladybug")], examples=6
).TestCase


@pytest.mark.timeout(300)
def test_ladybug_and_neo4j(neo4j_uri: str) -> None:
    machine = congruence_machine(
        lambda: [KuzuGraph(None, engine="ladybug"), Neo4jGraph(neo4j_uri, replace=True)],
        examples=2,
    )
    run_state_machine_as_test(machine, settings=machine.TestCase.settings)
