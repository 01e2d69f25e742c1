"""What a language model must do, and what extraction gives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeAlias, runtime_checkable

from graphmem.clock import Precision
from graphmem.model import Dated, Entity, Episode, Modality
from graphmem.ports.extraction_options import ExtractionOptions


@dataclass(frozen=True, slots=True)
class Prompt:
    """One question to a model, with the JSON schema that its answer must fit; without one the
    answer is plain text. ``before`` is what was said until then, each with role and content."""

    system: str
    user: str
    schema_name: str = ""
    schema: Mapping[str, Any] | None = None
    before: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's raw answer. ``calls`` counts requests that were answered (and are billed)."""

    text: str
    model: str
    tokens_in: int
    tokens_out: int
    calls: int = 1


@runtime_checkable
class LLM(Protocol):
    """A chat model that can be asked for JSON."""

    @property
    def name(self) -> str:
        """Provider and model, for example ``openai:gpt-5-mini``."""
        ...

    async def complete(self, prompt: Prompt) -> Completion:
        """Ask once. The adapter chooses structured output, JSON mode or plain text by what the
        server can do, retries what is retryable, and raises
        :class:`~graphmem.errors.ModelError` for the rest."""
        ...

    async def close(self) -> None: ...


class PromptFrame(Protocol):
    """Makes prompts: the instructions, by language and options, around a question."""

    def framed(
        self, text: str, shown: Sequence[str], schema_name: str, schema: Mapping[str, Any]
    ) -> Prompt:
        """A prompt by its name, about lines of data between marks that they cannot contain."""
        ...

    def retry(self, prompt: Prompt, problem: str) -> Prompt:
        """The same question, and why its answer could not be used."""
        ...


@runtime_checkable
class AsksModel(Protocol):
    """An :class:`Extractor` that asks an :class:`LLM`, so that the model can be wrapped, and be
    asked something else with the same instructions."""

    @property
    def llm(self) -> LLM:
        """The model that is asked."""
        ...

    def through(self, wrap: Callable[[LLM], LLM]) -> None:
        """Ask the model through ``wrap`` from now on."""
        ...

    def asking(self, options: ExtractionOptions) -> PromptFrame:
        """How a call with these options asks."""
        ...


@dataclass(frozen=True, slots=True)
class CandidateEntity:
    """An entity as extracted, before it is known whether the store has it."""

    name: str
    kind: str = "thing"
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CandidateFact(Dated):
    """A fact as extracted. Names refer to candidate entities (or are ones by themselves).

    A relation has ``subject``, ``type`` and ``object``; an attribute (age, colour, price) has
    ``subject``, ``type`` and ``value``; a plain sentence has none of the four. ``turns`` are the
    ordinals of the turns that say it. ``retracts`` marks a statement that something no longer holds
    or never did: with ``invalid_at`` the world changed then, without it belief was wrong.

    Only what is ``stated`` is believed as it stands. The ``text`` always says how it is meant ("Ada
    plans to …", "Ada does not …"); ``subject``, ``type`` and ``object`` name the bare relation.
    """

    text: str
    subject: str | None = None
    type: str | None = None
    object: str | None = None
    entities: tuple[str, ...] = ()
    valid_at: datetime | None = None
    valid_precision: Precision | None = None
    invalid_at: datetime | None = None
    invalid_precision: Precision | None = None
    importance: float | None = None
    turns: tuple[int, ...] = ()
    retracts: bool = False
    modality: Modality = "stated"
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Extraction:
    """What was found in one episode, and the raw answer it was read from (kept in the ledger)."""

    entities: tuple[CandidateEntity, ...]
    facts: tuple[CandidateFact, ...]
    extractor: str
    """``rules`` or the model's name."""
    version: str
    """Version of the rules or of the prompt."""
    raw: str | None = None
    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    mentions: tuple[tuple[int, str], ...] = ()
    """Which turn (ordinal) names which entity."""
    complete: bool = True
    """False for what is read from the first answers about a long episode, the rest not asked."""
    reason: str | None = None
    """Why it was not read as it should have been: what the receipt tells."""
    by_model: bool = False
    """Whether a language model gave it: what it says is held against the text."""
    ungrounded: int = 0
    """Facts that a model gave and the text does not bear out: left out of ``facts``."""


Keep: TypeAlias = Callable[[Extraction], Awaitable[None]]
"""Takes a raw answer as soon as it is there, with what it cost since the last one."""


class Extractor(Protocol):
    """Entities and facts from an episode: by a model, or by rules."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    async def extract(
        self,
        episode: Episode,
        known: Sequence[Entity],
        *,
        options: ExtractionOptions | None = None,
        begun: str | None = None,
        keep: Keep | None = None,
    ) -> Extraction:
        """Find candidates. ``known`` are entities of this tenant whose names occur in the text.

        ``options`` are this call's own. ``begun`` is a raw answer kept earlier of which
        :meth:`read` made something that is not ``complete``: only what it lacks is asked. ``keep``
        is given every raw answer as soon as it can be used; what is returned counts the cost of
        them all.

        The scope's user is who says "I" in turns without a speaker.
        :class:`~graphmem.errors.ModelError` when the model cannot; the episode stays pending.
        """
        ...

    def read(self, raw: str, episode: Episode) -> Extraction:
        """The same candidates from a raw answer kept earlier, without asking again."""
        ...

    async def close(self) -> None: ...
