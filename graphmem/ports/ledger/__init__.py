"""What a ledger must do. It is the truth: append-only but for erasure, one transaction a change.

It is read in four ways, each a small protocol; an adapter implements them all as one
:class:`Ledger`. Every change of what is believed appends events with a rising ``seq``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Literal, Protocol

from graphmem.model import (
    Change,
    Entity,
    Episode,
    Fact,
    Merge,
    Removal,
    Scope,
    Stats,
    Turn,
)
from graphmem.ports.access import AccessBook, RequestBook
from graphmem.ports.ledger.copy import LedgerCopy, LedgerRows
from graphmem.ports.ledger.erasures import ErasureBook, UserBook
from graphmem.ports.ledger.listings import LedgerLists, SummaryBook, UseBook
from graphmem.ports.ledger.relation_types import LedgerTypes
from graphmem.ports.ledger.values import (
    RESUBMITTED,
    Ceiling,
    Charge,
    Commit,
    DocumentPart,
    EntityQuery,
    Erasure,
    Event,
    FactQuery,
    Forgetting,
    LedgerCheck,
    LoadedStatements,
    ManualChange,
    MentionQuery,
    Mentions,
    NamedUser,
    Origins,
    ReferredKind,
    Row,
    StatementPattern,
    StatementQuery,
    TenantState,
    Undone,
)
from graphmem.ports.llm import Extraction
from graphmem.ports.part import Part
from graphmem.ports.vectors import Vector

__all__ = [
    "RESUBMITTED",
    "Ceiling",
    "Charge",
    "Commit",
    "DecisionReads",
    "DocumentPart",
    "EmbeddingCache",
    "EntityQuery",
    "Erasure",
    "ErasureBook",
    "Event",
    "FactQuery",
    "Forgetting",
    "Ledger",
    "LedgerCheck",
    "LedgerCopy",
    "LedgerKeys",
    "LedgerLog",
    "LedgerReads",
    "LedgerRows",
    "LedgerView",
    "LedgerWrites",
    "LoadedStatements",
    "ManualChange",
    "MentionQuery",
    "Mentions",
    "NamedUser",
    "Origins",
    "ReferredKind",
    "Row",
    "SpendBook",
    "StatementPattern",
    "StatementQuery",
    "TenantState",
    "Undone",
    "UserBook",
]


class LedgerWrites(Protocol):
    """The only ways to change what is stored."""

    async def journal(
        self, episodes: Sequence[Episode], window_s: float, *, commits: Sequence[Commit] = ()
    ) -> list[Episode]:
        """Store episodes with their turns, durably, in one transaction; status ``pending``.

        Returns for each the stored episode: itself (with ``previous_id`` set), or the earlier one
        it repeats — the same scope and idempotency key; or the same scope, content and given
        time; or, when no time was given, the same scope and content within ``window_s``. One that
        was undone is pending again, with the reason :data:`RESUBMITTED`. Where a scope's
        pseudonym is not its user's (any more), it is :class:`~graphmem.errors.UserRenamed`.

        ``commits`` bring nothing but sentences, for some of the episodes. Where the
        episode is new, and no statement or present fact of its tenant has a sentence of its
        commit, the commit is written in the same transaction, and the episode comes
        back ``done``. Else it is journalled like the others, and that commit is ignored.
        """
        ...

    async def commit(
        self, commits: Sequence[Commit], *, since: Mapping[str, int] | None = None
    ) -> int:
        """Write what was decided, mark each episode done, append the events; one transaction.

        Returns the last ``seq``. A decision whose ``before`` is no longer the present version, a
        tenant of ``since`` that changed after that ``seq`` (see :class:`TenantState`), or an
        episode that has been erased or is done already, is :class:`~graphmem.errors.Conflict`
        (decide again), and nothing is written.
        """
        ...

    async def keep_extraction(self, episode_id: str, extraction: Extraction) -> None:
        """Keep a model's raw answer before it is acted on, so that a replay never pays twice."""
        ...

    async def postpone(self, episode_id: str, reason: str, *, failed: bool = False) -> None:
        """Say why an episode is still pending, or (``failed``) will not be tried again."""
        ...

    async def erase(self, erasure: Erasure) -> Removal:
        """Remove for good, from history too; append events so that projections follow, and keep a
        receipt.

        :class:`~graphmem.errors.Conflict` as for ``commit``.
        """
        ...


