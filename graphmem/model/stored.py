"""What is stored: scopes, episodes and their turns, entities, facts, and decisions about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, Self, TypeAlias

from graphmem.clock import Date, Precision, unstamp_or_none
from graphmem.model.printing import day, dotted, noted, printed_interval, with_speaker
from graphmem.model.scope import Scope, scope_of

Metadata: TypeAlias = Mapping[str, Any]
Action = Literal["ADD", "UPDATE", "DELETE", "NONE"]
MemoryType = Literal[
    "semantic",
    "episodic",
    "procedural",
    "short_term",
    "long_term",
    "rule",
    "preference",
    "entity",
    "relationship",
]
HitKind = Literal["fact", "turn"]
Modality = Literal["stated", "planned", "hearsay", "hypothetical", "negated"]
"""How a thing is said: as so; as meant to be; as told by others, or by an assistant of somebody
else; as one that may be or would be; as not so."""

_TIMES = (
    *("recorded_at", "stated_at", "retired_at", "valid_at", "invalid_at", "expires_at"),
    *("archived_at", "planned_for"),
)
_PRECISIONS = {
    "valid_at": "valid_precision",
    "invalid_at": "invalid_precision",
    "planned_for": "planned_precision",
}


def from_sparse(data: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that facts and statements share, as values, as far as they are there."""
    found = dict(data)
    for name in _TIMES:
        if name in found:
            found[name] = unstamp_or_none(found[name])
    if found.get("scope"):
        found["scope"] = scope_of(**found["scope"])
    for name in ("entity_ids", "tags"):
        if name in found:
            found[name] = tuple(found[name])
    if "sources" in found:
        found["sources"] = tuple(Source(**source) for source in found["sources"])
    return found


class Dated:
    """Values with dates: each has its precision beside it (``valid_at``, ``valid_precision``). It
    is None with the date, and an instant unless it is given."""

    __slots__ = ()
    valid_at: datetime | None
    valid_precision: Precision | None
    invalid_at: datetime | None
    invalid_precision: Precision | None

    def __post_init__(self) -> None:
        if (self.valid_at is None) is not (self.valid_precision is None):
            self._settle("valid_at")
        if (self.invalid_at is None) is not (self.invalid_precision is None):
            self._settle("invalid_at")
        planned_at = getattr(self, "planned_for", None)
        if (planned_at is None) is not (getattr(self, "planned_precision", None) is None):
            self._settle("planned_for")

    def _settle(self, at: str) -> None:
        known = getattr(self, at) is not None
        object.__setattr__(self, _PRECISIONS[at], "instant" if known else None)

    @property
    def valid_date(self) -> Date | None:
        return _date_of(self, "valid_at")

    @property
    def invalid_date(self) -> Date | None:
        return _date_of(self, "invalid_at")

    @property
    def planned_date(self) -> Date | None:
        return _date_of(self, "planned_for")


def _date_of(value: object, name: str) -> Date | None:
    at: datetime | None = getattr(value, name, None)
    return None if at is None else Date(at, getattr(value, _PRECISIONS[name]))


def valid_from(date: Date | None) -> dict[str, Any]:
    """The two fields that say since when something holds."""
    at, precision = date or (None, None)
    return {"valid_at": at, "valid_precision": precision}


def valid_until(date: Date | None) -> dict[str, Any]:
    """The two fields that say until when something held."""
    at, precision = date or (None, None)
    return {"invalid_at": at, "invalid_precision": precision}


MACHINE_ROLES = frozenset({"assistant", "system", "tool", "function", "developer"})
"""Roles of messages that no person wrote."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One message, paragraph or item of a list (``graphmem/text/outline.py``) of an episode:
    verbatim, and searched as it stands."""

    id: str
    episode_id: str
    ordinal: int
    text: str
    speaker: str | None = None
    role: str = "user"
    occurred_at: datetime | None = None
    source_id: str | None = None
    """The id that the source itself gives this turn, for example ``D1:3``."""
    silenced: bool = False
    """Whether it is not searched, since a fact that it states was deleted by hand."""

    def __str__(self) -> str:
        return dotted(day(self.occurred_at), with_speaker(self.text, self.speaker))


