"""The engine: :class:`AsyncMemory`, which joins ledger, projections, write and read pipelines."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self, Unpack

from graphmem.clock import Clock, parse_when_or_none
from graphmem.embedding import CachedEmbedder
from graphmem.errors import GraphmemError, NotFound, UsageError
from graphmem.ingest import journal
from graphmem.ingest.pipeline import Ingest
from graphmem.ingest.project import Projection, graph_target, vector_target
from graphmem.model import (
    DEFAULT_PROJECT,
    Change,
    Decision,
    Entity,
    Episode,
    Fact,
    Health,
    HitKind,
    Metadata,
    Moment,
    Page,
    Path,
    Receipt,
    Relation,
    Removal,
    Scope,
    SearchResult,
    Stats,
    Subgraph,
    Table,
    Verification,
)
from graphmem.ports.api import AddArgs, Content, MemoryAPI, ScopeArgs, When
from graphmem.ports.embed import Embedder
from graphmem.ports.graph import GraphStore
from graphmem.ports.ledger import Commit, EntityQuery, Erasure, FactQuery, Ledger
from graphmem.ports.llm import Extractor
from graphmem.ports.vectors import VectorStore
from graphmem.retrieve.context import write_context
from graphmem.retrieve.pipeline import Question, Retrieve
from graphmem.retrieve.relate import Relate
from graphmem.settings import Settings
from graphmem.verify import verify

if TYPE_CHECKING:
    import networkx as nx

_SCOPE = ("user_id", "agent_id", "run_id", "project_id")
_CHUNK = 64  # items of add_many that are journalled in one transaction
_PENDING = 100  # pending episodes that resume takes at a time
_LARGEST_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Parts:
    """The adapters that an engine runs on, opened; ``release`` lets the folder go."""

    ledger: Ledger
    graph: GraphStore
    vectors: VectorStore
    embedder: Embedder
    extractor: Extractor
    clock: Clock
    settings: Settings
    extractions_at_once: int
    release: Callable[[], None]


class AsyncMemory(MemoryAPI):
    """A memory for asynchronous code. Open one with :func:`graphmem.open_memory`.

    Every method is documented in :class:`~graphmem.ports.api.MemoryAPI`.
    """

    def __init__(self, parts: Parts, defaults: Mapping[str, str | None]) -> None:
        self._parts = parts
        self._defaults = dict(defaults)
        self._embedder = CachedEmbedder(parts.embedder, parts.ledger)
        self._ingest = Ingest(
            parts.ledger,
            parts.extractor,
            parts.clock,
            duplicate_window_s=parts.settings.duplicate_window_s,
            at_once=parts.extractions_at_once,
        )
        self._retrieve = Retrieve(parts.ledger, parts.graph, parts.vectors, self._embedder)
        self._relate = Relate(parts.ledger, parts.graph)
        self._graph = Projection("graph", parts.ledger, graph_target(parts.graph))
        self._vectors = Projection(
            "vectors", parts.ledger, vector_target(parts.vectors, self._embedder)
        )
        self._background: asyncio.Task[None] | None = None
        self._closed = False

    async def start(self, *, graph_seq: int, vectors_seq: int) -> Self:
        """Take the projections' marks and catch up with the ledger."""
        self._graph.applied_seq, self._vectors.applied_seq = graph_seq, vectors_seq
        await self._follow()
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # Write

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
        new = done = 0
        for chunk in _chunks(contents):
            episodes = []
            for number, item in enumerate(chunk, start=done):
                content, own = journal.split_item(item)
                try:
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
        before = await self.get(fact_id, **scope)
        after = replace(before, **changes)
        if after.valid_at and after.invalid_at and after.invalid_at < after.valid_at:
            raise UsageError("invalid_at is before valid_at")
        if after == before:
            return before
        decision = Decision("UPDATE", "changed by hand", before=before, after=after)
        await self._parts.ledger.commit([Commit(None, (decision,), actor="user")])
        return await self.get(fact_id, **scope)

    async def delete(self, id: str, *, erase: bool = False, **scope: Unpack[ScopeArgs]) -> Removal:
        where = self._scope(scope)
        ledger = self._parts.ledger
        if await ledger.episodes(where, ids=[_text(id, "id")]):
            return await ledger.erase(Erasure(where, episode_ids=(id,)))
        facts = await self._facts(where, id)
        if erase and (facts or await ledger.history(where.wall, id)):
            return await ledger.erase(Erasure(where, fact_ids=(id,)))
        if not facts:
            raise NotFound(f"no fact or episode {id!r} in this scope")
        decision = Decision("DELETE", "deleted by hand", before=facts[0])
        await ledger.commit([Commit(None, (decision,), actor="user")])
        return Removal(facts=1)

    async def delete_all(self, **scope: Unpack[ScopeArgs]) -> Removal:
        return await self._parts.ledger.erase(Erasure(self._scope(scope)))

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

    # Read

    async def search(
        self,
        query: str,
        *,
        limit: int = 10,
        kinds: Sequence[HitKind] = ("fact", "turn"),
        current: bool = True,
        **scope: Unpack[ScopeArgs],
    ) -> SearchResult:
        unknown = [kind for kind in kinds if kind not in {"fact", "turn"}]
        if unknown or isinstance(kinds, str):
            raise UsageError(f"kinds must be a list of fact and turn, got {kinds!r}")
        question = Question(
            journal.check_text(query, "query", self._parts.settings.max_text_bytes),
            self._scope(scope),
            _limit(limit),
            tuple(dict.fromkeys(kinds)),
            self._now(current),
        )
        await self._follow()
        return await self._retrieve.search(question)

    async def context(
        self, query: str, *, budget_tokens: int = 1000, **scope: Unpack[ScopeArgs]
    ) -> str:
        if isinstance(budget_tokens, bool) or not isinstance(budget_tokens, int):
            raise UsageError(f"budget_tokens must be a whole number, got {budget_tokens!r}")
        if budget_tokens < 1:
            raise UsageError(f"budget_tokens must be at least 1, got {budget_tokens}")
        found = await self.search(query, limit=max(10, min(200, budget_tokens // 10)), **scope)
        return write_context(found, budget_tokens)

    async def get(self, fact_id: str, **scope: Unpack[ScopeArgs]) -> Fact:
        facts = await self._facts(self._scope(scope), _text(fact_id, "fact_id"))
        if not facts:
            raise NotFound(f"no fact {fact_id!r} in this scope")
        return facts[0]

    async def get_all(
        self,
        *,
        limit: int = 100,
        after: str | None = None,
        current: bool = True,
        **scope: Unpack[ScopeArgs],
    ) -> Page:
        where = self._scope(scope)
        query = FactQuery(
            where.wall,
            agent_id=where.narrow_agent_id,
            run_id=where.run_id,
            current=self._now(current),
            after=after,
            limit=_limit(limit) + 1,
        )
        facts = await self._parts.ledger.facts(query)
        more = len(facts) > limit
        return Page(tuple(facts[:limit]), facts[limit - 1].id if more else None)

    async def episode(self, episode_id: str, **scope: Unpack[ScopeArgs]) -> Episode:
        where = self._scope(scope)
        found = await self._parts.ledger.episodes(where, ids=[_text(episode_id, "episode_id")])
        if not found:
            raise NotFound(f"no episode {episode_id!r} in this scope")
        return found[0]

    async def history(self, fact_id: str, **scope: Unpack[ScopeArgs]) -> list[Change]:
        where = self._scope(scope)
        changes = await self._parts.ledger.history(where.wall, _text(fact_id, "fact_id"))
        if not changes:
            raise NotFound(f"no fact {fact_id!r} in this scope, now or before")
        return changes

    async def entities(
        self,
        name: str | None = None,
        *,
        kind: str | None = None,
        limit: int = 100,
        **scope: Unpack[ScopeArgs],
    ) -> list[Entity]:
        contains = journal.name_part(name)
        query = EntityQuery(
            self._scope(scope).wall, kind=kind, contains=contains, limit=_limit(limit)
        )
        return await self._parts.ledger.entities(query)

    async def entity(self, name_or_id: str, **scope: Unpack[ScopeArgs]) -> Entity:
        return await self._relate.entity(self._scope(scope), _text(name_or_id, "name_or_id"))

    async def relations(
        self,
        entity: str | None = None,
        *,
        type: str | None = None,
        other: str | None = None,
        current: bool = True,
        limit: int = 100,
        **scope: Unpack[ScopeArgs],
    ) -> list[Relation]:
        return await self._relate.relations(
            self._scope(scope),
            entity,
            type=type,
            other=other,
            current=self._now(current),
            limit=_limit(limit),
        )

    async def neighbours(
        self,
        entity: str,
        *,
        hops: int = 1,
        limit: int = 50,
        current: bool = True,
        **scope: Unpack[ScopeArgs],
    ) -> Subgraph:
        where = self._scope(scope)
        await self._graph.catch_up()
        return await self._relate.neighbours(
            where, entity, _hops(hops), _limit(limit), self._now(current)
        )

    async def paths(
        self,
        source: str,
        target: str,
        *,
        max_hops: int = 4,
        limit: int = 5,
        current: bool = True,
        **scope: Unpack[ScopeArgs],
    ) -> list[Path]:
        where = self._scope(scope)
        await self._graph.catch_up()
        return await self._relate.paths(
            where,
            source,
            target,
            max_hops=_hops(max_hops),
            limit=_limit(limit),
            current=self._now(current),
        )

    async def timeline(
        self,
        entity: str | None = None,
        *,
        since: When | None = None,
        until: When | None = None,
        limit: int = 100,
        **scope: Unpack[ScopeArgs],
    ) -> list[Moment]:
        return await self._relate.timeline(
            self._scope(scope),
            entity,
            since=parse_when_or_none(since, name="since"),
            until=parse_when_or_none(until, name="until"),
            limit=_limit(limit),
        )

    async def cypher(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        max_rows: int = 1000,
        timeout_s: float = 10.0,
        **scope: Unpack[ScopeArgs],
    ) -> Table:
        wall = self._scope(scope).wall
        await self._graph.catch_up()
        return await self._parts.graph.cypher(
            journal.check_text(query, "query", self._parts.settings.max_text_bytes),
            parameters or {},
            wall=wall,
            max_rows=_limit(max_rows),
            timeout_s=timeout_s,
        )

    async def to_networkx(
        self, *, current: bool = True, **scope: Unpack[ScopeArgs]
    ) -> nx.MultiDiGraph[str]:
        return await self._relate.to_networkx(self._scope(scope), self._now(current))

    # Care

    async def stats(self, **scope: Unpack[ScopeArgs]) -> Stats:
        given = {**self._defaults, **{k: v for k, v in scope.items() if v is not None}}
        owned = given.get("user_id") or given.get("agent_id")
        return await self._parts.ledger.stats(self._scope(scope) if owned else None)

    async def health(self) -> Health:
        head = await self._parts.ledger.head()
        lag = {p.name: head - p.applied_seq for p in (self._graph, self._vectors)}
        parts = {"ledger": "ok"}
        for projection in (self._graph, self._vectors):
            try:
                await projection.catch_up()
                parts[projection.name] = "ok"
            except GraphmemError as error:
                parts[projection.name] = str(error)
        settings = self._parts.settings
        parts["extraction"] = self._parts.extractor.name
        parts["embedder"] = self._parts.embedder.name
        pending = (await self._parts.ledger.stats()).pending
        parts["pending"] = str(pending)
        ok = all(parts[p.name] == "ok" for p in (self._graph, self._vectors))
        return Health(ok=ok and max(lag.values()) <= 2 * settings.max_lag, parts=parts, lag=lag)

    async def verify(self) -> Verification:
        await self._follow()
        return await verify(self._parts.ledger, self._parts.graph, self._parts.vectors)

    async def rebuild(self, *, progress: Callable[[int, int], None] | None = None) -> Verification:
        head = await self._parts.ledger.head()
        both = 2 * head

        def reporter(already: int) -> Callable[[int], None] | None:
            return None if progress is None else lambda done: progress(already + done, both)

        await self._graph.start_over(self._parts.graph.clear)
        await self._graph.catch_up(reporter(0))
        await self._vectors.start_over(self._parts.vectors.clear)
        await self._vectors.catch_up(reporter(head))
        return await self.verify()

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            if self._background:
                await asyncio.gather(self._background, return_exceptions=True)
        finally:
            await self._close_parts()

    # What the methods share

    async def _close_parts(self) -> None:
        parts = self._parts
        closing: list[Callable[[], Awaitable[None]]] = [
            parts.extractor.close,
            parts.embedder.close,
            parts.vectors.close,
            parts.graph.close,
            parts.ledger.close,
        ]
        errors = [
            error
            for error in await asyncio.gather(
                *(close() for close in closing), return_exceptions=True
            )
            if isinstance(error, BaseException)
        ]
        parts.release()
        if errors:
            raise errors[0]

    def _scope(self, given: Mapping[str, Any]) -> Scope:
        """The one place where a call's scope is made from what it and the opening gave."""
        if self._closed:
            raise UsageError("this memory is closed; open it again")
        unknown = sorted(set(given) - set(_SCOPE))
        if unknown:
            raise UsageError(f"unknown argument {', '.join(unknown)}; a scope has {_SCOPE}")
        values: dict[str, Any] = {"project_id": DEFAULT_PROJECT}
        for source in (self._defaults, given):
            values |= {name: source[name] for name in _SCOPE if source.get(name) is not None}
        return Scope(**values)

    def _episode(self, content: Content, options: Mapping[str, Any]) -> Episode:
        where = self._scope({name: options[name] for name in _SCOPE if name in options})
        limit = self._parts.settings.max_text_bytes
        return journal.build_episode(content, options, where, self._parts.clock, max_bytes=limit)

    async def _facts(self, where: Scope, id: str) -> list[Fact]:
        query = FactQuery(
            where.wall, ids=(id,), agent_id=where.narrow_agent_id, run_id=where.run_id
        )
        return await self._parts.ledger.facts(query)

    def _now(self, current: bool) -> datetime | None:
        return self._parts.clock.now() if current else None

    async def _follow(self) -> None:
        """Bring both projections up to date: a read sees every write before it."""
        head = await self._parts.ledger.head()
        if min(self._graph.applied_seq, self._vectors.applied_seq) < head:
            await asyncio.gather(self._graph.catch_up(), self._vectors.catch_up())

    async def _keep_lag_bounded(self) -> None:
        """When much is waiting, let the projections follow in the background, once at a time."""
        head = await self._parts.ledger.head()
        lag = head - min(self._graph.applied_seq, self._vectors.applied_seq)
        most = self._parts.settings.max_lag
        if lag > most and (self._background is None or self._background.done()):
            if self._background is not None:
                self._background.result()
            self._background = asyncio.create_task(self._follow())
        if lag > 4 * most and self._background is not None:
            await asyncio.shield(self._background)


def _chunks(items: Iterable[Any]) -> Iterator[list[Any]]:
    iterator = iter(items)
    while chunk := list(itertools.islice(iterator, _CHUNK)):
        yield chunk


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{name} must be text, got {value!r}")
    return value


def _limit(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _LARGEST_LIMIT:
        raise UsageError(f"a limit is a whole number from 1 to {_LARGEST_LIMIT:,}, got {value!r}")
    return value


def _hops(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 10:
        raise UsageError(f"hops are a whole number from 1 to 10, got {value!r}")
    return value
