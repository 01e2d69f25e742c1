"""What a console query does to the engine it does in a process of its own: with queries that
crash Kuzu 0.11.3, past the guard, and with some that would take all memory or all time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from graphmem.adapters.graph.kuzu import console_program
from graphmem.adapters.graph.kuzu.console import Console
from graphmem.adapters.graph.kuzu.store import KuzuGraph
from graphmem.errors import Unavailable, UsageError
from graphmem.model import Table
from graphmem.ports.graph import GraphChanges
from graphmem.testing.graph_samples import ADA_SCOPE, SMALL, fact

CRASHING: tuple[tuple[str, dict[str, Any]], ...] = (
    ("MATCH (a:Entity) WHERE a.name IN $n RETURN 1", {"n": None}),
    ("RETURN 1 IN null", {}),
    ("RETURN nodes(null)", {}),
    ("RETURN label({k: 1})", {}),
    ("RETURN DISTINCT $x", {"x": [{}]}),
)
MANY = GraphChanges(facts=tuple(fact(f"m{i}", "n1", "n1") for i in range(1500)))


@pytest.fixture
async def graph(tmp_path: Path) -> AsyncIterator[KuzuGraph]:
    graph = KuzuGraph(tmp_path / "graph.kuzu", buffer_pool_bytes=128 << 20)
    await graph.open("store")
    await graph.apply(SMALL, 1)
    yield graph
    await graph.close()


async def _ask(
    graph: KuzuGraph, text: str, *, timeout_s: float = 20, tenant: str = "", **given: object
) -> Table:
    """Past the guard, which refuses some of what these tests need."""
    console = graph._console
    return await console.ask(text, given, tenant=tenant, max_rows=100, timeout_s=timeout_s)


@pytest.mark.parametrize(("query", "given"), CRASHING)
async def test_a_query_that_crashes_the_engine_ends_its_own_process_only(
    graph: KuzuGraph, query: str, given: dict[str, Any]
) -> None:
    before = await graph.dump()
    with pytest.raises(UsageError, match=r"crashed kuzu \(SIG[A-Z]+\) in the process of its own"):
        await _ask(graph, query, **given)
    assert (await _ask(graph, "MATCH (a:Entity) RETURN count(*)")).rows == ((3,),)
    assert await graph.dump() == before


@pytest.mark.parametrize("value", ["'abcdefgh'", "[1, 2, 3, 4, 5, 6, 7, 8]", "['abcdefgh']"])
async def test_a_query_has_only_so_much_memory(graph: KuzuGraph, value: str) -> None:
    doubled = " ".join(["WITH s + s AS s"] * 30)
    most, others = 0, set(psutil.Process().children())

    async def watch() -> None:
        nonlocal most
        while True:
            children = set(psutil.Process().children()) - others
            most = max([most, *(_resident(child) for child in children)])
            await asyncio.sleep(0.01)

    watching = asyncio.ensure_future(watch())
    with pytest.raises(UsageError, match=r"needs more memory|did not finish"):
        await _ask(graph, f"WITH {value} AS s {doubled} RETURN size(s)")
    watching.cancel()
    assert 1 << 20 < most < (128 << 20) + console_program.MOST_HEAP + (128 << 20)
    assert (await _ask(graph, "RETURN 1")).rows == ((1,),)


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


async def test_a_query_that_heeds_no_clock_is_ended(graph: KuzuGraph) -> None:
    console = Console(graph._pool)
    process = await console._started()
    begun = time.monotonic()
    os.kill(process._process.pid, 19)  # stopped: it answers nothing any more
    answer = await asyncio.to_thread(process.answer, 0.2, text="RETURN 1")
    assert answer["error"] == "Interrupted"
    assert time.monotonic() - begun < 30
    process.end()


async def test_an_answer_has_only_so_many_bytes(
    graph: KuzuGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = f"WITH 'x' AS s {' '.join(['WITH s + s AS s'] * 23)} UNWIND [1, 2, 3, 4, 5, 6, 7, 8, 9]"
    with pytest.raises(UsageError, match="more than 64 MiB"):
        await _ask(graph, f"{query} AS i RETURN i, s")


async def test_a_query_sees_what_was_written_before_it(graph: KuzuGraph) -> None:
    for i in range(3):
        await graph.apply(GraphChanges(facts=(fact(f"late{i}", "n1"),)), 2 + i)
        found = await _ask(graph, f"MATCH (f:Fact {{id: 'late{i}'}}) RETURN count(*)")
        assert found.rows == ((1,),)
    await graph.apply(MANY, 9)
    found = await graph.cypher(
        "MATCH (f:Fact) WHERE f.id STARTS WITH 'm' RETURN count(*)",
        {},
        tenant=ADA_SCOPE.tenant,
        max_rows=5,
        timeout_s=20,
    )
    assert found.rows == ((1500,),)
    await graph.clear()
    assert (await _ask(graph, "MATCH (f:Fact) RETURN count(*)")).rows == ((0,),)


async def test_nothing_is_left_of_the_copies(graph: KuzuGraph, tmp_path: Path) -> None:
    """They are removed once they are open; one that a killed process left, at the next opening."""
    others = set(psutil.Process().children())
    assert (await _ask(graph, "RETURN 1")).rows == ((1,),)
    assert set(os.listdir(tmp_path)) <= {"graph.kuzu", "graph.kuzu.wal"}
    with pytest.raises(UsageError, match="crashed"):
        await _ask(graph, "RETURN 1 IN null")
    assert (await _ask(graph, "RETURN 1")).rows == ((1,),)
    own = set(psutil.Process().children()) - others
    assert own
    await graph.close()
    assert not any(child.is_running() for child in own)
    left = tmp_path / "graph.kuzu.console-1234"
    left.write_text("x")
    await graph.open("store")
    assert not left.exists()


async def test_no_room_for_a_copy_is_told(
    graph: KuzuGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _ask(graph, "RETURN 1")
    await graph.apply(GraphChanges(facts=(fact("late", "n1"),)), 2)
    with monkeypatch.context() as patch:
        usage = type("Usage", (), {"free": 1000})
        patch.setattr("shutil.disk_usage", lambda _: usage)
        with pytest.raises(Unavailable, match="a copy of the graph"):
            await _ask(graph, "RETURN 1")
    assert (await _ask(graph, "MATCH (f:Fact {id: 'late'}) RETURN 1")).rows == ((1,),)


async def test_two_queries_at_a_time_and_a_cancelled_one(graph: KuzuGraph) -> None:
    await graph.apply(MANY, 2)
    slow = (
        "MATCH (a:Fact), (b:Fact), (c:Fact) "
        "WHERE a.text < b.text AND b.text < c.text AND c.text < a.text RETURN count(*)"
    )
    ask = partial(graph.cypher, slow, {}, tenant=ADA_SCOPE.tenant, max_rows=5)
    running = asyncio.ensure_future(ask(timeout_s=60))
    beside = await asyncio.gather(*(_ask(graph, f"RETURN {i}") for i in range(5)))
    assert [table.rows for table in beside] == [((i,),) for i in range(5)]
    assert not running.done()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    with pytest.raises(UsageError, match=r"did not finish within 0\.3 s"):
        await ask(timeout_s=0.3)
    assert (await _ask(graph, "RETURN 1")).rows == ((1,),)


async def test_whoever_asks_for_much_keeps_nobody_else_waiting(graph: KuzuGraph) -> None:
    """Of another organisation, nor another user of the same one, be there ever so many."""
    await graph.apply(MANY, 2)
    slow, ended = "MATCH (a)-[*1..30]-(b) RETURN count(*)", list[str]()

    async def ask(tenant: str) -> None:
        with contextlib.suppress(UsageError):
            await _ask(graph, slow, tenant=tenant, timeout_s=0.1)
        ended.append(tenant)

    much, other, theirs = "acme%2Fdefault/user:a", "acme%2Fnew/user:b", "bolt%2Fdefault/user:a"
    users = [f"acme%2Fdefault/user:{n}" for n in range(6)]
    asked = [asyncio.ensure_future(ask(one)) for one in [*[much] * 12, *users, other, theirs]]
    asked[3].cancel()
    await asyncio.wait(asked)
    assert len(ended) == len(asked) - 1
    assert ended.index(theirs) < 8, ended
    assert ended.index(other) < 2 * (len(users) + 2) + 3, ended
    assert ended[-3:] == [much] * 3
    await graph.clear()  # which needs every place
    assert (await _ask(graph, "MATCH (a:Entity) RETURN count(*)")).rows == ((0,),)


async def test_the_process_knows_no_key(graph: KuzuGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a-secret")
    others = set(psutil.Process().children())
    await _ask(graph, "RETURN 1")
    (child,) = set(psutil.Process().children()) - others
    assert "a-secret" not in child.environ().values()
