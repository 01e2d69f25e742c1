"""What a ledger must do. It is the truth: append-only but for erasure, one transaction a change.

It is read in four ways, each a small protocol; an adapter implements them all as one
:class:`Ledger`. Every change of what is believed appends events with a rising ``seq``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from graphmem.model import (
    Change,
    Decision,
    Entity,
    Episode,
    Fact,
    Removal,
    Scope,
    Stats,
    Turn,
)
from graphmem.ports.llm import Extraction
from graphmem.ports.vectors import Vector


@dataclass(frozen=True, slots=True)
class Commit:
    """Everything one episode changes, decided: written in one transaction or not at all.

    ``renamed`` are entities that gained an alias, a kind or a name. ``mentions`` are pairs of turn
    id and entity id.
    """

    episode: Episode | None
    decisions: tuple[Decision, ...] = ()
    new_entities: tuple[Entity, ...] = ()
    renamed: tuple[Entity, ...] = ()
    mentions: tuple[tuple[str, str], ...] = ()
    extraction: Extraction | None = None
    actor: str = "graphmem"
    at: datetime | None = None
    """When it is recorded; without it, now by the ledger's own clock."""


@dataclass(frozen=True, slots=True)
class FactQuery:
    """Which facts to read. One wall always; the first of ``ids``, ``text_key``, ``relation``,
    ``entity_ids``, ``source_episode`` that is set is the way in; the rest filter.

    ``current`` leaves out what is invalid, expired or archived at that time. Retired belief is
    never returned. Order: by ``recorded_at``, oldest first unless ``newest_first``.
    """

    wall: str
    ids: tuple[str, ...] | None = None
    text_key: str | None = None
    relation: tuple[str | None, str | None, str | None] | None = None
    """Subject id, type, object id; None matches any."""
    entity_ids: tuple[str, ...] | None = None
    """Facts about any of these."""
    source_episode: str | None = None
    agent_id: str | None = None
    run_id: str | None = None
    current: datetime | None = None
    at: datetime | None = None
    """Only what held at that moment of the world's time: begun (its ``valid_at``, else when it was
    first stated; unbounded when only its end is known), and not ended, expired or archived."""
    known_at: datetime | None = None
    """Read what was believed at that moment, in the version it had then, instead of now."""
    stated_only: bool = False
    """Leave out what is only planned, hearsay, supposed or denied."""
    relations_only: bool = False
    newest_first: bool = False
    after: str | None = None
    """Only facts after this id in the chosen order (paging)."""
    limit: int = 1000


@dataclass(frozen=True, slots=True)
class EntityQuery:
    """Which entities to read: by ids, by name keys (see :func:`graphmem.text.name_key`), or all
    of a wall, by name."""

    wall: str
    ids: tuple[str, ...] | None = None
    keys: tuple[str, ...] | None = None
    kind: str | None = None
    contains: str | None = None
    """Only names whose key contains this key."""
    known_at: datetime | None = None
    """Only entities that were known at that moment (with the names they have now)."""
    limit: int = 1000
    after: str | None = None
    """Only entities after this name, in order of name then id (``name``, NUL, ``id``)."""


@dataclass(frozen=True, slots=True)
class Event:
    """One change of the ledger, as projections read it.

    ``kind`` and ``id`` name the thing; ``after`` is what it became (a fact or an entity as JSON),
    None when it was removed or its content has been erased.
    """

    seq: int
    at: datetime
    kind: Literal["episode", "entity", "fact", "mention"]
    id: str
    action: str
    wall: str
    after: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Erasure:
    """What to erase for good: an episode, or all that a scope holds.

    With ``run_id`` (or ``agent_id`` beside a user) only what came from there. A fact goes when its
    last source goes; an entity goes when nothing speaks of it any more.
    """

    scope: Scope
    episode_ids: tuple[str, ...] | None = None
    fact_ids: tuple[str, ...] | None = None
    at: datetime | None = None
    """When it is recorded; without it, now by the ledger's own clock."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What decisions about a wall rest on.

    ``seq`` is the last event that changed what is believed in it (an episode that was only
    journalled changes nothing); 0 when there is none. ``statuses`` are those of the episodes asked
    for; erased ones are missing.
    """

    seq: int
    statuses: Mapping[str, str]


Row = Mapping[str, Any]
"""A row of the ledger as any ledger can take it: text, whole numbers, floats, bytes, truth values
and None by the name of their column."""


class LedgerWrites(Protocol):
    """The only ways to change what is stored."""

    async def journal(self, episodes: Sequence[Episode], window_s: float) -> list[Episode]:
        """Store episodes with their turns, durably, in one transaction; status ``pending``.

        Returns for each the stored episode: itself (with ``previous_id`` set), or the earlier one
        it repeats — the same scope and idempotency key; or the same scope, content and given
        time; or, when no time was given, the same scope and content within ``window_s``.
        """
        ...

    async def commit(
        self, commits: Sequence[Commit], *, since: Mapping[str, int] | None = None
    ) -> int:
        """Write what was decided, mark each episode done, append the events; one transaction.

        Returns the last ``seq``. A decision whose ``before`` is no longer the present version, a
        wall of ``since`` in which something changed after that ``seq`` (see :class:`Standing`),
        or an episode that has been erased or is done already, is
        :class:`~graphmem.errors.Conflict` (decide again), and nothing is written.
        """
        ...

    async def keep_extraction(self, episode_id: str, extraction: Extraction) -> None:
        """Keep a model's raw answer before it is acted on, so that a replay never pays twice."""
        ...

    async def postpone(self, episode_id: str, reason: str, *, failed: bool = False) -> None:
        """Say why an episode is still pending, or (``failed``) will not be tried again."""
        ...

    async def erase(self, erasure: Erasure) -> Removal:
        """Remove for good, from history too; append events so that projections follow."""
        ...


