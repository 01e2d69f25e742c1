"""A provider over the addresses that mem0's client asks: mem0's own service, or one like it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from graphmem.access import user_signature
from graphmem.client.transport import Transport
from graphmem.clock import parse_when
from graphmem.errors import GraphmemError, NotFound, Unavailable, UsageError, shown
from graphmem.memory_providers.protocol import MemoryProvider, MemoryRecord, ProviderHealth

_LARGEST_PAGE = 1000


class Mem0Provider(MemoryProvider):
    """``hmac_secret`` signs each request for its user (``X-User-Context``, ``X-Signature``).
    ``timeout_s`` is how long the service may be silent, ``attempts`` how often what may be asked
    again is asked. A text whose storing was not acknowledged may be stored all the same."""

    name = "http"

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        hmac_secret: str | None = None,
        *,
        timeout_s: float = 30.0,
        attempts: int = 2,
        infer: bool = False,
    ) -> None:
        self._transport = Transport(
            base_url, api_key, timeout_s=timeout_s, attempts=attempts, scheme="Token"
        )
        self._secret = hmac_secret
        self._infer = infer

    async def remember(
        self, user_id: str, content: str, metadata: Mapping[str, Any] | None = None
    ) -> str:
        body = {
            "messages": [{"role": "user", "content": content}],
            "user_id": user_id,
            "infer": self._infer,
            **({} if metadata is None else {"metadata": dict(metadata)}),
        }
        answer = await self._ask("POST", "/v3/memories/add/", user_id, body, repeatable=False)
        stored = answer.get("results")
        first = stored[0] if isinstance(stored, list) and stored else None
        # A service that works later has no id of the memory yet, but one of what is to be done.
        id = first.get("id") if isinstance(first, Mapping) else answer.get("event_id")
        if not isinstance(id, str):
            raise Unavailable(f"{self._transport.url} did not say what it stored: {shown(answer)}")
        return id

    async def recall(self, user_id: str, query: str, limit: int = 10) -> list[MemoryRecord]:
        _check_part(limit, 0)
        body = {"query": query, "filters": {"user_id": user_id}, "top_k": limit}
        answer = await self._ask("POST", "/v3/memories/search/", user_id, body)
        return self._records(answer, user_id)[:limit]

    async def delete(self, user_id: str, memory_id: str) -> bool:
        if not isinstance(memory_id, str) or not memory_id.strip():
            raise UsageError(f"memory_id must be text, got {shown(memory_id)}")
        path = f"/v1/memories/{quote(memory_id, safe='')}/"
        try:
            # To a key that reaches many users an id alone would delete another's.
            if (await self._ask("GET", path, user_id)).get("user_id") != user_id:
                return False
            await self._ask("DELETE", path, user_id, repeatable=False)
        except NotFound:
            return False
        return True

    async def list_memories(
        self, user_id: str, limit: int = 100, offset: int = 0
    ) -> list[MemoryRecord]:
        _check_part(limit, offset)
        size = min(limit, _LARGEST_PAGE)
        page, skipped = offset // size + 1, offset % size
        found: list[MemoryRecord] = []
        while len(found) < limit + skipped:
            path = f"/v3/memories/?page={page}&page_size={size}"
            body = {"filters": {"user_id": user_id}}
            answer = await self._ask("POST", path, user_id, body)
            records = self._records(answer, user_id)
            found += records
            page += 1
            if answer.get("next") is None or not records:
                break
        return found[skipped : skipped + limit]

    async def health_check(self) -> ProviderHealth:
        try:
            await self._ask("GET", "/v1/ping/", None)
        except GraphmemError as error:
            return ProviderHealth(self.name, healthy=False, reason=str(error))
        return ProviderHealth(self.name, healthy=True)

    async def close(self) -> None:
        await self._transport.close()

    async def _ask(
        self,
        method: str,
        path: str,
        user_id: str | None,
        body: Mapping[str, Any] | None = None,
        *,
        repeatable: bool = True,
    ) -> Mapping[str, Any]:
        headers = {} if user_id is None else self._signed(user_id)
        try:
            content = None if body is None else json.dumps(body, allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise UsageError(f"the metadata is no JSON: {error}") from None
        answer = await self._transport.ask(
            method, path, content=content, headers=headers, repeatable=repeatable
        )
        if not isinstance(answer, Mapping):
            raise Unavailable(f"{self._transport.url} answered {shown(answer)}, which is no object")
        return answer

    def _signed(self, user_id: str) -> dict[bytes, bytes]:
        if not isinstance(user_id, str) or not user_id.strip():
            raise UsageError(f"user_id must be text, got {shown(user_id)}")
        if self._secret is None:
            return {}
        if not user_id.isprintable() or user_id != user_id.strip():
            raise UsageError("a user_id that is signed has no line ends, and no space at its ends")
        signature = user_signature(self._secret, user_id)
        return {b"x-user-context": user_id.encode(), b"x-signature": signature.encode()}

    def _records(self, answer: Mapping[str, Any], user_id: str) -> list[MemoryRecord]:
        found = answer.get("results", answer.get("memories"))
        if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
            raise Unavailable(f"{self._transport.url} gave no list of results: {shown(answer)}")
        return [self._record(one, user_id) for one in found]

    def _record(self, given: Mapping[str, Any], user_id: str) -> MemoryRecord:
        id, text, score = given.get("id"), given.get("memory"), given.get("score")
        if not isinstance(id, str) or not isinstance(text, str):
            raise Unavailable(f"{self._transport.url} gave what is no memory: {shown(given)}")
        metadata = given.get("metadata")
        return MemoryRecord(
            id=id,
            user_id=user_id,
            content=text,
            metadata=metadata if isinstance(metadata, Mapping) else {},
            created_at=_time(given.get("created_at")),
            updated_at=_time(given.get("updated_at")),
            score=float(score) if isinstance(score, int | float) else None,
        )


def _check_part(limit: int, offset: int) -> None:
    if limit < 1 or offset < 0:
        raise UsageError("a limit is at least 1, and an offset at least 0")


def _time(given: object) -> datetime | None:
    """A time of theirs; one that cannot be read is as good as none."""
    try:
        return parse_when(given) if isinstance(given, str) else None
    except UsageError:
        return None
