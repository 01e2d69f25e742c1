"""What goes into a ledger and comes out of it: commits, questions, events, accounts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

from graphmem.filters import Where
from graphmem.model import (
    Decision,
    Edit,
    Entity,
    Episode,
    Erased,
    Fact,
    Merge,
    RetentionRule,
    Scope,
    Statement,
    TypeRule,
)
from graphmem.ports.llm import Extraction

_WHOLE_NUMBERS = re.compile(r"[0-9]{1,18}(?: [0-9]{1,18})*")
RESUBMITTED = "added again after it was undone"
"""The reason of an episode that is pending because it was added again after it was undone."""


def kept_numbers(setting: str | None, count: int = 1) -> tuple[int, ...] | None:
    """So many whole numbers as a setting of a ledger keeps them, with a space between; None where
    there are none, or something else: a damaged setting says nothing."""
    if setting is None or not _WHOLE_NUMBERS.fullmatch(setting):
        return None
    found = tuple(map(int, setting.split(" ")))
    return found if len(found) == count else None


def ahead_of_ledger(projection: str) -> str:
    """The setting that says how much further a projection had come than the ledger, until it is
    made anew: ``""`` or nothing where it had not."""
    return f"{projection}_ahead"


@dataclass(frozen=True, slots=True)
class DocumentPart:
    """An episode that was read from a document, and its key."""

    document: str
    episode_id: str
    key: str | None


@dataclass(frozen=True, slots=True)
class Commit:
    """Everything one episode (or one manual change) changes, decided: written in one transaction or
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
    """From here on ``gone_id`` is hidden; ``renamed`` has the entity that both are."""
    types: tuple[TypeRule, ...] = ()
    """What holds of these relation types from here on in ``tenant``; in every one where that is
    :data:`~graphmem.ports.ledger.relation_types.ALL_TENANTS`."""
    retention: tuple[RetentionRule, ...] = ()
    """How long to keep what ``tenant`` stores, from here on (no tenant: what anybody does)."""
    dropped_retention: tuple[str, ...] = ()
    """Rules of ``tenant`` that hold no more, by id."""
    extraction: Extraction | None = None
    actor: str = "graphmem"
    tenant: str | None = None
    """Of a manual change."""
    owner: Scope | None = None
    """Of a manual change that may be the first thing that is stored of its user: whose it is."""
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


StatementPattern: TypeAlias = tuple[str, str | None, str | None]
"""Type, subject id, object key (see :class:`StatementQuery`)."""


@dataclass(frozen=True, slots=True)
class StatementQuery:
    """Which statements to read: those of any of these. Undone ones are never read.

    ``patterns`` are (type, subject, object): all of a subject and type when the object is None;
    with an object (an entity's id, or ``=`` and an attribute's key) those about it or about no
    object; all about an object when the subject is None. Entity ids stand for all that are merged
    into them. ``sentences`` are text keys, of statements or of present facts that rest on them.
    """

    tenant: str
    patterns: tuple[StatementPattern, ...] = ()
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
class LoadedStatements:
    """Statements, and what rests on them.

    ``facts`` are those that rest on them, each in its last version: present, or retired when it
    has ``retired_at``. ``edits`` are those of the facts. ``merged`` has for each entity id in all
    of that the one that it was merged into, where it was.
    """

    statements: tuple[Statement, ...] = ()
    facts: tuple[Fact, ...] = ()
    edits: tuple[Edit, ...] = ()
    merged: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ManualChange:
    """The edit or the merge that a person made at one time."""

    edit: Edit | None = None
    merge: Merge | None = None


@dataclass(frozen=True, slots=True)
class FactQuery:
    """Which facts to read. One tenant always; the first of ``ids``, ``text_key``, ``relation``,
    ``entity_ids``, ``source_episode`` that is set is the way in; the rest filter.

    ``current`` leaves out what is invalid, expired or archived at that time. Retired belief is
    never returned. Order: by ``recorded_at``, oldest first unless ``newest_first``.
    """

    tenant: str
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
    archived: bool = False
    """With ``current``, archived facts too, that have neither ended nor expired by then."""
    archived_only: bool = False
    """The way in: what is archived."""
    stated_only: bool = False
    """Leave out what is only planned, hearsay, supposed or denied."""
    relations_only: bool = False
    newest_first: bool = False
    earliest_first: bool = False
    """With ``relation`` and without ``after``: by when they began, else (only that is known of
    them) ended, then by id. The cost is that of all that the relation brings."""
    after: str | None = None
    """Only facts after this id in the chosen order (paging)."""
    limit: int = 1000
    limit_each: bool = False
    """The limit is for each of ``entity_ids``, not for all of them together."""
    where: Where | None = None
    """A filter on top, with entities by id and times fixed. Without another way in, an ``about``,
    ``subject``, ``object``, ``type``, ``episode`` or ``tag`` that must hold is the way in; what
    has none of them is looked for among all facts of the tenant, in order."""


