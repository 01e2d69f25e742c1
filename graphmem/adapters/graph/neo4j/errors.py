"""The driver's errors as ours. No other exception of the driver leaves the adapter."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from neo4j.exceptions import (
    AuthError,
    ClientError,
    ConfigurationError,
    ConnectionPoolError,
    DriverError,
    Neo4jError,
)

from graphmem.errors import GraphmemError, Rejected, Unavailable, UsageError

_LONGEST = 300
_NO_SUCH_DATABASE = (
    "Neo.ClientError.Database.DatabaseNotFound",
    "Neo.ClientError.Database.IllegalDatabaseName",
)
_FAILED = "Neo.DatabaseError.Statement."  # it runs into the same again: an id too long to index
_EXPIRED = "Neo.ClientError.Security.CredentialsExpired"
_TOO_OFTEN = "Neo.ClientError.Security.AuthenticationRateLimit"


@contextmanager
def mapped(where: str) -> Iterator[None]:
    """Turn the driver's errors into ours; ``where`` is the address, without a password."""
    try:
        yield
    except (Neo4jError, DriverError, OSError, TimeoutError) as error:
        raise ours(error, where) from error


def ours(error: Exception, where: str) -> GraphmemError:
    """What one of the driver's errors means to a caller."""
    if isinstance(error, Neo4jError):
        return _from_server(error, where)
    if isinstance(error, ConfigurationError):
        return UsageError(f"Neo4j at {where} cannot be used as it is set up: {_first_line(error)}")
    if isinstance(error, TimeoutError):
        return Unavailable(f"Neo4j at {where} did not answer in time")
    if isinstance(error, ConnectionPoolError):
        return Unavailable(
            f"Neo4j at {where}: no connection became free in time; allow more with ?pool="
        )
    return Unavailable(f"Neo4j at {where} cannot be reached: {_first_line(_root(error))}")


def _from_server(error: Neo4jError, where: str) -> GraphmemError:
    code = str(error.code)
    if code == _EXPIRED:
        return UsageError(
            f"Neo4j at {where} wants this user's password to be changed first: "
            "ALTER CURRENT USER SET PASSWORD FROM … TO …, on the database system"
        )
    if code == _TOO_OFTEN:
        return Unavailable(f"Neo4j at {where} refuses to log in for a while: too many attempts")
    if isinstance(error, AuthError):
        return UsageError(f"Neo4j at {where} refuses the user or the password")
    if code in _NO_SUCH_DATABASE:
        return UsageError(
            f"Neo4j at {where}: there is no such database, or it is not for this user"
        )
    hopeless = isinstance(error, ClientError) or code.startswith(_FAILED)
    if error.is_retryable() or not hopeless:
        return Unavailable(f"Neo4j at {where} cannot do this now ({code})")
    return Rejected(f"Neo4j at {where} refused: {code}: {_first_line(error)}")


def lost(error: Exception) -> bool:
    """Whether a read that failed so may be tried again."""
    if isinstance(error, Neo4jError | DriverError):
        return error.is_retryable()
    return False


def unknown_host(error: BaseException) -> bool:
    """Whether this came from a name that nobody knows."""
    return isinstance(_root(error), socket.gaierror)


def _root(error: BaseException) -> BaseException:
    """What went wrong first: the driver wraps it, and groups what came of several servers."""
    while True:
        if isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        elif error.__cause__ is not None:
            error = error.__cause__
        else:
            return error


def _first_line(error: BaseException) -> str:
    text = error.message if isinstance(error, Neo4jError) else str(error)
    line = (str(text).strip().splitlines() or [type(error).__name__])[0]
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} …"
