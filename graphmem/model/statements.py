"""What was said, as it is kept for good, and what a person set or joined by hand.

Facts are computed from these: from all statements that can touch each other, with the edits laid
over them and the merges seen through.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Self

from graphmem.clock import Date, Precision, unstamp, unstamp_or_none
from graphmem.model.scope import Scope
from graphmem.model.stored import (
    Dated,
    Entity,
    MemoryType,
    Metadata,
    Modality,
    Source,
    from_sparse,
)
from graphmem.text import text_key, value_key

StatementKind = Literal["assert", "end", "withdraw"]


@dataclass(frozen=True, slots=True)
class Statement(Dated):
    """One thing that one episode says, about resolved entities. It never changes.

    ``kind``: ``assert`` says that it holds; ``end`` that it no longer does (from ``invalid_at``,
    else ``valid_at``, else when it was said); ``withdraw`` that it never did. A statement without
    ``type`` is a plain sentence; an attribute has a ``value`` in place of the object. An ``end`` or
    ``withdraw`` without either means every object. ``turn`` and ``ordinal`` are its place within
    its episode. ``key`` is the key of the sentence that it repeats in other words.
    """

    id: str
    episode_id: str
    text: str
    stated_at: datetime
    turn: int = 0
    ordinal: int = 0
    subject_id: str | None = None
    type: str | None = None
    object_id: str | None = None
    value: str | None = None
    entity_ids: tuple[str, ...] = ()
    valid_at: datetime | None = None
    valid_precision: Precision | None = None
    invalid_at: datetime | None = None
    invalid_precision: Precision | None = None
    kind: StatementKind = "assert"
    modality: Modality = "stated"
    importance: float = 0.5
    sources: tuple[Source, ...] = ()
    key: str | None = None
    scope: Scope | None = None
    """Of its episode; what is stored always has it."""
    expires_at: datetime | None = None
    memory_type: MemoryType = "semantic"
    metadata: Metadata = field(default_factory=dict)
    tags: tuple[str, ...] = ()

    @property
    def sentence_key(self) -> str:
        """The key that two wordings of one sentence share."""
        return self.key if self.key is not None else text_key(self.text)

    @property
    def object_key(self) -> str | None:
        """The object as a key: an entity's id, or an attribute's value after ``=``; None if there
        is neither."""
        if self.object_id is None and self.value is not None:
            return "=" + value_key(self.value)
        return self.object_id

    @property
    def known_from(self) -> datetime:
        """The first moment that is known of it: its date, else when it was stated."""
        return self.valid_at or self.stated_at

    @property
    def known_date(self) -> Date:
        """The same as exact as it is known."""
        return self.valid_date or Date(self.stated_at, "instant")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """What is missing is as by default."""
        return cls(**from_sparse(data))


@dataclass(frozen=True, slots=True)
class Edit(Dated):
    """What a person set by hand on the fact that then rested on ``statement_ids``.

    What is None was not touched, unless ``cleared`` names it: then it is empty, or as it was stated
    without any edit. ``drop`` is a deletion by hand: those statements are believed no more; the
    same said again later is.
    """

    id: str
    statement_ids: Collection[str]
    at: datetime
    text: str | None = None
    valid_at: datetime | None = None
    valid_precision: Precision | None = None
    invalid_at: datetime | None = None
    invalid_precision: Precision | None = None
    importance: float | None = None
    drop: bool = False
    metadata: Metadata | None = None
    tags: tuple[str, ...] | None = None
    expires_at: datetime | None = None
    memory_type: MemoryType | None = None
    archived_at: datetime | None = None
    cleared: tuple[str, ...] = ()
    """Fields that were set to nothing: ``expires_at``, ``valid_at``, …"""
    merged: bool = False
    """Whether ``metadata`` is laid over what there was, key by key (None takes a key away)."""
    fact_id: str = ""
    silenced: tuple[str, ...] = ()
    """With ``drop``, the turns that are not searched from here on."""
    unnamed: tuple[str, ...] = ()
    """Ends of the relation that ``text`` names no more: it is no relation then, and not about
    them."""

    def sets(self, name: str) -> bool:
        """Whether it says what that field is, be it nothing."""
        return name in self.cleared or getattr(self, name) is not None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            **{
                **data,
                "statement_ids": frozenset(data["statement_ids"]),
                "at": unstamp(data["at"]),
                "valid_at": unstamp_or_none(data["valid_at"]),
                "invalid_at": unstamp_or_none(data["invalid_at"]),
                "expires_at": unstamp_or_none(data["expires_at"]),
                "tags": None if data["tags"] is None else tuple(data["tags"]),
                "archived_at": unstamp_or_none(data.get("archived_at")),
                "cleared": tuple(data.get("cleared", ())),
                "silenced": tuple(data.get("silenced", ())),
                "unnamed": tuple(data.get("unnamed", ())),
            }
        )


@dataclass(frozen=True, slots=True)
class TypeRule:
    """What is known of one relation type beside the built-in tables: in one tenant, or everywhere.

    ``declared`` is what a person said and ``learned`` what the data shows: True for one object at a
    time, False for several, None for nothing. ``same_as`` is the type that it stands for, with
    subject and object changing places when it is ``inverse``. ``unsettled`` names the types whose
    facts are still to be decided anew because of it.
    """

    type: str
    declared: bool | None = None
    learned: bool | None = None
    same_as: str | None = None
    inverse: bool = False
    unsettled: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(**{**data, "unsettled": tuple(data["unsettled"])})


@dataclass(frozen=True, slots=True)
class Merge:
    """``gone_id`` is ``kept_id``, a person said ``at`` that time."""

    id: str
    kept_id: str
    gone_id: str
    at: datetime
    before: Entity | None = None
    """The kept one as it was."""
    gone: Entity | None = None
    """The other, as it is by itself; when read."""
