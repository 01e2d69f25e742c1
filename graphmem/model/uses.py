"""How facts are used, and what a sweep made of that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from graphmem.model.printing import dotted


@dataclass(frozen=True, slots=True)
class FactUse:
    """How often a fact was read, and when last."""

    fact_id: str
    count: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Swept:
    """The facts that a sweep promoted or archived, by id; ``expired`` are archived because their
    time was over. ``done`` is False when it only said what would be done."""

    promoted: tuple[str, ...] = ()
    archived: tuple[str, ...] = ()
    expired: tuple[str, ...] = ()
    done: bool = True

    def __str__(self) -> str:
        counts = (("promoted", self.promoted), ("archived", self.archived))
        named = [f"{len(ids):,} {what}" for what, ids in (*counts, ("expired", self.expired))]
        return dotted(*named)