class LedgerView(Protocol):
    """What the reads of a memory ask: the ledger as it is now, or as it was at a moment. Nothing
    outside the tenant that was asked for is ever returned."""

    async def episodes(
        self,
        scope: Scope,
        *,
        ids: Sequence[str] | None = None,
        status: str | None = None,
        limit: int = 1000,
    ) -> list[Episode]:
        """Episodes with their turns, oldest first, of the scope's tenant, narrowed by its agent
        and run."""
        ...

    async def turns(self, tenant: str, ids: Sequence[str], *, around: int = 0) -> list[Turn]:
        """Turns by id, each with up to ``around`` neighbours before and after, in order."""
        ...

    async def mentions(self, query: MentionQuery) -> Mentions:
        """Who is named where. What is in another tenant has no key."""
        ...

    async def facts(self, query: FactQuery) -> list[Fact]: ...

    async def count_facts(self, query: FactQuery) -> int:
        """How many of a tenant's facts pass, whatever the limit."""
        ...

    async def entities(self, query: EntityQuery) -> list[Entity]: ...

    async def history(self, tenant: str, fact_id: str) -> list[Change]:
        """Everything that happened to a fact, oldest first; empty when unknown here."""
        ...


class DecisionReads(Protocol):
    """What deciding asks of what is stored now."""

    async def entities(self, query: EntityQuery) -> list[Entity]: ...

    async def facts(self, query: FactQuery) -> list[Fact]: ...

    async def statements(self, query: StatementQuery) -> LoadedStatements:
        """Statements by their patterns, with the facts made of them, of one snapshot."""
        ...


class LedgerReads(LedgerView, DecisionReads, Protocol):
    """What only writing and care ask of what is stored now."""

    async def merges(self, tenant: str, entity_id: str) -> list[Merge]:
        """The merges that made an entity what it is (it was kept, or is gone), oldest first."""
        ...

    async def manual_change(self, tenant: str, seq: int) -> tuple[Change, ManualChange] | None:
        """A change of a fact or entity by its ``seq``, with the edit or merge that made it, if one
        did and is not undone; None when there is no such change in the tenant."""
        ...

    async def tenant_state(self, tenant: str, episode_ids: Sequence[str] = ()) -> TenantState:
        """The last change of a tenant and the statuses of these episodes, of one snapshot."""
        ...

    async def extraction(self, episode_id: str) -> Extraction | None:
        """The raw answer kept for an episode, its candidates empty (``Extractor.read`` finds
        them)."""
        ...

    async def stats(self, scope: Scope | None = None, project_id: str | None = None) -> Stats:
        """Counts, of one tenant narrowed by agent and run, of a project, or of the whole store."""
        ...

    async def pending_reason(self) -> str | None:
        """Why the newest episode that was tried and is still pending is so, in the whole store;
        None when all that is pending is yet to be tried."""
        ...


class LedgerKeys(Protocol):
    """Which idempotency keys are taken, and by the parts of which documents."""

    async def document_parts(self, scope: Scope, document: str | None = None) -> list[DocumentPart]:
        """Of one document of exactly this scope, or of all by their ids: the episodes that were
        neither erased nor undone, in order."""
        ...

    async def known_keys(self, scope: Scope, keys: Collection[str]) -> set[str]:
        """Those of these idempotency keys under which ``journal`` would find an earlier episode of
        exactly this scope, neither erased nor undone."""
        ...


