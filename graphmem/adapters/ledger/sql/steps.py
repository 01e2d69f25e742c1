"""A ledger's work without I/O: generators that ask for named statements and are given rows.

What a ledger does is written once, as steps; a driver runs them on its database. SQLite's runs
each statement as it comes. PostgreSQL's sends what needs no answer along with the next question,
so that a write costs a few round trips, however many statements it has.
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
"""A statement's parameters. A list goes in as a list: each driver has its own way with it."""
ResultRows: TypeAlias = Sequence[Mapping[str, Any]]


class Fetch(NamedTuple):
    """One statement whose rows are wanted. ``newest_first`` is for those written both ways."""

    name: str
    values: SqlValues
    newest_first: bool = False
    where: Where | None = None
    """A filter for the statements that have a place for one."""


class Execute(NamedTuple):
    """One statement for each of these rows of values; nothing comes back."""

    name: str
    rows: Sequence[SqlValues]


Steps: TypeAlias = Generator[Sequence[Fetch] | Execute, list[ResultRows], _T]


def fetch(name: str, /, **values: Any) -> Steps[ResultRows]:
    """The rows of one statement."""
    (found,) = yield [Fetch(name, values)]
    return found


def fetch_all(fetches: Sequence[Fetch]) -> Steps[list[ResultRows]]:
    """The rows of several statements, in one go."""
    return (yield fetches) if fetches else []


def execute(name: str, *given: SqlValues) -> Steps[None]:
    """Run a statement for each row of values; an error may come with a later step."""
    if given:
        yield Execute(name, given)


class WriteContext(NamedTuple):
    """Who writes, when, because of what."""

    at: datetime
    episode_id: str | None
    actor: str


class EventLog:
    """The events of one transaction. They get their ``seq`` at its end, without gaps."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.values: list[Episode | Fact | None] = []
        """For each row what it says as a value, where that is at hand."""
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
        """``after`` is JSON, ``value`` the same as a value."""
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
        """What happened in a tenant that has been forgotten names it no more."""
        for row in self.rows:
            if row["tenant"] == old:
                row["tenant"] = new

    def number(self, head: int) -> list[dict[str, Any]]:
        """The rows of ``add_event``, numbered on from ``head``."""
        for seq, row in enumerate(self.rows, start=head + 1):
            row["seq"] = seq
        self.seq = max(self.seq, head + len(self.rows))
        return self.rows


TransactionSteps: TypeAlias = Callable[[EventLog], Steps[_T]]
"""Begins the steps of one transaction; called again for each time that it is tried."""


def is_logged(log: EventLog) -> Steps[bool]:
    """Whether the last event that a transaction numbered is in the ledger: it was committed."""
    if not log.rows or "seq" not in log.rows[-1]:
        return False
    last = log.rows[-1]
    found = yield from fetch("events", after=last["seq"] - 1, limit=1)
    return bool(found) and all(found[0][key] == last[key] for key in found[0].keys())  # noqa: SIM118
