"""From a request to an answer: who calls, what with, the call itself, the result."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from graphmem.access import Allowance
from graphmem.client.calls import Call
from graphmem.client.codec import read_request, to_bytes, write_result
from graphmem.client.transport import EVENTS
from graphmem.doors.http import idempotency, middleware
from graphmem.doors.http.calling import (
    Caller,
    ended_in_time,
    in_own_names,
    naming_no_place,
    perform,
    scope_asked,
)
from graphmem.doors.http.state import ServerState
from graphmem.errors import (
    AccessRefused,
    BackendError,
    Conflict,
    NotFound,
    UsageError,
)
from graphmem.off_loop import off_loop

_MANY = 200  # items of a result, from which it is written beside the event loop
_BEAT_S = 10.0
NOTHING_STORED = (UsageError, NotFound, AccessRefused, Conflict)
"""Errors that say that nothing was stored."""
JSON_TYPE: Final = "application/json"


async def identified(served: ServerState, request: Request) -> Caller:
    """Who calls: named in the log by the id of the key.

    :class:`~graphmem.errors.Unauthenticated` when no key is given, or none that is good, or one
    with a signature that is not.
    """
    address = _address_of(request)
    with naming_no_place(middleware.request_id.get(), administrator=False):  # nobody, so far
        principal = await served.access.authenticate(middleware.given_key(request), address=address)
    secret = served.settings.server_signature_secret
    user_id, signature = (_as_sent(request, name) for name in ("x-user-context", "x-signature"))
    if secret is not None and (user_id is not None or signature is not None):
        principal = served.access.vouched(
            principal, secret.get_secret_value(), user_id, signature, address=address
        )
    middleware.caller.get().append(principal.key_id)
    return Caller(principal, address, middleware.request_id.get())


def _address_of(request: Request) -> str:
    """Where a request comes from; of what is no address, which a proxy may hand on, nothing."""
    given = request.client.host if request.client else ""
    try:
        return str(ip_address(given.partition("%")[0]))  # behind it, anything may stand
    except ValueError:
        return ""


def _as_sent(request: Request, name: str) -> str | None:
    """A header as text: it comes as bytes, of which each is taken for a character."""
    found = request.headers.get(name)
    return None if found is None else found.encode("latin-1").decode("utf-8", "replace")


async def answer(served: ServerState, call: Call, request: Request) -> Response:
    """The answer to a request for one method of the API."""
    caller = await identified(served, request)
    raw = await request.body()
    made = _Made()
    work = _work(served, call, caller, raw, made)

    async def done(progress: Callable[..., None] | None) -> tuple[bytes, dict[str, str]]:
        return await idempotency.once(
            served,
            caller,
            None if call.read else request.headers.get("idempotency-key"),
            (call.name, raw),
            lambda: work(progress),
            scope=lambda: made.scope,
            undone=lambda error: call.repeatable or made.undone(error),
        )

    async def check_allowed() -> None:
        key = middleware.given_key(request)
        with contextlib.suppress(BackendError):  # who cannot be looked up now is at the next beat
            principal = await served.access.authenticate(key, address=caller.address)
            served.access.authorize(principal, call.name, [])

    if EVENTS in request.headers.get("accept", ""):
        events = _reported(done, request.url.path, check_allowed)
        return StreamingResponse(events, media_type=EVENTS)
    body, replayed = await ended_in_time(served, call, done(None))
    return Response(body, headers=made.headers | replayed, media_type=JSON_TYPE)


_Work = Callable[[Callable[..., None] | None], Awaitable[bytes]]
_Done = Callable[[Callable[..., None] | None], Awaitable[tuple[bytes, dict[str, str]]]]


@dataclass(slots=True)
class _Made:
    """How far a call is: the headers of its answer, whose memory it is about, if it has begun."""

    headers: dict[str, str] = field(default_factory=dict)
    scope: dict[str, str | None] = field(default_factory=dict)
    begun: bool = False
    done: bool = False

    def undone(self, error: BaseException) -> bool:
        """Whether a call that failed so has stored nothing, for certain."""
        return not self.begun or (not self.done and isinstance(error, NOTHING_STORED))


def _work(served: ServerState, call: Call, caller: Caller, raw: bytes, made: _Made) -> _Work:
    def allowed(allowance: Allowance, given: dict[str, Any]) -> None:
        made.headers.update(rate_headers(allowance))
        made.scope.update(scope_asked(given))
        made.begun = True

    async def work(progress: Callable[..., None] | None) -> bytes:
        values = read_request(call, raw)
        found = await perform(served, caller, call, values, progress=progress, allowed=allowed)
        made.done = True
        return in_own_names(await encoded(found), caller)

    return work


def rate_headers(allowance: Allowance) -> dict[str, str]:
    """What is left to whoever calls, in the headers that clients look at."""
    left = {
        "ratelimit-limit": allowance.limit,
        "ratelimit-remaining": allowance.remaining,
        "ratelimit-reset": allowance.reset_s,
    }
    return {name: str(math.ceil(value)) for name, value in left.items() if value is not None}


async def encoded(found: Any) -> bytes:
    """A result as JSON; a long one is written beside the event loop."""
    try:
        items = len(found)
    except TypeError:
        items = len(getattr(found, "items", ()) or getattr(found, "rows", ()) or ())
    if items > _MANY:
        return await off_loop(lambda: to_bytes(write_result(found)))
    return to_bytes(write_result(found))


async def _reported(
    work: _Done, path: str, check_allowed: Callable[[], Awaitable[None]]
) -> AsyncIterator[bytes]:
    """Events: how far it is, that it is still at work, at last the result or the problem. Work that
    may take hours ends soon after its caller may do it no more."""
    steps: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def progress(*step: Any) -> None:  # may come from another thread
        loop.call_soon_threadsafe(steps.put_nowait, step)

    task = asyncio.ensure_future(work(progress))
    task.add_done_callback(lambda _: steps.put_nowait(()))
    try:
        yield b": begun\n\n"
        checked_at = loop.time()
        while True:
            step = None
            with contextlib.suppress(TimeoutError):
                step = await asyncio.wait_for(steps.get(), _BEAT_S)
            if step == ():
                break
            if loop.time() - checked_at >= _BEAT_S:
                await check_allowed()
                checked_at = loop.time()
            how_far = None if step is None else json.dumps(step).encode()
            yield b": at work\n\n" if how_far is None else _event("progress", how_far)
        yield _last(task, path)
    except AccessRefused as error:
        yield _event("problem", bytes(middleware.problem_response(error, path).body))
    finally:
        if not task.done():  # nobody listens any more
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def _last(task: asyncio.Future[tuple[bytes, dict[str, str]]], path: str) -> bytes:
    error = task.exception()
    if error is None:
        return _event("result", task.result()[0])
    plain = error if isinstance(error, Exception) else RuntimeError(type(error).__name__)
    return _event("problem", bytes(middleware.problem_response(plain, path).body))


def _event(name: str, data: bytes) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
