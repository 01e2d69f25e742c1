"""Why a search gave what it gave, and not something else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Unpack

from graphmem.filters import Filter
from graphmem.model import HitKind, WhyNot
from graphmem.ports.api.arguments import ScopeArgs


class DiagnosisAPI(Protocol):
    """Part of :class:`~graphmem.ports.api.MemoryAPI`."""

    async def why_not(
        self,
        query: str,
        missing: str,
        *,
        limit: int = 10,
        kinds: Sequence[HitKind] = ("fact", "turn"),
        current: bool = True,
        where: Filter | None = None,
        min_score: float = 0.0,
        threshold: float = 0.0,
        **scope: Unpack[ScopeArgs],
    ) -> WhyNot:
        """Why :meth:`~graphmem.ports.api.reads.ReadAPI.search` with these arguments does not give
        ``missing``: a fact or a turn by its id, or a sentence.

        It says whether any arm found it, at which rank it stands and which signal holds it down; or
        that it has ended, expired, was archived, deleted or filtered out, is less likely or less
        similar than was asked for, belongs to another agent or run, or that nothing was drawn from
        the turn that says it.
        """
        ...
