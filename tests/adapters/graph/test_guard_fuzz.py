"""Thousands of attempts to write, or to see another scope, through the console.

The measure is not only that a canary never appears: whatever is let through must answer, or fail,
exactly as it does on a graph where the other scope does not exist. A count, an order, or a failure
that depended on what the other scope holds would differ. So every query runs twice on one store,
once before and once after the other scope is written.

``GRAPHMEM_FUZZ=50`` makes it ten times as long, ``FUZZ_SEED=7`` different.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import pytest

from graphmem.adapters.graph.cypher_guard import guard as cypher_guard
from graphmem.adapters.graph.cypher_guard.dialect import KUZU, NEO4J, Dialect
from graphmem.adapters.graph.cypher_guard.guard import guard
from graphmem.adapters.graph.kuzu.store import KuzuGraph
from graphmem.adapters.graph.neo4j.store import Neo4jGraph
from graphmem.errors import UsageError
from graphmem.ports.graph import GraphStore
from graphmem.testing.graph_samples import ADA_SCOPE, BOB_SCOPE
from tests.adapters.graph.guard_queries import CANARY, Generator, world
from tests.faults.sizes import FUZZ

ATTEMPTS = int(1500 * max(1, FUZZ / 5))
SEED = int(os.environ.get("FUZZ_SEED", "20261121"))
AT_ONCE = 4
TIMEOUT_S = max(900, ATTEMPTS // 10)

QUERY_S = 3.0

Answer = str | list[str]


def _attempts() -> list[str]:
    """Queries, and a third as many that are put together from pieces of two."""
    generator = Generator(SEED)
    whole = [generator.query() for _ in range(ATTEMPTS)]
    spliced = [generator.spliced(*pair) for pair in pairwise(whole[: ATTEMPTS // 3])]
    return list(dict.fromkeys([*whole, *spliced]))


def _given(query: str) -> dict[str, object]:
    return {"name": f"{CANARY} 1"} if "$name" in query else {}


@pytest.fixture(scope="module", autouse=True)
def readings() -> Iterator[None]:
    """The guard keeps its last readings of queries; here it keeps all, as each is asked often."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cypher_guard, "_read", cache(cypher_guard._read.__wrapped__))
        yield


@pytest.fixture(scope="module")
def let_through(readings: None) -> Callable[[Dialect], list[str]]:
    """The attempts that the guard lets through. One reading of a query serves all dialects."""
    found: dict[str, list[str]] = {KUZU.name: [], NEO4J.name: []}
    for query in _attempts():
        for dialect in (KUZU, NEO4J):
            try:
                guard(
                    query,
                    _given(query),
                    tenant=ADA_SCOPE.tenant,
                    max_rows=5000,
                    timeout_s=QUERY_S,
                    dialect=dialect,
                )
            except UsageError:
                continue
            found[dialect.name].append(query)
    return lambda dialect: found[dialect.name]


def test_what_is_let_through_is_the_query_with_scopes(
    let_through: Callable[[Dialect], list[str]],
) -> None:
    """Every node has one scope, and nothing else was changed. (Kuzu's dialect has no barriers.)"""
    for query in let_through(KUZU):
        scoped = _guarded(query, ADA_SCOPE.tenant)
        plain = _guarded(query, None)
        assert re.sub(r" \{scope: \$__scope\}|scope: \$__scope, ", "", scoped) == plain, query
        nodes = len(cypher_guard._read(query).patterns)
        assert scoped.count("scope: $__scope") == nodes, query


def _guarded(query: str, tenant: str | None) -> str:
    return guard(query, _given(query), tenant=tenant, max_rows=5000, timeout_s=QUERY_S).text


def _flat(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from _flat(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _flat(item)
    else:
        yield str(value)


async def _answer(graph: GraphStore, query: str) -> Answer:
    """The rows, in no order, or why it failed."""
    try:
        table = await graph.cypher(
            query, _given(query), tenant=ADA_SCOPE.tenant, max_rows=5000, timeout_s=QUERY_S
        )
    except UsageError as error:
        return str(error)
    return sorted(" ".join(sorted(_flat(row))) for row in table.rows)


async def _answers(graph: GraphStore, queries: Sequence[str]) -> list[Answer]:
    free = asyncio.Semaphore(AT_ONCE)

    async def one(query: str) -> Answer:
        async with free:
            return await _answer(graph, query)

    return await asyncio.gather(*map(one, queries))


def _check(query: str, alone: Answer, both: Answer) -> None:
    if isinstance(both, str):
        message = both.replace(query, "")
        assert "fact 1" not in message, query
        assert "said 1" not in message, query
    else:
        quoted = CANARY in query  # the query may bring the word with it
        assert quoted or not any(CANARY in row for row in both), query
        assert not any("fact" in row and CANARY in row and "fact" not in query for row in both)
    late = any(isinstance(found, str) and "did not finish" in found for found in (alone, both))
    # Which rows LIMIT and SKIP keep is not promised; nor how long anything takes.
    if not late and "LIMIT" not in query and "SKIP" not in query:
        assert both == alone, query


async def _nothing_gets_out(graph: GraphStore, queries: Sequence[str]) -> None:
    await graph.clear()
    await graph.apply(world(ADA_SCOPE, "a", "Ada"), 1)
    alone = await _answers(graph, queries)
    await graph.apply(world(BOB_SCOPE, "b", CANARY), 2)
    before = await graph.dump()
    assert CANARY in repr(before)
    both = await _answers(graph, queries)
    assert await graph.dump() == before
    for query, one, other in zip(queries, alone, both, strict=True):
        _check(query, one, other)
    assert sum(isinstance(answer, list) for answer in both) > ATTEMPTS // 12
    assert sum(isinstance(answer, str) for answer in both) > ATTEMPTS // 100


@pytest.fixture
async def kuzu() -> AsyncIterator[KuzuGraph]:
    graph = KuzuGraph(None)
    await graph.open("fuzz")
    yield graph
    await graph.close()


@pytest.fixture
async def neo4j(neo4j_uri: str) -> AsyncIterator[Neo4jGraph]:
    graph = Neo4jGraph(neo4j_uri, replace=True)
    await graph.open("fuzz")
    yield graph
    await graph.clear()
    await graph.close()


@pytest.mark.timeout(TIMEOUT_S)
async def test_nothing_gets_out_of_kuzu(
    kuzu: KuzuGraph, let_through: Callable[[Dialect], list[str]]
) -> None:
    await _nothing_gets_out(kuzu, let_through(KUZU))


@pytest.mark.timeout(TIMEOUT_S)
async def test_nothing_gets_out_of_neo4j(
    neo4j: Neo4jGraph, let_through: Callable[[Dialect], list[str]]
) -> None:
    await _nothing_gets_out(neo4j, let_through(NEO4J))
