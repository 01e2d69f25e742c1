"""A store against the replay of its own ledger, and histories against the present."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from graphmem.adapters.graph.networkx import NetworkXGraph
from graphmem.adapters.vectors.memory import MemoryVectors
from graphmem.embedding import CachedEmbedder
from graphmem.engine import AsyncMemory
from graphmem.model import Fact
from graphmem.ports.graph import GraphDump
from graphmem.ports.vectors import COLLECTIONS, Only, VectorQuery, VectorStore
from graphmem.projection.apply import graph_target, vector_target
from graphmem.projection.catch_up import Projection

_TOLERANCE = 1e-4  # of scores: engines quantize and sum in different orders
_TRIES = 20
_PROBES = ("Where does Bob Stone live?", "Acme", "tea")


async def replay_differences(memory: AsyncMemory) -> list[str]:
    """How the live graph and vectors differ from a replay of the ledger; empty when they do not.

    Unlike ``verify`` this compares content: every node and edge with its properties, every point,
    and the scores of a few searches in each tenant.
    """
    differences: list[str] = []
    for _ in range(_TRIES):
        await memory._follow()
        head = await memory._parts.ledger.head()
        differences = await _compare(memory)
        # Work that goes on by itself may have written meanwhile: then they are of two moments.
        if await memory._parts.ledger.head() == head:
            break
    return differences


async def _compare(memory: AsyncMemory) -> list[str]:
    parts = memory._parts
    embedder = CachedEmbedder(parts.embedder, parts.ledger)
    graph, vectors = NetworkXGraph(), MemoryVectors()
    await graph.open("replay")
    await vectors.open("replay", parts.embedder.name, await parts.embedder.size())
    await Projection("graph", parts.ledger, graph_target(graph)).catch_up()
    await Projection("vectors", parts.ledger, vector_target(vectors, embedder)).catch_up()
    live, fresh = await parts.graph.dump(), await graph.dump()
    differences = [*_graph_differences(live, fresh)]
    tenants = sorted({str(dict(properties)["scope"]) for _, _, properties in fresh.nodes})
    differences += await _vector_differences(parts.vectors, vectors, tenants, embedder)
    await graph.close()
    await vectors.close()
    return differences


def _graph_differences(live: GraphDump, fresh: GraphDump) -> Iterable[str]:
    for what, ours, theirs in (
        ("nodes", live.nodes, fresh.nodes),
        ("edges", live.edges, fresh.edges),
    ):
        more = set(map(repr, ours)) - set(map(repr, theirs))
        less = set(map(repr, theirs)) - set(map(repr, ours))
        yield from (f"graph {what}: only in the live one: {one}" for one in sorted(more))
        yield from (f"graph {what}: only in the replay: {one}" for one in sorted(less))
        if len(ours) != len(theirs):
            yield f"graph {what}: {len(ours)} live, {len(theirs)} in the replay"


async def _vector_differences(
    live: VectorStore, fresh: VectorStore, tenants: Iterable[str], embedder: CachedEmbedder
) -> list[str]:
    differences = []
    for collection in COLLECTIONS:
        ours, theirs = await live.ids(collection), await fresh.ids(collection)
        if ours != theirs:
            differences.append(f"vectors {collection}: {sorted(ours ^ theirs)} in one of both")
        for tenant in tenants:
            queries = [
                query
                for probe in _PROBES
                for query in (
                    VectorQuery(collection, Only(tenant), 1000, text=probe),
                    VectorQuery(collection, Only(tenant), 1000, dense=await embedder.query(probe)),
                )
            ]
            answers = zip(await live.search(queries), await fresh.search(queries), strict=True)
            for query, (mine, other) in zip(queries, answers, strict=True):
                scores = {hit.id: hit.score for hit in mine}
                expected = {hit.id: hit.score for hit in other}
                if scores.keys() != expected.keys() or any(
                    abs(scores[id] - expected[id]) > _TOLERANCE for id in scores
                ):
                    how = "dense" if query.text is None else query.text
                    differences.append(f"vectors {collection} in {tenant}: {how} scores differ")
    return differences


async def unfolded(memory: AsyncMemory, facts: Iterable[Fact]) -> list[str]:
    """Facts whose history does not fold to their present (law 4)."""
    wrong = []
    for fact in facts:
        scope = fact.scope
        changes = await memory.history(
            fact.id, project_id=scope.project_id, user_id=scope.user_id, agent_id=scope.agent_id
        )
        joined = all(a.after == b.before for a, b in itertools.pairwise(changes))
        if changes[0].before is not None or not joined or changes[-1].after != fact:
            wrong.append(fact.id)
    return wrong