@dataclass(frozen=True, slots=True)
class Episode:
    """Input as it was received. Never changed once journalled, only ``status`` moves on."""

    id: str
    scope: Scope
    content: str
    kind: Literal["text", "messages", "statements"]
    """``statements`` are given as they are (JSON), not to be read from a text."""
    content_hash: str
    occurred_at: datetime
    recorded_at: datetime
    turns: tuple[Turn, ...] = ()
    previous_id: str | None = None
    """The episode before this one in the same scope (agent and run included)."""
    idempotency_key: str | None = None
    document: str | None = None
    """The id of the document (a file's path) that it was read from."""
    expires_at: datetime | None = None
    memory_type: MemoryType = "semantic"
    importance: float = 0.5
    metadata: Metadata = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    infer: bool = True
    time_given: bool = True
    """Whether the caller said when it happened; otherwise ``occurred_at`` is when it arrived."""
    extraction: Metadata | None = None
    """How this call asked for it to be extracted: its own ``ExtractionOptions``, as JSON."""
    status: Literal["pending", "done", "failed", "undone"] = "pending"
    """``undone``: taken back; it is kept, and nothing that it says counts."""
    reason: str | None = None
    """Why it is still pending, or failed."""
    actor: str | None = None
    """In whose name it was added, where that was told."""


