"""What a ledger must do. It is the truth: append-only but for erasure, one transaction a change.

It is read in four ways, each a small protocol; an adapter implements them all as one
:class:`Ledger`. Every change of what is believed appends events with a rising ``seq``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, TypeAlias

from graphmem.filters import Where
from graphmem.model import (
    Change,
    Decision,
    Edit,
    Entity,
    Episode,
    Fact,
    Merge,
    Removal,
    Scope,
    Statement,
    Stats,
    Turn,
    TypeRule,
)
from graphmem.ports.ledger_types import LedgerTypes
from graphmem.ports.llm import Extraction
from graphmem.ports.vectors import Vector

TAKEN_UP = "taken up again after it was undone"
"""The reason of an episode that is pending because it was told again after it was undone."""


@dataclass(frozen=True, slots=True)
class Commit:
    """Everything one episode (or one act by hand) changes, decided: written in one transaction or
    not at all.

    ``renamed`` are entities that gained an alias, a kind or a name. ``mentions`` are pairs of turn
    id and entity id. ``reasons`` say by entity id why a name was taken to mean it, where that was
    not plain.
    """

    episode: Episode | None
    decisions: tuple[Decision, ...] = ()
    new_entities: tuple[Entity, ...] = ()
    renamed: tuple[Entity, ...] = ()
    mentions: tuple[tuple[str, str], ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    statements: tuple[Statement, ...] = ()
    """What the episode says; those that were kept of it before are replaced."""
    edits: tuple[Edit, ...] = ()
    undone: Undone | None = None
    merge: Merge | None = None
    """From here on ``gone_id`` is not seen any more; ``renamed`` has the entity that both are."""
    types: tuple[TypeRule, ...] = ()
    """What holds of these relation types from here on, in every wall (see
    :data:`~graphmem.ports.ledger_types.ALL_WALLS`)."""
    extraction: Extraction | None = None
    actor: str = "graphmem"
    wall: str | None = None
    """Where it is by hand."""
    at: datetime | None = None
    """When it is recorded; without it, now by the ledger's own clock."""


@dataclass(frozen=True, slots=True)
class Undone:
    """What no longer counts: an episode, an edit or a merge by id. All of it is kept.

    The statements of an undone episode are not read any more, its status is ``undone``, and what
    only it mentioned goes. After an undone merge the entity that was gone is there again.
    """

    episode_id: str | None = None
    edit_id: str | None = None
    merge_id: str | None = None


Place: TypeAlias = tuple[str, str | None, str | None]
"""Type, subject id, object key (see :class:`StatementQuery`)."""


@dataclass(frozen=True, slots=True)
class StatementQuery:
    """Which statements to read: those of any of these. Undone ones are never read.

    ``places`` are (type, subject, object): all of a subject and type when the object is None; with
    an object (an entity's id, or ``=`` and an attribute's key) those about it or about no object;
    all about an object when the subject is None. Entity ids stand for all that are merged into
    them. ``sentences`` are text keys, of statements or of present facts that rest on them.
    """

    wall: str
    places: tuple[Place, ...] = ()
    sentences: tuple[str, ...] = ()
    episode_ids: tuple[str, ...] = ()
    scope: Scope | None = None
    """All that its agent and run narrow it to."""
    statement_ids: tuple[str, ...] = ()
    fact_ids: tuple[str, ...] = ()
    """What these facts rest on, or have rested on."""
    entity_ids: tuple[str, ...] = ()
    """With one of these as subject or object, or under a present fact about them."""
    undone_too: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """Statements, and what was made of them.

    ``facts`` are those that rest on them, each in its last version: present, or retired when it has
    ``retired_at``. ``edits`` are laid over them. ``merged`` names for each entity id in all of that
    the one that it stands for, where it is another.
    """

    statements: tuple[Statement, ...] = ()
    facts: tuple[Fact, ...] = ()
    edits: tuple[Edit, ...] = ()
    merged: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hand:
    """What was done by hand at one time: the edit or the merge."""

    edit: Edit | None = None
    merge: Merge | None = None


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
    limit_each: bool = False
    """The limit is for each of ``entity_ids``, not for all of them together."""
    where: Where | None = None
    """A filter on top, with entities by id and times fixed. Without another way in, an ``about``,
    ``subject``, ``object``, ``type``, ``episode`` or ``tag`` that must hold is the way in; what
    has none of them is looked for among all facts of the wall, in order."""


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
    """Read the entities as they were at that moment, with the names that they had then. By ids it
    costs what these need, otherwise a reading of every entity that the wall ever had."""
    limit: int = 1000
    after: str | None = None
    """Only entities after this name, in order of name then id (``name``, NUL, ``id``)."""
    where: Where | None = None
    """A filter on top; ids and keys do without."""


