"""A new store filled from the ledger, beside the one that serves: in this process or in one of its
own. It is closed when it is whole, so that it can take the other's place."""

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
"""A ledger that has come to no more is projected in a few tenths of a second."""
SOON_RENEWED = 10_000
"""Events that are projected in a few seconds."""
Report: TypeAlias = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Filling:
    """What is to be filled."""

    kind: Literal["graph", "vectors"]
    url: str
    store_id: str
    size: int
    """Of a vector."""
    compare: bool = False
    """Whether what it holds is compared with the ledger at the end."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What became of it: how far it came, what it could not take, and what was compared."""

    applied_seq: int
    aside: tuple[SetAsideRow, ...] = ()
    checked: dict[str, int] = field(default_factory=dict)
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Watch:
    """Who wants it filled. ``report`` is told the last event that it holds; ``nearly`` is waited
    for before the last events are applied: from then on the store that serves gets none."""

    report: Report | None
    nearly: Callable[[], Awaitable[None]]


class FillStore(Protocol):
    """Fills a new store and closes it."""

    async def __call__(
        self, filling: Filling, ledger: Ledger, embedder: CachedEmbedder, watch: Watch
    ) -> Filled: ...


class _Noted:
    """What is set aside meanwhile: the ledger's list is the list of the store that serves."""

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
    """Fill a graph that nobody else uses."""
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
    """Fill vectors that nobody else uses, and index them."""
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
    """The projection of a new store, which has caught up with the ledger once."""
    # By a name of its own: where a ledger is shared nobody has to wait for it.
    projection = Projection(f"{filling.kind} beside", ledger, target, notes=_Noted())
    projection.begin(await reread(), reread)
    await projection.catch_up(watch.report)
    return projection


async def _filled(
    projection: Projection,
    compare: Callable[..., Awaitable[tuple[Mismatches, Mismatches]]] | None,
    watch: Watch,
) -> Filled:
    """What is compared, and what has come meanwhile."""
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
