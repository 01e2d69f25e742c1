"""What lists of who and what a store holds are made of: projects, users, agents, conversations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar, overload

from graphmem.model.printing import day, dotted, lines

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ScopeCount:
    """A project, a user or an agent, and how much there is of it. ``facts`` are those believed now
    that its episodes support; first and last are when something happened, by ``occurred_at``."""

    id: str
    episodes: int
    facts: int
    first_at: datetime
    last_at: datetime

    def __str__(self) -> str:
        return dotted(self.id, f"{self.episodes:,} episodes", f"{self.facts:,} facts")


@dataclass(frozen=True, slots=True)
class ConversationState:
    """One run: what was said in it, from when to when, and what it is called.

    ``title`` is what it was given, else what a model calls it, else its first words. ``owner`` is
    its user, else its agent.
    """

    id: str
    owner: str
    title: str
    titled: bool
    """Whether the title was given."""
    episodes: int
    turns: int
    facts: int
    first_at: datetime
    last_at: datetime
    closed_at: datetime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    title_by: str | None = None
    """The model that the title is of."""

    def __str__(self) -> str:
        closed = "closed" if self.closed_at else None
        return dotted(day(self.last_at), self.id, self.title, closed)


@dataclass(frozen=True, slots=True)
class Listing(Sequence[_T], Generic[_T]):
    """A part of a list, and how long all of it is."""

    items: tuple[_T, ...]
    total: int
    offset: int = 0

    @property
    def next_offset(self) -> int | None:
        """Where the next part begins; None at the end."""
        after = self.offset + len(self.items)
        return after if self.items and after < self.total else None

    def __str__(self) -> str:
        return lines(self.items, none="nothing")

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, index: int) -> _T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[_T, ...]: ...
    def __getitem__(self, index: int | slice) -> _T | tuple[_T, ...]:
        return self.items[index]
