"""Many calls in one request, each with its own result: what one of them does wrong is its own."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from fastapi import FastAPI, Request
from starlette.responses import Response

from graphmem.client.calls import CALLS, FILES
from graphmem.client.codec import json_body, read_request, to_bytes, write_result
from graphmem.client.problems import problem_of
from graphmem.doors.http.answering import JSON_TYPE, identified
from graphmem.doors.http.calling import Caller, ended_in_time, in_own_names, perform
from graphmem.doors.http.idempotency import once
from graphmem.doors.http.state import ServerState
from graphmem.errors import GraphmemError, UsageError, shown

MOST_CALLS: Final = 1000
_AT_ONCE = 16
"""Calls that only read, at one time; what changes something is done alone, in its order."""
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
            results = await _all(served, caller, calls)
            return in_own_names(to_bytes({"results": results}), caller)

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


async def _all(served: ServerState, caller: Caller, calls: list[Any]) -> list[Any]:
    results: list[Any] = [None] * len(calls)
    reads: list[int] = []

    async def one(n: int) -> None:
        results[n] = await _result(served, caller, calls[n], f"{caller.request_id}/{n}")

    async def finish_reads() -> None:
        for first in range(0, len(reads), _AT_ONCE):
            await asyncio.gather(*(one(n) for n in reads[first : first + _AT_ONCE]))
        reads.clear()

    for n, item in enumerate(calls):
        method = item.get("method") if isinstance(item, dict) else None
        if isinstance(method, str) and method in CALLS and CALLS[method].read:
            reads.append(n)  # what was asked for before a change is answered without it
            continue
        await finish_reads()
        await one(n)
    await finish_reads()
    return results


async def _result(
    served: ServerState, caller: Caller, item: Any, request_id: str
) -> dict[str, Any]:
    try:
        return {"status": 200, "result": await _called(served, caller, item)}
    except GraphmemError as error:
        problem = problem_of(error, request_id=request_id, path="/v1/batch")
        return {"status": problem["status"], "problem": problem}


async def _called(served: ServerState, caller: Caller, item: Any) -> Any:
    if not isinstance(item, dict) or not item.keys() <= {"method", "arguments"}:
        raise UsageError("a call is an object with a method and its arguments")
    method, arguments = item.get("method"), item.get("arguments", {})
    if not isinstance(method, str) or method not in CALLS or method in FILES:
        raise UsageError(f"{shown(method)} is no method that can be called so")
    if not isinstance(arguments, dict):
        raise UsageError("arguments are an object")
    call = CALLS[method]
    work = perform(served, caller, call, read_request(call, to_bytes(arguments)))
    found = write_result(await ended_in_time(served, call, work))
    to_bytes(found)  # what has no JSON is this call's own mistake
    return found
