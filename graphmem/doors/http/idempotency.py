"""Requests under an ``Idempotency-Key``: done once, by the process that wrote first in the
ledger that it does, and answered alike each time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from graphmem.clock import SystemClock
from graphmem.doors.http.calling import Caller
from graphmem.doors.http.state import ServerState
from graphmem.errors import Conflict, GraphmemError, Unavailable, UsageError
from graphmem.migration.store import ledger_of
from graphmem.ports.access import KeyedRequest
from graphmem.text import digest

_LONGEST_KEY: Final = 256
_LARGEST_ANSWER: Final = 256 * 1024
_LONGEST_WAIT_S: Final = 10.0
_STEP_S: Final = 0.1
_UNKNOWN = (
    "a request under this Idempotency-Key was begun, and what came of it is not known (the server "
    "failed or ended on the way) or kept no more: look, and take a new key if it was not done"
)
_UNDER_WAY = "a request under this Idempotency-Key is under way: try again in a moment"


async def once(
    served: ServerState,
    caller: Caller,
    key: str | None,
    request: tuple[str, bytes],
    work: Callable[[], Awaitable[bytes]],
    *,
    scope: Callable[[], Mapping[str, str | None]] = dict,
    undone: Callable[[BaseException], bool] = lambda _: False,
) -> tuple[bytes, dict[str, str]]:
    """The answer to a request under a key that its caller wrote, and the header that says so where
    it was given before; without a key it is done each time. ``scope`` is asked whose memories it
    was about, once it is done; ``undone``, of an error, whether nothing was done by then: only such
    a request may be made again under its key.

    :class:`~graphmem.errors.Conflict` where the key belongs to another request, where the answer
    is kept no more, or where it is not known how the first one ended;
    :class:`~graphmem.errors.Unavailable` where that takes long.
    """
    if key is None:
        return await work(), {}
    if not 1 <= len(key) <= _LONGEST_KEY:
        raise UsageError(f"an Idempotency-Key has 1 to {_LONGEST_KEY} characters")
    name, raw = request
    of = digest(name, raw.decode(errors="replace"))
    # A request that is signed for a user is none for another, be the rest of it the same.
    who = f"{caller.principal.key_id} {caller.principal.user_id or ''}"
    now = SystemClock().now()
    wanted = KeyedRequest(digest(who), digest(key), of, served.next_holder(), now)
    ledger = ledger_of(served.memory)
    ends = time.monotonic() + _LONGEST_WAIT_S
    while (found := await ledger.begin_request(wanted)).holder != wanted.holder:
        if found.request != of:
            raise Conflict("this Idempotency-Key was used for another request: take a new one")
        if found.answer:
            return found.answer.encode(), {"idempotency-replayed": "true"}
        if found.answer is not None:
            raise Conflict(_UNKNOWN)
        _check_goes_on(served, found, wanted, shared=ledger.shared)
        if time.monotonic() > ends:
            raise Unavailable(_UNDER_WAY)
        await asyncio.sleep(_STEP_S)
        wanted = replace(wanted, at=SystemClock().now())
    try:
        body = await work()
    except (Exception, asyncio.CancelledError) as error:
        end = (None, {}) if undone(error) else ("", scope())
        with contextlib.suppress(GraphmemError):
            await ledger.finish_request(wanted, *end)
        raise
    answer = body.decode() if len(body) <= _LARGEST_ANSWER else ""
    await ledger.finish_request(wanted, answer, scope())
    return body, {}


def _check_goes_on(
    served: ServerState, found: KeyedRequest, now: KeyedRequest, *, shared: bool
) -> None:
    """Whether somebody is still at work on it: in an embedded store only this process, elsewhere
    nobody for longer than a call may take."""
    own = found.holder.partition(":")[0] == served.id
    longest = timedelta(seconds=served.settings.server_timeout_s)
    if not (own or shared) or now.at - found.at > longest:
        raise Conflict(_UNKNOWN)
