"""What every method of the engine rests on: its parts, the scope of a call, the projections."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Unpack

from graphmem.belief.ambiguities.ask import AmbiguityModel
from graphmem.clock import Clock
from graphmem.embedding import CachedEmbedder
from graphmem.errors import GraphmemError, NotFound, UsageError
from graphmem.ingest import journal
from graphmem.ingest.pipeline import Ingest
from graphmem.model import (
    DEFAULT_PROJECT,
    Episode,
    Fact,
    Scope,
    scope_of,
)
from graphmem.ports.arguments import Content, ScopeArgs
from graphmem.ports.embedder import Embedder
from graphmem.ports.extraction_options import ExtractionOptions
from graphmem.ports.graph import Checkpoint, GraphStore
from graphmem.ports.ledger import FactQuery, Ledger
from graphmem.ports.llm import Extractor
from graphmem.ports.reranker import Reranker
from graphmem.ports.tokens import TokenCounter
from graphmem.ports.vectors import VectorStore
from graphmem.ports.word_vectors import WordVectors
from graphmem.projection.project import Projection, graph_target, vector_target
from graphmem.relation_types.wording import SpokenTypes
from graphmem.retrieve.candidates.neighbourhood import Nearby
from graphmem.retrieve.narrow import fact_in_scope
from graphmem.retrieve.pipeline import Retrieve
from graphmem.retrieve.rank.weights import weights_of
from graphmem.retrieve.relationships.queries import Relate
from graphmem.retrieve.view import View
from graphmem.settings import Settings
from graphmem.text import plain

_SCOPE = ("user_id", "agent_id", "run_id", "project_id")
_SCOPE_NAMES = frozenset(_SCOPE)
_log = logging.getLogger("graphmem")
INDEXED_SEQ = "indexed_seq"  # ledger setting: up to which event the vectors are indexed
_INDEX_EVERY = 5_000  # events: fewer are searched as fast one by one
_LARGEST_LIMIT = 10_000
_LONGEST_NAME = 4096  # bytes of an id or a name that is looked up


@dataclass(frozen=True, slots=True)
class Scratch:
    """A graph and vectors that are kept nowhere, not opened yet."""

    graph: GraphStore
    vectors: VectorStore


@dataclass(frozen=True, slots=True)
class Parts:
    """The adapters that an engine runs on, opened; ``release`` lets the folder go."""

    ledger: Ledger
    graph: GraphStore
    vectors: VectorStore
    embedder: Embedder
    words: WordVectors
    """How near single words are, whatever the embedder is."""
    extractor: Extractor
    clock: Clock
    settings: Settings
    extractions_at_once: int
    extraction: ExtractionOptions
    """The store's, which those of a call go before."""
    release: Callable[[], None]
    tokens: TokenCounter
    scratch: Callable[[], Scratch]
    """A graph and vectors that live in memory, for what is not to be kept."""
    ambiguity_model: AmbiguityModel | None = None
    """Who is asked about what stays ambiguous."""
    reranker: Reranker | None = None
    """Who reads the best hits again."""


@dataclass(frozen=True, slots=True)
class Opened:
    """How far graph and vectors were when they were opened, and how to read that anew."""

    graph: Checkpoint
    vectors: Checkpoint
    graph_again: Callable[[], Awaitable[Checkpoint]]
    vectors_again: Callable[[], Awaitable[Checkpoint]]


