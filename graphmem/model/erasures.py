"""What was erased for good: how much, and the receipt of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Self

from graphmem.clock import unstamp, unstamp_or_none
from graphmem.model.printing import day, dotted

Erased = Literal["user", "agent", "tenant", "scope", "episode", "fact", "retention"]
"""What an erasure was asked for; ``retention``: by a rule of how long to keep what."""


@dataclass(frozen=True, slots=True)
class Removal:
    """What a delete took away."""

    episodes: int = 0
    facts: int = 0
    entities: int = 0
    erasure_id: str | None = field(default=None, compare=False)
    """Of the :class:`ErasureReceipt`, where it was erased for good."""


@dataclass(frozen=True, slots=True)
class ErasureReceipt:
    """What was erased for good, and when; without anything of what it said.

    ``rows`` counts what went, by table of the ledger. ``hashes`` are those of the ids of the
    episodes, facts and entities that went (:func:`graphmem.text.erased_hash`): whatever has one of
    them is a remainder, and ``verify`` names it. ``pending`` are the parts that may still hold some
    of it, each with why; once it is empty, from ``finished_at`` on, nothing is left in the store.
    Backups and exports that were made before are not part of it.
    """

    id: str
    at: datetime
    what: Erased
    rows: Mapping[str, int]
    hashes: tuple[str, ...] = field(default=(), repr=False)
    pending: Mapping[str, str] = field(default_factory=dict)
    finished_at: datetime | None = None

    def __str__(self) -> str:
        why = "; ".join(f"{part}: {reason}" for part, reason in self.pending.items())
        rows = f"{sum(self.rows.values()):,} rows"
        return dotted(self.id, day(self.at), self.what, rows, f"pending: {why}" if why else "done")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            **{
                **data,
                "at": unstamp(data["at"]),
                "hashes": tuple(data["hashes"]),
                "finished_at": unstamp_or_none(data["finished_at"]),
            }
        )
