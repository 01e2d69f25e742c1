"""A ledger's work without I/O: generators that yield named statements and are sent rows.

What a ledger does is written once, as steps; a driver runs them on its database. SQLite's runs each
statement as it comes. PostgreSQL's sends statements without a result along with the next fetch, so
that a write costs a few round trips, however many statements it has.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias, TypeVar

from graphmem.clock import stamp
from graphmem.filters import Where
from graphmem.model import Episode, Fact

_T = TypeVar("_T")

SqlValues: TypeAlias = Mapping[str, Any]
"""A statement's parameters. A list stays a list here: each driver converts it in its own way."""
ResultRows: TypeAlias = Sequence[Mapping[str, Any]]


def ids_of(found: ResultRows) -> set[str]:
    """The ids of rows."""
    return {row["id"] for row in found}


class Fetch(NamedTuple):
    """One statement whose rows are wanted. ``newest_first`` is for those that exist in both
    orders."""

    name: str
    values: SqlValues
    newest_first: bool = False
    where: Where | None = None
    """A filter for the statements that have a place for one."""


class Execute(NamedTuple):
    """One statement, run for each of these rows of values; it returns nothing."""

    name: str
    rows: Sequence[SqlValues]


Steps: TypeAlias = Generator[Sequence[Fetch] | Execute, list[ResultRows], _T]


def fetch(name: str, /, **values: Any) -> Steps[ResultRows]:
    """The rows of one statement."""
    (found,) = yield [Fetch(name, values)]
    return found


def fetch_all(fetches: Sequence[Fetch]) -> Steps[list[ResultRows]]:
    """The rows of several statements, in one request."""
    return (yield fetches) if fetches else []


def execute(name: str, *given: SqlValues) -> Steps[None]:
    """Run a statement for each row of values; an error may be raised only at a later step."""
    if given:
        yield Execute(name, given)


class WriteContext(NamedTuple):
    """Who writes, when, and because of which episode."""

    at: datetime
    episode_id: str | None
    actor: str


class EventLog:
    """The events of one transaction. They get their ``seq`` at its end, without gaps."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.values: list[Episode | Fact | None] = []
        """For each row its content as a value, where available."""
        self.seq = 0
        """The ledger's head after the transaction."""

    def append(
        self,
        by: WriteContext,
        kind: str,
        id: str,
        action: str,
        tenant: str,
        *,
        reason: str = "",
        after: str | None = None,
        value: Episode | Fact | None = None,
    ) -> None:
        """Add an event. ``after`` is its content as JSON, ``value`` the same as a value."""
        self.values.append(value)
        self.rows.append(
            {
                "at": stamp(by.at),
                "kind": kind,
                "id": id,
                "action": action,
                "tenant": tenant,
                "episode_id": by.episode_id,
                "actor": by.actor,
                "reason": reason,
                "after": after,
            }
        )

    def rename_tenant(self, old: str, new: str) -> None:
        """Rename a forgotten tenant in the events of this transaction."""
        for row in self.rows:
            if row["tenant"] == old:
                row["tenant"] = new

    def number(self, head: int) -> list[dict[str, Any]]:
        """Number the events from ``head`` + 1 on, and return them as rows of ``add_event``."""
        for seq, row in enumerate(self.rows, start=head + 1):
            row["seq"] = seq
        self.seq = max(self.seq, head + len(self.rows))
        return self.rows


TransactionSteps: TypeAlias = Callable[[EventLog], Steps[_T]]
"""Begins the steps of one transaction; called again for every attempt."""


def is_logged(log: EventLog) -> Steps[bool]:
    """Whether the last event that a transaction numbered is in the ledger: it was committed."""
    if not log.rows or "seq" not in log.rows[-1]:
        return False
    last = log.rows[-1]
    found = yield from fetch("events", after=last["seq"] - 1, limit=1)
    return bool(found) and all(found[0][key] == last[key] for key in found[0].keys())  # noqa: SIM118
