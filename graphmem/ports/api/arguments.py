"""What calls of :class:`~graphmem.ports.api.MemoryAPI` are given: texts, times, scopes, options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Protocol, TypeAlias, TypedDict

from graphmem.model import MemoryType, Metadata, Modality
from graphmem.ports.extraction_options import ExtractionOptions

When: TypeAlias = datetime | date | str
Message: TypeAlias = Mapping[str, Any]
"""``content`` (text) is required; ``role``, ``name`` (the speaker), ``occurred_at`` and ``id`` (the
source's own id of this turn) are optional. Nothing else is read, and nothing else is refused."""
Content: TypeAlias = str | Message | Sequence[Message]


class AtMoment(Protocol):
    """A view (see :meth:`~graphmem.ports.api.MemoryAPI.as_of`) or its synchronous mirror: what it
    is of."""

    @property
    def valid_at(self) -> datetime | None:
        """The moment of the world's time; None for what held when it was known."""
        ...

    @property
    def known_at(self) -> datetime | None:
        """The moment whose knowledge counts; None for now."""
        ...


class ScopeArgs(TypedDict, total=False):
    """The scope of one call; None or left out falls back to what was given on opening."""

    user_id: str | None
    agent_id: str | None
    run_id: str | None
    project_id: str | None


class ReadArgs(ScopeArgs, total=False):
    """The scope of a read, in one project or in several."""

    project_ids: Sequence[str] | None
    """The projects that are read together, at most 20, in place of ``project_id``."""


class NarrowedArgs(ReadArgs, total=False):
    """What the searches by time, tags and people take as :meth:`search` does."""

    limit: int
    current: bool
    min_score: float
    threshold: float


class WriteArgs(ScopeArgs, total=False):
    """The scope of a call that changes something, and in whose name it does."""

    actor: str | None
    """Who, through which door (``ada``, ``server:key-7``), as history shows it; without it what was
    given on opening, else ``user`` or ``graphmem``."""


class AddArgs(WriteArgs, total=False):
    """Everything else that :meth:`~graphmem.ports.api.MemoryAPI.add` takes."""

    metadata: Metadata | None
    tags: Sequence[str]
    memory_type: MemoryType
    occurred_at: When | None
    expires_at: When | None
    importance: float
    infer: bool
    extraction: ExtractionOptions | None
    idempotency_key: str | None


class UpdateArgs(WriteArgs, total=False):
    """Everything else that :meth:`~graphmem.ports.api.MemoryAPI.update` takes. What is left out
    stays; None empties it."""

    metadata: Metadata | None
    tags: Sequence[str] | None
    importance: float | None
    memory_type: MemoryType | None
    valid_at: When | None
    invalid_at: When | None
    expires_at: When | None


class RelateArgs(WriteArgs, total=False):
    """Everything else that :meth:`~graphmem.ports.api.MemoryAPI.relate` takes, for all rows of one
    call."""

    fact: str | None
    valid_at: When | None
    invalid_at: When | None
    occurred_at: When | None
    modality: Modality
    subject_kind: str | None
    object_kind: str | None
    metadata: Metadata | None
    tags: Sequence[str]
    importance: float | None
    idempotency_key: str | None
