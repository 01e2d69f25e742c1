"""The graph around entities, kept between searches for as long as nothing is written to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from graphmem.ports.graph import Link

_MOST_LINKS = 200_000  # kept; about 400 bytes each


class Expands(Protocol):
    """What of a graph store a search needs."""

    async def expand(
        self, wall: str, entity_ids: Sequence[str], *, limit: int
    ) -> Mapping[str, tuple[Link, ...]]: ...


class Nearby:
    """A graph that remembers what it was asked. ``applied_seq`` says how far the graph is: when
    that moves, everything is asked anew."""

    def __init__(self, graph: Expands, applied_seq: Callable[[], int]) -> None:
        self._graph = graph
        self._applied_seq = applied_seq
        self._seq = -1
        self._known: dict[tuple[str, str, int], tuple[Link, ...] | None] = {}
        self._links = 0

    async def expand(
        self, wall: str, entity_ids: Sequence[str], *, limit: int
    ) -> Mapping[str, tuple[Link, ...]]:
        """See :meth:`graphmem.ports.graph.GraphStore.expand`."""
        if self._seq != self._applied_seq() or self._links > _MOST_LINKS:
            self._seq, self._known, self._links = self._applied_seq(), {}, 0
        known, links = self._known, {}
        missing = [id for id in entity_ids if (wall, id, limit) not in known]
        if missing:
            found = await self._graph.expand(wall, missing, limit=limit)
            # Into what was in force when it was asked: by now it may be another.
            known.update({(wall, id, limit): found.get(id) for id in missing})
            self._links += sum(map(len, found.values()))
        for id in entity_ids:
            held = known[wall, id, limit]
            if held is not None:
                links[id] = held
        return links
