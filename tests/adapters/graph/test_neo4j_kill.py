"""A Neo4j that is killed while it is written to, and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from graphmem.adapters.graph.neo4j.store import Neo4jGraph
from graphmem.adapters.graph.networkx import NetworkXGraph
from graphmem.errors import Unavailable
from graphmem.ports.graph import GraphChanges
from graphmem.testing.graph_samples import ADA_SCOPE, large
from tests.adapters.graph.test_kill import batch
from tests.servers import Neo4jServer, Server, running

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One of our own: it is to be killed."""
    with running(Neo4jServer) as started:
        yield started


def changes(seq: int) -> GraphChanges:
    """Small ones, and now and then one that takes several transactions."""
    return large(1200) if seq % 9 == 0 else batch(seq)


class _Writer:
    """Applies batch after batch until it cannot."""

    def __init__(self, graph: Neo4jGraph, after: int) -> None:
        self.graph, self.acknowledged = graph, after
        self._wanted, self._reached = 0, asyncio.Event()
        self.task = asyncio.ensure_future(self._write())

    async def _write(self) -> None:
        while True:
            await self.graph.apply(changes(self.acknowledged + 1), self.acknowledged + 1)
            self.acknowledged += 1
            if self.acknowledged >= self._wanted:
                self._reached.set()

    async def reach(self, seq: int) -> None:
        self._wanted = seq
        reached = asyncio.ensure_future(self._reached.wait())
        await asyncio.wait({self.task, reached}, return_when=asyncio.FIRST_COMPLETED)
        if self.task.done():
            await self.task
        await reached


async def test_checkpoint_and_content_agree_after_a_kill(server: Server) -> None:
    graph, oracle = Neo4jGraph(f"{server.uri}?timeout=2&replace=1"), NetworkXGraph()
    await oracle.open("store")
    checkpoint = await graph.open("store")
    for lines in (3, 8):
        writer = _Writer(graph, checkpoint.applied_seq)
        await writer.reach(checkpoint.applied_seq + lines)
        await asyncio.to_thread(server.kill)  # in the middle of whatever it does next
        with pytest.raises(Unavailable, match="Neo4j at"):
            await writer.task
        for call in (
            graph.expand(ADA_SCOPE.tenant, ["hub"], limit=1),
            graph.dump(),
            graph.clear(),
            graph.cypher("RETURN 1", {}, tenant=None, max_rows=1, timeout_s=9),
        ):
            with pytest.raises(Unavailable, match="Neo4j at"):
                await call
        await asyncio.to_thread(server.start)

        found = checkpoint.applied_seq
        checkpoint = await graph.open("store")
        assert checkpoint.applied_seq in (writer.acknowledged, writer.acknowledged + 1)
        for seq in range(found + 1, checkpoint.applied_seq + 1):
            await oracle.apply(changes(seq), seq)
        for seq in range(
            checkpoint.applied_seq + 1, writer.acknowledged + 3
        ):  # what was lost, and more
            await oracle.apply(changes(seq), seq)
            await graph.apply(changes(seq), seq)
        assert await graph.dump() == await oracle.dump()
        checkpoint = await graph.open("store")
    await graph.close()


async def test_the_same_object_works_again(server: Server) -> None:
    """One that gives up says so; one that has the time waits until the server is back."""
    uri = server.uri.replace("neo4j://", "bolt://")
    hasty, patient = Neo4jGraph(f"{uri}?timeout=1&replace=1"), Neo4jGraph(f"{uri}?timeout=120")
    await hasty.open("again")
    await hasty.apply(batch(1), 1)
    await patient.open("again")
    await asyncio.to_thread(server.kill)
    waiting = [
        asyncio.ensure_future(patient.apply(batch(2), 2)),
        asyncio.ensure_future(patient.expand(ADA_SCOPE.tenant, ["hub"], limit=1)),
    ]
    with pytest.raises(Unavailable):
        await hasty.expand(ADA_SCOPE.tenant, ["hub"], limit=1)
    with pytest.raises(Unavailable):
        await hasty.apply(batch(3), 3)
    await asyncio.to_thread(server.start)
    await asyncio.gather(*waiting)
    await hasty.apply(batch(3), 3)
    assert (await patient.open("again")).applied_seq == 3
    assert len((await hasty.expand(ADA_SCOPE.tenant, ["hub"], limit=9))["hub"]) == 4
    await hasty.close()
    await patient.close()
