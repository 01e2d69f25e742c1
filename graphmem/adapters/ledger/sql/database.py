"""What a ledger runs on: a database that runs steps, and snapshots of it; and the errors that all
databases have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, NoReturn, Protocol, TypeVar

from graphmem.adapters.ledger.sql.steps import (
    Fetch,
    ResultRows,
    Steps,
    TransactionSteps,
    fetch,
    fetch_all,
)
from graphmem.clock import Clock
from graphmem.errors import Rejected, UsageError
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
        """The rows of each fetch, all read from one snapshot."""
        ...

    async def read(self, begin: Callable[[], Steps[_T]]) -> _T:
        """Run steps that only read, on one consistent snapshot."""
        ...

    async def write(
        self, work: TransactionSteps[_T], was_committed: Callable[[], Steps[bool]] | None = None
    ) -> tuple[_T, int]:
        """Run steps in one transaction: all of it is durable when this returns, or none.

        Returns what they return, and the ledger's head after it. Where the answer to a commit can
        be lost, ``was_committed`` reads whether it was done; without it, the written events show
        that, and a transaction without events is repeated.
        """
        ...

    async def update(self, fetch: Fetch) -> ResultRows:
        """Run one statement that changes counters, which no decision reads, and return its rows.
        Where the database can, it neither waits for a writing transaction nor delays one."""
        ...

    async def head(self) -> int: ...

    def recent_events(self, after: int, limit: int) -> list[Event]:
        """See :meth:`~graphmem.ports.ledger.LedgerLog.recent_events`."""
        ...

    async def check(self, part: Part | None = None) -> LedgerCheck:
        """The database's own check of what it stores; with ``part``, only of that part's
        checksums."""
        ...

    @property
    def keeps_erased(self) -> bool:
        """Whether its files may still hold rows that were deleted, until :meth:`remake`."""
        ...

    async def erased(self) -> str | None:
        """Called after an erasure: remove what is left of it outside the tables. Returns the reason
        if that is not possible now, else None."""
        ...

    async def remake(self) -> None:
        """Rewrite its files without deleted rows. Writers wait."""
        ...

    def named_lock(
        self, name: str
    ) -> AbstractAsyncContextManager[Callable[[], Awaitable[None]]]: ...

    def snapshot(self) -> AbstractAsyncContextManager[Database]:
        """A read-only view of the database at one moment."""
        ...


class LedgerPart:
    """The base of all parts of a ledger, with the database that they read and write."""

    _db: Database
    _clock: Clock

    async def _rows(self, name: str, /, **values: Any) -> ResultRows:
        """The rows of one statement."""
        (found,) = await self._db.fetch(Fetch(name, values))
        return found


def last_seq() -> Steps[int]:
    """The number of the last event."""
    (found,) = yield from fetch("head")
    return int(found["head"])


class ReadOnlyDatabase:
    """The base of all snapshots. Whoever makes one opens and closes it."""

    shared = False

    async def read(self, begin: Callable[[], Steps[_T]]) -> _T:
        """Run steps that only read; implemented by each kind of snapshot."""
        raise NotImplementedError

    async def fetch(self, *fetches: Fetch) -> list[ResultRows]:
        return await self.read(lambda: fetch_all(fetches))

    async def head(self) -> int:
        return await self.read(last_seq)

    async def open(self) -> None:
        """A snapshot is open as long as it exists."""

    async def close(self) -> None:
        """A snapshot ends with its context."""

    async def check(self, _part: Part | None = None) -> LedgerCheck:
        """There is nothing on disk to check for a snapshot."""
        return LedgerCheck({}, ())

    @property
    def keeps_erased(self) -> bool:
        return False

    async def erased(self) -> str | None:
        _refuse()

    async def remake(self) -> None:
        _refuse()

    async def write(
        self, _work: TransactionSteps[_T], _was_committed: Callable[[], Steps[bool]] | None = None
    ) -> tuple[_T, int]:
        _refuse()

    async def update(self, _fetch: Fetch) -> ResultRows:
        _refuse()

    def recent_events(self, _after: int, _limit: int) -> list[Event]:
        return []

    def named_lock(self, _name: str) -> AbstractAsyncContextManager[Callable[[], Awaitable[None]]]:
        _refuse()

    def snapshot(self) -> AbstractAsyncContextManager[Database]:
        _refuse()


def _refuse() -> NoReturn:
    raise UsageError("a snapshot of a ledger can only be read")


def check_version(version: int, known: int, where: str) -> None:
    """Raise :class:`Rejected` when a store's schema is newer than the ``known`` version."""
    if version > known:
        raise Rejected(
            f"{where} was written by a newer graphmem (ledger version {version}, this one knows up "
            f"to {known}); upgrade with: pip install -U graphmem"
        )


def closed_memory() -> UsageError:
    return UsageError("this memory is closed; open it again")


def lone_surrogate() -> UsageError:
    """The error to raise for a driver's ``UnicodeEncodeError``."""
    return UsageError(
        "text with a lone surrogate cannot be stored or looked up; decode it as UTF-8"
    )
