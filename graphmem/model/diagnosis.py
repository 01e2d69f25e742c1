"""Why a search did not give something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from graphmem.model.printing import dotted

NotFoundCause = Literal[
    "found",
    "ranked_low",
    "no_arm",
    "below_min_score",
    "below_threshold",
    "filtered",
    "ended",
    "expired",
    "archived",
    "silenced",
    "deleted",
    "another_run",
    "not_extracted",
    "unknown",
]


@dataclass(frozen=True, slots=True)
class WhyNot:
    """Why a fact or a turn is not among the hits of a search, or (``found``) at which rank it is.

    ``arms`` are those that found it, ``rank`` is where it stands among all candidates, from 1,
    ``held_down_by`` the signal that costs it most beside the last hit that is shown.
    ``sentence`` is the turn's own words where no fact was made of them.
    """

    cause: NotFoundCause
    explanation: str
    id: str | None = None
    arms: tuple[str, ...] = ()
    rank: int | None = None
    held_down_by: str | None = None
    sentence: str | None = None

    def __str__(self) -> str:
        place = None if self.rank is None else f"rank {self.rank}"
        return dotted(self.cause, self.explanation, place, ", ".join(self.arms))
