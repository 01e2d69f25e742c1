"""The stores as they were at a moment: the ledger as of then, graph and vectors made for it.

Only for ``known_at``: what held at ``valid_at`` is decided in ``retrieve/view.py``.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime

from graphmem.clock import LAST_MOMENT
from graphmem.embedding import CachedEmbedder
from graphmem.engine.current_stores import CurrentStores
from graphmem.model import Change, Entity, Episode, Fact, Scope, Turn
from graphmem.ports.graph import GraphStore
from graphmem.ports.ledger import (
    EntityQuery,
    Event,
    FactQuery,
    Ledger,
    LedgerView,
    MentionQuery,
    Mentions,
    Origins,
    ReferredKind,
)
from graphmem.projection.apply import batch_of, graph_target, vector_target
from graphmem.projection.catch_up import BATCH_EVENTS, may_be_the_value
from graphmem.retrieve.pipeline import Retriever
from graphmem.retrieve.relationships.queries import Relate
from graphmem.text import alias_keys

_GONE = frozenset({"ERASE", "DELETE", "UNDO"})
_STORE = "past"


class LedgerAsOf:
    """A ledger as it was at ``known_at``: what was recorded later is not there."""

    def __init__(self, ledger: Ledger, known_at: datetime, *, final: bool) -> None:
        """``final``: ``known_at`` is in the past, so nothing more can be recorded before it, and
        what was read may be kept."""
        self._ledger = ledger
        self._known_at = known_at
        self._final = final
        self._named: dict[str, tuple[int, dict[str, list[Entity]]]] = {}

    async def facts(self, query: FactQuery) -> list[Fact]:
        found = await self._ledger.facts(replace(query, known_at=self._known_at))
        return [self._then(fact) for fact in found]

    async def count_facts(self, query: FactQuery) -> int:
        return await self._ledger.count_facts(replace(query, known_at=self._known_at))

    async def entities(self, query: EntityQuery) -> list[Entity]:
        if query.keys is None or not self._final:
            return await self._ledger.entities(replace(query, known_at=self._known_at))
        # By name every entity of then has to be read: once is enough.
        seq, by_key = self._named.get(query.tenant, (0, None))
        head = await self._ledger.head()
        if by_key is None or await erased(self._ledger, query.tenant, seq, head):
            by_key = await self._by_key(query.tenant)
        self._named[query.tenant] = head, by_key
        found = {entity.id: entity for key in query.keys for entity in by_key.get(key, ())}
        return sorted(found.values(), key=lambda e: (e.name, e.id))[: query.limit]

    async def _by_key(self, tenant: str) -> dict[str, list[Entity]]:
        everyone = EntityQuery(tenant, known_at=self._known_at, limit=sys.maxsize)
        by_key: dict[str, list[Entity]] = {}
        for entity in await self._ledger.entities(everyone):
            names = (entity.name, *entity.aliases)
            for key in {key for name in names for key in alias_keys(name, entity.kind)}:
                by_key.setdefault(key, []).append(entity)
        return by_key

    async def turns(self, tenant: str, ids: Sequence[str], *, around: int = 0) -> list[Turn]:
        # Whoever asks has the ids from what was known.
        return await self._ledger.turns(tenant, ids, around=around)

    async def mentions(self, query: MentionQuery) -> Mentions:
        """What was mentioned by then, under the ids that entities have now."""
        scope, found = query.scope, await self._ledger.mentions(query)
        wanted = sorted({turn for ids in found.turns.values() for turn in ids})
        turns = await self._ledger.turns(scope.tenant, wanted) if wanted else []
        ids = sorted({turn.episode_id for turn in turns})
        recorded = {episode.id for episode in await self.episodes(scope, ids=ids, limit=len(ids))}
        then = await self._ledger.silenced(wanted, self._known_at) if wanted else set()
        known = {t.id for t in turns if t.episode_id in recorded and t.id not in then}
        kept = {id: tuple(t for t in named if t in known) for id, named in found.turns.items()}
        return replace(found, turns=kept)

    async def episodes(
        self,
        scope: Scope,
        *,
        ids: Sequence[str] | None = None,
        status: str | None = None,
        limit: int = 1000,
    ) -> list[Episode]:
        found = await self._ledger.episodes(scope, ids=ids, status=status, limit=limit)
        return [episode for episode in found if episode.recorded_at <= self._known_at]

    async def history(self, tenant: str, fact_id: str) -> list[Change]:
        changes = await self._ledger.history(tenant, fact_id)
        return [change for change in changes if change.at <= self._known_at]

    def _then(self, fact: Fact) -> Fact:
        """The fact without ``retired_at`` when that came later: the ledger notes the end of a
        version in that version."""
        later = fact.retired_at is not None and fact.retired_at > self._known_at
        return replace(fact, retired_at=None) if later else fact


async def erased(ledger: Ledger, tenant: str, seq: int, head: int) -> bool:
    """Whether something of a tenant was erased after the ledger was at ``seq``, so that what was
    read then may hold it. ``head`` is where the ledger is now."""
    return seq != head and await ledger.erased(tenant, seq)


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """Graph and vectors of one tenant as they were, in memory."""

    graph: GraphStore
    relate: Relate
    retrieve: Retriever
    head: int
    """How far the ledger was when this was made, or last found to hold nothing that is erased."""
    final: bool
    """Whether nothing can be recorded any more by the moment that it is of."""


class StoresAsOf:
    """What reads of a view with ``known_at`` are answered from. Graph and vectors of a tenant are
    made when they are first needed, from its events up to then. ``known_at`` None is for who reads
    what is known now without the stores, which another process holds."""

    def __init__(self, current: CurrentStores, known_at: datetime | None) -> None:
        self._current = current
        self._parts = current.parts
        self._known_at = known_at
        self.ledger: LedgerView = self._ledger_then()
        self.relate = Relate(self.ledger, current.parts.graph)
        self._snapshots: dict[str, _Snapshot] = {}
        self._building = asyncio.Lock()

    def _ledger_then(self) -> LedgerView:
        if self._known_at is None:
            return self._parts.ledger
        return LedgerAsOf(self._parts.ledger, self._known_at, final=self._final)

    @property
    def _final(self) -> bool:
        return self._known_at is not None and self._known_at < self._parts.clock.now()

    async def retriever_of(self, scope: Scope) -> tuple[Retriever, str | None]:
        return (await self._snapshot(scope)).retrieve, None

    async def walk(self, scope: Scope) -> Relate:
        return (await self._snapshot(scope)).relate

    async def graph_of(self, scope: Scope) -> GraphStore:
        return (await self._snapshot(scope)).graph

    async def _snapshot(self, scope: Scope) -> _Snapshot:
        """The tenant's graph and vectors. They are made again when something was erased since, or
        (when ``known_at`` is in the future) recorded since."""
        ledger, tenant = self._parts.ledger, scope.tenant
        async with self._building:
            found = self._snapshots.get(tenant)
            head = await ledger.head()
            if found is not None and found.head != head:
                stays = found.final and not await erased(ledger, tenant, found.head, head)
                found = replace(found, head=head) if stays else None
            if found is None:
                found = await self._build(tenant, head)
            self._snapshots[tenant] = found
            return found

    async def _build(self, tenant: str, head: int) -> _Snapshot:
        try:
            return await self._built(tenant, head, set())
        except Exception as error:
            if not may_be_the_value(error):
                raise
            # What the stores of now cannot take either is left out here, too.
            current = self._current
            if not self._parts.read_only:  # else the holder has found out, or will
                await current.follow()
            aside = (*await current.graph.set_aside(), *await current.vectors.set_aside())
            if not aside:
                raise
            return await self._built(tenant, head, {(one.kind, one.id) for one in aside})

    async def _built(self, tenant: str, head: int, aside: Set[tuple[str, str]]) -> _Snapshot:
        parts = self._parts
        final = self._final
        stores = parts.scratch()
        embedder = CachedEmbedder(parts.embedder, parts.ledger)
        until = self._known_at or LAST_MOMENT
        events = [
            event
            async for event in _events(parts.ledger, tenant, until)
            if (event.kind, event.id) not in aside
        ]
        now = self._known_at is None
        batch = await batch_of(
            events, parts.ledger if now else _LogAsOf(parts.ledger, events, until)
        )
        await stores.graph.open(_STORE)
        await stores.vectors.open(_STORE, parts.embedder.name, await parts.embedder.size())
        last = events[-1].seq if events else 0
        await graph_target(stores.graph)(batch, last)
        await vector_target(stores.vectors, embedder)(batch, last)
        ledger = self._ledger_then()
        return _Snapshot(
            graph=stores.graph,
            relate=Relate(ledger, stores.graph),
            retrieve=self._current.retriever(ledger, stores.graph, stores.vectors, embedder),
            head=head,
            final=final,
        )


async def _events(ledger: Ledger, tenant: str, known_at: datetime) -> AsyncIterator[Event]:
    after = 0
    while True:
        page = await ledger.events(after, BATCH_EVENTS, tenant=tenant, until=known_at)
        for event in page:
            yield event
        if len(page) < BATCH_EVENTS:
            return
        after = page[-1].seq


class _LogAsOf:
    """The ledger that :func:`~graphmem.projection.apply.batch_of` reads, limited to the events up
    to then: what was undone later is still there, what was erased later is not."""

    def __init__(self, ledger: Ledger, events: Sequence[Event], known_at: datetime) -> None:
        self._ledger = ledger
        self._known_at = known_at
        last = {(event.kind, event.id): event for event in events}
        self._there = {
            key for key, event in last.items() if event.action not in _GONE and _shown(event)
        }

    async def existing(self, ids: Mapping[ReferredKind, Sequence[str]]) -> set[str]:
        return {id for kind, some in ids.items() for id in some if (kind, id) in self._there}

    async def episodes_by_id(self, ids: Sequence[str]) -> list[Episode]:
        found = await self._ledger.episodes_by_id(ids)
        turns = [turn.id for episode in found for turn in episode.turns]
        then = await self._ledger.silenced(turns, self._known_at)
        return [
            replace(
                episode,
                status="done",
                turns=tuple(replace(t, silenced=t.id in then) for t in episode.turns),
            )
            for episode in found
        ]

    async def origins(
        self, turn_ids: Sequence[str], episode_ids: Sequence[str], mentioning: Sequence[str]
    ) -> Origins:
        # Which mentions count, the events of then say.
        return await self._ledger.origins(turn_ids, episode_ids, mentioning)


def _shown(event: Event) -> bool:
    """Whether the row that an event left is in the stores: not erased since, and not archived."""
    if event.kind == "episode":
        return True
    return event.after is not None and event.after.get("archived_at") is None
