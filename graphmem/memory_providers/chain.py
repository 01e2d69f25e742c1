"""Several providers, asked one after another until one answers."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from graphmem.errors import GraphmemError, UsageError
from graphmem.memory_providers.protocol import (
    MemoryProvider,
    MemoryRecord,
    ProviderHealth,
)

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_NOTED = 1000


@dataclass(frozen=True, slots=True)
class ProviderAnswer:
    """Who answered a call (None: nobody), and who before that could not, with the reason."""

    method: str
    provider: str | None
    failed: tuple[tuple[str, str], ...] = ()


class ProviderChain(MemoryProvider):
    """The first provider that can answers. One that cannot (it is down, slow, refuses the key, is
    over its limits) is passed over for this call, with a warning in the log; a call that is wrong
    is wrong everywhere, and raised at once. When none can, the error of the last is raised.

    What was remembered while the first was down is where it was remembered: :meth:`delete` looks in
    all of them, the other calls in the one that answers. ``answers`` are the last thousand calls.
    """

    def __init__(self, providers: Sequence[MemoryProvider]) -> None:
        if not providers:
            raise UsageError("a chain has at least one provider")
        self.name = ",".join(provider.name for provider in providers)
        self.answers: deque[ProviderAnswer] = deque(maxlen=_NOTED)
        self._providers = tuple(providers)

    async def remember(
        self, user_id: str, content: str, metadata: Mapping[str, Any] | None = None
    ) -> str:
        return await self._first("remember", lambda p: p.remember(user_id, content, metadata))

    async def recall(self, user_id: str, query: str, limit: int = 10) -> list[MemoryRecord]:
        return await self._first("recall", lambda p: p.recall(user_id, query, limit))

    async def list_memories(
        self, user_id: str, limit: int = 100, offset: int = 0
    ) -> list[MemoryRecord]:
        return await self._first("list_memories", lambda p: p.list_memories(user_id, limit, offset))

    async def delete(self, user_id: str, memory_id: str) -> bool:
        """As of one provider; raises when it was found in none, and not all could be asked."""
        return await self._first("delete", lambda p: p.delete(user_id, memory_id), missing=False)

    async def health_check(self) -> ProviderHealth:
        """Healthy as long as one of them is."""
        parts = tuple([await provider.health_check() for provider in self._providers])
        reasons = [f"{part.provider}: {part.reason}" for part in parts if not part.healthy]
        healthy = any(part.healthy for part in parts)
        return ProviderHealth(self.name, healthy, "; ".join(reasons) or None, parts)

    async def close(self) -> None:
        """Close each, also when closing another failed."""
        failed: list[Exception] = []
        for provider in self._providers:
            try:
                await provider.close()
            except GraphmemError as error:
                failed.append(error)
        if failed:
            raise failed[0]

    async def _first(
        self,
        method: str,
        call: Callable[[MemoryProvider], Awaitable[_T]],
        *,
        missing: _T | None = None,
    ) -> _T:
        """The first answer; one that is ``missing`` says that the others are to be asked too."""
        failed: list[tuple[str, str]] = []
        error: GraphmemError | None = None
        for provider in self._providers:
            try:
                found = await call(provider)
            except UsageError:
                raise
            except GraphmemError as failure:
                error = failure
                _log.warning("%s could not %s: %s", provider.name, method, type(error).__name__)
                failed.append((provider.name, f"{type(error).__name__}: {error}"))
                continue
            if found != missing:
                self.answers.append(ProviderAnswer(method, provider.name, tuple(failed)))
                return found
        self.answers.append(ProviderAnswer(method, None, tuple(failed)))
        if error is not None:
            raise error
        assert missing is not None  # noqa: S101 - a chain has at least one
        return missing
