"""What keeps a store well: how it is, repair, and taking it out and in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, Unpack

from graphmem.model import Backup, Exported, Health, Imported, Stats, Verification
from graphmem.ports.api.arguments import ScopeArgs


class MaintenanceAPI(Protocol):
    """Part of :class:`~graphmem.ports.api.MemoryAPI`: nothing here changes what is believed, but
    for :meth:`import_`."""

    async def stats(self, **scope: Unpack[ScopeArgs]) -> Stats:
        """Counts, and what models cost by day: of the scope given here or on opening, of a project
        (where only that is given), else of the whole store."""
        ...

    async def get_user_stats(self, **scope: Unpack[ScopeArgs]) -> Stats:
        """:meth:`stats` of one user, given here or on opening, and never of more:
        :class:`~graphmem.errors.UsageError` without one."""
        ...

    async def health(self, *, deep: bool = False) -> Health:
        """Whether each part answers, how far the projections lag, why work waits for a model that
        was asked, and what graph and vectors could not take and was set aside.

        With ``deep`` each is asked something small, the model and the embedder too (which may cost
        a call), and what fails is named with since when. Not ``ok`` either when work has been
        pending for longer than ``GRAPHMEM_PENDING_ALARM_S``."""
        ...

    async def verify(self, *, repair: bool = False, part_of: int | None = None) -> Verification:
        """Check the ledger by itself, compare graph and vectors with it by what they hold, and name
        what was set aside.

        With ``part_of`` that is done in so many parts, for stores where all at once takes too long:
        each call looks at the next one, and at all that changed since the last call that found no
        difference; the first looks at everything. Which part it was is in the result; one that
        found differences is looked at again.

        With ``repair`` exactly what differs in graph and vectors is put right; one that cannot be
        read is made anew. A ledger that is damaged is no measure: then nothing is changed.
        """
        ...

    async def rebuild(self, *, progress: Callable[[int, int], None] | None = None) -> Verification:
        """Make graph and vectors anew from the ledger, and compare them with it.

        What is there serves until the new one is whole, and goes on serving where this fails or is
        cancelled (:class:`~graphmem.errors.Unavailable` when the disk is full). Databases on
        servers are put right where they differ, as by :meth:`verify` with ``repair``. Files that
        cannot be read need not be. ``progress`` is called with events done and events in all.
        """
        ...

    async def backup(
        self, folder: str | Path, *, progress: Callable[[str, int, int], None] | None = None
    ) -> Backup:
        """Copy the whole store, as it is at this moment, into a new folder, and check the copy.

        Reads and writes go on meanwhile; what they change is not in it. The folder gets the ledger
        in one file, whatever holds it here, and a manifest with version, ``seq`` and hashes, which
        is written last; :func:`graphmem.restore` makes a store of it. Cut off, the same call
        finishes it. ``progress`` is called with the stage (``copy``, ``compare``), how much is
        done, and of how much. A folder that holds anything else is a
        :class:`~graphmem.errors.UsageError`.

        The text in it is as readable as in the store, whoever it belongs to.
        """
        ...

    async def export(
        self,
        file: str | Path,
        *,
        all_scopes: bool = False,
        progress: Callable[[str, int, int], None] | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> Exported:
        """Write all that a user (or an agent by itself) has in a project to a new file of JSON
        lines, as it is at this moment: episodes, facts with their history, entities, what is
        pending, the relation types that were declared; each id and time as it is.

        :meth:`import_` reads it back. ``all_scopes=True`` is for administrators: everybody's. No
        scope may be given with it; those given on opening are set aside. Reads and writes go on
        meanwhile. The file is there when it is whole. ``progress`` is called with ``export``, how
        many rows are done, and of how many (an estimate until the end).
        """
        ...

    async def import_(
        self,
        file: str | Path,
        *,
        all_scopes: bool = False,
        progress: Callable[[str, int, int], None] | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> Imported:
        """Add what :meth:`export` wrote, of this scope's user (or agent by itself), who must have
        nothing here yet; what is here already, exactly so, changes nothing.

        The whole file is checked first, and written in one transaction: whatever is wrong is a
        :class:`~graphmem.errors.UsageError` that names the line, and nothing was imported.
        ``all_scopes=True`` is for administrators: whosever memories the file holds. Others who
        write wait until the transaction is done. ``progress`` is called with ``check`` and
        ``import``, how many rows are done, and of how many; not always from the same thread.
        """
        ...
