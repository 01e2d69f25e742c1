"""How much each signal counts: numbers found by ``python -m benchmarks.fit``, in one file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Self

from graphmem.errors import UsageError
from graphmem.retrieve.signals.registry import SIGNAL_GROUPS, SIGNALS

_SHIPPED = Path(__file__).with_name("weights.json")


def checked_signals(names: str) -> frozenset[str]:
    """Names of signals and groups of them, with commas, as a set; :class:`UsageError` for one that
    is neither."""
    wanted = {name.strip() for name in names.split(",") if name.strip()}
    if unknown := sorted(wanted - {*SIGNAL_GROUPS, *SIGNALS}):
        known = ", ".join(dict.fromkeys((*SIGNAL_GROUPS, *SIGNALS)))
        raise UsageError(f"no signal {', '.join(unknown)}; known are: {known}")
    return frozenset(wanted)


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each signal counts."""

    signals: Mapping[str, float]
    left_out: frozenset[str] = frozenset()
    """Signals and groups whose weights are 0; those that are arms find no candidates either."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """From a file; :class:`UsageError` names what it lacks or has too much."""
        try:
            data = json.loads(path.read_text("utf-8"))
            signals = {str(name): float(weight) for name, weight in data.items()}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise UsageError(f"{path} holds no weights: {error}") from error
        if odd := sorted(signals.keys() ^ SIGNALS.keys()):
            raise UsageError(f"{path}: every signal needs a weight, and no other; see {odd}")
        return cls(signals)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(dict(self.signals), indent=2) + "\n", "utf-8")

    def without(self, names: Set[str]) -> Self:
        """The same with these signals and groups left out."""
        gone = {signal for name in names for signal in SIGNAL_GROUPS.get(name, {name})}
        signals = {n: 0.0 if n in gone else weight for n, weight in self.signals.items()}
        return type(self)(signals, frozenset(names))


@lru_cache(maxsize=1)
def shipped_weights() -> Weights:
    return Weights.read(_SHIPPED)


def load_weights(file: str | None, without: str) -> Weights:
    """Those of a file, or those shipped, without some signals (names with commas)."""
    weights = Weights.read(Path(file)) if file else shipped_weights()
    names = checked_signals(without)
    return weights.without(names) if names else weights
