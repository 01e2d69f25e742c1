"""How well a store finds its own facts again, how much of its text became facts, and weights that
find them better. The probes are made of what was read: they say nothing of what was not.

Tuning is cautious: each signal's share of the score is multiplied by a factor near 1, found on the
probes of one half of the sources (a softmax over each question's hits gives most to its gold, as
ListNet's top one probability: Cao et al. 2007), and judged on those of the other half.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graphmem.bench.metrics import Scores, distinct, mean, paired, percentile, scores
from graphmem.bench.probes import Probe, all_facts, probes
from graphmem.errors import UsageError
from graphmem.model import Hit, SearchResult
from graphmem.retrieve.rank.ranking import Weights, load_weights
from graphmem.settings import Settings

if TYPE_CHECKING:
    from graphmem import Memory

_SHOWN = 10
_DEEP = 50
_KS = (1, 5, 10)
_STEPS = 300
_RATE = 0.02
_TOWARDS_ONE = 0.01
_SHARPNESS = 20.0
_FEWEST = 20
"""Probes of one half that are enough to tune on."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A probe with its hits: the unit of each, and the share of every name (rows) in it."""

    probe: Probe
    units: tuple[str, ...]
    signals: tuple[str, ...]
    shares: NDArray[np.float64]

    def reranked(self, factors: dict[str, float]) -> list[str]:
        by_signal = np.array([factors.get(name, 1.0) for name in self.signals])
        order = np.argsort(-(by_signal @ self.shares), kind="stable")
        return distinct([self.units[at] for at in order])


def measure_own(
    memory: Memory,
    count: int,
    *,
    tune: Path | None = None,
    progress: Callable[[str, int, int], None],
) -> dict[str, Any]:
    """Recall per kind of probe, and latency; nothing is written to the store.

    With ``tune``, weights are found too, and written to that file when they find more on the half
    that they were not found on.
    """
    asked = probes(memory, count)
    ms: list[float] = []
    found: list[_Asked] = []
    memory.search("anything", limit=_SHOWN)  # what is read once is not a search's to pay
    for number, probe in enumerate(asked, start=1):
        began = time.perf_counter()
        memory.search(probe.text, limit=_SHOWN)
        ms.append((time.perf_counter() - began) * 1000)
        found.append(_noted(probe, memory.search(probe.text, limit=_DEEP)))
        progress("asking", number, len(asked))
    rows: dict[str, list[Scores]] = {}
    for one in found:
        measured = scores(distinct(one.units), one.probe.gold, _KS)
        for kind in ("overall", one.probe.kind):
            rows.setdefault(kind, []).append(measured)
    result: dict[str, Any] = {
        "probes": {kind: {"questions": len(r), **mean(r)} for kind, r in rows.items()},
        "search_ms": {"p50": percentile(ms, 0.5), "p95": percentile(ms, 0.95)},
        "reading": _reading(memory),
        "examples": [probe.text for probe in asked[:3]],
    }
    if tune is not None:
        result["tuned"] = _tuned(found, tune)
    return result


def _reading(memory: Memory) -> dict[str, int]:
    """Of how many turns something was understood, and of how many names."""
    turns, about = set[str](), set[str]()
    for fact in all_facts(memory, current=False):
        turns |= {source.turn_id for source in fact.sources if source.turn_id}
        about |= set(fact.entity_ids)
    stats = memory.stats()
    return {
        "turns": stats.turns,
        "turns_with_facts": len(turns),
        "names": stats.entities,
        "names_with_facts": len(about),
    }


def _noted(probe: Probe, hits: SearchResult) -> _Asked:
    signals = tuple(dict.fromkeys(signal.name for hit in hits for signal in hit.signals))
    shares = np.zeros((len(signals), len(hits)))
    for column, hit in enumerate(hits):
        for signal in hit.signals:
            shares[signals.index(signal.name), column] += signal.share
    return _Asked(probe, tuple(_unit(hit) for hit in hits), signals, shares)


def _unit(hit: Hit) -> str:
    """The turn that a hit is or states; the hit itself where there is none."""
    sources = hit.fact.sources if hit.fact else ()
    return hit.turn_id or next((s.turn_id for s in sources if s.turn_id), hit.id)


def _tuned(found: Sequence[_Asked], file: Path) -> dict[str, Any]:
    halves = [[one for one in found if one.probe.half == half] for half in (0, 1)]
    if min(map(len, halves)) < _FEWEST:
        raise UsageError(
            f"too little to tune on: {len(halves[0])} and {len(halves[1])} probes in the two "
            f"halves, {_FEWEST} each are needed; raise --probes, or add more to it"
        )
    factors = _factors(halves[0])
    tables = [
        {
            str(at): scores(one.reranked(with_), one.probe.gold, (5,))["recall@5"]
            for at, one in enumerate(halves[1])
        }
        for with_ in (factors, {})
    ]
    interval = paired(*tables)
    assert interval is not None  # noqa: S101 - both halves have probes
    better = interval.mean > 0
    if better:
        settings = Settings.load()
        scaled = {
            kind: {name: round(w * factors.get(name, 1.0), 4) for name, w in weights.items()}
            for kind, weights in load_weights(settings.search_weights, "").kinds.items()
        }
        Weights(scaled).write(file)
    return {
        "factors": {name: round(factor, 3) for name, factor in sorted(factors.items())},
        "held_out_recall@5": {**asdict(interval), "sure": interval.sure},
        "written": better,
    }


def _factors(asked: Sequence[_Asked]) -> dict[str, float]:
    """A factor per name, by gradient descent from 1."""
    known = [one for one in asked if one.probe.gold.intersection(one.units)]
    signals = sorted({name for one in known for name in one.signals})
    factors = np.ones(len(signals))
    places = [[signals.index(name) for name in one.signals] for one in known]
    targets = [np.array([unit in one.probe.gold for unit in one.units], float) for one in known]
    for _ in range(_STEPS if known else 0):
        slope = _TOWARDS_ONE * (factors - 1)
        for one, at, target in zip(known, places, targets, strict=True):
            total = _SHARPNESS * (factors[at] @ one.shares)
            likely = np.exp(total - total.max())
            likely /= likely.sum()
            slope[at] += one.shares @ (likely - target / target.sum()) / len(known)
        factors = np.maximum(factors - _RATE * _SHARPNESS * slope, 0.0)
    return dict(zip(signals, map(float, factors), strict=True))
