"""The stores as they are now: the adapters, the scope of a call, the projections kept in step."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from graphmem.belief.ambiguities.ask import AmbiguityModel
from graphmem.clock import Clock
from graphmem.embedding import CachedEmbedder
from graphmem.engine.checks import checked_projects
from graphmem.engine.users_and_actors import Pseudonyms, current_actor
from graphmem.errors import BudgetExceeded, Damaged, NotFound, UsageError
from graphmem.ingest.redact import Redaction
from graphmem.lifecycle.policies import unsearched
from graphmem.model import DEFAULT_PROJECT, Scope, scope_of
from graphmem.ports.embedder import Embedder
from graphmem.ports.extraction_options import ExtractionOptions
from graphmem.ports.graph import Checkpoint, GraphStore
from graphmem.ports.ledger import Ledger, LedgerView
from graphmem.ports.llm import Extractor
from graphmem.ports.reranker import Reranker
from graphmem.ports.tokens import TokenCounter
from graphmem.ports.vectors import VectorStore
from graphmem.ports.word_vectors import WordVectors
from graphmem.projection.apply import graph_target, vector_target
from graphmem.projection.catch_up import Projection
from graphmem.projection.fill import FillStore
from graphmem.relation_types.wording import BuiltInWording
from graphmem.retrieve.candidates.graph import CachedGraph
from graphmem.retrieve.pipeline import Retriever
from graphmem.retrieve.rank.ranking import load_weights
from graphmem.retrieve.relationships.queries import Relate
from graphmem.retrieve.summaries import SummaryModel
from graphmem.settings import Settings
from graphmem.text import plain

_LAST = datetime.max.replace(tzinfo=UTC)
SCOPE_NAMES = ("user_id", "agent_id", "run_id", "project_id")
_SCOPE_NAMES = frozenset(SCOPE_NAMES)
_wide_reads = logging.getLogger("graphmem.wide_reads")
_OWNERS = ("user_id", "agent_id")


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
    ledger_file: Callable[[Path], Ledger]
    """A ledger in a file, not yet opened: what a backup is written to."""
    fill: FillStore
    """Fills a new graph, or new vectors, that are to take the place of those that serve."""
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
    """How far graph and vectors were when they were opened, or why they could not be; and how to
    open them again, which reads that anew."""

    graph: Checkpoint | Damaged
    vectors: Checkpoint | Damaged
    reread_graph: Callable[[], Awaitable[Checkpoint]]
    reread_vectors: Callable[[], Awaitable[Checkpoint]]


class Present:
    """What reads of now are answered from; a read sees every write before it."""

    def __init__(self, parts: Parts, defaults: Mapping[str, str | None]) -> None:
        self.parts = parts
        self.defaults = dict(defaults)
        self._user_name = parts.settings.user_name
        self.policies = parts.settings.policies
        self.unsearched = unsearched(self.policies)
        self.closed = False
        self.loop: asyncio.AbstractEventLoop | None = None
        """Where it was opened, and alone may be used: its locks and connections are of there."""
        self.ledger: LedgerView = parts.ledger
        self.embedder = CachedEmbedder(parts.embedder, parts.ledger)
        self.relate = Relate(parts.ledger, parts.graph)
        self.pseudonyms = Pseudonyms(parts.ledger)
        cached = CachedGraph(parts.graph)

        def changed(tenants: Set[str] | None) -> None:
            cached.forget(tenants)
            if parts.ledger.shared:  # by whomever, who may have forgotten somebody
                self.pseudonyms.forget()

        self.graph = Projection("graph", parts.ledger, graph_target(parts.graph), changed)
        self.vectors = Projection(
            "vectors", parts.ledger, vector_target(parts.vectors, self.embedder)
        )
        self.retriever = partial(
            Retriever,
            words=parts.words,
            wording=BuiltInWording(),
            weights=load_weights(parts.settings.search_weights, parts.settings.search_without),
            reranker=parts.reranker,
            reranked_hits=parts.settings.reranked_hits if parts.reranker else 0,
        )
        self.retrieve = self.retriever(parts.ledger, cached, parts.vectors, self.embedder)

    def check_open(self) -> None:
        """:class:`~graphmem.errors.UsageError` when the memory is closed, or of another loop."""
        self.check_not_closed()
        if self.loop is not None and self.loop is not asyncio.get_running_loop():
            ended = ", which has ended" if self.loop.is_closed() else ""
            raise UsageError(
                f"this memory was opened in another event loop{ended}: open it in this one with "
                "open_memory, or use Memory, which any thread and any loop may call"
            )

    def check_not_closed(self) -> None:
        """What can be asked outside any loop."""
        if self.closed:
            raise UsageError("this memory is closed; open it again")

    async def scope(self, given: Mapping[str, Any], *, new: bool = False) -> Scope:
        """The one place where a call's scope is made from what it and the opening gave, under the
        pseudonym of its user; ``new`` where something is going to be stored in it."""
        named = self.named_scope(given)
        if self.parts.read_only:  # who holds the store may forget users, and meet them again
            self.pseudonyms.forget()
        return await self.pseudonyms.scope(named, new=new)

    async def scopes(self, given: Mapping[str, Any]) -> list[Scope]:
        """The scopes of a read, one for each project that it names, each made by :meth:`scope`:
        what is read in several projects is read in each by itself."""
        rest, projects = self._projects(given)
        if projects is None:
            return [await self.scope(rest)]
        return [await self.scope({**rest, "project_id": one}) for one in projects]

    def _projects(self, given: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[str] | None]:
        """What a read was given of a scope, and the projects that it names, each once."""
        if given.get("project_ids") is None:
            return {name: given[name] for name in given if name != "project_ids"}, None
        if given.get("project_id") is not None:
            raise UsageError("give project_id or project_ids, not both")
        rest = {name: given[name] for name in given if name not in ("project_id", "project_ids")}
        return rest, checked_projects(given["project_ids"])

    def has_owner(self, given: Mapping[str, Any]) -> bool:
        """Whether a call, or the opening, says whose memory it is about."""
        sources = (given, self.defaults)
        return any(source.get(name) is not None for source in sources for name in _OWNERS)

    def project(self, given: Mapping[str, Any]) -> str:
        """The project of a call, whoever owns what it is about."""
        return self.named_scope({**given, "agent_id": "-", "run_id": None}).project_id

    def of_project(self, given: Mapping[str, Any]) -> bool:
        """Whether a call is about a project as a whole: half a scope, a run without an owner, is a
        mistake, and no wish for everybody's."""
        run = given.get("run_id") or self.defaults.get("run_id")
        return not self.has_owner(given) and run is None

    def note_wide(self, what: str) -> None:
        """That a call reads of more than one owner: told to the log ``graphmem.wide_reads``, for
        who wants to know what administrators look at."""
        if _wide_reads.isEnabledFor(logging.INFO):
            who = current_actor(self.parts.actor) or "whoever opened the store"
            _wide_reads.info("%s, by %s", what, who)

    async def scope_of(self, id: str, given: Mapping[str, Any]) -> Scope:
        """The scope of a call about one thing: for who gives no owner, that of whoever has it in
        the project. :class:`~graphmem.errors.NotFound` when nobody has."""
        given, projects = self._projects(given)
        for one in projects or ():
            # Where it is; if nowhere, the last is asked like any other.
            given = {**given, "project_id": one}
            if await self.parts.ledger.owners(id, self.project(given)):
                break
        if self.has_owner(given):
            return await self.scope(given)
        run = given.get("run_id") or self.defaults.get("run_id")
        project = self.project(given)
        self.note_wide(f"{id} of whoever has it in the project {project}")
        found = await self.parts.ledger.owners(id, project)
        if len(found) != 1:
            raise NotFound(f"nothing with the id {id!r} in the project {project!r}")
        (owner,) = found
        return self.pseudonyms.met(owner.in_run(run))

    def named_scope(self, given: Mapping[str, Any], *, alone: bool = False) -> Scope:
        """The same by the name of its user; ``alone``: of what is given, and nothing else."""
        self.check_open()
        if not given.keys() <= _SCOPE_NAMES:
            unknown = sorted(set(given) - _SCOPE_NAMES)
            raise UsageError(
                f"unknown argument {', '.join(unknown)}; beside its own arguments this call takes "
                f"those of a scope: {', '.join(SCOPE_NAMES)}"
            )
        values: dict[str, Any] = {"project_id": DEFAULT_PROJECT}
        for source in (dict[str, str | None]() if alone else self.defaults, given):
            for name, value in source.items():
                if value is not None:
                    values[name] = plain(value) if isinstance(value, str) else value
        right = all(type(value) is str for value in values.values())
        scope = scope_of(**values) if right else Scope(**values)
        named = self._user_name and scope.user_id == self.defaults.get("user_id")
        return scope.calling(str(self._user_name)) if named and scope.user_id else scope

    async def follow(self, progress: Callable[[str, int, int], None] | None = None) -> None:
        """Bring both projections up to date."""
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
        """Whether a store that holds all up to this event lacks anything of a tenant: for what
        others have told meanwhile nobody waits."""
        ledger = self.parts.ledger
        if seq >= await ledger.head():
            return False
        return bool(await ledger.events(seq, 1, tenant=tenant, until=_LAST))

    async def retriever_of(self, scope: Scope) -> tuple[Retriever, str | None]:
        """What answers questions, as far as what may be spent on an embedder goes; and why no
        further, if so."""
        try:
            applied = min(self.graph.applied_seq, self.vectors.applied_seq)
            if await self._lacks(applied, scope.tenant):
                await self.follow()
        except BudgetExceeded as error:
            return self.retrieve, f"{error}; what was told since is not searched yet"
        return self.retrieve, None

    async def walk(self, scope: Scope) -> Relate:
        """Relationship queries that walk the graph, which holds every write before this."""
        await self.graph_of(scope)
        return self.relate

    async def graph_of(self, scope: Scope) -> GraphStore:
        """The graph, with every write of this tenant before this."""
        if await self._lacks(self.graph.applied_seq, scope.tenant):
            await self.graph.catch_up()
        return self.parts.graph
