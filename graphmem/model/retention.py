"""How long what is stored is kept; and what was erased for good: how much, and its receipt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, Self

from graphmem.clock import unstamp, unstamp_or_none
from graphmem.model.printing import day, dotted
from graphmem.model.stored import MemoryType

_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """What fits is erased once it has been stored for ``keep_s`` seconds; None: it is kept.

    It fits the episodes of its user, or of its agent by itself, in its project; those with its
    ``tag``; those of its ``memory_type``. What is None fits all.
    """

    id: str
    set_at: datetime
    keep_s: float | None = None
    tag: str | None = None
    memory_type: MemoryType | None = None
    project_id: str | None = None
    user_id: str | None = None
    agent_id: str | None = None

    @property
    def whose(self) -> tuple[str | None, ...]:
        """What it fits: of two rules with the same the newer holds."""
        return self.project_id, self.user_id, self.agent_id, self.tag, self.memory_type

    @property
    def exactness(self) -> tuple[bool, bool, int]:
        """How exactly it says what it fits: the most exact rule that fits an episode holds."""
        owned = self.user_id is not None or self.agent_id is not None
        labels = (self.tag is not None) + (self.memory_type is not None)
        return owned, self.project_id is not None, labels

    def fits(self, episode: StoredEpisode) -> bool:
        """Whether it is about an episode."""
        owner = (episode.user_id, None) if episode.user_id else (None, episode.agent_id)
        return (
            self.project_id in (None, episode.project_id)
            and (self.user_id, self.agent_id) in ((None, None), owner)
            and (self.tag is None or self.tag in episode.tags)
            and self.memory_type in (None, episode.memory_type)
        )

    def __str__(self) -> str:
        days = None if self.keep_s is None else f"{self.keep_s / _DAY_S:,.6g} days"
        owner = [f"{name} {value}" for name, value in (
            ("project", self.project_id), ("user", self.user_id), ("agent", self.agent_id),
            ("tag", self.tag), ("type", self.memory_type),
        ) if value is not None]  # fmt: skip
        return dotted(f"kept for {days}" if days else "kept for good", *(owner or ["everybody"]))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(**{**data, "set_at": unstamp(data["set_at"])})


@dataclass(frozen=True, slots=True)
class StoredEpisode:
    """What a rule of retention asks of an episode; ``n`` is its place in the ledger."""

    n: int
    id: str
    project_id: str
    user_id: str | None
    agent_id: str | None
    recorded_at: datetime
    memory_type: str
    tags: tuple[str, ...]


def overdue(episode: StoredEpisode, rules: Sequence[RetentionRule], now: datetime) -> bool:
    """Whether an episode has been kept for longer than it is to be: by the most exact rule that
    fits it, of several such by the shortest."""
    fitting = [rule for rule in rules if rule.fits(episode)]
    if not fitting:
        return False
    most = max(rule.exactness for rule in fitting)
    times = [rule.keep_s for rule in fitting if rule.exactness == most]
    kept = [timedelta(seconds=time) for time in times if time is not None]
    return bool(kept) and episode.recorded_at + min(kept) <= now


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
    silenced: int = 0
    """Turns that state a deleted fact: search and context find them no more."""

    def __add__(self, other: Removal) -> Removal:
        """What both took away."""
        return Removal(
            self.episodes + other.episodes,
            self.facts + other.facts,
            self.entities + other.entities,
            silenced=self.silenced + other.silenced,
        )


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
