"""What a provider of memory promises, and the values that go in and out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, Self


@dataclass(frozen=True, slots=True)
class MemoryRecord:
    """One thing that was remembered. ``score``, from 0 to 1, is of :meth:`MemoryProvider.recall`
    alone; a service that tells no times leaves them out."""

    id: str
    user_id: str
    content: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime | None = None
    updated_at: datetime | None = None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """Whether a provider answers, and if not why; of a chain, each of its providers too."""

    provider: str
    healthy: bool
    reason: str | None = None
    parts: tuple[ProviderHealth, ...] = ()


class MemoryProvider(Protocol):
    """A place to remember texts of users in, closed at the end of ``async with``. Errors are those
    of :mod:`graphmem.errors`: ``UsageError`` for a wrong call, and others where the place could not
    do it."""

    name: str

    async def remember(
        self, user_id: str, content: str, metadata: Mapping[str, Any] | None = None
    ) -> str:
        """Keep a text; returns the id that :meth:`list_memories` shows and :meth:`delete` takes."""
        ...

    async def recall(self, user_id: str, query: str, limit: int = 10) -> list[MemoryRecord]:
        """What this user's memories say about something, the best first."""
        ...

    async def delete(self, user_id: str, memory_id: str) -> bool:
        """Forget one; False when this user has none with this id."""
        ...

    async def list_memories(
        self, user_id: str, limit: int = 100, offset: int = 0
    ) -> list[MemoryRecord]:
        """A part of all that is remembered of a user."""
        ...

    async def health_check(self) -> ProviderHealth:
        """Whether it answers. Raises nothing on account of a place that does not."""
        ...

    async def close(self) -> None:
        """End what it has open."""
        ...

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
