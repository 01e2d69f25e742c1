"""The gate and the administration of a store: over a memory that is open, or its ledger alone."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from graphmem.access import Access, Administration
from graphmem.access.rates import OwnRates, Rates
from graphmem.access.records import Recorder
from graphmem.clock import Clock, SystemClock
from graphmem.engine import AsyncMemory
from graphmem.errors import UsageError
from graphmem.model import Stats
from graphmem.ports.ledger import Ledger
from graphmem.settings import Settings
from graphmem.wiring.adapters import ledger_reader, make, path_of
from graphmem.wiring.places import check_ledger_is_there, hold, settings_or_usual, urls_of


def access_of(memory: AsyncMemory) -> Access:
    """The gate for whoever serves a memory to others. Close it before the memory."""
    memory._current.check_open()
    parts = memory._parts
    return _gate(parts.ledger, parts.clock, parts.settings)


def administration_of(memory: AsyncMemory) -> Administration:
    """What an owner or an administrator may set up through whoever serves a memory."""
    memory._current.check_open()
    return Administration(memory._parts.ledger, memory._parts.clock)


@contextlib.asynccontextmanager
async def administration_at(
    folder: str | Path | None,
    settings: Settings | None = None,
    *,
    create: bool = False,
    read_only: bool = False,
) -> AsyncIterator[Administration]:
    """The administration of a store that nobody has open, or whose ledger is shared: of its graph,
    vectors and models nothing is needed.

    :class:`~graphmem.errors.UsageError` where there is no store, unless one is to be made
    (``create``). ``read_only`` may be beside somebody who has it open.
    """
    settings = settings_or_usual(settings)
    urls, place = urls_of(folder, settings)
    check_ledger_is_there(urls, accept=settings.accept_ledger)
    embedded = urls["ledger"].startswith("sqlite:")
    if embedded and not create and not path_of(urls["ledger"]).is_file():
        raise UsageError(f"there is no store in {folder}: make one with `graphmem orgs add`")
    ledger: Ledger
    if read_only and embedded:
        place, ledger = None, ledger_reader(urls["ledger"], settings)
    else:
        ledger = make("ledger", urls["ledger"], settings)
    async with contextlib.AsyncExitStack() as stack:
        if place is not None:
            stack.callback(hold(place))
        stack.push_async_callback(ledger.close)
        await ledger.open()
        yield Administration(ledger, SystemClock())


def _gate(ledger: Ledger, clock: Clock, settings: Settings) -> Access:
    async def stats(project_id: str) -> Stats:
        return await ledger.stats(None, project_id)

    counts = ledger if ledger.shared else OwnRates()
    recorder = Recorder(
        ledger,
        clock,
        keep_days=settings.audit_days,
        usage_days=settings.usage_days,
        reads=settings.audit_reads,
    )
    return Access(ledger, clock, Rates(counts, ledger, stats, clock), recorder)
