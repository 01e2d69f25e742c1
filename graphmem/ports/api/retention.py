"""Rules of how long to keep what is stored."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol, Unpack

from graphmem.model import MemoryType, Removal, RetentionRule
from graphmem.ports.api.arguments import ScopeArgs


class RetentionAPI(Protocol):
    """Part of :class:`~graphmem.ports.api.MemoryAPI`, for administrators."""

    async def retention(self, **scope: Unpack[ScopeArgs]) -> list[RetentionRule]:
        """The rules of how long to keep what: those that are about the scope given here or on
        opening, else all of the store; the most exact come last."""
        ...

    async def set_retention(
        self,
        keep: timedelta | str | None,
        *,
        tag: str | None = None,
        memory_type: MemoryType | None = None,
        all_scopes: bool = False,
        **scope: Unpack[ScopeArgs],
    ) -> RetentionRule | None:
        """Say how long to keep what a user (or an agent by itself) stores in a project: a length of
        time (``90d``, ``12 hours``, a ``timedelta``), ``"forever"``, or None to take the rule back.

        With ``tag`` or ``memory_type`` only what has them; ``all_scopes=True`` is everybody's, with
        ``project_id`` everybody's in that project. Of the rules that fit an episode the most exact
        holds: its owner's before its project's before all, in each the one that names more of tag
        and memory type; of several such the shortest. A rule about the same takes the place of the
        one before it; what is overdue is erased in the background (:meth:`apply_retention`).

        :class:`~graphmem.errors.NotFound` for a user of whom nothing is stored, and for None where
        there is no such rule.
        """
        ...

    async def apply_retention(self, *, dry_run: bool = False) -> Removal:
        """Erase for good what has been stored for longer than the rules say, of everybody, as
        :meth:`~graphmem.ports.api.MemoryAPI.delete` erases episodes: what others support stays, and
        each transaction keeps a receipt (``retention``). ``dry_run`` only counts the episodes, and
        the facts that would be believed no more.

        It is done by itself when a store is opened and every ``GRAPHMEM_RETENTION_EVERY_S`` from
        then on; what closing cuts short, the next opening goes on with.
        """
        ...
