"""Many calls in one request, each with its own result: what one of them does wrong is its own."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from fastapi import FastAPI, Request
from starlette.responses import Response

from graphmem.client.calls import CALLS, FILES
from graphmem.client.codec import json_body, read_request, to_bytes
from graphmem.client.problems import problem_of
from graphmem.doors.http.answering import JSON_TYPE, encoded, identified
from graphmem.doors.http.calling import Caller, ended_in_time, in_own_names, perform
from graphmem.doors.http.idempotency import once
from graphmem.doors.http.state import ServerState
from graphmem.errors import GraphmemError, RequestTooLarge, UsageError, shown
from graphmem.off_loop import off_loop

MOST_CALLS: Final = 1000
_AT_ONCE = 4
"""Calls that only read, at one time; what changes something is done alone, in its order. Whoever
else asks meanwhile waits for as many."""
_ITEM: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["method"],
    "properties": {"method": {"type": "string"}, "arguments": {"type": "object"}},
}
_SHAPE: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["calls"],
    "properties": {"calls": {"type": "array", "maxItems": MOST_CALLS, "items": _ITEM}},
}


def add_batch_route(app: FastAPI, served: ServerState) -> None:
    """Add the route."""

    async def batch(request: Request) -> Response:
        caller = await identified(served, request)
        calls = _calls(await request.body())

        async def work() -> bytes:
            results = await _Batch(served, caller, calls).made()
            return await off_loop(
                lambda: in_own_names(b'{"results": [' + b", ".join(results) + b"]}", caller)
            )

        key = request.headers.get("idempotency-key")
        whole = ("batch", await request.body())
        body, replayed = await once(served, caller, key, whole, work)
        return Response(body, headers=replayed, media_type=JSON_TYPE)

    content = {"application/json": {"schema": _SHAPE}}
    app.add_api_route(
        "/v1/batch",
        batch,
        methods=["POST"],
        operation_id="batch",
        summary=f"Up to {MOST_CALLS:,} calls, each with its own result.",
        description="`{calls: [{method, arguments}]}` gives `{results: [{status, result}]}` in the "
        "same order; a call that failed has `problem` in place of `result`. What changes something "
        "is done in the order given; each call counts against the limits by itself.",
        tags=["memory"],
        response_class=Response,
        response_model=None,
        responses={200: {"description": "The results.", "content": {"application/json": {}}}},
        openapi_extra={"requestBody": {"required": True, "content": content}},
    )


def _calls(raw: bytes) -> list[Any]:
    found = json_body(raw)
    calls = found.get("calls") if isinstance(found, dict) and found.keys() == {"calls"} else None
    if not isinstance(calls, list):
        raise UsageError("the body is an object with calls, a list, and nothing else")
    if len(calls) > MOST_CALLS:
        raise UsageError(f"at most {MOST_CALLS:,} calls in one request, got {len(calls):,}")
    return calls


class _Batch:
    """The calls of one request, and as JSON what comes of each."""

    def __init__(self, served: ServerState, caller: Caller, calls: list[Any]) -> None:
        self._served = served
        self._caller = caller
        self._calls = calls
        self._results = [b""] * len(calls)
        self._size = 0
        self._reads: list[int] = []

    async def made(self) -> list[bytes]:
        """Make them all."""
        for n, item in enumerate(self._calls):
            if _only_reads(item):
                self._reads.append(n)  # what was asked for before a change is answered without it
                continue
            await self._finish_reads()
            await self._make(n)
        await self._finish_reads()
        return self._results

    async def _finish_reads(self) -> None:
        for first in range(0, len(self._reads), _AT_ONCE):
            await asyncio.gather(*(self._make(n) for n in self._reads[first : first + _AT_ONCE]))
        self._reads.clear()

    async def _make(self, n: int) -> None:
        try:
            result = b'{"status": 200, "result": ' + await self._called(self._calls[n]) + b"}"
        except GraphmemError as error:
            request_id = f"{self._caller.request_id}/{n}"
            problem = problem_of(error, request_id=request_id, path="/v1/batch")
            result = to_bytes({"status": problem["status"], "problem": problem})
        self._results[n] = result
        self._size += len(result)

    async def _called(self, item: Any) -> bytes:
        if not isinstance(item, dict) or not item.keys() <= {"method", "arguments"}:
            raise UsageError("a call is an object with a method and its arguments")
        method, arguments = item.get("method"), item.get("arguments", {})
        if not isinstance(method, str) or method not in CALLS or method in FILES:
            raise UsageError(f"{shown(method)} is no method that can be called so")
        if not isinstance(arguments, dict):
            raise UsageError("arguments are an object")
        call = CALLS[method]
        if call.read:
            self._check_room()
        values = read_request(call, to_bytes(arguments))
        work = perform(self._served, self._caller, call, values)
        # What has no JSON is this call's own mistake.
        return await encoded(await ended_in_time(self._served, call, work))

    def _check_room(self) -> None:
        """A thousand small questions can have answers of any size, which are held until the last
        of them is there."""
        most = self._served.settings.server_max_body_bytes
        if self._size > most:
            raise RequestTooLarge(
                f"the results before this one have more than {most:,} bytes: ask for it in another "
                "request, or for less in each (limit)"
            )


def _only_reads(item: Any) -> bool:
    method = item.get("method") if isinstance(item, dict) else None
    return isinstance(method, str) and method in CALLS and CALLS[method].read
