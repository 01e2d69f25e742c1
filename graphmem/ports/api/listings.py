"""Who and what a store holds: projects, users, agents, conversations, each with counts."""

from __future__ import annotations

from typing import Protocol, Unpack

from graphmem.model import Community, ConversationState, Listing, Metadata, ScopeCount
from graphmem.ports.api.arguments import ReadArgs, ScopeArgs, WriteArgs


class ListingAPI(Protocol):
    """Part of :class:`~graphmem.ports.api.MemoryAPI`. Who gives an owner, on opening or in the
    call, is shown only what is of that owner; without one, everything of the project: that is for
    administrators. The newest first, by what happened last."""

    async def projects(
        self, *, limit: int = 100, offset: int = 0, **scope: Unpack[ScopeArgs]
    ) -> Listing[ScopeCount]:
        """The projects that something is stored in, or (with an owner) those of the same name's."""
        ...

    async def users(
        self, *, limit: int = 100, offset: int = 0, **scope: Unpack[ScopeArgs]
    ) -> Listing[ScopeCount]:
        """The users of a project."""
        ...

    async def agents(
        self, *, limit: int = 100, offset: int = 0, **scope: Unpack[ScopeArgs]
    ) -> Listing[ScopeCount]:
        """The agents of a project, or those that a user has talked with."""
        ...

    async def runs(
        self, *, limit: int = 100, offset: int = 0, **scope: Unpack[ScopeArgs]
    ) -> Listing[ConversationState]:
        """The conversations of a project or an owner, or the one with this ``run_id``. A title that
        was not given is made of its first words, until a model (where there is one) has worded one,
        once nothing was told in it for ``title_after_s``."""
        ...

    async def communities(
        self,
        *,
        limit: int = 20,
        offset: int = 0,
        min_size: int = 3,
        **scope: Unpack[ReadArgs],
    ) -> Listing[Community]:
        """Groups of at least ``min_size`` entities with more relations among each other than to
        others, the largest first: Louvain's method over the relations that hold now. The same
        relations give the same groups. It reads all of the owner's relations."""
        ...

    async def update_run(
        self,
        run: str,
        *,
        title: str | None = None,
        closed: bool | None = None,
        metadata: Metadata | None = None,
        merge_metadata: bool = False,
        **scope: Unpack[WriteArgs],
    ) -> ConversationState:
        """Rename a conversation, close or open it, set its metadata; what is not given stays. A
        closed one can still be told more. :class:`~graphmem.errors.NotFound` when nothing was told
        in it. ``delete_all(run_id=…)`` erases one, with what only it supports."""
        ...