@dataclass(frozen=True, slots=True)
class Entity:
    """A person, place, organization or thing that facts are about; one node of the graph."""

    id: str
    tenant: str
    name: str
    kind: str
    aliases: tuple[str, ...] = ()
    summary: str | None = field(default=None, compare=False)
    """What is known of it in a few sentences, where it is read alone: it makes no other of it."""
    recorded_at: datetime | None = None

    def __str__(self) -> str:
        return noted(self.name, self.kind)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """What is missing is as by default."""
        recorded_at = unstamp_or_none(data.get("recorded_at"))
        aliases = tuple(data.get("aliases", ()))
        return cls(**{**data, "aliases": aliases, "recorded_at": recorded_at})


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact came from: an episode, and the turn in it when one turn says it."""

    episode_id: str
    turn_id: str | None = None
    agent_id: str | None = None
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class Fact(Dated):
    """One self-standing sentence, with when it held, when it was believed, and its sources.

    ``valid_at <= t < invalid_at`` is when it held in the world; None is unbounded. A fact with a
    ``type`` is also a relation from ``subject_id`` to ``object_id``.
    """

    id: str
    scope: Scope
    text: str
    recorded_at: datetime
    version: int = 1
    stated_at: datetime | None = None
    """When it was first said: the time of the turn or episode that says it."""
    retired_at: datetime | None = None
    valid_at: datetime | None = None
    valid_precision: Precision | None = None
    invalid_at: datetime | None = None
    invalid_precision: Precision | None = None
    expires_at: datetime | None = None
    archived_at: datetime | None = None
    subject_id: str | None = None
    type: str | None = None
    object_id: str | None = None
    entity_ids: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    supersedes_id: str | None = None
    memory_type: MemoryType = "semantic"
    importance: float = 0.5
    metadata: Metadata = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    modality: Modality = "stated"
    """How it is meant; only what is ``stated`` is a relation that holds."""
    planned_for: datetime | None = None
    """The date of a plan."""
    planned_precision: Precision | None = None
    statement_ids: tuple[str, ...] = ()
    """What was said that it rests on, in the order said."""
    access_count: int | None = field(default=None, compare=False)
    """How often it was read, where that was looked up (``get``)."""
    last_accessed_at: datetime | None = field(default=None, compare=False)

    def __str__(self) -> str:
        meant = None if self.modality == "stated" else self.modality
        return noted(self.text, meant, self.interval)

    @property
    def interval(self) -> str:
        """``since …``, ``until …``, or both; empty when neither is known."""
        end = self.stated_end
        return printed_interval(
            self.valid_at, self.valid_precision, *((end.at, end.precision) if end else (None, None))
        )

    @property
    def stated_end(self) -> Date | None:
        """Until when it holds, as a person would tell it: that the day of a plan passes is no end
        that anybody told."""
        planned, end = self.planned_date, self.invalid_date
        return None if end and planned and end.at == planned.end else end

    @property
    def agent_ids(self) -> tuple[str, ...]:
        """Every agent that it was stated with."""
        return _distinct([source.agent_id for source in self.sources])

    @property
    def run_ids(self) -> tuple[str, ...]:
        """Every run that it was stated in."""
        return _distinct([source.run_id for source in self.sources])

    @property
    def begins_at(self) -> datetime | None:
        """From when it holds: its date, else when it was first stated; None when all that is known
        is that it was over by then."""
        stated_at = self.stated_at or self.recorded_at
        over = self.invalid_at is not None and self.invalid_at <= stated_at
        return self.valid_at or (None if over else stated_at)

    @property
    def known_from(self) -> datetime:
        """The first moment that is known of it: its date, else when it was first stated."""
        return self.valid_at or self.stated_at or self.recorded_at

    @property
    def known_date(self) -> Date:
        """The same as exact as it is known."""
        return self.valid_date or Date(self.known_from, "instant")

    @property
    def support(self) -> tuple[str, ...]:
        """The ids of what it rests on: its statements, or itself when it is older than those."""
        return self.statement_ids or (self.id,)

    def holds_at(self, moment: datetime) -> bool:
        """Whether it had not ended, expired or been archived by then."""
        ends = (self.invalid_at, self.expires_at, self.archived_at)
        return not any(end is not None and end <= moment for end in ends)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """What is missing is as by default."""
        found = from_sparse(data)
        if "statement_ids" in found:
            found["statement_ids"] = tuple(found["statement_ids"])
        return cls(**found)


def _distinct(values: list[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([value for value in values if value is not None]))


@dataclass(frozen=True, slots=True)
class Relation(Dated):
    """A fact's structured face, with names for reading."""

    fact_id: str
    subject_id: str
    subject: str
    type: str
    object_id: str
    object: str
    fact: str
    recorded_at: datetime
    stated_at: datetime | None = None
    valid_at: datetime | None = None
    valid_precision: Precision | None = None
    invalid_at: datetime | None = None
    invalid_precision: Precision | None = None
    modality: Modality = "stated"

    def __str__(self) -> str:
        triple = f"{self.subject} -{self.type}→ {self.object}"
        stated = f"said {day(self.stated_at)}" if self.stated_at and not self.valid_at else None
        interval = printed_interval(
            self.valid_at, self.valid_precision, self.invalid_at, self.invalid_precision
        )
        return noted(triple, interval, stated)


@dataclass(frozen=True, slots=True)
class Decision:
    """What was done about one candidate: ADD, UPDATE, DELETE or NONE, to which fact and why."""

    action: Action
    reason: str
    before: Fact | None = None
    after: Fact | None = None

    def __str__(self) -> str:
        return dotted(self.action, self.after or self.before or "", self.reason)

    @property
    def fact_id(self) -> str:
        fact = self.after or self.before
        if fact is None:
            raise ValueError("a decision has a fact before, after, or both")
        return fact.id


def without_names(now: Entity, before: Entity | None, after: Entity) -> Entity:
    """The entity ``now`` without what once made it ``after`` from ``before`` (None: it was new
    then, and stays by the name and kind it was given)."""
    had = set(before.aliases) if before is not None else set()
    brought = set(after.aliases) - had
    name, kind, summary = now.name, now.kind, now.summary
    if before is not None:
        brought -= {before.name}
        name = before.name if name == after.name else name
        kind = before.kind if kind == after.kind else kind
        summary = before.summary if summary == after.summary else summary
    aliases = tuple(alias for alias in now.aliases if alias not in brought)
    return replace(now, name=name, kind=kind, summary=summary, aliases=aliases)
