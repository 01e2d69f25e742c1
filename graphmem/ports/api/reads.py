"""The reads of the API, declared once: of a memory as it is now, and of a view of another moment.

The scope, and text given as a time, are as in :mod:`graphmem.ports.api`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, Unpack

from graphmem.filters import Filter
from graphmem.model import (
    Change,
    Citation,
    Context,
    Entity,
    Episode,
    Explanation,
    Fact,
    Hit,
    HitKind,
    Moment,
    Page,
    Path,
    Relation,
    SearchResult,
    Subgraph,
    Table,
)
from graphmem.ports.api.arguments import AtMoment, ReadArgs, ScopeArgs, When

if TYPE_CHECKING:
    import networkx as nx


class ReadAPI(Protocol):
    """Every read. It answers about the moment of its view: now, or another; see
    :meth:`~graphmem.ports.api.MemoryAPI.as_of`."""

    async def search(
        self,
        query: str,
        *,
        limit: int = 10,
        kinds: Sequence[HitKind] = ("fact", "turn"),
        current: bool = True,
        include_archived: bool = False,
        where: Filter | None = None,
        min_score: float = 0.0,
        threshold: float = 0.0,
        **scope: Unpack[ReadArgs],
    ) -> SearchResult:
        """The facts and verbatim turns that answer a question best, each with its explanation.

        Found by dense vectors, by words (BM25) and through the graph's neighbourhood of the names
        in the question; ordered by a weighted sum of signals. ``current=False`` brings what is no
        longer valid, has expired or is archived too; ``include_archived`` only what is archived (of
        that the newest 200 facts). Of a long question the first 8,000 characters count.

        ``answerable`` of what comes back estimates, from 0 to 1, how likely anything that was found
        answers; the ``score`` of a hit, how likely that hit does. With ``min_score`` a search that
        is ``answerable`` to less than that gives no hits (docs/scores.md says what to set). The
        ``similarity`` of a hit is how near its vector is to the question's; with ``threshold`` only
        hits that are as near as that are given.

        ``where`` keeps only what passes a filter, text or data, before anything is counted or
        ranked: ``tag = work and occurred_at >= 2024-05`` is ``{"tag": "work", "occurred_at":
        {"gte": "2024-05"}}`` (docs/filters.md has the language).

        With ``project_ids`` each of these projects (at most 20) answers by itself, and the hits are
        put together by how likely they answer; a hit says in ``project_id`` where it is from. So do
        the other searches, :meth:`context`, lists, and what walks the graph: no entity is in two
        projects, so that each way, neighbour and group is within one. What is read by an id is
        looked for in each.
        """
        ...

    async def temporal_search(
        self,
        query: str | None = None,
        *,
        since: When | None = None,
        until: When | None = None,
        limit: int = 10,
        current: bool = True,
        min_score: float = 0.0,
        threshold: float = 0.0,
        **scope: Unpack[ReadArgs],
    ) -> SearchResult:
        """:meth:`search` among the facts that were said, or happened, in a stretch of time; without
        a question the newest of them, by when they were recorded, with a ``score`` of 0.

        ``since`` and ``until`` are the filter's times (docs/filters.md): both ends count, a vague
        one as a whole (``until="2024-05"`` is to the end of May), and words will do (``"last
        week"``). At least one must be given."""
        ...

    async def search_by_tags(
        self,
        tags: Sequence[str],
        query: str | None = None,
        *,
        match_all: bool = False,
        limit: int = 10,
        current: bool = True,
        min_score: float = 0.0,
        threshold: float = 0.0,
        **scope: Unpack[ReadArgs],
    ) -> SearchResult:
        """The same among the facts that have one of these tags, or (``match_all``) all of them."""
        ...

    async def search_by_people(
        self,
        people: Sequence[str],
        query: str | None = None,
        *,
        match_all: bool = False,
        limit: int = 10,
        current: bool = True,
        min_score: float = 0.0,
        threshold: float = 0.0,
        **scope: Unpack[ReadArgs],
    ) -> SearchResult:
        """The same among the facts that speak of one of these people (or any other entities: by
        id, name or alias), or of all of them. A name that nobody here has is refused."""
        ...

    async def context(
        self,
        query: str,
        *,
        budget_tokens: int = 1000,
        include_archived: bool = False,
        where: Filter | None = None,
        min_score: float = 0.0,
        **scope: Unpack[ReadArgs],
    ) -> Context:
        """What :meth:`search` finds, as text ready for a prompt, never over a budget of tokens.

        Grouped under the entities that it is about, dated, what holds before what has ended, each
        line with a number: ``[1] 2025-03-01 Ada moved to Berlin``. What comes back is a string that
        also has ``citations``, and ``cited(1)``, which :meth:`explain` explains; and ``tokens``,
        counted by the tokenizer that comes with wordllama (Llama 2's; newer ones make fewer of the
        same text, as a rule). The same memory gives the same text. With ``min_score`` (see
        :meth:`search`) a text without hits says that nothing answers.
        """
        ...

    async def explain(self, cited: str | Hit | Citation, **scope: Unpack[ReadArgs]) -> Explanation:
        """Why a memory says something: the fact, what it is about, who said it when (word for
        word), and what has happened to it. ``cited`` is a hit, a citation of :meth:`context`, or
        the id of a fact or a turn. :class:`~graphmem.errors.NotFound` when this scope does not hold
        it."""
        ...

    async def get(self, fact_id: str, **scope: Unpack[ReadArgs]) -> Fact:
        """One fact. :class:`~graphmem.errors.NotFound` when this scope does not hold it.

        An id is enough: where neither call nor opening gives an owner, it is looked for in the
        whole project. So wherever a call takes the id of a fact, a turn or an episode."""
        ...

    async def get_all(
        self,
        *,
        limit: int = 100,
        after: str | None = None,
        offset: int = 0,
        count: bool = False,
        current: bool = True,
        include_archived: bool = False,
        where: Filter | None = None,
        **scope: Unpack[ReadArgs],
    ) -> Page:
        """Every fact, oldest first, a page at a time; those that pass a filter (see
        :meth:`search`). The page is read like a list (``.items`` is one); its ``.next``, given as
        ``after``, goes on where it ended, and is None at the end. ``offset`` passes over so many,
        and costs as much as reading them. With ``count``, ``.total`` says how many there are."""
        ...

    async def episode(self, episode_id: str, **scope: Unpack[ReadArgs]) -> Episode:
        """One episode with its turns, as it was received."""
        ...

    async def history(self, fact_id: str, **scope: Unpack[ReadArgs]) -> list[Change]:
        """What happened to a fact, oldest first: before, after, why, from which episode. Narrowed
        to an agent or a run: while that held it; of what others stated, only what it changed."""
        ...

    async def entities(
        self,
        name: str | None = None,
        *,
        kind: str | None = None,
        limit: int = 100,
        offset: int = 0,
        where: Filter | None = None,
        **scope: Unpack[ReadArgs],
    ) -> list[Entity]:
        """People, places, organizations and things, by name; ``name`` filters by part of it.

        A filter here is over ``name``, ``kind`` and ``recorded_at``."""
        ...

    async def entity(self, name_or_id: str, **scope: Unpack[ScopeArgs]) -> Entity:
        """One entity by id, name or alias; by a given name or surname, when only one has it. So
        wherever a read takes an entity."""
        ...

    async def relations(
        self,
        entity: str | None = None,
        *,
        type: str | None = None,
        other: str | None = None,
        current: bool = True,
        limit: int = 100,
        offset: int = 0,
        where: Filter | None = None,
        **scope: Unpack[ReadArgs],
    ) -> list[Relation]:
        """Typed relations: of one entity, of one type, between two; by when they began, the
        ``limit`` earliest.

        Only what is stated: plans, hearsay, suppositions and denials are facts, but no relations;
        and only what holds now: with ``current=False`` what has ended or is to begin, too.
        ``type`` may be written in any way (``works at``) and brings what was declared to mean the
        same too. ``where`` is a filter over the facts that they are (see :meth:`search`).
        """
        ...

    async def neighbours(
        self,
        entity: str,
        *,
        hops: int = 1,
        limit: int = 50,
        current: bool = True,
        where: Filter | None = None,
        **scope: Unpack[ReadArgs],
    ) -> Subgraph:
        """What surrounds an entity in the graph, up to ``limit`` entities, itself included, those
        of the newest facts first; with ``where``, by ways whose facts pass a filter (see
        :meth:`search`). At each step the newest 10,000 facts about entities with more than 200 are
        looked at, of those that are to be seen."""
        ...

    async def paths(
        self,
        source: str,
        target: str,
        *,
        max_hops: int = 4,
        limit: int = 5,
        current: bool = True,
        where: Filter | None = None,
        **scope: Unpack[ReadArgs],
    ) -> list[Path]:
        """How two entities connect: shortest paths first, through relations and shared facts (with
        ``where``, those that pass a filter; see :meth:`search`). Of an entity in between that has
        more than 200 such facts, some hundreds are followed, the newest, and those that lead to
        either end."""
        ...

    async def timeline(
        self,
        entity: str | None = None,
        *,
        since: When | None = None,
        until: When | None = None,
        limit: int = 100,
        offset: int = 0,
        where: Filter | None = None,
        **scope: Unpack[ReadArgs],
    ) -> list[Moment]:
        """What began, ended or was stated when, oldest first; plans at the date they are for.

        ``since`` and ``until`` may be in words (``last week``), as in a filter. ``where`` is a
        filter over the facts (see :meth:`search`)."""
        ...

    async def cypher(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        max_rows: int = 1000,
        timeout_s: float = 10.0,
        **scope: Unpack[ReadArgs],
    ) -> Table:
        """Read the graph in Cypher: read-only, and only inside this scope's tenant.

        Of several projects each answers the query by itself, and the rows follow one another: what
        it counts or orders, it does so in each.

        A view with ``known_at`` reads the graph as it was known then. One with ``valid_at`` alone
        refuses: the graph of now holds every date, so ask the memory, and say in the query which
        ones count (docs/time.md has the queries). With both, dates are up to the query too.
        """
        ...

    async def to_networkx(
        self,
        *,
        current: bool = True,
        where: Filter | None = None,
        **scope: Unpack[ReadArgs],
    ) -> nx.MultiDiGraph[str]:
        """Entities and relations of the whole scope as a NetworkX graph; of the relations, those
        that pass a filter (see :meth:`search`)."""
        ...


class ViewAPI(ReadAPI, AtMoment, Protocol):
    """The reads of a memory as of a moment; see :meth:`~graphmem.ports.api.MemoryAPI.as_of`."""
