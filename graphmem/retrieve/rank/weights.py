"""How much each signal counts: numbers found by ``python -m benchmarks.fit``, in one file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from pathlib import Path
from typing import Self

from graphmem.errors import UsageError
from graphmem.retrieve.signals.registry import SIGNAL_GROUPS, SIGNALS
from graphmem.retrieve.signals.text_kinds import TEXT_KINDS

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
    """How much each signal counts, by kind of text."""

    kinds: Mapping[str, Mapping[str, float]]
    left_out: frozenset[str] = frozenset()
    """Signals and groups whose weights are 0; those that are arms find no candidates either."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """From a file; :class:`UsageError` names what it lacks or has too much."""
        try:
            data = json.loads(path.read_text("utf-8"))
            kinds = {
                str(kind): {str(name): float(weight) for name, weight in signals.items()}
                for kind, signals in data.items()
            }
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise UsageError(f"{path} holds no weights: {error}") from error
        if kinds.keys() != set(TEXT_KINDS):
            raise UsageError(f"{path}: weights are by kind of text: {', '.join(TEXT_KINDS)}")
        for kind, signals in kinds.items():
            if odd := sorted(signals.keys() ^ SIGNALS.keys()):
                raise UsageError(
                    f"{path}, {kind}: every signal needs a weight, and no other; see {odd}"
                )
            if not all(map(isfinite, signals.values())):
                raise UsageError(f"{path}, {kind}: weights must be finite numbers")
        return cls(kinds)

    def write(self, path: Path) -> None:
        path.write_text(
            json.dumps({kind: dict(w) for kind, w in self.kinds.items()}, indent=2) + "\n", "utf-8"
        )

    def without(self, names: Set[str]) -> Self:
        """The same with these signals and groups left out."""
        gone = {signal for name in names for signal in SIGNAL_GROUPS.get(name, {name})}
        kinds = {
            kind: {name: 0.0 if name in gone else weight for name, weight in signals.items()}
            for kind, signals in self.kinds.items()
        }
        return type(self)(kinds, frozenset(names))

    def blended(self, shares: Mapping[str, float]) -> Mapping[str, float]:
        """The weights for texts of these kinds, which add up to 1."""
        for kind, share in shares.items():
            if share == 1:
                return self.kinds[kind]
        return {
            name: sum(share * self.kinds[kind][name] for kind, share in shares.items())
            for name in SIGNALS
        }


@lru_cache(maxsize=1)
def shipped_weights() -> Weights:
    return Weights.read(_SHIPPED)


def load_weights(file: str | None, without: str) -> Weights:
    """Those of a file, or those shipped, without some signals (names with commas)."""
    weights = Weights.read(Path(file)) if file else shipped_weights()
    names = checked_signals(without)
    return weights.without(names) if names else weights
