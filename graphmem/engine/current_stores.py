"""The stores as they are now: opened adapters, and projections kept in step with the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Set
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from graphmem.belief.ambiguities.ask import AmbiguityModel
from graphmem.clock import LAST_MOMENT, Clock
from graphmem.embedding import CachedEmbedder
from graphmem.engine.scopes import Scopes
from graphmem.errors import BudgetExceeded, Damaged
from graphmem.ingest.redact import Redaction
from graphmem.lifecycle.memory_types import unsearched
from graphmem.model import Scope
from graphmem.ports.embedder import Embedder, WordVectors
from graphmem.ports.extraction_options import ExtractionOptions
from graphmem.ports.graph import Checkpoint, GraphStore
from graphmem.ports.ledger import Ledger, LedgerView
from graphmem.ports.llm import Extractor
from graphmem.ports.reranker import Reranker
from graphmem.ports.tokens import TokenCounter
from graphmem.ports.vectors import VectorStore
from graphmem.projection.apply import graph_target, vector_target
from graphmem.projection.catch_up import Projection
from graphmem.projection.fill import FillStore
from graphmem.retrieve.candidates.graph import CachedGraph
from graphmem.retrieve.pipeline import Retriever
from graphmem.retrieve.rank.ranking import load_weights
from graphmem.retrieve.relationships.queries import Relate
from graphmem.retrieve.summaries import SummaryModel
from graphmem.settings import Settings


@dataclass(frozen=True, slots=True)
class Scratch:
    """An empty graph and an empty vector store in memory, not opened yet."""

    graph: GraphStore
    vectors: VectorStore


@dataclass(frozen=True, slots=True)
class Parts:
    """The opened adapters that a memory runs on. ``release`` unlocks its folder."""

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
    ledger_file: Callable[[Path], Ledger]
    """A ledger in a file, not yet opened: what a backup is written to."""
    fill: FillStore
    """Fills a new graph, or new vectors, that are to take the place of those that serve."""
    check_folder: Callable[[], None] = lambda: None
    """Raises :class:`~graphmem.errors.Unavailable` where the folder was moved or removed."""
    redaction: Redaction = field(default_factory=Redaction)
    """What takes out of everything that comes in what is not to be stored."""
    ambiguity_model: AmbiguityModel | None = None
    """Who is asked about what stays ambiguous."""
    summary_model: SummaryModel | None = None
    """Who words summaries."""
    reranker: Reranker | None = None
    """Who reads the best hits again."""
    actor: str | None = None
    """In whose name everything is changed, unless a call says otherwise."""
    read_only: bool = False
    """Whether another process may hold the store: then only its ledger is read."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The checkpoints of graph and vectors after opening, or the damage that kept them from being
    opened; and functions that open them again."""

    graph: Checkpoint | Damaged
    vectors: Checkpoint | Damaged
    reread_graph: Callable[[], Awaitable[Checkpoint]]
    reread_vectors: Callable[[], Awaitable[Checkpoint]]


class CurrentStores(Scopes):
    """What calls about the present use: the stores, and whose memory each call is about. Before a
    read the projections catch up with every earlier write."""

    def __init__(self, parts: Parts, defaults: Mapping[str, str | None]) -> None:
        super().__init__(
            parts.ledger,
            defaults,
            user_name=parts.settings.user_name,
            actor=parts.actor,
            read_only=parts.read_only,
        )
        self.parts = parts
        self.policies = parts.settings.policies
        self.unsearched = unsearched(self.policies)
        self.ledger: LedgerView = parts.ledger
        self.embedder = CachedEmbedder(parts.embedder, parts.ledger)
        self.relate = Relate(parts.ledger, parts.graph)
        cached = CachedGraph(parts.graph)

        def changed(tenants: Set[str] | None) -> None:
            cached.forget(tenants)
            if parts.ledger.shared:  # by whomever, who may have forgotten somebody
                self.forget_users()

        self.graph = Projection("graph", parts.ledger, graph_target(parts.graph), changed)
        self.vectors = Projection(
            "vectors", parts.ledger, vector_target(parts.vectors, self.embedder)
        )
        self.retriever = partial(
            Retriever,
            words=parts.words,
            weights=load_weights(parts.settings.search_weights, parts.settings.search_without),
            reranker=parts.reranker,
            reranked_hits=parts.settings.reranked_hits if parts.reranker else 0,
        )
        self.retrieve = self.retriever(parts.ledger, cached, parts.vectors, self.embedder)

    async def follow(self, progress: Callable[[str, int, int], None] | None = None) -> None:
        """Apply all waiting events to graph and vectors."""
        head = await self.parts.ledger.head()

        def reporter(name: str) -> Callable[[int], None] | None:
            return None if progress is None else lambda done: progress(name, done, max(done, head))

        if min(self.graph.applied_seq, self.vectors.applied_seq) < head:
            both = (p.catch_up(reporter(p.name)) for p in (self.graph, self.vectors))
            # Where one cannot go on, the other is waited for: who reads all the same sees it whole.
            for ended in await asyncio.gather(*both, return_exceptions=True):
                if isinstance(ended, BaseException):
                    raise ended

    async def _lacks(self, seq: int, tenant: str) -> bool:
        """Whether a store that has applied events up to ``seq`` lacks any of this tenant. Events of
        other tenants are no reason to wait."""
        ledger = self.parts.ledger
        if seq >= await ledger.head():
            return False
        return bool(await ledger.events(seq, 1, tenant=tenant, until=LAST_MOMENT))

    async def retriever_of(self, scope: Scope) -> tuple[Retriever, str | None]:
        """The retriever, after catching up. When the budget for embeddings is exceeded, what is
        indexed already is searched, and the second value says why the rest is missing."""
        try:
            applied = min(self.graph.applied_seq, self.vectors.applied_seq)
            if await self._lacks(applied, scope.tenant):
                await self.follow()
        except BudgetExceeded as error:
            return self.retrieve, f"{error}; what was told since is not searched yet"
        return self.retrieve, None

    async def walk(self, scope: Scope) -> Relate:
        """Relationship queries over the graph, after it has caught up."""
        await self.graph_of(scope)
        return self.relate

    async def graph_of(self, scope: Scope) -> GraphStore:
        """The graph, after it has caught up with every write of this tenant."""
        if await self._lacks(self.graph.applied_seq, scope.tenant):
            await self.graph.catch_up()
        return self.parts.graph
