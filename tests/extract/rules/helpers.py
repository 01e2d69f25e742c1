"""Episodes for the rules, and facts in a form that is short to write down."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from graphmem.extract.rules.extractor import extract
from graphmem.model import Entity, Episode, Scope, Turn
from graphmem.ports.llm import CandidateFact, Extraction

# A Wednesday.
STATED_AT = datetime(2024, 5, 15, 10, 30, tzinfo=UTC)


def episode(
    *turns: tuple[str | None, str],
    stated_at: datetime = STATED_AT,
    role: str = "user",
    scope: Scope | None = None,
) -> Episode:
    """An episode of (speaker, text) turns."""
    made = tuple(
        Turn(f"t{i}", "e1", i, text, speaker, role) for i, (speaker, text) in enumerate(turns)
    )
    return Episode(
        id="e1",
        scope=scope or Scope(user_id="ada"),
        content="\n".join(text for _, text in turns),
        kind="messages",
        content_hash="",
        occurred_at=stated_at,
        recorded_at=stated_at,
        turns=made,
    )


def ask(text: str, speaker: str | None = "Ada", known: Sequence[Entity] = ()) -> Extraction:
    """What the rules find in one turn."""
    return extract(episode((speaker, text)), known)


def short(fact: CandidateFact) -> str:
    """``Ada works_at Acme``; a retraction begins with a minus, a sentence or an attribute stands
    alone."""
    related = fact.type and fact.value is None
    stated = f"{fact.subject} {fact.type} {fact.object}" if related else fact.text
    return f"-{stated}" if fact.retracts else stated


def facts(text: str, speaker: str | None = "Ada") -> set[str]:
    return {short(fact) for fact in ask(text, speaker).facts}
