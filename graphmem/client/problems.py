"""Errors as RFC 9457 problem documents, and back: the same class on both sides of the wire."""

from __future__ import annotations

import http
import inspect
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from graphmem import __version__, errors
from graphmem.errors import (
    GraphmemError,
    LimitExceeded,
    ModelError,
    Rejected,
    Unavailable,
    http_status_of,
)

PROBLEM_TYPE: Final = "application/problem+json"
_CLASSES: Mapping[str, type[GraphmemError]] = {
    name: kind
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, GraphmemError)
}


_MOST: Final = 1e15
_UNREADABLE = (
    msgspec.MsgspecError, ValueError, TypeError, LookupError, AttributeError, RecursionError,
)  # fmt: skip


@contextmanager
def reading_answer() -> Iterator[None]:
    """What cannot be read as an answer of this version's is :class:`~graphmem.errors.Rejected`: a
    proxy, another program or another version wrote it."""
    try:
        yield
    except _UNREADABLE as error:
        raise Rejected(
            f"the server answered in another form than graphmem {__version__} does ({error}): see "
            "what answers at its address, and which version; what was asked may have been done"
        ) from error


def title_of(status: int) -> str:
    """The name of an HTTP status."""
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def problem_of(error: GraphmemError, *, request_id: str, path: str) -> dict[str, Any]:
    """An error as a problem document: ``error`` is its class, ``retryable`` whether to repeat."""
    status = http_status_of(error)
    body: dict[str, Any] = {
        "type": f"urn:graphmem:error:{type(error).__name__}",
        "title": title_of(status),
        "status": status,
        "detail": str(error),
        "instance": path,
        "error": type(error).__name__,
        "retryable": bool(error.retryable),
        "request_id": request_id,
    }
    if isinstance(error, LimitExceeded):
        body |= {"what": error.what, "limit": error.limit}
        body |= {name: math.ceil(getattr(error, name)) for name in ("retry_after_s", "reset_s")}
    return body


def error_of(status: int, body: object, text: str) -> GraphmemError:
    """The error that a problem document stands for; for anything else one that shows what came."""
    problem: Mapping[str, Any] = body if isinstance(body, Mapping) else {}
    kind = _CLASSES.get(str(problem.get("error")))
    detail = problem.get("detail")
    message = detail if isinstance(detail, str) else f"the server answered {status}: {text[:300]}"
    if kind is None:
        kind = Unavailable if status in {502, 503, 504} else _by_status(status)
    if issubclass(kind, LimitExceeded):
        after, reset, limit = (_number(problem, n) for n in ("retry_after_s", "reset_s", "limit"))
        what = str(problem.get("what", "calls"))
        return kind(message, what=what, limit=int(limit), retry_after_s=after, reset_s=reset)
    error = kind(message)
    if isinstance(error, ModelError) and isinstance(problem.get("retryable"), bool):
        error.retryable = problem["retryable"]
    return error


def _number(problem: Mapping[str, Any], name: str) -> float:
    value = problem.get(name)
    if isinstance(value, int | float) and -_MOST <= value <= _MOST:
        return value
    return 1


def _by_status(status: int) -> type[GraphmemError]:
    found = (kind for kind, its in errors.HTTP_STATUS.items() if its == status)
    return next(found, GraphmemError)
