"""What is particular to a server: others use it too, it says no, it goes away, it is far."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from neo4j import AsyncGraphDatabase, AsyncManagedTransaction
from neo4j.exceptions import ClientError
from neo4j.spatial import CartesianPoint
from neo4j.time import Date, DateTime, Duration, Time

from graphmem.adapters.graph.cypher_files import statements
from graphmem.adapters.graph.neo4j import change_batch as neo4j_batch
from graphmem.adapters.graph.neo4j.connection import Connection
from graphmem.adapters.graph.neo4j.store import NEO4J_FORMAT, Neo4jGraph
from graphmem.adapters.graph.neo4j.values import to_plain
from graphmem.adapters.graph.networkx import NetworkXGraph
from graphmem.errors import BackendError, Rejected, Unavailable, UsageError
from graphmem.ports.graph import Checkpoint, GraphChanges, GraphDump
from graphmem.testing.graph_samples import ADA_SCOPE, SMALL, entity, fact, large, removal_of_large

Graphs = Callable[..., Awaitable[Neo4jGraph]]


async def run(uri: str, text: str, **parameters: Any) -> list[list[Any]]:
    """As another application of the same database does."""
    parts = urlsplit(uri)
    address = f"bolt://{parts.hostname}:{parts.port}"
    auth = (parts.username or "", parts.password or "")
    async with AsyncGraphDatabase.driver(address, auth=auth) as driver:
        records, _, _ = await driver.execute_query(text, parameters)
    return [list(record.values()) for record in records]


@pytest.fixture
async def uri(neo4j_uri: str) -> AsyncIterator[str]:
    """A database without anything in it."""
    await run(neo4j_uri, "MATCH (n) DETACH DELETE n")
    yield neo4j_uri
    await run(neo4j_uri, "MATCH (n) DETACH DELETE n")


@pytest.fixture
async def opened(uri: str) -> AsyncIterator[Graphs]:
    """Opens graphs in that database, and closes them."""
    made: list[Neo4jGraph] = []

    async def make(store_id: str = "store", **options: Any) -> Neo4jGraph:
        made.append(Neo4jGraph(uri, **options))
        await made[-1].open(store_id)
        return made[-1]

    yield make
    for graph in made:
        await graph.close()


async def test_another_stores_graph_is_cleared_only_on_request(opened: Graphs, uri: str) -> None:
    await (await opened()).apply(SMALL, 7)
    with pytest.raises(UsageError, match=r"graph of another store, store: .*\?replace=1") as caught:
        await Neo4jGraph(uri).open("other")
    assert "tests-only" not in str(caught.value)
    again = await opened()
    assert len((await again.dump()).nodes) == 8
    cleared = Neo4jGraph(f"{uri}?replace=1")
    assert await cleared.open("other") == Checkpoint("other", 0)
    assert await cleared.dump() == GraphDump((), ())
    await cleared.close()


async def test_who_lost_the_graph_writes_nothing_any_more(opened: Graphs) -> None:
    first = await opened()
    await first.apply(SMALL, 1)
    second = await opened("other", replace=True)
    with pytest.raises(Rejected, match="taken over by another store, other"):
        await first.apply(SMALL, 2)
    assert await second.dump() == GraphDump((), ())
    with pytest.raises(UsageError, match="another store, other"):
        await first.open("store")
    with pytest.raises(UsageError, match="not open"):
        await first.dump()


async def test_nodes_of_ours_without_a_checkpoint_are_left_alone(opened: Graphs, uri: str) -> None:
    await run(uri, "CREATE (:Entity {id: 'theirs'})")
    with pytest.raises(UsageError, match=r"nodes labelled Entity .*\?replace=1"):
        await Neo4jGraph(uri).open("store")
    assert await run(uri, "MATCH (e:Entity) RETURN e.id") == [["theirs"]]
    graph = await opened(replace=True)
    assert await graph.dump() == GraphDump((), ())


async def test_what_others_keep_in_the_database_is_left_alone(opened: Graphs, uri: str) -> None:
    await run(
        uri,
        "CREATE (:Recipe {id: 'n1', scope: 'p/user:ada'})-[:ABOUT {scope: 'p/user:ada'}]->"
        "(:Store {id: 'corner shop'})",
    )
    graph = await opened()
    await graph.apply(SMALL, 1)
    await run(uri, "MATCH (a:Recipe), (b:Entity {id: 'n1'}) CREATE (a)-[:ABOUT]->(b)")
    oracle = NetworkXGraph()
    await oracle.open("store")
    await oracle.apply(SMALL, 1)
    assert await graph.dump() == await oracle.dump()
    assert await graph.dump(ADA_SCOPE.tenant) == await oracle.dump()
    near = await graph.expand(ADA_SCOPE.tenant, ["n1"], limit=10)
    assert near == await oracle.expand(ADA_SCOPE.tenant, ["n1"], limit=10)
    await graph.clear()
    await opened("other", replace=True)
    found = await run(uri, "MATCH (n) RETURN labels(n)[0], n.id ORDER BY n.id")
    assert found == [["Store", "corner shop"], ["Store", "graphmem"], ["Recipe", "n1"]]


async def test_two_at_once_share_the_checkpoint(opened: Graphs) -> None:
    one, other = await opened(), await opened()
    await one.apply(SMALL, 5)
    assert await other.open("store") == Checkpoint("store", 5)
    await other.apply(GraphChanges(entities=(entity("more"),)), 6)
    await one.apply(SMALL, 5)
    assert await one.open("store") == Checkpoint("store", 6)
    assert await one.dump() == await other.dump()


async def test_two_at_once_write_the_same_without_doubling(opened: Graphs) -> None:
    graphs = [await opened() for _ in range(3)]
    batch = large(60)
    await asyncio.gather(*(graph.apply(batch, 1) for graph in graphs for _ in range(3)))
    oracle = NetworkXGraph()
    await oracle.open("store")
    await oracle.apply(batch, 1)
    assert await graphs[0].dump() == await oracle.dump()


async def test_two_open_a_new_database_at_once(uri: str) -> None:
    graphs = [Neo4jGraph(uri) for _ in range(4)]
    checkpoints = await asyncio.gather(*(graph.open("store") for graph in graphs))
    assert set(checkpoints) == {Checkpoint("store", 0)}
    rivals = [Neo4jGraph(uri, replace=True) for _ in range(2)]
    await asyncio.gather(*(g.open(f"s{i}") for i, g in enumerate(rivals)), return_exceptions=True)
    checkpoints_left = await run(uri, "MATCH (s:Store) RETURN s.format, s.applied_seq")
    assert checkpoints_left == [[NEO4J_FORMAT, 0]]
    for graph in (*graphs, *rivals):
        await graph.close()


async def test_what_was_half_emptied_is_emptied(opened: Graphs, uri: str) -> None:
    graph = await opened()
    await graph.apply(SMALL, 4)
    await run(uri, "MATCH (s:Store) SET s.format = 0")
    with pytest.raises(Unavailable, match="emptied meanwhile; open it again"):
        await graph.apply(SMALL, 5)
    assert await graph.open("store") == Checkpoint("store", 0)
    assert await graph.dump() == GraphDump((), ())


async def test_a_batch_in_many_transactions(
    opened: Graphs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neo4j_batch, "_MOST_ROWS", 7)
    monkeypatch.setattr(neo4j_batch, "_PORTIONS", 2)
    graph, oracle = await opened(), NetworkXGraph()
    await oracle.open("store")
    batches = (large(40), large(25), SMALL, removal_of_large(30), large(12))
    for seq, batch in enumerate(batches, start=1):
        await graph.apply(batch, seq)
        await oracle.apply(batch, seq)
        assert await graph.dump() == await oracle.dump()
    assert await graph.open("store") == Checkpoint("store", 5)


@pytest.mark.parametrize("fails_at", [1, 2, 5])
async def test_a_batch_that_stops_half_way_is_done_again(
    opened: Graphs, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    monkeypatch.setattr(neo4j_batch, "_MOST_ROWS", 10)
    monkeypatch.setattr(neo4j_batch, "_PORTIONS", 1)
    graph, oracle = await opened(), NetworkXGraph()
    await oracle.open("store")
    for changes, seq in ((SMALL, 1), (large(30), 2)):
        await graph.apply(changes, seq)
        await oracle.apply(changes, seq)
    write, writes = Connection.write, 0

    async def lost(self: Connection, work: Callable[..., Awaitable[Any]]) -> Any:
        nonlocal writes
        writes += 1
        if writes == fails_at:
            raise Unavailable("the line is cut")
        return await write(self, work)

    moved = large(35)
    with monkeypatch.context() as patch:
        patch.setattr(Connection, "write", lost)
        with pytest.raises(Unavailable):
            await graph.apply(moved, 3)
    assert await graph.open("store") == Checkpoint("store", 2)
    await graph.apply(moved, 3)
    await oracle.apply(moved, 3)
    assert await graph.dump() == await oracle.dump()
    assert await graph.open("store") == Checkpoint("store", 3)


async def test_clear_takes_many_transactions(
    opened: Graphs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphmem.adapters.graph.neo4j.store._AT_ONCE", 13)
    graph = await opened()
    await graph.apply(large(30), 1)
    await graph.clear()
    assert await graph.dump() == GraphDump((), ())
    assert await graph.open("store") == Checkpoint("store", 0)


async def test_an_id_that_no_index_takes_is_refused(opened: Graphs) -> None:
    graph = await opened()
    with pytest.raises(Rejected, match="too large to index"):
        await graph.apply(GraphChanges(entities=(entity("n1"), entity("x" * 20_000))), 1)
    assert await graph.open("store") == Checkpoint("store", 0)
    assert await graph.dump() == GraphDump((), ())


async def test_everything_is_found_by_an_index(opened: Graphs) -> None:
    """On a graph without any statistics, as the plans are made once."""
    graph = await opened()
    texts = [
        neo4j_batch.put_text(),
        neo4j_batch.drop_text(),
        neo4j_batch.remove_text(),
        neo4j_batch.write_text("begin"),
        neo4j_batch.write_text("move_checkpoint"),
        statements("read.neo4j.cypher")["expand"].text,
    ]
    given: dict[str, Any] = {name: [] for name in (*neo4j_batch._LISTS, "ids")}
    given |= {"scope": "", "limit": 3, "applied_seq": 1}

    async def plan(tx: AsyncManagedTransaction) -> list[dict[str, Any]]:
        plans = []
        for text in texts:
            summary = await (await tx.run(f"EXPLAIN {text}", given)).consume()
            assert summary.plan is not None
            plans.append(summary.plan)
        return plans

    seeks = 0
    steps = await graph._server.read(plan)
    while steps:
        step = steps.pop()
        steps += step.get("children", [])
        name, details = step["operatorType"], str(step["args"].get("Details", ""))
        assert "Scan" not in name, (name, details)
        assert name.split("@")[0] not in ("Top", "Sort"), (name, details)
        if "Seek" in name:
            assert "(scope)" not in details
            seeks += 1
    assert seeks > 25


@pytest.mark.parametrize("scheme", ["neo4j", "bolt"])
async def test_a_wrong_password(uri: str, scheme: str, capfd: pytest.CaptureFixture[str]) -> None:
    port = urlsplit(uri).port
    graph = Neo4jGraph(f"{scheme}://neo4j:open-sesame@127.0.0.1:{port}")
    with pytest.raises(UsageError, match="refuses the user or the password") as caught:
        await graph.open("store")
    assert "sesame" not in f"{caught.value!r} {caught.value.__cause__!r}"
    with pytest.raises(UsageError, match="refuses the user or the password"):
        await Neo4jGraph(f"{scheme}://127.0.0.1:{port}").open("store")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("scheme", ["neo4j", "bolt"])
async def test_no_such_database(uri: str, scheme: str) -> None:
    address = uri.replace("neo4j://", f"{scheme}://")
    with pytest.raises(UsageError, match="there is no such database"):
        await Neo4jGraph(f"{address}/nowhere").open("store")
    with pytest.raises(BackendError, match="Neo4j at"):
        await Neo4jGraph(f"{address}/system").open("store")


@pytest.mark.parametrize("scheme", ["neo4j", "bolt"])
async def test_no_such_host(scheme: str) -> None:
    with pytest.raises(UsageError, match="there is no host of this name"):
        await Neo4jGraph(f"{scheme}://no-such-host.invalid").open("store")


@pytest.mark.parametrize("scheme", ["neo4j", "bolt", "neo4j+s", "bolt+ssc"])
async def test_nobody_listens(scheme: str, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(Unavailable, match="cannot be reached") as caught:
            await Neo4jGraph(f"{scheme}://neo4j:hush@{address}").open("store")
    assert address in str(caught.value)
    assert "hush" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("scheme", ["neo4j", "bolt"])
async def test_a_web_server_listens(scheme: str) -> None:
    async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(20)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(web, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unavailable, match="looks like HTTP"):
            await Neo4jGraph(f"{scheme}://127.0.0.1:{port}").open("store")


@pytest.mark.parametrize("scheme", ["neo4j", "bolt"])
async def test_who_listens_says_nothing(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(Unavailable):
            await Neo4jGraph(f"{scheme}://127.0.0.1:{port}?timeout=0.3").open("store")


async def test_a_slow_query_is_stopped_and_the_graph_goes_on(opened: Graphs) -> None:
    graph = await opened()
    await graph.apply(large(400), 1)
    slow = (
        "MATCH (a:Fact), (b:Fact), (c:Fact), (d:Fact) "
        "WHERE a.text < b.text AND b.text < c.text AND c.text < a.text RETURN count(*)"
    )
    with pytest.raises(UsageError, match=r"did not finish within 0\.2 s"):
        await graph.cypher(slow, {}, tenant=ADA_SCOPE.tenant, max_rows=5, timeout_s=0.2)
    reading = asyncio.ensure_future(
        graph.cypher(slow, {}, tenant=ADA_SCOPE.tenant, max_rows=5, timeout_s=60)
    )
    assert len((await graph.expand(ADA_SCOPE.tenant, ["nL0"], limit=2))["nL0"]) == 2
    await graph.apply(GraphChanges(facts=(fact("late", "nL0"),)), 2)
    assert not reading.done()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert len((await graph.dump()).nodes) == 1201


async def test_the_server_refuses_to_write_too(opened: Graphs) -> None:
    graph = await opened()
    with pytest.raises(ClientError, match="AccessMode"):
        await graph._server.table("CREATE (:Recipe)", {}, max_rows=1, timeout_s=9)


async def test_what_others_store_comes_as_plain_values(opened: Graphs, uri: str) -> None:
    await run(
        uri,
        "CREATE (:Recipe:Old {at: datetime('2026-03-01T12:00:00Z'), day: date('2026-03-01'), "
        "takes: duration('PT1H'), where: point({x: 1, y: 2}), raw: $raw, f: 1.5, flags: [true]})",
        raw=b"\x01\xff",
    )
    graph = await opened()
    table = await graph.cypher(
        "MATCH (r:Recipe) RETURN r", {}, tenant=None, max_rows=5, timeout_s=9
    )
    assert table.rows[0][0] == {
        "label": "Old:Recipe",
        "at": "2026-03-01T12:00:00.000000000+00:00",
        "day": "2026-03-01",
        "takes": "PT1H",
        "where": {"srid": 7203, "coordinates": [1.0, 2.0]},
        "raw": "01ff",
        "f": 1.5,
        "flags": [True],
    }


def test_plain_values() -> None:
    given = [
        {"a": Date(2026, 3, 1), "b": [Time(12, 0, 1), None]},
        DateTime(2026, 3, 1, 12, 0, 0, 500_000_000),
        Duration(months=1, days=2),
        CartesianPoint((1, 2, 3)),
        bytearray(b"x"),
        object,
    ]
    assert to_plain(given) == [
        {"a": "2026-03-01", "b": ["12:00:01.000000000", None]},
        "2026-03-01T12:00:00.500000000",
        "P1M2D",
        {"srid": 9157, "coordinates": [1.0, 2.0, 3.0]},
        "78",
        "<class 'object'>",
    ]


async def test_an_old_server_is_refused(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphmem.adapters.graph.neo4j.store._OLDEST", (9999, 0))
    with pytest.raises(UsageError, match=r"is Neo4j/5\.\d+\.\d+: graphmem needs"):
        await Neo4jGraph(uri).open("store")


def test_one_object_serves_one_loop_after_another(uri: str) -> None:
    graph = Neo4jGraph(uri)

    async def once(seq: int) -> Checkpoint:
        checkpoint = await graph.open("store")
        await graph.apply(SMALL, seq)
        await graph.close()
        return checkpoint

    assert asyncio.run(once(3)) == Checkpoint("store", 0)
    assert asyncio.run(once(4)) == Checkpoint("store", 3)
