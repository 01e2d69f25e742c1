"""Every error that graphmem raises on purpose.

::

    GraphmemError
    ├── UsageError (ValueError)        the call is wrong; nothing was stored
    │   ├── RequestTooLarge            more than a server takes at once
    │   └── WrongMethod                an address of a server that is asked in another way
    ├── NotFound (LookupError)         an id or a name that this scope does not hold
    ├── AccessRefused                  who asks may not, or not now; nothing was done
    │   ├── Unauthenticated            no key, or none that is good
    │   ├── Forbidden                  a good key, whose role is too small for this
    │   └── LimitExceeded              too much, too soon: says when to try again
    ├── BackendError                   a store said no
    │   ├── Unavailable                try again later: the store is down, busy or in use
    │   │   ├── SlowRequest            a request did not reach the server in time
    │   │   └── Conflict               another writer was first: read again, decide again
    │   │       └── UserRenamed        a user was forgotten, or met by another process, meanwhile
    │   └── Rejected                   trying again will not help
    │       └── Damaged                files that hold something else than was written
    │           └── LedgerLost         a ledger that lacks what its graph was made from
    └── ModelError                     an LLM or embedder could not do its work
        ├── BadModelOutput             it answered, but not with what was asked for
        └── BudgetExceeded             a ceiling on calls, tokens or money was reached

A vendor's own exception is never raised to the user: adapters wrap it at the edge and keep it
as ``__cause__``. What a server answers to each is in :data:`HTTP_STATUS`.
"""

from __future__ import annotations

import difflib
import logging
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 80


def shown(value: object) -> str:
    """A value in an error, short: some are too large to be written out, some cannot be."""
    try:
        return _short.repr(value)
    except ValueError:  # an int of 5,000 digits has none
        return f"a value of type {type(value).__name__}"


def among(unknown: Sequence[str], known: Sequence[str]) -> str:
    """Names that are not known, in an error: with the one that may be meant, and all there are."""
    meant = difflib.get_close_matches(unknown[0], known, n=1)
    hint = f" (did you mean {meant[0]}?)" if meant else ""
    return f"{', '.join(unknown)}{hint}; known are: {', '.join(known)}"


class GraphmemError(Exception):
    """Base of every error raised on purpose. ``retryable`` says whether to try the same again."""

    retryable = False


@contextmanager
def logged_failure(log: logging.Logger, what: str) -> Iterator[None]:
    """Log an error of work that nobody awaits, instead of raising it: ``what`` failed, and why;
    where nobody raised it on purpose, also where the error came from."""
    try:
        yield
    except Exception as error:
        log.warning("%s: %s", what, error, exc_info=not isinstance(error, GraphmemError))


class UsageError(GraphmemError, ValueError):
    """The arguments, settings or query are wrong. Nothing was stored."""


class RequestTooLarge(UsageError):
    """More than a server takes in one request."""


class WrongMethod(UsageError):
    """An address of a server takes another HTTP method."""


class NotFound(GraphmemError, LookupError):
    """No such thing in this scope (it may exist in another; that is not revealed)."""


class AccessRefused(GraphmemError):
    """Who asks may not, or not now. Nothing was done."""


class Unauthenticated(AccessRefused):
    """No key was given, or one that is not good: why it is not is not revealed."""


class Forbidden(AccessRefused):
    """The key is good, but what it may do does not include this."""


class LimitExceeded(AccessRefused):
    """A limit on calls, tokens or memories was reached. The call is good again in
    ``retry_after_s`` seconds; ``limit`` is how much there is of ``what``, all of it again in
    ``reset_s`` seconds.
    """

    retryable = True

    def __init__(
        self, message: str, *, what: str, limit: int, retry_after_s: float, reset_s: float
    ) -> None:
        super().__init__(message)
        self.what = what
        self.limit = limit
        self.retry_after_s = retry_after_s
        self.reset_s = reset_s


class BackendError(GraphmemError):
    """A ledger, graph or vector store failed."""


class Unavailable(BackendError):
    """The store cannot be reached, or another process holds it. Retryable."""

    retryable = True
    lost = False
    """Whether a request went out and its answer never came: what it was to do may be done."""
    retry_after_s: float | None = None
    """How long to wait before it is tried again, where a server said so."""


class SlowRequest(Unavailable):
    """A request took too long to reach the server."""


class Conflict(Unavailable):
    """What was decided rested on something that changed meanwhile. Nothing was written."""


class UserRenamed(Conflict):
    """A user's pseudonym is not what it was: another process gave one first, or forgot the user."""


class Rejected(BackendError):
    """The store refused the request, or holds something that this version cannot use."""


class Damaged(Rejected):
    """Files of a ledger, a graph or vectors are not what was written. Of graph and vectors nothing
    is lost: they are made anew from the ledger. Of a ledger nothing is changed or removed."""


class LedgerLost(Damaged):
    """A ledger is missing, empty, or ends before what its graph and vectors were made from.
    Nothing was changed: whoever has its backup puts it back, or goes on without."""


class ModelError(GraphmemError):
    """An LLM or an embedder failed. Retryable unless it refused the request itself.

    ``too_long`` says that the request, or its answer, is longer than the model takes: less at a
    time may work.
    """

    def __init__(self, message: str, *, retryable: bool = True, too_long: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.too_long = too_long


class BadModelOutput(ModelError):
    """The model answered, but not with what was asked for, even after repair.

    ``partial`` is what there was of an answer; ``calls``, ``tokens_in`` and ``tokens_out`` are
    what it cost all the same.
    """

    def __init__(
        self,
        message: str,
        *,
        retryable: bool = True,
        too_long: bool = False,
        partial: str = "",
        calls: int = 0,
        tokens_in: int = 0,
        tokens_out: int = 0,
    ) -> None:
        super().__init__(message, retryable=retryable, too_long=too_long)
        self.partial = partial
        self.calls = calls
        self.tokens_in = tokens_in
        self.tokens_out = tokens_out


class BudgetExceeded(ModelError):
    """A ceiling on calls, tokens or money was reached before the call."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=False)


HTTP_STATUS: Final[Mapping[type[GraphmemError], int]] = {
    UsageError: 400,
    RequestTooLarge: 413,
    WrongMethod: 405,
    NotFound: 404,
    Unauthenticated: 401,
    Forbidden: 403,
    LimitExceeded: 429,
    Unavailable: 503,
    SlowRequest: 408,
    Conflict: 409,
    ModelError: 502,
    BudgetExceeded: 429,
    GraphmemError: 500,
}
"""What a server answers to each error: the status of the nearest class that is named here."""


def http_status_of(error: GraphmemError) -> int:
    """The status of an error's class, or of the nearest above it."""
    return next(HTTP_STATUS[kind] for kind in type(error).__mro__ if kind in HTTP_STATUS)
