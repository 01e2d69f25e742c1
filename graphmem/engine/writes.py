"""The methods that change what is remembered."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Unpack

from graphmem.clock import parse_when_or_none
from graphmem.engine.core import Core, checked_callback, checked_text
from graphmem.errors import NotFound, UsageError
from graphmem.ingest import journal
from graphmem.model import (
    Decision,
    Fact,
    Metadata,
    Receipt,
    Removal,
    Scope,
)
from graphmem.ports.api import AddArgs, Content, ScopeArgs, When
from graphmem.ports.ledger import Commit, Erasure

_CHUNK = 64  # items of add_many that are journalled in one transaction
_PENDING = 100  # pending episodes that resume takes at a time


class Writes(Core):
    """Adding, changing, forgetting."""

    async def add(self, content: Content, **options: Unpack[AddArgs]) -> Receipt:
        episode = self._episode(content, options)
        (receipt,) = await self._ingest.add([episode])
        await self._keep_lag_bounded()
        return receipt

    async def add_many(
        self,
        contents: Iterable[Content | Mapping[str, Any]],
        *,
        progress: Callable[[int], None] | None = None,
        **options: Unpack[AddArgs],
    ) -> int:
        checked_callback(progress, "progress")
        journal.check_options(options)
        new = done = 0
        for chunk in _chunks(contents):
            episodes = []
            for number, item in enumerate(chunk, start=done):
                try:
                    content, own = journal.split_item(item)
                    episodes.append(self._episode(content, {**options, **own}))
                except UsageError as error:
                    raise UsageError(f"item {number}: {error}") from error
            receipts = await self._ingest.add(episodes)
            new += sum(receipt.status != "duplicate" for receipt in receipts)
            done += len(chunk)
            await self._keep_lag_bounded()
            if progress is not None:
                progress(done)
        return new

    async def update(
        self,
        fact_id: str,
        text: str | None = None,
        *,
        metadata: Metadata | None = None,
        tags: Sequence[str] | None = None,
        importance: float | None = None,
        valid_at: When | None = None,
        invalid_at: When | None = None,
        expires_at: When | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> Fact:
        limit = self._parts.settings.max_text_bytes
        given: dict[str, Any] = {
            "text": None if text is None else journal.check_text(text, "text", limit),
            "metadata": None if metadata is None else journal.check_metadata(metadata),
            "tags": None if tags is None else journal.check_tags(tags),
            "importance": None if importance is None else journal.check_importance(importance),
            "valid_at": parse_when_or_none(valid_at, name="valid_at"),
            "invalid_at": parse_when_or_none(invalid_at, name="invalid_at"),
            "expires_at": parse_when_or_none(expires_at, name="expires_at"),
        }
        changes = {name: value for name, value in given.items() if value is not None}
        if not changes:
            raise UsageError("update was given nothing to change")

        async def attempt() -> Fact:
            before = await self.get(fact_id, **scope)
            after = replace(before, **changes)
            if after.valid_at and after.invalid_at and after.invalid_at < after.valid_at:
                raise UsageError("invalid_at is before valid_at")
            if after == before:
                return before
            decision = Decision("UPDATE", "changed by hand", before=before, after=after)
            await self._parts.ledger.commit([self._by_hand(decision)])
            return await self.get(fact_id, **scope)

        return await self._ingest.decided(self._scope(scope).wall, attempt)

    async def delete(self, id: str, *, erase: bool = False, **scope: Unpack[ScopeArgs]) -> Removal:
        where = self._scope(scope)
        ledger = self._parts.ledger
        checked_text(id, "id")

        async def attempt() -> Removal:
            if await ledger.episodes(where, ids=[id]):
                return await ledger.erase(
                    Erasure(where, episode_ids=(id,), at=self._parts.clock.now())
                )
            facts = await self._facts(where, id)
            if erase and (facts or await self._was_here(where, id)):
                return await ledger.erase(
                    Erasure(where, fact_ids=(id,), at=self._parts.clock.now())
                )
            if not facts:
                raise NotFound(f"no fact or episode {id!r} in this scope")
            decision = Decision("DELETE", "deleted by hand", before=facts[0])
            await ledger.commit([self._by_hand(decision)])
            return Removal(facts=1)

        return await self._ingest.decided(where.wall, attempt)

    def _by_hand(self, decision: Decision) -> Commit:
        return Commit(None, (decision,), actor="user", at=self._parts.clock.now())

    async def _was_here(self, where: Scope, fact_id: str) -> bool:
        """Whether a retired fact came from this scope, agent and run included."""
        changes = await self._parts.ledger.history(where.wall, fact_id)
        states = [state for change in changes for state in (change.before, change.after) if state]
        return any(
            where.narrow_agent_id in {None, source.agent_id}
            and where.run_id in {None, source.run_id}
            for state in states[-1:]
            for source in state.sources
        )

    async def delete_all(self, **scope: Unpack[ScopeArgs]) -> Removal:
        where = self._scope(scope)
        erase = partial(self._parts.ledger.erase, Erasure(where, at=self._parts.clock.now()))
        return await self._ingest.decided(where.wall, erase)

    async def resume(self, **scope: Unpack[ScopeArgs]) -> list[Receipt]:
        where = self._scope(scope)
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


def _chunks(items: Iterable[Any]) -> Iterator[list[Any]]:
    if isinstance(items, str | bytes | Mapping) or not isinstance(items, Iterable):
        raise UsageError(
            "add_many takes a list, or any iterable, of what add takes; "
            f"got {type(items).__name__}: for one of them, use add"
        )
    iterator = iter(items)
    while chunk := list(itertools.islice(iterator, _CHUNK)):
        yield chunk
