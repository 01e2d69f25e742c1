"""What a ledger knows of users' names, and of what was erased."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from graphmem.model import ErasureReceipt, RetentionRule, Scope, StoredEpisode
from graphmem.ports.ledger.values import Forgetting, NamedUser


class UserBook(Protocol):
    """Who users are. Everything else in a ledger knows them by a pseudonym."""

    async def users(self, name: str, project_id: str | None = None) -> list[NamedUser]:
        """The user of that name in a project, or in every one. ``journal`` adds them: the first
        time that something is told under a pseudonym whose scope knows the name."""
        ...

    async def owners(self, id: str, project_id: str) -> list[Scope]:
        """Who in a project has an episode, a turn or a fact (present or past) of this id: one
        tenant, or none. The scope knows its user's name."""
        ...

    async def names_of_users(self, pseudonyms: Collection[str]) -> Mapping[str, str]:
        """What users are called, by those of these pseudonyms that somebody has."""
        ...


class ErasureBook(Protocol):
    """Receipts of what was erased."""

    async def erasures(
        self, tenant: str | None = None, *, id: str | None = None, pending: bool = False
    ) -> list[ErasureReceipt]:
        """Those of a tenant, the one with an id, or all; or those that are not done yet. Oldest
        first."""
        ...

    async def stored_before(self, scope: Scope, before: datetime) -> list[str]:
        """The ids of the episodes of a scope that were recorded before a moment, oldest first."""
        ...

    async def retention_rules(self) -> list[RetentionRule]:
        """How long to keep what, of all tenants; users are named by their pseudonyms."""
        ...

    async def stored_until(self, moment: datetime, after: int, limit: int) -> list[StoredEpisode]:
        """What was recorded before a moment, in every tenant, from the place ``after`` on, in the
        order of places."""
        ...

    async def forget(self, forgetting: Forgetting, *, dry_run: bool = False) -> ErasureReceipt:
        """Erase tenants with everything in them, the names of their users, and the rules of
        relation types that nobody else uses, in one transaction; with ``dry_run`` only count."""
        ...

    async def erased_found(self) -> list[str]:
        """What a receipt says was erased, and is here: one line each."""
        ...

    async def erasures_done(self, ids: Sequence[str], part: str) -> None:
        """A part (``graph``, ``vectors``) holds nothing any more of what these took."""
        ...

    async def clean(self, *, remake: bool = False) -> bool:
        """Take what was erased out of what is beside the tables and, with ``remake``, out of the
        files that hold them, which are written anew: writers wait. What is left to be done is noted
        in the receipts. False when another process keeps it from being done: try again."""
        ...
