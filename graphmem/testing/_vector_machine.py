"""The state machine behind :func:`graphmem.testing.vectors.vector_machine`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from graphmem.ports.vectors import (
    COLLECTIONS,
    Collection,
    Only,
    Point,
    VectorChanges,
    VectorQuery,
    VectorStore,
)
from graphmem.testing.vector_points import SIZE, check_hits, expected_scores, uid, unit

_T = TypeVar("_T")

_TENANTS = st.sampled_from(["p/user:a", "p/user:b", "p/agent:a", "p/user:a\x00"])
_NAMES = st.sampled_from(["a", "b", "A", "a\x00"])
_TIMES = st.sampled_from(
    [
        "2026-01-01T00:00:00.000000Z",
        "2026-01-01T00:00:00.000001Z",
        "2026-06-01T12:00:00.000000Z",
        "1969-12-31T23:59:59.999999Z",
    ]
)
_WORDS = st.sampled_from(["apple", "pears", "the", "ran", "run", "Zoë", "😀", "x\x00y", "日本"])
_TEXTS = st.one_of(st.lists(_WORDS, max_size=6).map(" ".join), st.text(max_size=12))
_COLLECTIONS: st.SearchStrategy[Collection] = st.sampled_from(COLLECTIONS)
_NUMBERS = st.integers(1, 25)
_ENDS = st.one_of(st.none(), st.none(), _TIMES)
_SOME_NAMES = st.lists(_NAMES, max_size=2, unique=True).map(tuple)
_POINTS = st.builds(
    Point,
    id=_NUMBERS.map(uid),
    tenant=_TENANTS,
    text=_TEXTS,
    dense=st.one_of(st.none(), *[st.integers(0, 12).map(unit)] * 3),
    window=st.one_of(st.none(), _TEXTS),
    agent_ids=_SOME_NAMES,
    run_ids=_SOME_NAMES,
    invalid_at=_ENDS,
    expires_at=_ENDS,
    archived_at=_ENDS,
)
_ONLY = st.builds(
    Only,
    tenant=_TENANTS,
    agent_id=st.one_of(st.none(), st.none(), _NAMES),
    run_id=st.one_of(st.none(), st.none(), _NAMES),
    ended_by=_ENDS,
) | st.builds(Only, tenant=_TENANTS, ended_by=_TIMES, past=st.just(True))


class VectorMachine(RuleBasedStateMachine):
    """A store beside one dictionary per collection."""

    make_store: ClassVar[Callable[[], VectorStore]]

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.store = type(self).make_store()
        self.stored_points: dict[Collection, dict[str, Point]] = {name: {} for name in COLLECTIONS}
        self.seq = 0
        self.run(self.store.open("store", "model", SIZE))

    def run(self, call: Coroutine[Any, Any, _T]) -> _T:
        return self.runner.run(call)

    def teardown(self) -> None:
        self.run(self.store.close())
        self.runner.close()

    @initialize(points=st.lists(_POINTS, max_size=30))
    def start(self, points: list[Point]) -> None:
        self.write("facts", points, [])

    @rule(
        collection=_COLLECTIONS,
        points=st.lists(_POINTS, max_size=8),
        gone=st.lists(_NUMBERS.map(uid), max_size=4),
    )
    def write(self, collection: Collection, points: list[Point], gone: list[str]) -> None:
        self.seq += 1
        changes = VectorChanges({collection: tuple(points)}, {collection: tuple(gone)})
        self.run(self.store.apply(changes, self.seq))
        for point_id in gone:
            self.stored_points[collection].pop(point_id, None)
        self.stored_points[collection].update({point.id: point for point in points})

    @rule(
        collection=_COLLECTIONS,
        only=_ONLY,
        limit=st.integers(1, 30),
        text=_TEXTS,
        seed=st.integers(0, 20),
    )
    def ask(self, collection: Collection, only: Only, limit: int, text: str, seed: int) -> None:
        queries = [
            VectorQuery(collection, only, limit, text=text),
            VectorQuery(collection, only, limit, text=text, around=True),
            VectorQuery(collection, only, limit, dense=unit(seed)),
        ]
        for query, hits in zip(queries, self.run(self.store.search(queries)), strict=True):
            check_hits(hits, expected_scores(self.stored_points[collection].values(), query), limit)

    @rule(tenant=_TENANTS, collection=_COLLECTIONS)
    def list_tenant(self, tenant: str, collection: Collection) -> None:
        expected = {p.id for p in self.stored_points[collection].values() if p.tenant == tenant}
        assert self.run(self.store.ids(collection, tenant)) == expected

    @rule()
    def reopen(self) -> None:
        self.run(self.store.close())
        checkpoint = self.run(self.store.open("store", "model", SIZE))
        assert checkpoint.applied_seq == self.seq

    @rule()
    def optimize(self) -> None:
        self.run(self.store.optimize())

    @rule()
    def clear(self) -> None:
        self.run(self.store.clear())
        self.seq = 0
        for points in self.stored_points.values():
            points.clear()

    @invariant()
    def holds_what_it_was_given(self) -> None:
        for collection, points in self.stored_points.items():
            assert self.run(self.store.ids(collection)) == set(points)
