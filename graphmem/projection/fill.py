"""Fills a new store from the ledger while the old one still serves, in this process or in another.
The new store is closed when it is complete, so that it can replace the old one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, Protocol, TypeAlias

from graphmem.embedding import CachedEmbedder
from graphmem.ports.graph import Checkpoint, GraphStore
from graphmem.ports.ledger import Ledger
from graphmem.ports.vectors import VectorStore
from graphmem.projection.apply import ApplyBatch, graph_target, vector_target
from graphmem.projection.catch_up import Projection, SetAsideRow
from graphmem.projection.verify import Mismatches, compare_stores

FEW_EVENTS = 1_000
"""Up to so many events are projected in a few tenths of a second."""
SOON_RENEWED = 10_000
"""Up to so many events are projected in a few seconds."""
Report: TypeAlias = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Filling:
    """Which store to fill, and how."""

    kind: Literal["graph", "vectors"]
    url: str
    store_id: str
    size: int
    """Dimensions of a vector."""
    compare: bool = False
    """Whether to compare the store with the ledger at the end."""


@dataclass(frozen=True, slots=True)
class Filled:
    """The result: the last event applied, rows set aside, counts compared and differences."""

    applied_seq: int
    aside: tuple[SetAsideRow, ...] = ()
    checked: dict[str, int] = field(default_factory=dict)
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Watch:
    """Callbacks of whoever fills a store. ``report`` gets the ``seq`` of the last event applied.
    ``nearly`` is awaited before the last events are applied; from then on the serving store must
    get none."""

    report: Report | None
    nearly: Callable[[], Awaitable[None]]


class FillStore(Protocol):
    """Fills a new store and closes it."""

    async def __call__(
        self, filling: Filling, ledger: Ledger, embedder: CachedEmbedder, watch: Watch
    ) -> Filled: ...


class _Noted:
    """Keeps the rows set aside in memory: the ledger's list belongs to the serving store."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    async def setting(self, name: str) -> str | None:
        return self._values.get(name)

    async def remember_setting(self, name: str, value: str, *, once: bool = False) -> str:
        self._values[name] = value
        return value


async def fill_graph(
    filling: Filling,
    ledger: Ledger,
    graph: GraphStore,
    embedder: CachedEmbedder,
    watch: Watch,
) -> Filled:
    """Fill a graph that nobody else uses, and close it."""
    try:
        reread = partial(graph.open, filling.store_id)
        projection = await _followed(filling, ledger, graph_target(graph), reread, watch)
        compared = partial(compare_stores, ledger, graph, None, embedder)
        return await _filled(projection, compared if filling.compare else None, watch)
    finally:
        await graph.close()


async def fill_vectors(
    filling: Filling,
    ledger: Ledger,
    vectors: VectorStore,
    embedder: CachedEmbedder,
    watch: Watch,
) -> Filled:
    """Fill and index a vector store that nobody else uses, and close it."""
    try:
        reread = partial(vectors.open, filling.store_id, embedder.name, filling.size)
        target = vector_target(vectors, embedder)
        projection = await _followed(filling, ledger, target, reread, watch)
        await vectors.optimize()
        compared = partial(compare_stores, ledger, None, vectors, embedder)
        return await _filled(projection, compared if filling.compare else None, watch)
    finally:
        await vectors.close()


async def _followed(
    filling: Filling,
    ledger: Ledger,
    target: ApplyBatch,
    reread: Callable[[], Awaitable[Checkpoint]],
    watch: Watch,
) -> Projection:
    """Create the projection of a new store and catch up with the ledger once."""
    # A name of its own, so that on a shared ledger no other process waits for it.
    projection = Projection(f"{filling.kind} beside", ledger, target, notes=_Noted())
    projection.begin(await reread(), reread)
    await projection.catch_up(watch.report)
    return projection


async def _filled(
    projection: Projection,
    compare: Callable[..., Awaitable[tuple[Mismatches, Mismatches]]] | None,
    watch: Watch,
) -> Filled:
    """Apply the events that arrived meanwhile, compare if asked, and return the result."""
    since = projection.applied_seq
    await projection.catch_up()
    checked: dict[str, int] = {}
    differences: tuple[str, ...] = ()
    if compare is not None:
        found = await compare({one.id for one in await projection.set_aside()}, since=since)
        checked = {name: count for one in found for name, count in one.checked.items()}
        differences = tuple(line for one in found for line in one.described())
        await projection.catch_up()
    await watch.nearly()
    await projection.catch_up()
    aside = tuple((one.seq, one.kind, one.id, one.why) for one in await projection.set_aside())
    return Filled(projection.applied_seq, aside, checked, differences)
