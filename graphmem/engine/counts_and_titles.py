"""Background work beside the calls: counts of reads, and titles of conversations.

Counts are collected in memory and written to the ledger every few seconds. A conversation that has
been quiet for a while gets a title from the model.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from graphmem.clock import Clock
from graphmem.errors import logged_failure
from graphmem.model import Episode, FactUse, KeptSummary, Scope
from graphmem.off_loop import to_its_end
from graphmem.ports.ledger import Ledger
from graphmem.ports.ledger.listings import UseBook
from graphmem.retrieve.summaries import SummaryModel
from graphmem.text import digest

_log = logging.getLogger("graphmem")
MOST_UNWRITTEN = 256
"""Facts whose counts are not in the ledger yet: what a killed process loses, at most."""
LONGEST_UNWRITTEN_S = 5.0
_PATIENCE_S = 10.0  # how long closing waits for a ledger that does not answer


class UseCounter:
    """Counts the facts that reads gave, and writes the counts in the background."""

    def __init__(self, book: UseBook, clock: Clock, *, counting: bool) -> None:
        self._book = book
        self._clock = clock
        self._counting = counting
        self._counts: dict[str, tuple[int, datetime]] = {}
        self._writing: asyncio.Task[None] | None = None
        self._full = asyncio.Event()

    def note(self, fact_ids: Iterable[str]) -> None:
        """Count one read of each of these facts."""
        if not self._counting:
            return
        now = self._clock.now()
        for id in fact_ids:
            count = self._counts[id][0] + 1 if id in self._counts else 1
            self._counts[id] = count, now
        if self._counts and (self._writing is None or self._writing.done()):
            self._writing = asyncio.create_task(self._write_soon())
        if len(self._counts) >= MOST_UNWRITTEN and self._writing is not None:
            self._full.set()

    async def _write_soon(self) -> None:
        try:
            await asyncio.wait_for(self._full.wait(), LONGEST_UNWRITTEN_S)
        except TimeoutError:
            pass
        finally:
            self._full.clear()
        await self._try_to_write()

    async def _try_to_write(self) -> None:
        with logged_failure(_log, "what was read could not be counted"):
            await self.flush()

    async def flush(self) -> None:
        """Write the counts to the ledger; what cannot be written is kept for the next time."""
        counts, self._counts = self._counts, {}
        if not counts:
            return
        uses = [FactUse(id, *one) for id, one in counts.items()]
        writing = asyncio.ensure_future(self._book.add_uses(uses))
        try:
            # Cut short, nobody would know whether they are in the ledger.
            await to_its_end(writing, patience_s=_PATIENCE_S)
        finally:
            if not writing.done() or writing.cancelled() or writing.exception() is not None:
                for id, (count, at) in counts.items():
                    more, last = self._counts.get(id, (0, at))
                    self._counts[id] = count + more, max(at, last)

    async def close(self) -> None:
        """Stop the background task and write the remaining counts."""
        if self._writing is not None and not self._writing.done():
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        await self._try_to_write()


_FIRST = 6  # episodes, and turns, that a title is made of
_MOST = 1_000  # conversations that wait; of more the oldest keep their first words


class Titles:
    """Asks the model for a title of every conversation that has none and has been quiet for
    ``after_s`` seconds: one model call each, one after another, within the budget."""

    def __init__(self, ledger: Ledger, model: SummaryModel, after_s: float) -> None:
        self._ledger = ledger
        self._model = model
        self._after_s = after_s
        self._due: dict[Scope, float] = {}
        self._refused: dict[Scope, None] = {}
        """Those of which the model gave no title: not asked about again in this process."""
        self._naming: asyncio.Task[None] | None = None

    def note(self, episodes: Iterable[Episode]) -> None:
        """Note that these episodes were added: their conversations are not quiet."""
        due = asyncio.get_running_loop().time() + self._after_s
        for episode in episodes:
            scope = episode.scope
            if scope.run_id is None or not episode.infer or episode.kind == "statements":
                continue
            where = replace(scope, agent_id=None) if scope.user_id else scope
            self._due.pop(where, None)
            if where not in self._refused:
                self._due[where] = due
        while len(self._due) > _MOST:
            del self._due[next(iter(self._due))]
        if self._due and (self._naming is None or self._naming.done()):
            self._naming = asyncio.create_task(self._name_all())

    async def close(self) -> None:
        """Stop asking."""
        if self._naming is not None:
            self._naming.cancel()
            await asyncio.gather(self._naming, return_exceptions=True)

    async def _name_all(self) -> None:
        while self._due:
            where, due = next(iter(self._due.items()))
            wait_s = due - asyncio.get_running_loop().time()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
                continue  # more may have been told in it meanwhile
            del self._due[where]
            asked = False
            with logged_failure(_log, "a conversation keeps its first words as its title"):
                await self._name(where)
                asked = True
            if not asked:
                self._refused[where] = None
                while len(self._refused) > _MOST:
                    del self._refused[next(iter(self._refused))]

    async def _name(self, where: Scope) -> None:
        found = (await self._ledger.conversations(where.project_id, where, 1, 0)).items
        if not found or found[0].titled or found[0].title_by is not None:
            return
        began = [
            episode
            for episode in await self._ledger.episodes(where, limit=_FIRST)
            if episode.status != "undone" and not any(turn.silenced for turn in episode.turns)
        ]
        turns = [turn for episode in began for turn in episode.turns][:_FIRST]
        if not turns:
            return
        title = await self._model.title(turns, tenant=where.tenant)
        used = {turn.episode_id: 0 for turn in turns}
        id = digest("title", where.run_id or "")
        kept = KeptSummary(id, used, self._model.name, run_id=where.run_id, title=title)
        await self._ledger.keep_summary(where.tenant, kept)
