"""What is known of one thing, or was said in one conversation, in a few sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from graphmem.clock import unstamp, unstamp_or_none
from graphmem.model.printing import day


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
