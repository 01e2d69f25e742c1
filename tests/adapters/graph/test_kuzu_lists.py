"""No new node gets the list of another, which a checkpoint of Kuzu 0.11.3 can give it."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from graphmem.adapters.graph.kuzu.store import KuzuGraph
from graphmem.adapters.graph.networkx import NetworkXGraph
from graphmem.model import Entity
from graphmem.ports.graph import GraphChanges

_AT = datetime(2026, 3, 1, tzinfo=UTC)
_WORDS = ("x", "yy", "longer than twelve letters", "")


def _entity(rng: random.Random, number: int) -> Entity:
    many = rng.choice((0, 1, 1, 2, 2, 3))
    aliases = tuple(rng.choice(_WORDS) + str(rng.randrange(1000)) for _ in range(many))
    return Entity(f"e{number}", "p/user:ada", f"n{number}", "person", aliases, recorded_at=_AT)


# Histories that went wrong while nothing was checked.
@pytest.mark.parametrize(
    ("copy_from", "seed"),
    [(many, seed) for many in (2, 1000) for seed in (11, 30, 50, 58, 81, 106, 155)],
)
async def test_no_new_node_has_the_list_of_another(
    tmp_path: Path, copy_from: int, seed: int
) -> None:
    rng, count = random.Random(seed), 0
    expected, graph = NetworkXGraph(), KuzuGraph(tmp_path / "graph.kuzu", copy_from=copy_from)
    for store in (expected, graph):
        await store.open("store")
    for seq in range(1, rng.randrange(8, 18)):
        numbers = set()
        for _ in range(rng.randrange(1, 4)):
            count += (new := not count or rng.random() < 0.5)
            numbers.add(count if new else rng.randrange(1, count + 1))
        changes = GraphChanges(entities=tuple(_entity(rng, number) for number in numbers))
        for store in (expected, graph):
            await store.apply(changes, seq)
        if rng.random() < 0.6:
            await graph.close()
            await graph.open("store")
    try:
        assert (await graph.dump()).nodes == (await expected.dump()).nodes
    finally:
        await graph.close()
