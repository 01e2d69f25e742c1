"""How much each signal counts: numbers found by ``python -m benchmarks.fit``, in one file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Self

from graphmem.errors import UsageError
from graphmem.retrieve.signals import SIGNALS

_SHIPPED = Path(__file__).with_name("weights.json")
ARMS = ("named", "linked", "spread", "graph", "facts", "about", "present", "outdated")


@dataclass(frozen=True, slots=True)
class Weights:
    """``signals`` are those of :mod:`graphmem.retrieve.signals`, ``arms`` what is known beside
    them: from the graph, and of what a fact is about and whether it holds."""

    signals: Mapping[str, float]
    arms: Mapping[str, float]

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


@lru_cache(maxsize=1)
def shipped() -> Weights:
    return Weights.read(_SHIPPED)
