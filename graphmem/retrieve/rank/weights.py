"""How much each signal counts: numbers found by ``python -m benchmarks.fit``, in one file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Self

from graphmem.errors import UsageError
from graphmem.retrieve.signals.words import SIGNALS

_SHIPPED = Path(__file__).with_name("weights.json")
ARMS = (
    "named", "linked", "spread", "graph", "relation", "facts", "about", "present", "outdated",
)  # fmt: skip
GROUPS: Mapping[str, frozenset[str]] = {
    "bm25": frozenset({"bm25", "beside", "window", "session"}),
    "dense": frozenset({"dense", "dense_window", "dense_session"}),
    "meaning": frozenset(name for name in SIGNALS if name.startswith("meaning")),
    "context": frozenset(
        name
        for name in SIGNALS
        if name in {"beside", "window", "session"}
        or name.endswith(("_window", "_beside", "_beyond", "_session", "_best", "_answer"))
    ),
    "dates": frozenset({"day", "month", "year", "event", "times"}),
    "graph": frozenset({"graph", "relation", "named", "linked", "spread"}),
}
"""Signals that are one arm: left out together. The first two and the last bring candidates too."""


def checked_arms(names: str) -> frozenset[str]:
    """Names of groups, signals and arms, with commas, as a set; :class:`UsageError` for one that
    is none of them."""
    wanted = {name.strip() for name in names.split(",") if name.strip()}
    if unknown := sorted(wanted - {*GROUPS, *SIGNALS, *ARMS}):
        known = ", ".join(dict.fromkeys((*GROUPS, *ARMS, *SIGNALS)))
        raise UsageError(f"no arm {', '.join(unknown)}; known are: {known}")
    return frozenset(wanted)


@dataclass(frozen=True, slots=True)
class Weights:
    """``signals`` are those of ``signals/words.py``, ``arms`` what is known beside
    them: from the graph, and of what a fact is about and whether it holds."""

    signals: Mapping[str, float]
    arms: Mapping[str, float]
    left_out: frozenset[str] = frozenset()
    """Arms that bring no candidates either; their weights are 0."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """From a file; :class:`UsageError` names what it lacks or has too much."""
        try:
            data = json.loads(path.read_text("utf-8"))
            made = cls(
                {str(name): float(weight) for name, weight in data["signals"].items()},
                {str(name): float(weight) for name, weight in data["arms"].items()},
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(f"{path} holds no weights: {error}") from error
        for kind, held, known in (("signal", made.signals, SIGNALS), ("arm", made.arms, ARMS)):
            if odd := sorted(set(held) ^ set(known)):
                raise UsageError(f"{path}: every {kind} needs a weight, and no other; see {odd}")
        return made

    def without(self, names: Set[str]) -> Self:
        """The same with these groups, signals and arms left out."""
        gone = {signal for name in names for signal in GROUPS.get(name, {name})}
        signals, arms = (
            {name: 0.0 if name in gone else weight for name, weight in held.items()}
            for held in (self.signals, self.arms)
        )
        return replace(self, signals=signals, arms=arms, left_out=frozenset(names))


@lru_cache(maxsize=1)
def shipped() -> Weights:
    return Weights.read(_SHIPPED)


def weights_of(file: str | None, without: str) -> Weights:
    """Those of a file, or those shipped, without some arms (names with commas)."""
    held = Weights.read(Path(file)) if file else shipped()
    names = checked_arms(without)
    return held.without(names) if names else held
