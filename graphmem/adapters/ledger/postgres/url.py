"""What a PostgreSQL URL says: where the server is, and in which schema the ledger lives."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from psycopg import ProgrammingError, pq
from psycopg.conninfo import conninfo_to_dict

from graphmem.errors import UsageError
from graphmem.text import redacted

_SCHEMA = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_NUMBERS = {"pool": (1, 1000), "timeout_s": (1, 86_400), "patience_s": (0, 86_400)}
# What libpq leaves to the operating system, which waits for hours.
_LIVELY = {
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    "application_name": "graphmem",
}


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """Where a ledger is: ``shown`` may be printed, ``parameters`` (with the password) may not."""

    shown: str
    parameters: dict[str, Any] = field(repr=False)
    schema: str = "graphmem"
    pool: int = 10
    """How many connections at most, but for those that hold a name (see ``alone``)."""
    timeout_s: int = 30
    """How long one statement may take, and how long one may wait for a connection."""
    patience_s: int = 15
    """How long a call waits for a server that is away."""


def parse_url(url: str, password: str | None) -> PostgresAddress:
    """Take a URL apart; what is wrong with it is a :class:`UsageError` without any secret."""
    shown = redacted(url)
    address, _, query = url.partition("?")
    try:
        options = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise UsageError(f"{shown}: what follows the ? must be name=value&name=value") from None
    own: dict[str, Any] = {}
    rest: list[tuple[str, str]] = []
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    for name, value in options:
        if name in _NUMBERS:
            own[name] = _number(shown, name, value)
        elif name == "schema":
            own[name] = _schema(shown, value)
        elif name in known:
            rest.append((name, value))
        else:
            extra = ", ".join(["schema", *_NUMBERS])
            raise UsageError(
                f"{shown}: unknown option {name}; known are {extra} and libpq's: "
                + ", ".join(sorted(known))
            )
    try:
        found = conninfo_to_dict(
            f"{address}?{urlencode(rest, quote_via=quote)}" if rest else address
        )
        ports = str(found.get("port", "")).split(",")
    except ProgrammingError:
        found, ports = {}, ["?"]
    if not all(port.isdigit() or not port for port in ports):
        # libpq's own words may quote the password.
        raise UsageError(
            f"{shown} is no PostgreSQL URL: expected postgresql://user:password@host:port/database,"
            " with special characters in it percent-encoded"
        )
    if "dbname" not in found and "service" not in found:
        raise UsageError(f"{shown}: name the database too, as in postgresql://host/database")
    if password is not None:
        found.setdefault("password", password)
    return PostgresAddress(shown, {**_LIVELY, **found, "client_encoding": "utf8"}, **own)


def _number(shown: str, name: str, value: str) -> int:
    least, most = _NUMBERS[name]
    if not (value.isascii() and value.isdigit() and least <= int(value) <= most):
        raise UsageError(f"{shown}: {name} is a whole number from {least} to {most:,}")
    return int(value)


def _schema(shown: str, value: str) -> str:
    if not _SCHEMA.fullmatch(value) or value.lower().startswith("pg_"):
        raise UsageError(
            f"{shown}: a schema has 1 to 63 letters, digits or underscores, begins with no digit "
            "and not with pg_"
        )
    return value
