"""What a ledger runs on: a database that runs steps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from graphmem.adapters.ledger.sql.steps import Fetch, ResultRows, Steps, TransactionSteps
from graphmem.ports.ledger import Event, LedgerCheck
from graphmem.ports.part import Part

_T = TypeVar("_T")


class Database(Protocol):
    """Runs steps in transactions of its own kind of database."""

    @property
    def shared(self) -> bool: ...

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    def fetch(self, *fetches: Fetch) -> Awaitable[list[ResultRows]]:
        """The rows of each, all of one moment."""
        ...

    async def read(self, begin: Callable[[], Steps[_T]]) -> _T:
        """Run steps that only read, on one consistent snapshot."""
        ...

    async def write(
        self, work: TransactionSteps[_T], was_committed: Callable[[], Steps[bool]] | None = None
    ) -> tuple[_T, int]:
        """Run steps in one transaction: all of it is durable when this returns, or none.

        Gives what they return, and the ledger's head then. Where the answer to a commit can be
        lost, ``was_committed`` tells from what is stored whether it was done; without it the events
        that were written tell, and what wrote none is done again.
        """
        ...

    async def update(self, fetch: Fetch) -> ResultRows:
        """The rows of one statement that changes what nothing is decided by: no writer waits for
        it, or is waited for, where the database can do that."""
        ...

    async def head(self) -> int: ...

    def recent_events(self, after: int, limit: int) -> list[Event]:
        """See :meth:`~graphmem.ports.ledger.LedgerLog.recent_events`."""
        ...

    async def check(self, part: Part | None = None) -> LedgerCheck:
        """The database's own check of what it stores; of a part the checksums alone."""
        ...

    @property
    def keeps_erased(self) -> bool:
        """Whether its files may hold what was taken out of the tables, until :meth:`remake`."""
        ...

    async def erased(self) -> str | None:
        """Called after an erasure: nothing of it may be left beside the tables. Why that is not so
        yet, if somebody keeps it from being so."""
        ...

    async def remake(self) -> None:
        """Write its files anew, without what was taken out of the tables. Writers wait."""
        ...

    def named_lock(
        self, name: str
    ) -> AbstractAsyncContextManager[Callable[[], Awaitable[None]]]: ...

    def snapshot(self) -> AbstractAsyncContextManager[Database]:
        """The database as it is at one moment, to be read only."""
        ...
