"""Where a Neo4j server is and how to log in, from its URL."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, unquote, urlsplit

from graphmem.errors import UsageError

SCHEMES = ("neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc")
_FORM = "neo4j://[user:password@]host[:port][/database][?replace=1&pool=16&timeout=15]"
_TRUTH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
_PORT = 7687


@dataclass(frozen=True, slots=True)
class Neo4jTarget:
    """A server and a database in it; shown without the password."""

    address: str
    """Scheme, host and port, as the driver takes it."""
    user: str | None
    password: str | None = field(repr=False)
    database: str | None
    """None: the one that the server gives this user."""
    replace: bool = False
    """Whether another store's graph may be cleared."""
    pool: int = 16
    """The most connections at once."""
    timeout_s: float = 15.0
    """How long to go on trying when the server does not answer."""

    def __str__(self) -> str:
        return f"{self.address}/{self.database}" if self.database else self.address

    @classmethod
    def of(
        cls,
        url: str,
        *,
        user: str | None = None,
        password: str | None = None,
        database: str | None = None,
        replace: bool = False,
    ) -> Neo4jTarget:
        """Read a URL; what it does not hold is taken from the arguments.

        :class:`~graphmem.errors.UsageError`, which never quotes the URL, when it cannot be read.
        """
        try:
            parts = urlsplit(url.strip())
            host, port = parts.hostname, parts.port or _PORT
        except ValueError:  # which quotes what it took for a port: a password with a / in it
            raise UsageError(_complaint("the address cannot be read")) from None
        if parts.scheme not in SCHEMES:
            raise UsageError(f"the scheme of a Neo4j URL is one of {', '.join(SCHEMES)}")
        if not host or parts.fragment or any(c.isspace() for c in host):
            raise UsageError(_complaint("the host is missing or cannot be read"))
        path = unquote(parts.path).strip("/")
        if "/" in path:
            raise UsageError(_complaint("one database is named after the host"))
        user = unquote(parts.username) if parts.username else user
        password = unquote(parts.password) if parts.password else password
        if user is not None and password is None:
            raise UsageError(
                f"Neo4j user {user!r} has no password: write user:password@ in the URL, or set "
                "GRAPHMEM_GRAPH_PASSWORD"
            )
        target = cls(
            address=f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}",
            user="neo4j" if user is None and password is not None else user,
            password=password,
            database=path or database,
            replace=replace,
        )
        return _with_options(target, parts.query)


def _with_options(target: Neo4jTarget, query: str) -> Neo4jTarget:
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name == "replace" and value.lower() in _TRUTH:
            target = replace(target, replace=_TRUTH[value.lower()])
        elif name == "pool" and value.isascii() and value.isdigit() and 1 <= int(value) <= 1000:
            target = replace(target, pool=int(value))
        elif name == "timeout" and (seconds := _seconds(value)) is not None:
            target = replace(target, timeout_s=seconds)
        elif name in ("replace", "pool", "timeout"):
            raise UsageError(
                f"the option {name} of a Neo4j URL: replace is 0 or 1, pool a number of "
                "connections from 1 to 1000, timeout seconds above 0"
            )
        else:
            raise UsageError(
                f"a Neo4j URL has no option {name!r}; known are: pool, replace, timeout"
            )
    return target


def _seconds(value: str) -> float | None:
    try:
        seconds = float(value)
    except ValueError:
        return None
    return seconds if 0 < seconds < math.inf else None


def _complaint(what: str) -> str:
    return (
        f"this is no Neo4j URL, {what}: expected {_FORM}; in user and password write signs such as "
        "@ : / ? # as %40 %3A %2F %3F %23"
    )
