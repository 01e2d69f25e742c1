"""What a vector store must do. It is a projection: it may be deleted and rebuilt at any time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeAlias

from graphmem.filters import Record, Where
from graphmem.ports.graph import Checkpoint
from graphmem.ports.successor import Successor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Text, so that naming the type does not import numpy.
Vector: TypeAlias = "NDArray[np.float32]"
Collection = Literal["facts", "turns", "sessions"]
COLLECTIONS: tuple[Collection, ...] = ("facts", "turns", "sessions")


@dataclass(frozen=True, slots=True)
class Point:
    """One text with its dense vector. The store makes the BM25 vectors, of ``text`` and of
    ``window``, itself.

    Times are in stored form; ``agent_ids`` and ``run_ids`` are every agent and run it came from.
    """

    id: str
    tenant: str
    text: str
    dense: Vector | None
    """Without one it is found by words only."""
    window: str | None = None
    """The text with what stands around it, found by its words apart from ``text``."""
    agent_ids: tuple[str, ...] = ()
    run_ids: tuple[str, ...] = ()
    invalid_at: str | None = None
    expires_at: str | None = None
    archived_at: str | None = None
    fields: Record = field(default_factory=dict)
    """What a filter sees of it (see :mod:`graphmem.filters.records`)."""


@dataclass(frozen=True, slots=True)
class VectorChanges:
    """A batch of events, folded. A point replaces the one with its id."""

    points: Mapping[Collection, tuple[Point, ...]] = field(default_factory=dict)
    removed: Mapping[Collection, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Only:
    """What a search may see: always one tenant, narrowed by agent and run when they are given.

    With ``ended_by`` (stored form), points whose ``invalid_at``, ``expires_at`` or ``archived_at``
    is at or before it are left out, or with ``past`` those of which none is; with ``where`` those
    that do not pass it. It does not ask for ``kind``: the collection is that.
    """

    tenant: str
    agent_id: str | None = None
    run_id: str | None = None
    ended_by: str | None = None
    past: bool = False
    where: Where | None = None


@dataclass(frozen=True, slots=True)
class VectorQuery:
    """One arm's question: by ``dense`` vector (cosine) or by ``text`` (BM25). Exactly one is set.

    IDF is computed inside the tenant, so that nothing another owner stores moves a score.
    ``around`` asks for the words of the points' windows, counted among those that have one.
    """

    collection: Collection
    only: Only
    limit: int
    dense: Vector | None = None
    text: str | None = None
    around: bool = False


class Scored(NamedTuple):
    """A hit; a search makes hundreds, so it is a plain tuple."""

    id: str
    score: float


class VectorStore(Protocol):
    """Collections ``facts``, ``turns`` and ``sessions``. Safe to call from many tasks at once."""

    @property
    def successor(self) -> Successor | None:
        """How it is made anew while it serves. What was removed stays in the files of a store that
        has one, until it is made anew."""
        ...

    async def open(self, store_id: str, embedder: str, size: int) -> Checkpoint:
        """Open or create. Points of another store or of another format are cleared first
        (``applied_seq`` 0). Another embedder or vector size than it was made with is a
        :class:`~graphmem.errors.UsageError` that says how to re-embed.
        :class:`~graphmem.errors.Unavailable` when it is held or unreachable.

        Opening again is cheap and reads the checkpoint anew. A server, which others may use too,
        clears another store's points only when told so; otherwise that is a
        :class:`~graphmem.errors.UsageError` that says how."""
        ...

    async def apply(self, changes: VectorChanges, applied_seq: int) -> None:
        """Apply a batch, then move the checkpoint. Idempotent: after a crash it is applied
        again."""
        ...

    async def search(self, queries: Sequence[VectorQuery]) -> list[list[Scored]]:
        """Answer several queries in one go: for each, hits by falling score (ties by id)."""
        ...

    async def ids(self, collection: Collection, tenant: str | None = None) -> set[str]:
        """The ids of all points, or of all points inside one tenant."""
        ...

    async def differing(self, collection: Collection, points: Sequence[Point]) -> set[str]:
        """The ids of those of these points that are not stored, or stored as something else.
        Without ``dense`` a point's dense vector is not looked at."""
        ...

    async def optimize(self) -> bool:
        """Build indexes over what has piled up; False when so much was written meanwhile that it
        was given up. Slow; called in the background."""
        ...

    async def clear(self) -> None:
        """Remove everything; the checkpoint goes back to 0, and the next ``open`` may name another
        embedder."""
        ...

    async def close(self) -> None: ...
