"""What failures of a Qdrant server mean: whether to retry, and what to tell the user.

No message carries the API key: what a server or proxy echoes is redacted.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import grpc
import httpx
from qdrant_client.common.client_exceptions import QdrantException, ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    stop_any,
    wait_random_exponential,
)

from graphmem.errors import GraphmemError, Rejected, Unavailable, UsageError

_T = TypeVar("_T")

_ATTEMPTS = 4
_FIRST_WAIT_S = 0.2
_LONGEST_WAIT_S = 3.0
_LONGEST_RETRY_AFTER_S = 30.0
_LONGEST_QUOTE = 300

_KEY = "was the API key given, and is it right? (GRAPHMEM_VECTORS_API_KEY)"
_GRPC_STATUS = {
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
}
"""The HTTP status of the same meaning; 503 for a gRPC status that is not here."""


async def asking(
    ask: Callable[[], Awaitable[_T]],
    *,
    place: str,
    key: str | None,
    timeout_s: float,
    sleep: Callable[[float], Awaitable[None]],
) -> _T:
    """Call ``ask``, retrying failures that may pass; the last one is raised as a graphmem error.

    Every request may be repeated: reads change nothing, and writes are idempotent. No attempt is
    begun after ``timeout_s``.
    """
    retrying = AsyncRetrying(
        retry=retry_if_exception(may_pass),
        stop=stop_any(stop_after_attempt(_ATTEMPTS), stop_after_delay(timeout_s)),
        wait=_wait,
        sleep=sleep,
        reraise=True,
    )
    try:
        return await retrying(ask)
    except GraphmemError:
        raise
    except Exception as error:
        raise explained(error, place, key) from error


def may_pass(error: BaseException) -> bool:
    """Whether the same request may succeed in a moment."""
    if isinstance(error, ResourceExhaustedResponse):
        return float(error.retry_after_s) <= _LONGEST_RETRY_AFTER_S
    if isinstance(error, ResponseHandlingException):
        return isinstance(error.source, httpx.TransportError) and not _is_tls(error)
    status = status_of(error)
    return status is not None and _passes(status)


def _passes(status: int) -> bool:
    return status in {408, 425, 429} or (status >= 500 and status != 501)


def status_of(error: BaseException) -> int | None:
    """The HTTP status behind an error, or gRPC's nearest; None when there was no answer."""
    if isinstance(error, UnexpectedResponse):
        return error.status_code
    if isinstance(error, grpc.RpcError):
        return _GRPC_STATUS.get(error.code(), 503)
    # Also for a Retry-After that the client does not understand.
    return 429 if isinstance(error, QdrantException) else None


def is_missing(error: BaseException) -> bool:
    """Whether a collection does not exist (the client's local mode says so only in the message)."""
    return status_of(error) == 404 or (isinstance(error, ValueError) and "not found" in str(error))


def already_exists(error: BaseException) -> bool:
    """Whether a collection exists already, perhaps just made by another process."""
    if status_of(error) == 409:
        return True
    message = _server_message(error) if status_of(error) == 400 else str(error)
    return "already exists" in message and isinstance(error, UnexpectedResponse | ValueError)


def explained(error: Exception, place: str, key: str | None) -> GraphmemError:
    """The graphmem error to raise for an error of the client."""
    quote = _redact(_server_message(error), key)
    status = status_of(error)
    if status is not None:
        return _refusal(status, quote, place)
    source = error.source if isinstance(error, ResponseHandlingException) else error
    if _is_tls(error):
        return UsageError(f"{place} cannot be reached securely ({quote}): is https right here?")
    if isinstance(source, httpx.TimeoutException):
        return Unavailable(
            f"Qdrant at {place} did not answer in time; try later, or allow it more with "
            "?timeout=SECONDS"
        )
    if isinstance(source, httpx.TransportError):
        return Unavailable(f"Qdrant at {place} cannot be reached ({quote}); is it running there?")
    return Rejected(f"{place} did not answer as a Qdrant server would ({quote})")


def _refusal(status: int, quote: str, place: str) -> GraphmemError:
    if status in {401, 403}:
        return UsageError(f"Qdrant at {place} refused access ({quote}): {_KEY}")
    if status == 404:
        return Unavailable(
            f"Qdrant at {place} does not have what was asked for ({quote}): another process may "
            "be clearing it, or the address is not a Qdrant server's; open it again"
        )
    if status == 429:
        return Unavailable(f"Qdrant at {place} is asked too much at once ({quote}); try later")
    if _passes(status):
        return Unavailable(f"Qdrant at {place} failed ({status}: {quote}); try later")
    return Rejected(f"Qdrant at {place} refused the request ({status}: {quote})")


def _wait(state: RetryCallState) -> float:
    """The wait in seconds: full jitter (M. Brooker, "Exponential Backoff and Jitter", AWS
    Architecture Blog, 2015), but never less than the server asked for."""
    jitter = wait_random_exponential(multiplier=_FIRST_WAIT_S, max=_LONGEST_WAIT_S)(state)
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, ResourceExhaustedResponse):
        return float(error.retry_after_s) + jitter
    return jitter


def _is_tls(error: BaseException) -> bool:
    source: BaseException = error.source if isinstance(error, ResponseHandlingException) else error
    return any(isinstance(link, ssl.SSLError) for link in _causes(source))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _server_message(error: BaseException) -> str:
    """The server's own message, or what went wrong on the way."""
    if isinstance(error, UnexpectedResponse):
        text = error.content.decode("utf-8", "replace").strip()
        try:
            body: Any = json.loads(text)
            return str(body["status"]["error"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return text or error.reason_phrase
    if isinstance(error, grpc.aio.AioRpcError):
        return str(error.details() or error.code().name)
    if isinstance(error, ResponseHandlingException):
        return str(error.source) or type(error.source).__name__
    return str(error) or type(error).__name__


def _redact(text: str, key: str | None) -> str:
    if key:
        text = text.replace(key, "[key]")
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 1] + "…"
