"""The graph around entities, kept between searches for as long as nothing is written to a
tenant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Protocol

from graphmem.ports.graph import Link

_MOST_LINKS = 200_000  # kept, and entities that were asked for; about 400 bytes each


class GraphReads(Protocol):
    """What of a graph store a search needs."""

    async def expand(
        self, tenant: str, entity_ids: Sequence[str], *, limit: int
    ) -> Mapping[str, tuple[Link, ...]]: ...


class CachedGraph:
    """A graph that remembers what it was asked, tenant by tenant, until it is told to forget."""

    def __init__(self, graph: GraphReads) -> None:
        self._graph = graph
        self._known: dict[str, dict[tuple[str, int], tuple[Link, ...] | None]] = {}
        self._size = 0

    def forget(self, tenants: Set[str] | None) -> None:
        """The graph holds something else now, in these tenants or (None) anywhere."""
        if tenants is None:
            self._known, self._size = {}, 0
            return
        for tenant in tenants:
            self._size -= _size(self._known.pop(tenant, {}).values())

    async def expand(
        self, tenant: str, entity_ids: Sequence[str], *, limit: int
    ) -> Mapping[str, tuple[Link, ...]]:
        """See :meth:`graphmem.ports.graph.GraphStore.expand`."""
        if self._size > _MOST_LINKS:
            self.forget(None)
        known = self._known.setdefault(tenant, {})
        missing = [id for id in entity_ids if (id, limit) not in known]
        if missing:
            found = await self._graph.expand(tenant, missing, limit=limit)
            new = {(id, limit): found.get(id) for id in missing if (id, limit) not in known}
            # Into what was in force when it was asked: by now it may be another.
            known.update(new)
            if self._known.get(tenant) is known:
                self._size += _size(new.values())
        return {id: links for id in entity_ids if (links := known[id, limit]) is not None}


def _size(known: Iterable[tuple[Link, ...] | None]) -> int:
    return sum(1 + len(links or ()) for links in known)