@dataclass(frozen=True, slots=True)
class EntityQuery:
    """Which entities to read: by ids, by name keys (see :func:`graphmem.text.name_key`), or all
    of a tenant, by name."""

    tenant: str
    ids: tuple[str, ...] | None = None
    keys: tuple[str, ...] | None = None
    kind: str | None = None
    contains: str | None = None
    """Only names whose key contains this key."""
    known_at: datetime | None = None
    """Read the entities as they were at that moment, with the names that they had then. By ids it
    costs what these need, otherwise a reading of every entity that the tenant ever had."""
    limit: int = 1000
    after: str | None = None
    """Only entities after this name, in order of name then id (``name``, NUL, ``id``)."""
    where: Where | None = None
    """A filter on top; ids and keys do without."""


@dataclass(frozen=True, slots=True)
class MentionQuery:
    """Whom these turns name; and where these entities are named: up to ``most`` turns and facts of
    each, ids alone. Turns are those of the scope's agent and run that have not expired by
    ``current``; facts are not looked at."""

    scope: Scope
    turn_ids: tuple[str, ...] = ()
    entity_ids: tuple[str, ...] = ()
    current: datetime | None = None
    most: int = 100


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
    kind: Literal["episode", "entity", "fact", "mention", "type", "retention"]
    id: str
    action: str
    tenant: str
    after: Mapping[str, Any] | None = None
    value: Episode | Fact | None = None
    """What it became as a value, where it came from :meth:`LedgerLog.recent_events`; ``after`` is
    not filled in then."""
    damaged: bool = False
    """Whether what it became cannot be read: nobody can apply it."""


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
    """The ``seq`` of the tenant that the decisions rest on (see :class:`TenantState`)."""
    at: datetime | None = None
    """When it is recorded; without it, now by the ledger's own clock."""
    rewritten: tuple[Episode, ...] = ()
    """Episodes that stay, without the sentences that stated what is erased."""
    unmentioned: tuple[tuple[str, str], ...] = ()
    """Pairs of turn and entity: what those turns name no more."""
    what: Erased = "scope"
    actor: str = "user"
    pending: Mapping[str, str] = field(default_factory=dict)
    """What beside the ledger may hold it after this, each with why: for the receipt."""


@dataclass(frozen=True, slots=True)
class Forgetting:
    """Whole tenants to erase for good, with the names of their users, if those are to go too."""

    scopes: tuple[Scope, ...]
    what: Erased
    at: datetime
    pending: Mapping[str, str] = field(default_factory=dict)
    """As of an :class:`Erasure`."""


@dataclass(frozen=True, slots=True)
class NamedUser:
    """A user in one project: the pseudonym is all that anything else is stored under."""

    pseudonym: str
    name: str
    project_id: str


@dataclass(frozen=True, slots=True)
class TenantState:
    """The state of a tenant that decisions about it rest on.

    ``seq`` is the last event that changed what is believed in it, or how it is decided (an episode
    that was only journalled changes nothing); 0 when there is none. ``statuses`` are those of the
    episodes asked for; erased ones are missing. ``types_seq`` is the last event that changed a rule
    of a relation type for everybody, ``own_types_seq`` one of this tenant's own.
    """

    seq: int
    statuses: Mapping[str, str]
    types_seq: int = 0
    own_types_seq: int = 0


ReferredKind: TypeAlias = Literal["episode", "entity", "fact"]
"""What facts and mentions refer to."""


@dataclass(frozen=True, slots=True)
class Origins:
    """What facts and turns come from: who said each turn, what kind each episode is of, and what
    each turn mentions (the entity's id as it was written down, and the one that it stands for)."""

    speakers: Mapping[str, str]
    kinds: Mapping[str, str]
    mentions: Mapping[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class LedgerCheck:
    """A ledger by itself: how much of what was checked, and what is not as it was written."""

    checked: Mapping[str, int]
    differences: tuple[str, ...]


Row = Mapping[str, Any]
"""A row of the ledger as any ledger can take it: text, whole numbers, floats, bytes, truth values
and None by the name of their column."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What was asked of a model, or given back (below zero), on a day (UTC, ``2026-11-21``).

    ``tenant`` is the digest of a tenant, empty for what is done for all alike, and ``actor`` that
    of in whose name it was asked (not kept by line, only added up); ``micros`` is money in
    millionths.
    """

    day: str
    model: str
    tenant: str = ""
    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    micros: int = 0
    actor: str = ""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The most that may be spent, in all or on one day (by everybody, for one tenant, or in the
    name of one actor): calls, tokens or millionths of money."""

    what: Literal["calls", "tokens", "micros"]
    per: Literal["day", "store", "owner", "actor"]
    most: int
