"""The graph around entities, kept between searches for as long as nothing is written to a wall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Protocol

from graphmem.ports.graph import Link

_MOST_LINKS = 200_000  # kept, and entities that were asked for; about 400 bytes each


class Expands(Protocol):
    """What of a graph store a search needs."""

    async def expand(
        self, wall: str, entity_ids: Sequence[str], *, limit: int
    ) -> Mapping[str, tuple[Link, ...]]: ...


class Nearby:
    """A graph that remembers what it was asked, wall by wall, until it is told to forget."""

    def __init__(self, graph: Expands) -> None:
        self._graph = graph
        self._known: dict[str, dict[tuple[str, int], tuple[Link, ...] | None]] = {}
        self._size = 0

    def forget(self, walls: Set[str] | None) -> None:
        """The graph holds something else now, in these walls or (None) anywhere."""
        if walls is None:
            self._known, self._size = {}, 0
            return
        for wall in walls:
            self._size -= sum(map(_size, self._known.pop(wall, {}).values()))

    async def expand(
        self, wall: str, entity_ids: Sequence[str], *, limit: int
    ) -> Mapping[str, tuple[Link, ...]]:
        """See :meth:`graphmem.ports.graph.GraphStore.expand`."""
        if self._size > _MOST_LINKS:
            self.forget(None)
        known, links = self._known.setdefault(wall, {}), {}
        missing = [id for id in entity_ids if (id, limit) not in known]
        if missing:
            found = await self._graph.expand(wall, missing, limit=limit)
            new = {(id, limit): found.get(id) for id in missing if (id, limit) not in known}
            # Into what was in force when it was asked: by now it may be another.
            known.update(new)
            if self._known.get(wall) is known:
                self._size += sum(map(_size, new.values()))
        for id in entity_ids:
            held = known[id, limit]
            if held is not None:
                links[id] = held
        return links


def _size(links: tuple[Link, ...] | None) -> int:
    return 1 + len(links or ())
