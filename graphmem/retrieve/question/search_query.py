"""What a caller asks of a search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphmem.model import HitKind, Scope
from graphmem.retrieve.fact_view import View

_LONGEST = 8_000  # characters


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A question, by whom it is asked, and what the answer may contain."""

    text: str
    scope: Scope
    limit: int
    kinds: Sequence[HitKind]
    view: View
    """Which facts may be seen."""
    rerank: bool = True
    """Whether a reranker, where there is one, orders the best hits anew."""
    min_score: float = 0.0
    """How likely anything that was found must answer; where it is less, there are no hits."""

    threshold: float = 0.0
    """How similar a hit must be, by its vector."""

    @property
    def beginning(self) -> str:
        """What of the question is looked for: what a search costs grows with its words."""
        return self.text[:_LONGEST]
