"""The methods that add: add, add_many, resume, flush; and the background task that resumes pending
episodes."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import Counter
from collections.abc import (
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal, Unpack

from graphmem.engine.checks import checked_flag, checked_keys, checked_progress
from graphmem.engine.retention import Retaining
from graphmem.engine.scopes import SCOPE_NAMES
from graphmem.errors import UsageError, logged_failure
from graphmem.ingest import make_episode
from graphmem.model import Episode, Receipt
from graphmem.ports.api.arguments import AddArgs, Content, ScopeArgs

_CHUNK = 64  # items of a load that are journalled in one transaction
_LARGEST_CHUNK = 1024  # the same in a long load of items that nothing is extracted from
_KEYS = 10_000  # idempotency keys that are looked up at a time
_PENDING = 100  # pending episodes that are gone on with at a time
_FIRST_S = 5.0
"""After opening: a process that is opened for one question is gone by then."""
_log = logging.getLogger("graphmem")


class Writes(Retaining):
    """Adding, and resuming what is pending."""

    async def add(
        self, content: Content, *, wait: bool = True, **options: Unpack[AddArgs]
    ) -> Receipt:
        checked_flag(wait, "wait")
        (content, given), redacted = await self._parts.redaction.apply((content, dict(options)))
        episode = await self._episode(content, given)
        (receipt,) = await self._journalled([episode], wait=wait)
        await self._keep_lag_bounded(by=episode.scope.tenant)
        return replace(receipt, redacted=dict(redacted)) if redacted else receipt

    async def _episode(self, content: Content, options: Mapping[str, Any]) -> Episode:
        given = {name: options[name] for name in SCOPE_NAMES if name in options}
        return make_episode.build_episode(
            content,
            self._named(options),
            await self._scope(given, new=True),
            self._parts.clock,
            max_bytes=self._parts.settings.max_text_bytes,
            policies=self._current.policies,
        )

    async def _journalled(self, episodes: Sequence[Episode], *, wait: bool) -> list[Receipt]:
        """Store the episodes and take them through all stages; without ``wait``, only as far as the
        queue, once that has room."""
        self._parts.check_folder()
        if wait:
            receipts = await self._ingest.add(episodes)
        else:
            async with self._queue.room(Counter(episode.scope.tenant for episode in episodes)):
                receipts = await self._ingest.add(episodes, self._queue)
        if self._titles is not None:
            self._titles.note(episodes)
        return receipts

    async def add_many(
        self,
        contents: Iterable[Content | Mapping[str, Any]],
        *,
        wait: bool = True,
        progress: Callable[[int], None] | None = None,
        **options: Unpack[AddArgs],
    ) -> int:
        checked_flag(wait, "wait")
        checked_progress(progress, 1)
        make_episode.check_options(options)
        items = make_episode.items_of(contents)
        verbatim = not options.get("infer", True)

        async def episode_of(item: object) -> Episode:
            content, own = make_episode.split_item(item)
            both, _ = await self._parts.redaction.apply((content, {**options, **own}))
            return await self._episode(*both)

        new = await self._load(
            items, episode_of, "item", verbatim=verbatim, wait=wait, progress=progress
        )
        await self._end_load()
        return new

    async def _load(
        self,
        items: Iterator[Any],
        episode_of: Callable[[Any], Awaitable[Episode]],
        word: Literal["item", "row"],
        *,
        verbatim: bool = False,
        wait: bool = True,
        progress: Callable[[int], None] | None,
    ) -> int:
        """Add items in order, each chunk in one transaction; returns how many were new. A bad item
        is a :class:`~graphmem.errors.UsageError` with its number (items count from 0, rows from
        1)."""
        new = done = 0
        for chunk in _chunks(items, verbatim=verbatim):
            episodes = []
            for number, item in enumerate(chunk, start=done + (word == "row")):
                try:
                    episodes.append(await episode_of(item))
                except UsageError as error:
                    raise UsageError(f"{word} {number}: {error}") from error
            receipts = await self._journalled(episodes, wait=wait)
            # One that is pending since an earlier call has the id that it was given then.
            new += len({r.episode_id for r in receipts}.intersection(e.id for e in episodes))
            done += len(chunk)
            await self._keep_lag_bounded(loading=verbatim)
            if progress is not None:
                progress(done)
        return new

    async def known_keys(self, keys: Collection[str], **scope: Unpack[ScopeArgs]) -> frozenset[str]:
        looked_up, _ = await self._parts.redaction.apply(checked_keys(keys))
        asked, rest = await self._scope(scope), iter(looked_up)
        found: set[str] = set()
        while part := list(itertools.islice(rest, _KEYS)):
            found |= await self._parts.ledger.known_keys(asked, part)
        return frozenset(found)

    async def resume(self, **scope: Unpack[ScopeArgs]) -> list[Receipt]:
        where = await self._scope(scope)
        self._check_writable()
        receipts: dict[str, Receipt] = {}
        while True:
            pending = await self._parts.ledger.episodes(
                where, status="pending", limit=_PENDING + len(receipts)
            )
            todo = [episode for episode in pending if episode.id not in receipts][:_PENDING]
            if not todo:
                await self._keep_lag_bounded()
                return list(receipts.values())
            receipts |= {r.episode_id: r for r in await self._ingest.resume(todo)}

    async def flush(self, **scope: Unpack[ScopeArgs]) -> list[Receipt]:
        self._check_open()
        if not self._current.any_given(scope):
            return await self._queue.flush(lambda _: True)
        asked = await self._scope(scope)
        return await self._queue.flush(asked.takes_in)

    # Going on by itself

    def _keep_resuming(self) -> None:
        """Start the background task that resumes pending episodes of all tenants, unless it
        runs."""
        every = self._parts.settings.resume_every_s
        if every and not self._parts.read_only and self._resuming is None:
            self._resuming = asyncio.create_task(self._resume_now_and_then(every))

    async def _resume_now_and_then(self, every: float) -> None:
        pause = min(_FIRST_S, every)
        while True:
            await asyncio.sleep(pause)
            pause = every
            with logged_failure(_log, "what is pending could not be gone on with"):
                await self._resume_everybody(every)

    async def _resume_everybody(self, every: float) -> None:
        """Try each pending episode once. On a shared ledger only those that have been pending for
        long: another process may be working on the newer ones."""
        ledger = self._parts.ledger
        before = self._parts.clock.now() - timedelta(seconds=every) if ledger.shared else None
        after = 0
        while found := await ledger.pending_episodes(after, before, _PENDING):
            after = max(found)
            await self._ingest.finish([found[n] for n in sorted(found)])
            await self._keep_lag_bounded()


def _chunks(items: Iterator[Any], *, verbatim: bool) -> Iterator[list[Any]]:
    size, done = _CHUNK, 0
    while chunk := list(itertools.islice(items, size)):
        yield chunk
        done += len(chunk)
        if verbatim:
            # The longer the load, the less it matters what a fault in one chunk takes with it.
            size = min(_LARGEST_CHUNK, max(_CHUNK, done // 8))
