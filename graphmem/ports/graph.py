"""What a graph store must do. It is a projection: it may be deleted and rebuilt at any time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from graphmem.model import Entity, Episode, Fact, Table
from graphmem.ports.part import Part
from graphmem.ports.successor import Successor


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a projection got: the store it belongs to and the last event applied."""

    store_id: str
    applied_seq: int


@dataclass(frozen=True, slots=True)
class GraphChanges:
    """A batch of events, folded. Applying it twice gives what applying it once gives.

    ``facts`` replace whatever the graph holds of them: node, STATES, ABOUT, RELATES, SUPERSEDES.
    ``episodes`` bring their NEXT edge (from ``previous_id``), ``mentions`` are pairs of episode id
    and entity id; ``renewed_mentions`` are episodes that mention nothing else from here on.
    ``removed`` are ids of episodes, entities and facts, with all their edges. Removals come first.
    Every id referred to is in the batch or already in the graph, save those
    erased since: an edge with a missing end is left out.
    """

    episodes: tuple[Episode, ...] = ()
    entities: tuple[Entity, ...] = ()
    facts: tuple[Fact, ...] = ()
    mentions: tuple[tuple[str, str], ...] = ()
    renewed_mentions: tuple[str, ...] = ()
    removed_episodes: tuple[str, ...] = ()
    removed_entities: tuple[str, ...] = ()
    removed_facts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """A fact as seen from an entity: what traversal needs, nothing more."""

    fact_id: str
    entity_ids: tuple[str, ...]
    subject_id: str | None
    type: str | None
    object_id: str | None
    valid_at: str | None
    invalid_at: str | None
    """Times in stored form (see :mod:`graphmem.clock`)."""
    stated_at: str | None = None
    modality: str = "stated"


@dataclass(frozen=True, slots=True)
class GraphDump:
    """Everything one graph holds, in canonical order: equal content gives equal dumps.

    A node is ``(label, id, properties)``; an edge is ``(type, from id, to id, properties)``.
    Properties are sorted pairs, None left out. Used by ``verify`` and the contract suites.
    """

    nodes: tuple[tuple[str, str, tuple[tuple[str, object], ...]], ...]
    edges: tuple[tuple[str, str, str, tuple[tuple[str, object], ...]], ...]


Digests: TypeAlias = Mapping[tuple[str, str], int]
"""One number for each episode, entity and fact, by label and id: of its node and all edges that it
owns (see :class:`GraphChanges`). Equal content gives equal numbers, in one process."""


class GraphStore(Protocol):
    """One graph of episodes, entities and facts. Safe to call from many tasks at once."""

    @property
    def successor(self) -> Successor | None:
        """How it is made anew while it serves. What was removed stays in the files of a store that
        has one, until it is made anew."""
        ...

    async def open(self, store_id: str) -> Checkpoint:
        """Open or create. A graph of another store or of another format is cleared first
        (``applied_seq`` 0). :class:`~graphmem.errors.Unavailable` when it is held or unreachable.

        Opening again is cheap and reads the checkpoint anew. A server, which others may use too,
        clears another store's graph only when told so; otherwise that is a
        :class:`~graphmem.errors.UsageError` that says how.
        """
        ...

    async def apply(self, changes: GraphChanges, applied_seq: int) -> None:
        """Apply a batch and move the checkpoint, atomically."""
        ...

    async def expand(
        self, tenant: str, entity_ids: Sequence[str], *, limit: int
    ) -> Mapping[str, tuple[Link, ...]]:
        """The facts about each entity, in the order in which they are asked for, the first
        ``limit`` in order of their ids (the oldest, as ids are made); unknown ids give no key.

        The cost must depend on what is returned, not on what is stored.
        """
        ...

    async def cypher(
        self,
        query: str,
        parameters: Mapping[str, object],
        *,
        tenant: str | None,
        max_rows: int,
        timeout_s: float,
    ) -> Table:
        """Run a read-only query inside one tenant (None: the whole store, for administrators).

        What cannot be proved to be read-only and inside the tenant is a
        :class:`~graphmem.errors.UsageError` with the reason.
        """
        ...

    async def dump(self, tenant: str | None = None) -> GraphDump:
        """Everything, or everything inside one tenant."""
        ...

    async def digests(self, part: Part | None = None) -> Digests:
        """Of everything that it holds, or of the things of one part with what belongs to them, in
        memory as little as the numbers take."""
        ...

    def digests_of(self, changes: GraphChanges) -> Digests:
        """What it should hold of these episodes, entities and facts, had it been given them."""
        ...

    async def clear(self) -> None:
        """Remove everything; the checkpoint goes back to 0."""
        ...

    async def close(self) -> None: ...
