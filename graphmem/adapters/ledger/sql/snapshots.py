"""One moment of a ledger's database, which answers questions and takes no change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import NoReturn, TypeVar

from graphmem.adapters.ledger.sql.database import Database
from graphmem.adapters.ledger.sql.steps import Fetch, ResultRows, Steps, TransactionSteps
from graphmem.errors import UsageError
from graphmem.ports.ledger import Event, LedgerCheck
from graphmem.ports.part import Part

_T = TypeVar("_T")


class ReadOnlyDatabase:
    """What every kind of snapshot has in common: whoever made it opens and closes it."""

    shared = False

    async def open(self) -> None:
        """It is open as long as it is there."""

    async def close(self) -> None:
        """It ends with its context."""

    async def check(self, _part: Part | None = None) -> LedgerCheck:
        """A snapshot is not what is on the disk: there is nothing to check."""
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
