"""What is asked, and everything that is ranked to answer it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from graphmem.model import Entity, Fact, HitKind, Scope, Turn
from graphmem.retrieve.candidates.graph import Reached
from graphmem.retrieve.rank.fuse import Ranking
from graphmem.retrieve.signals.words import Row
from graphmem.retrieve.view import View

_DEPTH = 50  # candidates of each arm
_DEEPER = 4


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, by whom, and what the answer may contain."""

    text: str
    scope: Scope
    limit: int
    kinds: Sequence[HitKind]
    view: View
    """Which facts may be seen."""
    reread: bool = True
    """Whether a reranker, where there is one, reads the best again."""

    @property
    def depth(self) -> int:
        """Candidates of each arm. At a moment there must be more of them: the vectors know when a
        fact ended, not when it began."""
        return max(_DEPTH, 2 * self.limit) * (_DEEPER if self.view.at else 1)


@dataclass(frozen=True, slots=True)
class Candidates:
    """Everything that is ranked, as the ranking sees it."""

    rows: Sequence[Row]
    """Turns in order, then facts."""
    facts: Mapping[str, Fact]
    turns: Mapping[str, Turn]
    ranking: Ranking
    seeds: Sequence[Entity] = ()
    reached: Sequence[Reached] = ()
    outdated: Mapping[str, str] = field(default_factory=dict)
    """What turns say that has ended."""
    partners: Mapping[int, tuple[int, str]] = field(default_factory=dict)
    """By row the row that answers together with it, and the entity that both name."""
    reason: str | None = None
    """Why a part of it was not looked for, if so."""
