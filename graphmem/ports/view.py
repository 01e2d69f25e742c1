"""What can be asked of a memory as it was: the reads of :class:`~graphmem.ports.api.MemoryAPI`."""

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
from graphmem.ports.arguments import AtMoment, ScopeArgs, When

if TYPE_CHECKING:
    import networkx as nx


class ViewAPI(AtMoment, Protocol):
    """A memory at a moment, to be read; see :meth:`~graphmem.ports.api.MemoryAPI.as_of`.

    Every method takes the arguments of the method of that name of a memory, but ``current``, and
    answers about the moment of the view.
    """

    async def search(
        self,
        query: str,
        *,
        limit: int = 10,
        kinds: Sequence[HitKind] = ("fact", "turn"),
        where: Filter | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> SearchResult:
        """The facts that held, and the turns that had been said by then or state one of them."""
        ...

    async def context(
        self,
        query: str,
        *,
        budget_tokens: int = 1000,
        where: Filter | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> Context:
        """The same as text for a prompt."""
        ...

    async def explain(self, cited: str | Hit | Citation, **scope: Unpack[ScopeArgs]) -> Explanation:
        """Where something that was known came from."""
        ...

    async def get(self, fact_id: str, **scope: Unpack[ScopeArgs]) -> Fact:
        """One fact in the version of this view, whether it held at its moment or not.
        :class:`~graphmem.errors.NotFound` when it was not believed."""
        ...

    async def get_all(
        self,
        *,
        limit: int = 100,
        after: str | None = None,
        where: Filter | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> Page:
        """Every fact that held, oldest first, a page at a time."""
        ...

    async def episode(self, episode_id: str, **scope: Unpack[ScopeArgs]) -> Episode:
        """One episode, if it had been recorded."""
        ...

    async def history(self, fact_id: str, **scope: Unpack[ScopeArgs]) -> list[Change]:
        """What had happened to a fact."""
        ...

    async def entities(
        self,
        name: str | None = None,
        *,
        kind: str | None = None,
        limit: int = 100,
        where: Filter | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> list[Entity]:
        """The entities that were known, by the names that they had."""
        ...

    async def entity(self, name_or_id: str, **scope: Unpack[ScopeArgs]) -> Entity:
        """One entity by id, or by a name that it had."""
        ...

    async def relations(
        self,
        entity: str | None = None,
        *,
        type: str | None = None,
        other: str | None = None,
        limit: int = 100,
        where: Filter | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> list[Relation]:
        """The relations that held."""
        ...

    async def neighbours(
        self,
        entity: str,
        *,
        hops: int = 1,
        limit: int = 50,
        where: Filter | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> Subgraph:
        """What surrounded an entity."""
        ...

    async def paths(
        self,
        source: str,
        target: str,
        *,
        max_hops: int = 4,
        limit: int = 5,
        where: Filter | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> list[Path]:
        """How two entities connected."""
        ...

    async def timeline(
        self,
        entity: str | None = None,
        *,
        since: When | None = None,
        until: When | None = None,
        limit: int = 100,
        where: Filter | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> list[Moment]:
        """What had begun, ended or been stated, up to the moment of the view."""
        ...

    async def cypher(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        max_rows: int = 1000,
        timeout_s: float = 10.0,
        **scope: Unpack[ScopeArgs],
    ) -> Table:
        """Cypher over the graph as it was known at ``known_at``.

        A view without ``known_at`` refuses: the graph of now holds every date, so say in the query
        which ones count (docs/time.md has the queries). With both, dates are up to the query too.
        """
        ...

    async def to_networkx(
        self,
        *,
        where: Filter | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> nx.MultiDiGraph[str]:
        """The entities that were known and the relations that held, as a NetworkX graph."""
        ...
