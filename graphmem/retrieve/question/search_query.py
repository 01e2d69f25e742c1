"""What a caller asks of a search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphmem.model import HitKind, Scope
from graphmem.retrieve.view import View

_DEPTH = 50  # candidates of each arm
_DEEPER = 4


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

    @property
    def depth(self) -> int:
        """Candidates of each arm. At a moment there must be more of them: the vectors know when a
        fact ended, not when it began."""
        return max(_DEPTH, 2 * self.limit) * (_DEEPER if self.view.at else 1)