class Core:
    """The parts joined: ledger, projections, write and read pipelines."""

    def __init__(
        self, parts: Parts, defaults: Mapping[str, str | None] | None = None, **given: object
    ) -> None:
        # Whoever knows Memory(folder, user_id=…) tries the same here, where opening is awaited.
        if not isinstance(parts, Parts) or defaults is None or given:
            raise UsageError("an AsyncMemory is opened so: await graphmem.open_memory(folder, …)")
        self._parts = parts
        self._defaults = dict(defaults)
        self._embedder = CachedEmbedder(parts.embedder, parts.ledger)
        self._ingest = Ingest(
            parts.ledger,
            parts.extractor,
            parts.clock,
            duplicate_window_s=parts.settings.duplicate_window_s,
            at_once=parts.extractions_at_once,
            options=parts.extraction,
            ambiguity_model=parts.ambiguity_model,
        )
        self._relate = Relate(parts.ledger, parts.graph)
        near = Nearby(parts.graph)
        self._graph = Projection("graph", parts.ledger, graph_target(parts.graph), near.forget)
        self._vectors = Projection(
            "vectors", parts.ledger, vector_target(parts.vectors, self._embedder)
        )
        weights = weights_of(parts.settings.search_weights, parts.settings.search_without)
        self._retriever = partial(
            Retrieve,
            words=parts.words,
            speech=SpokenTypes(),
            weights=weights,
            reranker=parts.reranker,
            reread=parts.settings.reranked_hits if parts.reranker else 0,
        )
        self._retrieve = self._retriever(parts.ledger, near, parts.vectors, self._embedder)
        self._background: asyncio.Task[None] | None = None
        self._following = True
        self._indexing: asyncio.Task[None] | None = None
        self._indexed_seq = 0
        self._closed = False

    async def _close_parts(self) -> None:
        parts = self._parts
        closing: list[Callable[[], Awaitable[None]]] = [
            parts.extractor.close,
            parts.embedder.close,
            parts.vectors.close,
            parts.graph.close,
            parts.ledger.close,
        ]
        if parts.reranker is not None:
            closing.append(parts.reranker.close)
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

    def _check_open(self) -> None:
        if self._closed:
            raise UsageError("this memory is closed; open it again")

    def _scope(self, given: Mapping[str, Any]) -> Scope:
        """The one place where a call's scope is made from what it and the opening gave."""
        self._check_open()
        if not given.keys() <= _SCOPE_NAMES:
            unknown = sorted(set(given) - _SCOPE_NAMES)
            raise UsageError(
                f"unknown argument {', '.join(unknown)}; beside its own arguments this call takes "
                f"those of a scope: {', '.join(_SCOPE)}"
            )
        values: dict[str, Any] = {"project_id": DEFAULT_PROJECT}
        for source in (self._defaults, given):
            for name, value in source.items():
                if value is not None:
                    values[name] = plain(value) if isinstance(value, str) else value
        right = all(type(value) is str for value in values.values())
        return scope_of(**values) if right else Scope(**values)

    def _episode(self, content: Content, options: Mapping[str, Any]) -> Episode:
        where = self._scope({name: options[name] for name in _SCOPE if name in options})
        limit = self._parts.settings.max_text_bytes
        return journal.build_episode(content, options, where, self._parts.clock, max_bytes=limit)

    async def get(self, fact_id: str, **scope: Unpack[ScopeArgs]) -> Fact:
        where = self._scope(scope)
        for fact in await self._facts(where, checked_text(fact_id, "fact_id")):
            if (told := fact_in_scope(fact, where)) is not None:
                return told
        raise NotFound(f"no fact {fact_id!r} in this scope")

    async def _facts(self, where: Scope, id: str) -> list[Fact]:
        query = FactQuery(
            where.tenant, ids=(id,), agent_id=where.narrow_agent_id, run_id=where.run_id
        )
        return await self._parts.ledger.facts(query)

    async def _holds(
        self, where: Scope, subject: str, type: str, object: str | None, *, now: bool
    ) -> bool:
        """Whether such a relation is believed; with ``now``, whether it has not ended."""
        view = View(current=self._parts.clock.now() if now else None)
        try:
            found = await self._relate.relations(
                where, subject, types=(type,), other=object, view=view, limit=1
            )
        except NotFound:
            return False
        return bool(found)

    async def _follow(self, progress: Callable[[str, int, int], None] | None = None) -> None:
        """Bring both projections up to date: a read sees every write before it."""
        head = await self._parts.ledger.head()

        def reporter(name: str) -> Callable[[int], None] | None:
            return None if progress is None else lambda done: progress(name, done, max(done, head))

        if min(self._graph.applied_seq, self._vectors.applied_seq) < head:
            both = (p.catch_up(reporter(p.name)) for p in (self._graph, self._vectors))
            # Where one cannot go on, the other is waited for: who reads all the same sees it whole.
            for ended in await asyncio.gather(*both, return_exceptions=True):
                if isinstance(ended, BaseException):
                    raise ended

    async def _try_to_follow(self) -> None:
        """The same where nobody reads yet: what is stored is stored, and health says the rest."""
        try:
            await self._follow()
            self._following = True
        except GraphmemError as error:
            self._following = False
            _log.warning("graph or vectors lag behind: %s", error)

    async def _keep_lag_bounded(self, *, loading: bool = False) -> None:
        """When much is waiting, let the projections follow in the background, once at a time.

        While a load goes on the vectors are not indexed: what comes meanwhile would make it vain.
        """
        head = await self._parts.ledger.head()
        lag = head - min(self._graph.applied_seq, self._vectors.applied_seq)
        most = self._parts.settings.max_lag
        if lag > most and (self._background is None or self._background.done()):
            self._background = asyncio.create_task(self._try_to_follow())
        # A store or an embedder that is down must not hold up what needs neither.
        if lag > 4 * most and self._background is not None and self._following:
            await asyncio.shield(self._background)
        if not loading:
            self._keep_indexed()

    def _keep_indexed(self) -> None:
        """Index the vectors in the background once about half of them are new since last time."""
        applied = self._vectors.applied_seq
        idle = self._indexing is None or self._indexing.done()
        if idle and self._due_to_index(applied):
            before, self._indexed_seq = self._indexed_seq, applied
            self._indexing = asyncio.create_task(self._index(before, applied))

    def _due_to_index(self, seq: int) -> bool:
        return seq - self._indexed_seq >= max(_INDEX_EVERY, seq // 2)

    async def _end_load(self) -> None:
        """A load that has brought enough to index them ends with its vectors in place and indexed:
        a process that only loads would be gone before the background has done it."""
        if self._due_to_index(await self._parts.ledger.head()):
            await self._try_to_follow()
            for _ in range(2):  # one that began before the load may be given up because of it
                self._keep_indexed()
                if self._indexing is not None:
                    # What becomes of it is its own to tell, also when the memory is closed.
                    await asyncio.wait([self._indexing])

    async def _index(self, before: int, applied: int) -> None:
        try:
            if await self._parts.vectors.optimize():
                await self._parts.ledger.remember_setting(INDEXED_SEQ, str(applied))
            elif self._indexed_seq == applied:
                # Given up, as at the beginning of a load: its end is to do it.
                self._indexed_seq = before
        except GraphmemError as error:
            # Searches stay right without it, only slower; the next time tries again.
            _log.warning("the vectors could not be indexed: %s", error)


def checked_text(value: object, name: str) -> str:
    """An id or a name that can be looked up everywhere."""
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{name} must be text, got {value!r}")
    return journal.check_text(value, name, _LONGEST_NAME)


def checked_text_or_none(value: object, name: str) -> str | None:
    return None if value is None else checked_text(value, name)


def checked_keys(values: object) -> list[str]:
    """Idempotency keys, each once."""
    if isinstance(values, str | bytes) or not isinstance(values, Collection):
        raise UsageError(f"keys must be a list of text, got {type(values).__name__}")
    return list(dict.fromkeys(journal.check_key(value) for value in values))


def checked_callback(value: object, name: str) -> None:
    if value is not None and not callable(value):
        raise UsageError(f"{name} must be a function, got {type(value).__name__}")


def checked_limit(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _LARGEST_LIMIT:
        raise UsageError(f"a limit is a whole number from 1 to {_LARGEST_LIMIT:,}, got {value!r}")
    return value


def checked_budget(value: object) -> int:
    """How many hits may be looked at for a context of so many tokens."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageError(f"budget_tokens must be a whole number, got {value!r}")
    if value < 1:
        raise UsageError(f"budget_tokens must be at least 1, got {value}")
    return max(10, min(200, value // 10))


def checked_hops(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 10:
        raise UsageError(f"hops are a whole number from 1 to 10, got {value!r}")
    return value
