"""The engine: :class:`AsyncMemory`, its views of other moments, and the loop that synchronous code
runs it in. It joins the stages and checks what calls are given; it names no adapter, and what
is believed or ranked is not decided here."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from typing import Self

from graphmem.engine.calls import api_method, takes_actor
from graphmem.engine.current_stores import Opened, Parts, Scratch
from graphmem.engine.documents import Documents
from graphmem.engine.listings import Listings
from graphmem.engine.maintenance import MaintenanceCalls
from graphmem.engine.relate import Relating
from graphmem.engine.relation_types import Declaring
from graphmem.engine.summaries import Summarising
from graphmem.engine.view import AsyncMemoryView, Views
from graphmem.engine.why_not import Diagnosing
from graphmem.errors import Damaged, ModelError
from graphmem.portability.copy import INDEXED_SEQ
from graphmem.ports.api import MemoryAPI
from graphmem.ports.api.reads import ReadAPI
from graphmem.ports.ledger.values import kept_numbers

_log = logging.getLogger(__name__)

__all__ = ["AsyncMemory", "Opened", "Parts", "Scratch"]


class AsyncMemory(
    Documents,
    Relating,
    Views,
    Declaring,
    Listings,
    Summarising,
    Diagnosing,
    MaintenanceCalls,
    MemoryAPI,
):
    """A memory for asynchronous code. Open one with :func:`graphmem.open_memory`.

    Every method is documented in :class:`~graphmem.ports.api.MemoryAPI`.
    """

    async def start(
        self, opened: Opened | None, progress: Callable[[str, int, int], None] | None = None
    ) -> Self:
        """Take the projections' checkpoints and catch up with the ledger. ``progress`` is told
        which of them, how many events are done, and of how many. Without stores (``opened`` None)
        it only reads the ledger."""
        self._current.loop = asyncio.get_running_loop()
        if opened is None:
            return self
        self._rebuilder.opened = opened
        self._graph.begin(opened.graph, opened.reread_graph)
        self._vectors.begin(opened.vectors, opened.reread_vectors)
        indexed = kept_numbers(await self._parts.ledger.setting(INDEXED_SEQ))
        # Vectors that are filled anew while opening are not indexed, whatever once was.
        self._indexed_seq = min(indexed[0] if indexed else 0, max(self._vectors.applied_seq, 0))
        try:
            await self._follow(progress)
            self._keep_indexed()
        except (ModelError, Damaged) as error:
            # An embedder that is down, files that are damaged: the calls that need them say so.
            _log.warning("graph or vectors lag behind: %s", error)
        if await self._parts.ledger.erasures(pending=True):
            self._keep_clean()
        try:
            if await self._parts.ledger.retention_rules():
                self._keep_retaining()
        except Damaged as error:
            _log.warning("rules of retention cannot be read: %s", error)
        self._keep_resuming()
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


for _kind, _api in ((AsyncMemory, MemoryAPI), (AsyncMemoryView, ReadAPI)):
    for _name, _promised in inspect.getmembers(_api, inspect.isfunction):
        _method = getattr(_kind, _name)
        if _name.startswith("_"):
            continue
        # Each is documented once, where it is promised; `help` finds it here too.
        _method.__doc__ = inspect.getdoc(_promised)
        if inspect.iscoroutinefunction(_method) and _name != "close":
            setattr(_kind, _name, api_method(_method, named=takes_actor(_promised)))
