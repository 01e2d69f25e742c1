"""What every request passes first: an id, limits on size and time, one line in the log."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import re
import time
import uuid
from typing import Any, Final
from urllib.parse import parse_qsl, quote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphmem.access.secrets import KEY_PREFIX
from graphmem.client.codec import to_bytes
from graphmem.client.problems import PROBLEM_TYPE, problem_of
from graphmem.errors import (
    GraphmemError,
    LimitExceeded,
    NotFound,
    RequestTooLarge,
    SlowRequest,
    Unauthenticated,
    UsageError,
)
from graphmem.settings import Settings

_log = logging.getLogger("graphmem.server")
_KEY = re.compile(rf"{KEY_PREFIX}\w+")
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"})
_ONCE = frozenset({b"authorization", b"idempotency-key", b"x-user-context", b"x-signature"})
_FIT = re.compile(rb"[A-Za-z0-9._-]{1,100}")
_IN_A_PATH = "/:@!$&'()*+,;="
UPLOADS: Final = frozenset({"/v1/import"})
request_id: contextvars.ContextVar[str] = contextvars.ContextVar("graphmem_request_id", default="")
caller: contextvars.ContextVar[list[str]] = contextvars.ContextVar("graphmem_caller")


class Middleware:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["path"] = _path(scope["path"])
        # A HEAD is a GET whose answer has no body, which the server of the connection leaves out.
        within = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        given = dict(scope["headers"]).get(b"x-request-id", b"")
        id_ = given.decode() if _FIT.fullmatch(given) else uuid.uuid4().hex
        request_id.set(id_)
        names: list[str] = []
        caller.set(names)
        began = time.perf_counter()
        status: list[int] = []

        async def answering(message: Message) -> None:
            if message["type"] == "http.response.start":
                status.append(message["status"])
                message["headers"] = [*message["headers"], (b"x-request-id", id_.encode())]
            await send(message)

        try:
            await self._passed(within, receive, answering, status)
        finally:
            scope["route"] = within.get("route")  # of which whoever stands around it tells
            _log.info(
                "%s %s %s %.1f ms %s %s",
                method_of(scope),
                address_of(scope),
                status[0] if status else "-",
                (time.perf_counter() - began) * 1000,
                id_,
                names[0] if names else "-",
            )

    async def _passed(self, scope: Scope, receive: Receive, send: Send, status: list[int]) -> None:
        try:
            _check_address(scope)
            limited = self._limited(scope, receive)
            await self._app(scope, limited, send)
        except ClientDisconnect:
            return  # nobody is there who could be answered
        except Exception as error:  # the outermost: nothing is above it
            if status:
                raise  # half of an answer is out: the connection ends
            await problem_response(error, scope["path"])(scope, receive, send)

    def _limited(self, scope: Scope, receive: Receive) -> Receive:
        upload = scope["path"] in UPLOADS
        settings = self._settings
        most = settings.server_max_upload_bytes if upload else settings.server_max_body_bytes
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"")
        if length and b"transfer-encoding" in headers:
            # Read in two ways, by a proxy and by us, it could hide a request in another.
            raise UsageError("a request has a Content-Length or a Transfer-Encoding, not both")
        if length.isdigit() and int(length) > most:
            raise _too_large(most)
        ends = time.monotonic() + settings.server_body_timeout_s
        come = 0
        whole = False

        async def limited() -> Message:
            nonlocal come, whole
            if whole:  # what comes now is the end of the connection
                return await receive()
            wait_s = settings.server_body_timeout_s if upload else ends - time.monotonic()
            try:
                message = await asyncio.wait_for(receive(), max(0.001, wait_s))
            except TimeoutError:
                raise SlowRequest("the request did not arrive in time") from None
            come += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if come > most:
                raise _too_large(most)
            return message

        return limited


def method_of(scope: Scope) -> str:
    """The method of a request, where it is one: anything may stand there."""
    return scope["method"] if scope["method"] in _METHODS else "_OTHER"


def address_of(scope: Scope) -> str:
    """The address of a request as its route has it, without the names and ids in it; of one that is
    no address of ours as it was written, in one line, without what may be a key."""
    route: str | None = getattr(scope.get("route"), "path_format", None)
    return route or _KEY.sub(f"{KEY_PREFIX}…", quote(scope["path"][:200], safe=_IN_A_PATH))


def _check_address(scope: Scope) -> None:
    """Refuse what a proxy and this server might read in two ways, or a database not at all."""
    if b"%2f" in scope.get("raw_path", b"").lower():
        raise NotFound("there is nothing at this address: no part of one has a stroke in it")
    if b"%00" in scope["query_string"] or "\0" in scope["path"]:
        raise UsageError("a NUL has no place in an address: leave %00 out")
    query = scope["query_string"].decode("latin-1")  # whatever bytes they are
    asked = [name for name, _ in parse_qsl(query, keep_blank_values=True, encoding="latin-1")]
    if len(asked) != len(set(asked)):
        raise UsageError("a query has each name once: one of two would be passed over")
    names = [name for name, _ in scope["headers"] if name in _ONCE]
    if len(names) != len(set(names)):
        raise UsageError(
            "a request has one Authorization, one Idempotency-Key, one X-User-Context and one "
            "X-Signature"
        )


def _too_large(most: int) -> RequestTooLarge:
    return RequestTooLarge(
        f"the request is larger than this server takes ({most:,} bytes): send it in parts, or "
        "raise GRAPHMEM_SERVER_MAX_BODY_BYTES"
    )


def _path(path: str) -> str:
    """The path without the one slash at the end that some clients write."""
    return path[:-1] if len(path) > 1 and path.endswith("/") and path[-2] != "/" else path


def given_key(request: Request) -> str | None:
    """The key of a request, in either of the ways that clients write it."""
    kind, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() or None if kind.lower() in {"bearer", "token"} else None


def problem_response(error: Exception, path: str) -> Response:
    """The answer to an error. Of one that nobody foresaw nothing is told but where to look."""
    if not isinstance(error, GraphmemError):
        _log.error("request %s failed", request_id.get(), exc_info=error)
        error = GraphmemError(f"something went wrong here; the server's log has {request_id.get()}")
    body: dict[str, Any] = problem_of(error, request_id=request_id.get(), path=path)
    headers = {}
    if isinstance(error, Unauthenticated):
        headers["www-authenticate"] = "Bearer"
    if isinstance(error, RequestTooLarge | SlowRequest):
        headers["connection"] = "close"
    if isinstance(error, LimitExceeded):
        headers["retry-after"] = str(body["retry_after_s"])
    elif error.retryable and body["status"] == 503:
        headers["retry-after"] = "1"
    content = to_bytes(_utf8(body))
    return Response(content, body["status"], headers, media_type=PROBLEM_TYPE)


def _utf8(body: dict[str, Any]) -> dict[str, Any]:
    """The same, with characters that are no UTF-8 (a caller may write any) shown by their codes."""
    return {
        name: value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value
        for name, value in body.items()
    }
