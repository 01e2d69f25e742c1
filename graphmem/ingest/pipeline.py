"""The stages of a write: journal → extract → resolve → belief → commit. Projection follows.

Once journalled, an episode is durable. If a model fails afterwards, the episode stays pending; it
is never lost or half written.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from graphmem.belief.ambiguities.ask import AmbiguityModel
from graphmem.clock import Clock
from graphmem.errors import UserRenamed
from graphmem.ingest.background import BackgroundQueue
from graphmem.ingest.deciding import KNOWN, UNDONE, Deciding
from graphmem.ingest.extracting import Extracting
from graphmem.ingest.verbatim import verbatim_commit
from graphmem.model import Episode, Receipt, Scope
from graphmem.ports.extraction_options import ExtractionOptions
from graphmem.ports.ledger import Ledger
from graphmem.ports.llm import Extractor

_TRIES = 10  # to journal while other processes forget the user and store them again


class Ingest(Deciding):
    """Takes episodes through the stages."""

    def __init__(
        self,
        ledger: Ledger,
        extractor: Extractor,
        clock: Clock,
        *,
        duplicate_window_s: float,
        at_once: int,
        options: ExtractionOptions | None = None,
        ambiguity_model: AmbiguityModel | None = None,
        renamed: Callable[[Scope], Awaitable[Scope]] | None = None,
    ) -> None:
        """``at_once`` is how many episodes are extracted at the same time; ``renamed`` returns the
        scope with its user's current pseudonym."""
        extracting = Extracting(ledger, extractor, options or ExtractionOptions())
        super().__init__(ledger, clock, extracting, ambiguity_model)
        self._window_s = duplicate_window_s
        self._at_once = at_once
        self._renamed = renamed or _as_it_is
        self._under_way: dict[str, asyncio.Future[None]] = {}

    async def add(
        self, episodes: Sequence[Episode], queue: BackgroundQueue | None = None
    ) -> list[Receipt]:
        """Journal all episodes, then take each through the stages; receipts in order. A text with
        ``infer=False`` that repeats nothing is done when journalled. With a ``queue``, in which
        room must be reserved, the other stages are left to it."""
        for tries_left in reversed(range(_TRIES)):
            short = {e.id: verbatim_commit(e, self._clock) for e in episodes if not e.infer}
            commits = list(short.values())
            try:
                stored = await self._ledger.journal(episodes, self._window_s, commits=commits)
                break
            except UserRenamed:
                if not tries_left:
                    raise
                episodes = [replace(e, scope=await self._renamed(e.scope)) for e in episodes]
        stored = [
            kept if kept.id == asked.id else replace(kept, scope=asked.scope)
            for asked, kept in zip(episodes, stored, strict=True)
        ]
        todo: dict[str, Episode] = {}
        receipts: dict[str, Receipt] = {}
        for asked, kept in zip(episodes, stored, strict=True):
            if asked.id == kept.id and kept.status == "done":
                receipts[kept.id] = Receipt(kept.id, "done", short[kept.id].decisions)
            # Adding an episode again that is still pending processes it now.
            elif asked.id == kept.id or kept.status == "pending":
                todo.setdefault(kept.id, kept)
        if queue is not None:
            for id, episode in todo.items():
                queue.put(id, episode.scope)
                receipts[id] = Receipt(id, "pending", reason="queued")
        else:
            receipts |= {receipt.episode_id: receipt for receipt in await self._once(todo)}
        results: list[Receipt] = []
        for kept in stored:
            fresh = receipts.pop(kept.id, None)
            results.append(fresh or Receipt(kept.id, "duplicate", reason=KNOWN))
        return results

    async def resume(self, episodes: Sequence[Episode]) -> list[Receipt]:
        """Continue pending episodes from where they stopped."""
        return await self._once({episode.id: episode for episode in episodes})

    async def finish(self, ids: Sequence[str]) -> list[Receipt]:
        """The same by id, for those that are still pending."""
        found = await self._ledger.episodes_by_id(ids)
        return await self.resume([episode for episode in found if episode.status == "pending"])

    async def _once(self, episodes: dict[str, Episode]) -> list[Receipt]:
        """Process the episodes that no other call is working on. For the others, wait for that call
        and return a receipt of how it ended."""
        others = {id: self._under_way[id] for id in episodes if id in self._under_way}
        mine = {id: episode for id, episode in episodes.items() if id not in others}
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._under_way |= dict.fromkeys(mine, ended)
        try:
            receipts = await self._process(mine) if mine else []
        finally:
            for id in mine:
                del self._under_way[id]
            ended.set_result(None)
        # Only after the own episodes are done, so that two calls cannot wait for each other.
        for other in others.values():
            await asyncio.shield(other)
        for episode in await self._ledger.episodes_by_id(list(others)) if others else []:
            if episode.status == "done":
                receipts.append(Receipt(episode.id, "duplicate", reason=KNOWN))
            elif episode.status == "undone":
                receipts.append(Receipt(episode.id, "failed", reason=UNDONE))
            else:
                receipts.append(Receipt(episode.id, episode.status, reason=episode.reason))
        return receipts

    async def _process(self, episodes: dict[str, Episode]) -> list[Receipt]:
        """Process in order: consecutive ``infer=False`` texts in one transaction, others one by
        one."""
        receipts: list[Receipt] = []
        for infer, own in itertools.groupby(episodes.values(), key=lambda episode: episode.infer):
            process = self._infer if infer else self.decide_verbatim
            receipts += await process(list(own))
        return receipts

    async def _infer(self, episodes: Sequence[Episode]) -> list[Receipt]:
        """Extract up to ``at_once`` episodes ahead, but decide in order, older ones first."""
        waiting = iter(episodes)
        ahead: deque[asyncio.Task[Receipt]] = deque()
        receipts: list[Receipt] = []
        try:
            while True:
                for episode in itertools.islice(waiting, self._at_once - len(ahead)):
                    former = ahead[-1] if ahead else None
                    ahead.append(asyncio.create_task(self._extract_and_decide(episode, former)))
                if not ahead:
                    return receipts
                receipts.append(await ahead[0])
                ahead.popleft()
        finally:
            for task in ahead:
                task.cancel()
            await asyncio.gather(*ahead, return_exceptions=True)

    async def _extract_and_decide(
        self, episode: Episode, former: asyncio.Task[Receipt] | None
    ) -> Receipt:
        extraction = await self._extracting.extract(episode)
        if former is not None:
            await former
        return await self.decide_extracted(episode, extraction)


async def _as_it_is(scope: Scope) -> Scope:
    return scope
