"""Titles of conversations by themselves: worded by the model, once a conversation is quiet, never
in the path of a write."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import replace

from graphmem.errors import log_failure
from graphmem.model import Episode, KeptSummary, Scope
from graphmem.ports.ledger import Ledger
from graphmem.retrieve.summaries import SummaryModel
from graphmem.text import digest

_log = logging.getLogger("graphmem")
_FIRST = 6  # episodes, and turns, that a title is made of
_MOST = 1_000  # conversations that wait; of more the oldest keep their first words


class Titles:
    """Has conversations named that are quiet for ``after_s`` and have no title: one after another,
    in one call each, within the ceilings. Without a model, or with ``after_s`` 0, none."""

    def __init__(self, ledger: Ledger, model: SummaryModel | None, after_s: float) -> None:
        self._ledger = ledger
        self._model = model if after_s else None
        self._after_s = after_s
        self._due: dict[Scope, float] = {}
        self._refused: dict[Scope, None] = {}
        """Those of which the model gave no title: not asked about again in this process."""
        self._naming: asyncio.Task[None] | None = None

    def note(self, episodes: Iterable[Episode]) -> None:
        """Something was told in these conversations."""
        if self._model is None:
            return
        due = asyncio.get_running_loop().time() + self._after_s
        for episode in episodes:
            scope = episode.scope
            if scope.run_id is None or not episode.infer:
                continue
            where = replace(scope, agent_id=None) if scope.user_id else scope
            self._due.pop(where, None)
            if where not in self._refused:
                self._due[where] = due
        while len(self._due) > _MOST:
            del self._due[next(iter(self._due))]
        if self._due and (self._naming is None or self._naming.done()):
            self._naming = asyncio.create_task(self._name_all(self._model))

    async def close(self) -> None:
        """Name no more."""
        if self._naming is not None:
            self._naming.cancel()
            await asyncio.gather(self._naming, return_exceptions=True)

    async def _name_all(self, model: SummaryModel) -> None:
        while self._due:
            where, due = next(iter(self._due.items()))
            wait_s = due - asyncio.get_running_loop().time()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
                continue  # more may have been told in it meanwhile
            del self._due[where]
            try:
                await self._name(where, model)
            except Exception as error:  # noqa: BLE001 - nobody is above who could be told
                self._refused[where] = None
                while len(self._refused) > _MOST:
                    del self._refused[next(iter(self._refused))]
                log_failure(_log, "a conversation keeps its first words as its title", error)

    async def _name(self, where: Scope, model: SummaryModel) -> None:
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
        title = await model.title(turns, tenant=where.tenant)
        used = {turn.episode_id: 0 for turn in turns}
        id = digest("title", where.run_id or "")
        kept = KeptSummary(id, used, model.name, run_id=where.run_id, title=title)
        await self._ledger.keep_summary(where.tenant, kept)