class LedgerLog(Protocol):
    """What projections follow."""

    async def head(self) -> int:
        """The last ``seq``; 0 when nothing was ever written."""
        ...

    async def events(
        self, after: int, limit: int, *, tenant: str | None = None, until: datetime | None = None
    ) -> list[Event]:
        """Events with ``seq`` above ``after``, in order: all, or (``tenant`` and ``until``, both)
        one tenant's up to a moment."""
        ...

    async def erased(self, tenant: str, after: int) -> bool:
        """Whether something was erased from a tenant by an event above ``after``, by whomever: what
        was read before may hold it."""
        ...

    def recent_events(self, after: int, limit: int) -> list[Event]:
        """The same events from memory, as far as this process wrote them lately and nobody else
        writes; empty when they are not all at hand: read them then."""
        ...

    async def existing(self, ids: Mapping[ReferredKind, Sequence[str]]) -> set[str]:
        """Which of these, by kind, are present (not erased, not retired)."""
        ...

    async def episodes_by_id(self, ids: Sequence[str]) -> list[Episode]:
        """Episodes with their turns, whatever their scope: for projections only."""
        ...

    async def silenced(self, turn_ids: Sequence[str], known_at: datetime | None = None) -> set[str]:
        """Which of these turns were not searched at a moment, or (None) are not now."""
        ...

    async def origins(
        self, turn_ids: Sequence[str], episode_ids: Sequence[str], mentioning: Sequence[str]
    ) -> Origins:
        """Speakers of these turns, kinds of these episodes, and the mentions of the turns of the
        last ones; whatever their scope: for projections only."""
        ...

    async def present(
        self, kind: Literal["episode", "turn", "session", "entity", "fact", "mention"]
    ) -> set[str]:
        """Ids of all that a projection should hold (mentions as ``episode id entity id``; sessions
        are the episodes whose turns are searched)."""
        ...

    async def present_state(
        self, kind: Literal["episode", "entity", "fact", "mention"], ids: Sequence[str]
    ) -> list[Event]:
        """What projections should hold of these now, as events without a place in the order:
        those of them that are present. Mentions are asked for by their episodes."""
        ...


class EmbeddingCache(Protocol):
    """Vectors by model and content, so that nothing is embedded twice."""

    async def cached(self, model: str, digests: Sequence[str]) -> dict[str, Vector]: ...

    async def cache(self, model: str, vectors: Mapping[str, Vector]) -> None: ...


class SpendBook(Protocol):
    """What models cost, of all processes that share the ledger."""

    async def charge(self, charge: Charge, ceilings: Sequence[Ceiling] = ()) -> Ceiling | None:
        """Note it, unless one of the ceilings would be broken; that one is returned then. One
        transaction: two processes cannot both take what is left."""
        ...

    async def charges(self, tenant: str | None = None) -> list[Charge]:
        """By day and model: of one tenant (its digest), or of all."""
        ...


class Ledger(
    LedgerWrites,
    LedgerReads,
    LedgerKeys,
    LedgerTypes,
    LedgerLog,
    LedgerCopy,
    EmbeddingCache,
    SpendBook,
    ErasureBook,
    UserBook,
    LedgerLists,
    SummaryBook,
    UseBook,
    AccessBook,
    RequestBook,
    Protocol,
):
    """All of it, and the store's own facts (``store_id``, ``embedder``)."""

    @property
    def shared(self) -> bool:
        """Whether other processes may write it at the same time."""
        ...

    def named_lock(self, name: str) -> AbstractAsyncContextManager[Callable[[], Awaitable[None]]]:
        """A lock by name among all processes of this store; waits while another has it.

        It gives a check: awaited, it is :class:`~graphmem.errors.Unavailable` when the lock was
        lost (the connection broke), so that work under it can stop. One process must not take a
        name twice. Where the ledger is not shared there is nothing to lock.
        """
        ...

    async def open(self) -> None:
        """Open or create, and migrate. A newer version's store is
        :class:`~graphmem.errors.Rejected`, one in use :class:`~graphmem.errors.Unavailable`."""
        ...

    async def check(self, part: Part | None = None) -> LedgerCheck:
        """Whether what is stored is what was written, as far as it can be told: the database's own
        check, and every row against the event that made it. Of a part only the checksums of its
        pages, where there are some: what was right when they were taken still is."""
        ...

    async def setting(self, name: str) -> str | None:
        """A fact about the store itself."""
        ...

    async def remember_setting(self, name: str, value: str, *, once: bool = False) -> str:
        """Set it, or (``once``) only when nothing is set; returns what is set then."""
        ...

    async def close(self) -> None: ...
