"""What a ledger tells of who and what it holds; and what it keeps beside its events: summaries that
a model worded, and how often facts were read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from graphmem.model import ConversationState, FactUse, KeptSummary, Listing, Scope, ScopeCount


class LedgerLists(Protocol):
    """The lists, and what of each conversation is kept."""

    async def counted(
        self, what: str, project_id: str | None, scope: Scope | None, limit: int, offset: int
    ) -> Listing[ScopeCount]:
        """``projects``, ``users`` or ``agents``: of the store, a project, or one tenant (by its
        agent and run)."""
        ...

    async def conversations(
        self, project_id: str, scope: Scope | None, limit: int, offset: int
    ) -> Listing[ConversationState]:
        """Those of a project, or of one tenant, narrowed by its agent and run."""
        ...

    async def put_conversation(self, scope: Scope, conversation: ConversationState) -> None:
        """Keep its title (where one was given), its end and its metadata."""
        ...

    async def pending_episodes(
        self, after: int, before: datetime | None, limit: int
    ) -> Mapping[int, str]:
        """Episodes that are pending, of everybody: ids by their numbers above ``after``; with
        ``before`` only those that were recorded before it."""
        ...

    async def pending_state(self) -> tuple[int, datetime | None]:
        """How many there are, and when the oldest of them was recorded."""
        ...

    async def tenants_of(self, project_id: str) -> Sequence[str]:
        """The tenants of a project in which something is stored."""
        ...


class SummaryBook(Protocol):
    """What a model worded, so that it is not asked again: beside the events, never a source."""

    async def keep_summary(self, tenant: str, kept: KeptSummary) -> None:
        """In the place of the one with its id; not at all where something that it was made of is
        not there any more as it was."""
        ...

    async def summaries(self, tenant: str, ids: Sequence[str]) -> Mapping[str, KeptSummary]:
        """Those of these that are kept, by id."""
        ...

    async def episodes_summing_up(self, tenant: str) -> Sequence[str]:
        """The episodes that ``consolidate`` made, undone ones too."""
        ...


class UseBook(Protocol):
    """How often facts were read: beside the events, so nothing is decided or projected by it."""

    async def add_uses(self, uses: Sequence[FactUse]) -> None:
        """Add these counts to those that there are, of facts that are believed."""
        ...

    async def uses(self, fact_ids: Sequence[str]) -> Mapping[str, FactUse]:
        """How often these were read, by id; who was never read is missing."""
        ...
