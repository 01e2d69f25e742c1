"""What lists of who and what a store holds are made of: projects, users, agents, conversations,
groups of entities that belong together; and what is known of one thing in a few sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Generic, Self, TypeVar, overload

from graphmem.clock import unstamp, unstamp_or_none
from graphmem.model.printing import day, dotted, lines
from graphmem.model.stored import Entity

_T = TypeVar("_T")


class ItemsOf(Sequence[_T]):
    """The base of what is a sequence of what one of its fields holds: of ``items``, unless it says
    otherwise."""

    __slots__ = ()
    _of: ClassVar[str] = "items"

    @property
    def _all(self) -> tuple[_T, ...]:
        found: tuple[_T, ...] = getattr(self, self._of)
        return found

    def __str__(self) -> str:
        return lines(self._all, none="nothing")

    def __len__(self) -> int:
        return len(self._all)

    @overload
    def __getitem__(self, index: int) -> _T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[_T, ...]: ...
    def __getitem__(self, index: int | slice) -> _T | tuple[_T, ...]:
        return self._all[index]


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
class Listing(ItemsOf[_T], Generic[_T]):
    """A part of a list, and how long all of it is."""

    items: tuple[_T, ...]
    total: int
    offset: int = 0

    @property
    def next_offset(self) -> int | None:
        """Where the next part begins; None at the end."""
        after = self.offset + len(self.items)
        return after if self.items and after < self.total else None


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


@dataclass(frozen=True, slots=True)
class SummarySentence:
    """One sentence, and the facts that say it. ``at`` is since when, or when it was said."""

    text: str
    fact_ids: tuple[str, ...]
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """The facts that matter about an entity (or of a conversation), in order of time.

    ``by`` is ``facts`` where the sentences are those of facts, else the model that worded them;
    ``reason`` says why a model that is there did not. It is no source: nothing is believed for it.
    """

    about: str
    sentences: tuple[SummarySentence, ...]
    by: str
    made_at: datetime
    title: str | None = None
    """What a model would call it."""
    reason: str | None = None

    @property
    def fact_ids(self) -> tuple[str, ...]:
        """What it cites, each once."""
        return tuple(dict.fromkeys(id for one in self.sentences for id in one.fact_ids))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """As it was written; what is missing or of another kind is an error."""
        sentences = tuple(
            SummarySentence(one["text"], tuple(one["fact_ids"]), unstamp_or_none(one.get("at")))
            for one in data["sentences"]
        )
        made_at = unstamp(data["made_at"])
        return cls(data["about"], sentences, data["by"], made_at, data.get("title"))

    def __str__(self) -> str:
        return "\n".join(
            " ".join(filter(None, (f"[{n}]", day(one.at), one.text)))
            for n, one in enumerate(self.sentences, 1)
        )


@dataclass(frozen=True, slots=True)
class KeptSummary:
    """What a model worded, kept so that it is not asked again; of the title of the conversation
    ``run_id`` there is no ``summary``.

    ``made_of`` are the facts that it was made of, each with its version, or a conversation's
    episodes: it goes with the first of them that is erased.
    """

    id: str
    made_of: Mapping[str, int]
    by: str
    summary: Summary | None = None
    run_id: str | None = None
    title: str | None = None
