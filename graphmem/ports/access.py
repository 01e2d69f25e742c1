"""What a ledger keeps of who may do what: grants, what was used, and who did what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

GrantKind = Literal["organisation", "project", "member", "key", "webhook", "notice"]


@dataclass(frozen=True, slots=True)
class Grant:
    """One thing that an organisation has. ``about`` is what it is found by beside its id: of a
    project where its memories are stored, of a member the name, of a key the user that it is
    limited to. No two of an organisation have the same kind and id."""

    kind: GrantKind
    organisation: str
    id: str
    about: str | None = None
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeyUse:
    """What a key was used for on one day (UTC), by method. ``refused`` of the calls were answered
    with an error."""

    day: str
    key_id: str
    method: str
    organisation: str
    calls: int
    refused: int
    tokens_in: int
    tokens_out: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what, when; nothing of what was said. ``n`` is its place in the log (0: none yet).

    ``user_id`` is the name of a user that is known, read back for as long as nobody has forgotten
    them. ``target`` is an id; ``outcome`` is ``done`` or the name of the error.
    """

    at: datetime
    organisation: str
    key_id: str
    address: str
    method: str
    changed: bool
    outcome: str
    project_id: str | None = None
    user_id: str | None = None
    agent_id: str | None = None
    target: str | None = None
    n: int = 0


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which entries are wanted, the newest first; None of a field is any. ``before`` is the place
    of the last one of the page before."""

    organisation: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    key_id: str | None = None
    method: str | None = None
    changed: bool | None = None
    before: int | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request under an idempotency key: whoever begins it does it, nobody else.

    ``key_id``, ``name`` and ``request`` are digests: of who asks, of the idempotency key and of
    what was asked; ``holder`` is who does it. ``answer`` is None while that goes on, and empty
    where it was done and what was answered is kept no more.
    """

    key_id: str
    name: str
    request: str
    holder: str
    at: datetime
    answer: str | None = None


class RequestBook(Protocol):
    """Part of :class:`~graphmem.ports.ledger.Ledger`: what was answered to requests that may come
    again. An erasure takes the answers with it that are of whose memories it is about."""

    async def begin_request(self, keyed: KeyedRequest) -> KeyedRequest:
        """Store it, if there is none of its ``key_id`` and ``name``; returns the one that is."""
        ...

    async def finish_request(
        self, keyed: KeyedRequest, answer: str | None, scope: Mapping[str, str | None]
    ) -> None:
        """Keep what was answered, and in what scope; None: nothing was done, another may."""
        ...


class AccessBook(Protocol):
    """Part of :class:`~graphmem.ports.ledger.Ledger`. None of it is an event: nothing is decided or
    projected by it."""

    async def head(self) -> int:
        """See :class:`~graphmem.ports.ledger.LedgerLog`."""
        ...

    @property
    def grants_version(self) -> int | None:
        """Another number whenever a grant may have changed; None where other processes may change
        them too."""
        ...

    async def grants(
        self,
        kind: GrantKind,
        *,
        organisation: str | None = None,
        id: str | None = None,
        about: str | None = None,
    ) -> list[Grant]:
        """Those that fit all that is given, by their ids."""
        ...

    async def grants_of_key(self, id: str) -> list[Grant]:
        """The key with this id, its organisation and its member, as far as they are there."""
        ...

    async def put_grants(self, *grants: Grant, new: bool = False) -> bool:
        """Store these in one transaction, in the place of those with the same kind, organisation
        and id. With ``new`` none is stored, and False returned, where one of them is there
        already, or its ``about`` belongs to another member of the organisation, or to a project of
        any."""
        ...

    async def drop_grant(self, grant: Grant) -> None:
        """It is there no more."""
        ...

    async def add_access_records(
        self, uses: Sequence[KeyUse], entries: Sequence[AuditEntry]
    ) -> None:
        """Add to what was used, and to the end of the audit log, in one transaction. Of a user who
        is not known, the name is not kept."""
        ...

    async def key_uses(
        self, organisation: str | None, since: str, until: str, key_id: str | None = None
    ) -> list[KeyUse]:
        """From one day to another (both included), by day, key and method."""
        ...

    async def audit_entries(self, query: AuditQuery) -> list[AuditEntry]: ...

    async def prune_access(
        self, *, audit: datetime, uses: datetime, replies: datetime, limit: int
    ) -> int:
        """Take out what is from before these moments: of the log up to ``limit`` of the oldest
        entries, returning how many; days that were counted; what was answered. The only way by
        which an entry goes."""
        ...

    async def take_rate(self, name: str, interval_s: float, tolerance_s: float) -> float:
        """One call more of those that may come every ``interval_s`` seconds, ``tolerance_s`` of
        them at once; returns how far ahead of time the caller is then. More than ``tolerance_s``:
        it was not counted, and is good again when that much time has gone. One clock and one count
        for all processes of the ledger."""
        ...

    async def take_quota(self, name: str, amount: int, most: int | None, begun: int) -> int:
        """``amount`` more of a count that begins with ``begun``; returns the count. Where it would
        be more than ``most``, nothing is added, and what it would be is returned."""
        ...