@dataclass(frozen=True, slots=True)
class Mentions:
    """Who is named where: by turn id the entities that it names; by entity id the turns that name
    it and the facts about it, newest first."""

    entities: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    turns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    facts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """One change of the ledger, as projections read it.

    ``kind`` and ``id`` name the thing; ``after`` is what it became (a fact or an entity as JSON),
    None when it was removed or its content has been erased.
    """

    seq: int
    at: datetime
    kind: Literal["episode", "entity", "fact", "mention", "type"]
    id: str
    action: str
    wall: str
    after: Mapping[str, Any] | None = None
    value: Episode | Fact | None = None
    """What it became as a value, where it came from :meth:`LedgerLog.fresh`; ``after`` is not
    filled in then."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """What to erase for good: an episode, or all that a scope holds.

    With ``run_id`` (or ``agent_id`` beside a user) only what came from there. A fact goes when its
    last source goes; an entity goes when nothing speaks of it any more.
    """

    scope: Scope
    episode_ids: tuple[str, ...] | None = None
    fact_ids: tuple[str, ...] | None = None
    decisions: tuple[Decision, ...] = ()
    """What is believed without what is erased. A fact that they do not name and that others still
    support loses the erased sources, no more."""
    since: int | None = None
    """The ``seq`` of the wall that the decisions rest on (see :class:`Standing`)."""
    at: datetime | None = None
    """When it is recorded; without it, now by the ledger's own clock."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What decisions about a wall rest on.

    ``seq`` is the last event that changed what is believed in it, or how it is decided (an episode
    that was only journalled changes nothing); 0 when there is none. ``statuses`` are those of the
    episodes asked for; erased ones are missing. ``types_seq`` is the last event that changed a rule
    of a relation type.
    """

    seq: int
    statuses: Mapping[str, str]
    types_seq: int = 0


@dataclass(frozen=True, slots=True)
class Origins:
    """What facts and turns come from: who said each turn, what kind each episode is of, and what
    each turn mentions (the entity's id as it was written down, and the one that it stands for)."""

    speakers: Mapping[str, str]
    kinds: Mapping[str, str]
    mentions: Mapping[str, tuple[tuple[str, str], ...]]


Row = Mapping[str, Any]
"""A row of the ledger as any ledger can take it: text, whole numbers, floats, bytes, truth values
and None by the name of their column."""


class LedgerWrites(Protocol):
    """The only ways to change what is stored."""

    async def journal(
        self, episodes: Sequence[Episode], window_s: float, *, told: Sequence[Commit] = ()
    ) -> list[Episode]:
        """Store episodes with their turns, durably, in one transaction; status ``pending``.

        Returns for each the stored episode: itself (with ``previous_id`` set), or the earlier one
        it repeats — the same scope and idempotency key; or the same scope, content and given
        time; or, when no time was given, the same scope and content within ``window_s``. One that
        was undone is pending again, with the reason :data:`TAKEN_UP`.

        ``told`` are commits of nothing but plain sentences, for some of the episodes. Where the
        episode is new, and no sentence of its commit was heard in its wall (of no statement and
        no present fact), the commit is written in the same transaction, and the episode comes
        back ``done``. Else it is journalled like the others, and that commit is not looked at.
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
        """Remove for good, from history too; append events so that projections follow.

        :class:`~graphmem.errors.Conflict` as for ``commit``.
        """
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

    async def mentions(
        self,
        scope: Scope,
        *,
        turn_ids: Sequence[str] = (),
        entity_ids: Sequence[str] = (),
        current: datetime | None = None,
        most: int = 100,
    ) -> Mentions:
        """Whom these turns name; and where these entities are named: up to ``most`` turns and
        facts of each, ids alone. Turns are those of the scope's agent and run that have not
        expired by ``current``; facts are not looked at. What is in another wall has no key."""
        ...

    async def facts(self, query: FactQuery) -> list[Fact]: ...

    async def entities(self, query: EntityQuery) -> list[Entity]: ...

    async def statements(self, query: StatementQuery) -> Told:
        """Statements by their places, with what was made of them, as one consistent reading."""
        ...

    async def merges(self, wall: str, entity_id: str) -> list[Merge]:
        """The merges that made an entity what it is (it was kept, or is gone), oldest first."""
        ...

    async def by_hand(self, wall: str, seq: int) -> tuple[Change, Hand] | None:
        """A change of a fact or entity by its ``seq``, with the act by hand that made it, if one
        did and it still counts; None when there is no such change here."""
        ...

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

    async def events(
        self, after: int, limit: int, *, wall: str | None = None, until: datetime | None = None
    ) -> list[Event]:
        """Events with ``seq`` above ``after``, in order: all, or (``wall`` and ``until``, both) one
        wall's up to a moment."""
        ...

    def fresh(self, after: int, limit: int) -> list[Event]:
        """The same events from memory, as far as this process wrote them lately and nobody else
        writes; empty when they are not all at hand: read them then."""
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

    async def origins(
        self, turn_ids: Sequence[str], episode_ids: Sequence[str], mentioning: Sequence[str]
    ) -> Origins:
        """Speakers of these turns, kinds of these episodes, and the mentions of the turns of the
        last ones; whatever their scope: for projections only."""
        ...

    async def present(
        self,
        kind: Literal["episode", "turn", "session", "entity", "fact", "mention"],
        wall: str | None = None,
    ) -> set[str]:
        """Ids of all that a projection should hold (mentions as ``episode id entity id``; sessions
        are the episodes whose turns are searched)."""
        ...


class EmbeddingCache(Protocol):
    """Vectors by model and content, so that nothing is embedded twice."""

    async def cached(self, model: str, digests: Sequence[str]) -> dict[str, Vector]: ...

    async def cache(self, model: str, vectors: Mapping[str, Vector]) -> None: ...


@dataclass(frozen=True, slots=True)
class Charge:
    """What was asked of a model, or given back (below zero), on a day (UTC, ``2026-11-21``).

    ``wall`` is the digest of a wall, empty for what is done for all alike; ``micros`` is money in
    millionths.
    """

    day: str
    model: str
    wall: str = ""
    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    micros: int = 0


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The most that may be spent, in all or on one day: calls, tokens or millionths of money."""

    what: Literal["calls", "tokens", "micros"]
    per: Literal["day", "store"]
    most: int


class SpendBook(Protocol):
    """What models cost, of all processes that share the ledger."""

    async def charge(self, charge: Charge, ceilings: Sequence[Ceiling] = ()) -> Ceiling | None:
        """Note it, unless one of the ceilings would be broken; that one is returned then. One
        transaction: two processes cannot both take what is left."""
        ...

    async def charges(self, wall: str | None = None) -> list[Charge]:
        """By day and model: of one wall (its digest), or of all."""
        ...


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


class Ledger(
    LedgerWrites,
    LedgerReads,
    LedgerTypes,
    LedgerLog,
    LedgerCopy,
    EmbeddingCache,
    SpendBook,
    Protocol,
):
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
