"""Large batches that wait to be written together, and whose reads need them written first."""

from __future__ import annotations

from graphmem.adapters.graph.rows import merged, size_of
from graphmem.ports.graph import GraphChanges

_MOST_ROWS = 60_000


class Backlog:
    """Batches in their order, and the ``seq`` of the graph after the last one."""

    def __init__(self) -> None:
        self._batches: list[GraphChanges] = []
        self._tenants: set[str] = set()
        self._of_any = False
        """Whether something is removed: its tenant is not known here."""
        self._rows = self._characters = self._seq = 0

    def __bool__(self) -> bool:
        return bool(self._batches)

    def rows_with(self, changes: GraphChanges) -> int:
        """The number of nodes, with these changes added."""
        return self._rows + size_of(changes)[0]

    def put(self, changes: GraphChanges, seq: int) -> None:
        rows, characters = size_of(changes)
        self._rows += rows
        self._characters += characters
        self._batches.append(changes)
        self._seq = seq
        self._of_any |= bool(
            changes.removed_facts or changes.removed_entities or changes.removed_episodes
        )
        self._tenants.update(fact.scope.tenant for fact in changes.facts)
        self._tenants.update(entity.tenant for entity in changes.entities)

    def is_much(self, most_characters: int) -> bool:
        return self._rows > _MOST_ROWS or self._characters > most_characters

    def concerns(self, tenant: str) -> bool:
        """Whether it has entities or facts of this tenant, or removes anything."""
        return self._of_any or tenant in self._tenants

    def whole(self) -> tuple[GraphChanges, int]:
        """All of it as one batch."""
        return merged(self._batches), self._seq
