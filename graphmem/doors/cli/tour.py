"""Named queries: those of the tour (``inspect.cypher``), or of a file of one's own."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from graphmem.adapters.graph.cypher_files import (
    CypherStatement,
    named_statements,
    statements,
)
from graphmem.clock import parse_when, stamp
from graphmem.errors import UsageError

_AGO = re.compile(r"(\d+) days? ago")


def named(name: str, file: Path | None = None) -> CypherStatement:
    """The query of that name; :class:`UsageError` says which there are."""
    known = statements("inspect.cypher") if file is None else _of(file)
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(known)}"
    raise UsageError(f"no query is called {name!r}; {hint}")


def _of(file: Path) -> Mapping[str, CypherStatement]:
    text = read_queries(file)
    try:
        return named_statements(text, str(file))
    except ValueError as error:
        raise UsageError(f"--file {error}") from error


def read_queries(file: Path) -> str:
    """The text of a file."""
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--file {file}: {error}") from error


def values(query: CypherStatement, given: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """The parameters for a named query: what was given, and defaults for the rest.

    A time may be a day (2026-03-01). :class:`UsageError` lists what is missing.
    """
    found = dict(given)
    for parameter in query.parameters:
        if parameter.name in given:
            if parameter.kind == "time":
                found[parameter.name] = _time(parameter.name, given[parameter.name], now)
        elif parameter.default is not None:
            found[parameter.name] = _time(parameter.name, parameter.default, now)
    missing = [p for p in query.parameters if p.name not in found]
    if missing:
        needs = "; ".join(f"{p.name}=… ({p.meaning.rstrip('.').lower()})" for p in missing)
        raise UsageError(f"{query.name} needs {needs}: give it with --param")
    return found


def _time(name: str, value: Any, now: datetime) -> str:
    if value == "now":
        return stamp(now)
    if isinstance(value, str) and (ago := _AGO.fullmatch(value.strip())):
        try:
            return stamp(now - timedelta(days=int(ago[1])))
        except OverflowError as error:
            raise UsageError(f"{name}: {value} is before the calendar begins") from error
    return stamp(parse_when(value, name=name))


def listing() -> Iterator[tuple[str, str, str]]:
    """The tour: name, what it answers, and what it takes."""
    for query in statements("inspect.cypher").values():
        takes = (p.name if p.default is None else f"{p.name}={p.default}" for p in query.parameters)
        yield query.name, query.description, ", ".join(takes)


def now() -> datetime:
    """The moment that ``now`` and ``7 days ago`` count from."""
    return datetime.now(UTC)
