"""A ledger's rows as they are, for what copies it: a backup, another backend."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from graphmem.model import Scope, Stats
from graphmem.ports.ledger.values import Row


class LedgerRows(Protocol):
    """The rows of a ledger as they are, to be read: now, or as of the moment of a
    :meth:`LedgerCopy.snapshot`."""

    @property
    def tables(self) -> tuple[str, ...]:
        """Every table that holds something, the referred to before the referring. The same names
        and columns in every ledger of one version."""
        ...

    async def rows(self, table: str, after: str | None, limit: int) -> tuple[list[Row], str | None]:
        """Up to ``limit`` rows in a fixed order, and where to go on (None: that was all).

        ``after`` is what the call before gave; what is there stays in its place meanwhile.
        """
        ...

    async def head(self) -> int:
        """The last ``seq``; 0 when nothing was ever written."""
        ...

    async def stats(self, scope: Scope | None = None) -> Stats:
        """Counts, of one tenant narrowed by agent and run, or of the whole store."""
        ...

    async def setting(self, name: str) -> str | None:
        """A fact about the store itself."""
        ...


class LedgerCopy(LedgerRows, Protocol):
    """What moves a whole ledger to another place or kind of ledger."""

    def snapshot(self) -> AbstractAsyncContextManager[LedgerRows]:
        """The ledger as it is at one moment, for as long as the context lasts: what is written
        meanwhile goes on, and does not show. One read at a time."""
        ...

    async def load(self, table: str, rows: Sequence[Row], after: str | None) -> None:
        """Add rows as they are and note ``after`` (see :meth:`loaded`), in one transaction. Rows
        that are there already are replaced by themselves: repeating a call changes nothing."""
        ...

    def row_of(self, table: str, values: Mapping[str, Any]) -> Row:
        """A row from elsewhere as this ledger keeps it, from its values with documents in place of
        their JSON text; :class:`~graphmem.errors.UsageError` when it is none. Asks nothing."""
        ...

    async def adopt(
        self, tenants: Sequence[str], batches: Callable[[], Iterable[tuple[str, Sequence[Row]]]]
    ) -> None:
        """Add whole tenants in one transaction: rows of :meth:`row_of`, the referred to before the
        referring, episodes and events in their order. They get the next numbers of this ledger.

        A tenant that has anything is :class:`~graphmem.errors.UsageError`, an id that is taken
        :class:`~graphmem.errors.Rejected`; what ``batches`` raises ends it too: nothing is written
        then. ``batches`` may be called again.
        """
        ...

    async def loaded(self, table: str) -> str | None:
        """The last ``after`` that :meth:`load` noted for the table; ``''`` when it is complete,
        None when nothing was loaded."""
        ...
