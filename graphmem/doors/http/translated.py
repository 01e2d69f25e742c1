"""Requests in another form than the API's own: who asks, the body, a fact as a memory."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from graphmem.access import Principal
from graphmem.client.calls import CALLS
from graphmem.client.codec import json_body, to_bytes
from graphmem.clock import parse_date_or_none, stamp
from graphmem.doors.http.answering import JSON_TYPE, NOTHING_STORED, identified
from graphmem.doors.http.calling import Caller, ended_in_time, in_own_names, perform
from graphmem.doors.http.idempotency import once
from graphmem.doors.http.state import ServerState
from graphmem.errors import UsageError
from graphmem.model import Fact, to_json

_FIRST = datetime.min.replace(tzinfo=UTC)
MEMORY_IDS = ("user_id", "agent_id", "run_id")


class TranslatedRequest:
    """One request in another form: who asks, and the methods of the API that answer."""

    def __init__(self, served: ServerState, caller: Caller) -> None:
        self._served = served
        self._caller = caller
        self._made = 0

    @property
    def principal(self) -> Principal:
        """Whom the key stands for."""
        return self._caller.principal

    async def ask(self, method: str, **values: Any) -> Any:
        """Call a method of the API with the caller's rights; values that are None are left out."""
        given = {name: value for name, value in values.items() if value is not None}
        return await self.make(method, given)

    async def make(self, method: str, given: dict[str, Any]) -> Any:
        """The same, with every value passed on, None too."""
        call = CALLS[method]
        if missing := sorted(call.required - given.keys()):
            raise UsageError(f"{' and '.join(missing)} missing")
        self._made += 1
        work = perform(self._served, self._caller, call, given)
        return await ended_in_time(self._served, call, work)

    def undone(self, error: BaseException) -> bool:
        """Whether a request that failed so has stored nothing, for certain."""
        return self._made == 0 or (self._made == 1 and isinstance(error, NOTHING_STORED))


async def read_body(request: Request) -> dict[str, Any]:
    """The body, which is an object."""
    found = json_body(await request.body())
    if not isinstance(found, dict):
        raise UsageError("the body is an object")
    return found


def add_translated_route(
    app: FastAPI,
    served: ServerState,
    method: str,
    path: str,
    answer: Callable[[TranslatedRequest, Request], Awaitable[Any]],
) -> None:
    """Add a route. The middleware has removed a slash at the end of an address."""

    async def endpoint(request: Request) -> Response:
        caller = await identified(served, request)
        translated = TranslatedRequest(served, caller)

        async def work() -> bytes:
            return in_own_names(to_bytes(await answer(translated, request)), caller)

        key = None if method == "GET" else request.headers.get("idempotency-key")
        raw = b"" if key is None else await request.body()
        asked = f"{method} {request.url.path}?{request.url.query}", raw
        body, replayed = await once(served, caller, key, asked, work, undone=translated.undone)
        return Response(body, headers=replayed, media_type=JSON_TYPE)

    name = f"{method.lower()} {path}"
    app.add_api_route(path, endpoint, methods=[method], name=name, include_in_schema=False)


def memory_of(fact: Fact) -> dict[str, Any]:
    """A fact in the form of a memory."""
    changed_at = max(filter(None, (fact.recorded_at, fact.archived_at)))
    created_at = fact.stated_at or fact.recorded_at
    return {
        "id": fact.id,
        "memory": fact.text,
        **{name: getattr(fact.scope, name) for name in MEMORY_IDS},
        "app_id": None,
        "hash": hashlib.md5(fact.text.encode(), usedforsecurity=False).hexdigest(),
        "metadata": to_json(fact.metadata) or None,
        "categories": list(fact.tags),
        "created_at": stamp(created_at),
        "updated_at": stamp(changed_at),
        "expiration_date": _last_day(fact.expires_at),
        "structured_attributes": {"type": fact.type, "importance": fact.importance},
    }


def end_of_last_day(given: Any) -> Any:
    """The moment at which a memory expires, from the last day on which it holds; None for None."""
    found = parse_date_or_none(given, name="expiration_date")
    return None if found is None else stamp(found.end)


def _last_day(expires_at: datetime | None) -> str | None:
    if expires_at is None:
        return None
    before = min(timedelta(microseconds=1), expires_at - _FIRST)
    return (expires_at - before).date().isoformat()
