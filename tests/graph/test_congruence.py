"""Kuzu and NetworkX, told the same, hold the same: by single statements, and by COPY."""

from __future__ import annotations

from graphmem.adapters.graph_kuzu import KuzuGraph
from tests.graph.congruence import congruence_machine

TestSingleStatements = congruence_machine(lambda: KuzuGraph(None), examples=25).TestCase
TestCopies = congruence_machine(lambda: KuzuGraph(None, copy_from=2), examples=25).TestCase
