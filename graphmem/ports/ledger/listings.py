"""What a ledger tells of who and what it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from graphmem.model import ConversationState, Listing, Scope, ScopeCount


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
