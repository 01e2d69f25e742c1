"""What is known of one thing, or was said in one conversation, in a few sentences."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

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

    def __str__(self) -> str:
        return "\n".join(
            " ".join(filter(None, (f"[{n}]", day(one.at), one.text)))
            for n, one in enumerate(self.sentences, 1)
        )