class LedgerReads(Protocol):
    """What is stored now. Nothing outside the wall that was asked for is ever returned."""

    async def episodes(
        self,
        scope: Scope,
        *,
        ids: Sequence[str] | None = None,
        status: str | None = None,
        limit: int = 1000,
    ) -> list[Episode]:
        """Episodes with their turns, oldest first, of the scope's wall, narrowed by its agent
        and run."""
        ...

    async def turns(self, wall: str, ids: Sequence[str], *, around: int = 0) -> list[Turn]:
        """Turns by id, each with up to ``around`` neighbours before and after, in order."""
        ...

    async def facts(self, query: FactQuery) -> list[Fact]: ...

    async def entities(self, query: EntityQuery) -> list[Entity]: ...

    async def history(self, wall: str, fact_id: str) -> list[Change]:
        """Everything that happened to a fact, oldest first; empty when unknown here."""
        ...

    async def standing(self, wall: str, episode_ids: Sequence[str] = ()) -> Standing:
        """How far a wall is, and the statuses of these episodes, as one consistent reading."""
        ...

    async def extraction(self, episode_id: str) -> Extraction | None:
        """The raw answer kept for an episode, its candidates empty (``Extractor.read`` finds
        them)."""
        ...

    async def stats(self, scope: Scope | None = None) -> Stats:
        """Counts, of one wall narrowed by agent and run, or of the whole store."""
        ...


class LedgerLog(Protocol):
    """What projections follow."""

    async def head(self) -> int:
        """The last ``seq``; 0 when nothing was ever written."""
        ...

    async def events(self, after: int, limit: int) -> list[Event]:
        """Events with ``seq`` above ``after``, in order."""
        ...

    async def existing(
        self,
        kind: Literal["episode", "entity", "fact"],
        ids: Sequence[str],
    ) -> set[str]:
        """Which of these are present (not erased, not retired)."""
        ...

    async def episodes_by_id(self, ids: Sequence[str]) -> list[Episode]:
        """Episodes with their turns, whatever their scope: for projections only."""
        ...

    async def present(
        self, kind: Literal["episode", "turn", "entity", "fact", "mention"], wall: str | None = None
    ) -> set[str]:
        """Ids of all that a projection should hold (mentions as ``episode id entity id``)."""
        ...


class EmbeddingCache(Protocol):
    """Vectors by model and content, so that nothing is embedded twice."""

    async def cached(self, model: str, digests: Sequence[str]) -> dict[str, Vector]: ...

    async def cache(self, model: str, vectors: Mapping[str, Vector]) -> None: ...


class LedgerCopy(Protocol):
    """The rows as they are, to move a whole ledger to another place or kind of ledger."""

    @property
    def tables(self) -> tuple[str, ...]:
        """Every table that holds something, the referred to before the referring. The same names
        and columns in every ledger of one version."""
        ...

    async def rows(self, table: str, after: str | None, limit: int) -> tuple[list[Row], str | None]:
        """Up to ``limit`` rows in a fixed order, and where to go on (None: that was all).

        ``after`` is what the call before gave; what is there stays in its place meanwhile.
        """
        ...

    async def load(self, table: str, rows: Sequence[Row], after: str | None) -> None:
        """Add rows as they are and note ``after`` (see :meth:`loaded`), in one transaction. Rows
        that are there already are replaced by themselves: repeating a call changes nothing."""
        ...

    async def loaded(self, table: str) -> str | None:
        """The last ``after`` that :meth:`load` noted for the table; ``''`` when it is complete,
        None when nothing was loaded."""
        ...


class Ledger(LedgerWrites, LedgerReads, LedgerLog, LedgerCopy, EmbeddingCache, Protocol):
    """All of it, and the store's own facts (``store_id``, ``embedder``)."""

    @property
    def shared(self) -> bool:
        """Whether other processes may write it at the same time."""
        ...

    def alone(self, name: str) -> AbstractAsyncContextManager[Callable[[], Awaitable[None]]]:
        """Hold a name of this store among all processes; waits while another holds it.

        It gives a check: awaited, it is :class:`~graphmem.errors.Unavailable` when the hold was
        lost (the connection broke), so that work under it can stop. A name is not to be held twice
        by one process. Where the ledger is not shared there is nothing to hold.
        """
        ...

    async def open(self) -> None:
        """Open or create, and migrate. A newer version's store is
        :class:`~graphmem.errors.Rejected`, one in use :class:`~graphmem.errors.Unavailable`."""
        ...

    async def setting(self, name: str) -> str | None:
        """A fact about the store itself."""
        ...

    async def remember_setting(self, name: str, value: str, *, once: bool = False) -> str:
        """Set it, or (``once``) only when nothing is set; returns what is set then."""
        ...

    async def close(self) -> None: ...
