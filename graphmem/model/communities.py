"""Groups of entities that belong together."""

from __future__ import annotations

from dataclasses import dataclass

from graphmem.model.printing import dotted
from graphmem.model.stored import Entity


@dataclass(frozen=True, slots=True)
class Community:
    """Entities with more relations among each other than to others, the central ones first.
    ``name`` is made of the most central; ``relations`` are counted within."""

    name: str
    entities: tuple[Entity, ...]
    relations: int

    def __str__(self) -> str:
        return dotted(
            self.name, f"{len(self.entities):,} entities", f"{self.relations:,} relations"
        )
