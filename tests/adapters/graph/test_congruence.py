"""Kuzu, Neo4j and NetworkX, told the same, hold the same and answer the same; Kuzu by single
statements and by COPY. Ladybug is compared in a process of its own: ``ladybug_contract.py``."""

from __future__ import annotations

import pytest
from hypothesis.stateful import run_state_machine_as_test

from graphmem.adapters.graph.cypher_files import statements
from graphmem.adapters.graph.kuzu.store import KuzuGraph
from graphmem.adapters.graph.neo4j.store import Neo4jGraph
from tests.adapters.graph.congruence import congruence_machine

TestSingleStatements = congruence_machine(lambda: [KuzuGraph(None)], examples=10).TestCase
TestCopies = congruence_machine(lambda: [KuzuGraph(None, copy_from=2)], examples=10).TestCase


@pytest.mark.timeout(300)
def test_kuzu_and_neo4j(neo4j_uri: str) -> None:
    machine = congruence_machine(
        lambda: [KuzuGraph(None), Neo4jGraph(neo4j_uri, replace=True)], examples=4
    )
    run_state_machine_as_test(machine, settings=machine.TestCase.settings)
    # An answer without rows would compare nothing.
    assert len(+machine.filled) > len(statements("inspect.cypher")) / 2, machine.filled
