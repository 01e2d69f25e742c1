"""To drop edges costs no other edge, whatever checkpoint comes after: see ``drop_edges``."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from graphmem.adapters.graph.kuzu.session import Session
from graphmem.adapters.graph.kuzu.store import KuzuGraph
from graphmem.adapters.graph.networkx import NetworkXGraph
from graphmem.adapters.graph.rows import EDGE_ENDS
from graphmem.ports.graph import GraphChanges
from graphmem.testing.graph_samples import entity, episode, fact

NODES = 2100
NEAR, FAR = range(1, 4), range(2050, 2053)
"""Nodes that have edges: the engine holds the edges of 1,024 nodes together."""


def connected(number: int, suffix: str = "") -> GraphChanges:
    """An episode, an entity and a fact with every type of edge, to their like and to one before."""
    return GraphChanges(
        episodes=(episode(f"e{number}{suffix}", previous_id=f"e{number - 1}"),),
        entities=(entity(f"n{number}{suffix}"),),
        facts=(
            fact(
                f"f{number}{suffix}",
                f"n{number}{suffix}",
                f"n{number - 1}",
                sources=(f"e{number}{suffix}",),
                supersedes=f"f{number - 1}",
            ),
        ),
        mentions=((f"e{number}{suffix}", f"n{number}{suffix}"),),
    )


def of_all(parts: list[GraphChanges]) -> GraphChanges:
    return GraphChanges(
        episodes=tuple(one for part in parts for one in part.episodes),
        entities=tuple(one for part in parts for one in part.entities),
        facts=tuple(one for part in parts for one in part.facts),
        mentions=tuple(one for part in parts for one in part.mentions),
    )


BARE = GraphChanges(
    episodes=tuple(episode(f"e{n}") for n in range(NODES)),
    entities=tuple(entity(f"n{n}") for n in range(NODES)),
    facts=tuple(fact(f"f{n}") for n in range(NODES)),
)
EDGES = of_all([connected(number) for number in (*NEAR, *FAR)])
LATER = of_all([connected(number, "x") for number in NEAR])
DROPS = {
    "facts go": GraphChanges(removed_facts=tuple(f"f{n}" for n in FAR)),
    "entities go": GraphChanges(removed_entities=tuple(f"n{n - 1}" for n in (*FAR, FAR.stop))),
    "episodes go": GraphChanges(removed_episodes=tuple(f"e{n}" for n in FAR)),
    "facts are about nobody": GraphChanges(facts=tuple(fact(f"f{n}") for n in FAR)),
    "episodes follow nothing": GraphChanges(episodes=tuple(episode(f"e{n}") for n in FAR)),
    "nobody is mentioned": GraphChanges(renewed_mentions=tuple(f"e{n}" for n in FAR)),
}


Edges = set[tuple[str, str, str]]


async def _expected(*batches: GraphChanges) -> Edges:
    oracle = NetworkXGraph()
    await oracle.open("store")
    for batch in batches:
        await oracle.apply(batch, 1)
    return {
        (key.split()[0], start[1], end[1]) for start, end, key in oracle._graph.edges(keys=True)
    }


async def _edges(path: Path) -> Edges:
    """As they are found from where they start, and from where they end."""
    graph = KuzuGraph(path)
    await graph.open("store")

    def read(reader: Session) -> Edges:
        found: Edges = set()
        for type, (start, end) in EDGE_ENDS.items():
            pattern = f"MATCH (a:{start})-[:{type}]->(b:{end}) "
            edges = reader.run(f"{pattern} RETURN a.id, b.id")
            found |= {(type, a, b) for a, b in edges}
            for b in {b for _, b in edges}:
                back = reader.run(f"{pattern} WHERE b.id = $id RETURN a.id", {"id": b})
                assert {a for (a,) in back} == {a for a, other in edges if other == b}, type
        return found

    try:
        return await graph._read(read)
    finally:
        await graph.close()


def _copy_as_it_is(path: Path, to: Path) -> None:
    """What a kill would leave."""
    for end in ("", ".wal"):
        if Path(f"{path}{end}").exists():
            shutil.copy(f"{path}{end}", f"{to}{end}")


async def _dropped(path: Path, batch: GraphChanges, copy_from: int, killed: Path) -> None:
    graph = KuzuGraph(path, copy_from=copy_from)
    await graph.open("store")
    await graph.apply(batch, 3)
    await graph._settle()
    _copy_as_it_is(path, killed)
    await graph.close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    async def make() -> None:
        graph = KuzuGraph(path, copy_from=100)
        await graph.open("store")
        await graph.apply(BARE, 1)
        await graph.apply(EDGES, 2)
        await graph.close()

    path = tmp_path_factory.mktemp("drop") / "graph"
    asyncio.run(make())
    return path


@pytest.mark.parametrize("name", DROPS)
async def test_a_checkpoint_keeps_the_edges_far_from_those_that_were_dropped(
    name: str, whole: Path, tmp_path: Path
) -> None:
    """With and without a load, after closing; and after a kill whose log was played."""
    drops, killed = DROPS[name], tmp_path / "killed"
    bulk = replace(drops, entities=(*drops.entities, *LATER.entities))
    for how, batch, copy_from in (("a load", bulk, 3), ("one by one", drops, 100)):
        path = tmp_path / how
        shutil.copy(whole, path)
        await _dropped(path, batch, copy_from, killed)
        assert await _edges(path) == await _expected(BARE, EDGES, batch), how
    if name == "facts go":
        for _ in range(2):  # closing is what made a checkpoint of the log
            assert await _edges(killed) == await _expected(BARE, EDGES, drops)


async def test_an_edge_that_stayed_may_be_dropped_later(whole: Path, tmp_path: Path) -> None:
    graph, gone = KuzuGraph(tmp_path / "graph"), list[GraphChanges]()
    shutil.copy(whole, tmp_path / "graph")
    await graph.open("store")
    for number in (*FAR, *NEAR[:-1]):
        gone.append(GraphChanges(removed_facts=(f"f{number}",)))
        await graph.apply(gone[-1], 3)
    await graph.close()
    assert await _edges(tmp_path / "graph") == await _expected(BARE, EDGES, *gone)
