"""A provider over graphmem itself: an engine in this process, or a server of graphmem's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphmem.errors import Forbidden, GraphmemError, NotFound
from graphmem.memory_providers.protocol import MemoryProvider, MemoryRecord, ProviderHealth
from graphmem.model import Fact, to_json
from graphmem.ports.api import MemoryAPI


class EngineProvider(MemoryProvider):
    """Each text that is kept is one fact, word for word. With ``infer`` facts, entities and
    relations are drawn from it instead, and what :meth:`remember` returns is the id of the episode:
    to delete that is to delete them all. It closes the memory that it was given."""

    def __init__(self, memory: MemoryAPI, *, name: str = "native", infer: bool = False) -> None:
        self.name = name
        self._memory = memory
        self._infer = infer

    async def remember(
        self, user_id: str, content: str, metadata: Mapping[str, Any] | None = None
    ) -> str:
        receipt = await self._memory.add(
            content, user_id=user_id, metadata=metadata, infer=self._infer
        )
        if self._infer or not receipt.fact_ids:
            return receipt.episode_id
        return receipt.fact_ids[0]

    async def recall(self, user_id: str, query: str, limit: int = 10) -> list[MemoryRecord]:
        hits = await self._memory.search(query, user_id=user_id, limit=limit, kinds=("fact",))
        return [_record(hit.fact, user_id, hit.score) for hit in hits if hit.fact is not None]

    async def delete(self, user_id: str, memory_id: str) -> bool:
        try:
            await self._memory.delete(memory_id, user_id=user_id)
        except NotFound:
            return False
        return True

    async def list_memories(
        self, user_id: str, limit: int = 100, offset: int = 0
    ) -> list[MemoryRecord]:
        page = await self._memory.get_all(user_id=user_id, limit=limit, offset=offset)
        return [_record(fact, user_id) for fact in page.items]

    async def health_check(self) -> ProviderHealth:
        try:
            found = await self._memory.health()
        except Forbidden:  # a key of an organisation: the server answers, and knows it
            return ProviderHealth(self.name, healthy=True)
        except GraphmemError as error:
            return ProviderHealth(self.name, healthy=False, reason=str(error))
        wrong = [f"{part}: {state}" for part, state in found.parts.items() if state != "ok"]
        return ProviderHealth(self.name, healthy=found.ok, reason="; ".join(wrong) or None)

    async def close(self) -> None:
        await self._memory.close()


def _record(fact: Fact, user_id: str, score: float | None = None) -> MemoryRecord:
    return MemoryRecord(
        id=fact.id,
        user_id=user_id,
        content=fact.text,
        metadata=to_json(fact.metadata),
        created_at=fact.stated_at or fact.recorded_at,
        updated_at=fact.recorded_at,
        score=score,
    )
