"""Find what tells that one candidate replaces another, over several kinds of text at once:

``python -m benchmarks.fit_replaced changes=benchmarks/changes/fitted
steady=benchmarks/changes/steady beam=PATH plain=FOLDER locomo=PATH`` (``changes`` and ``steady``
are sets in the plain form, too)

Every question is asked without the signal ``replaces``; then of each pair of its best candidates
what speaks for it is noted (``graphmem/retrieve/rank/replaced.py``). A logistic choice, of one of
the newer turns or none: where the set says what an answer was before (``rivals``), the newer gold
replaces it; any other of the first candidates nothing replaces (one that is no gold may be
overtaken by gold). Sets count alike. Raising nothing is right nearly always, so what was found is
raised by as much as costs no set anything: the most at which recall and the first hits of each are
no further below those without than ``_COST``; where people talk with each other, whether that is
less is tried last.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.fit import Asking, named_path
from graphmem import Settings, open_memory
from graphmem.bench.dataset import Corpus, Dataset, GoldQuestion
from graphmem.bench.metrics import distinct, newer_above_older
from graphmem.bench.sets import load_dataset
from graphmem.retrieve.rank.replaced import (
    PAIR_NUMBERS,
    ComparedPairs,
    compare_pairs,
    pair_weights_as_data,
    raised,
    shipped_pair_weights,
)

Numbers = NDArray[np.float64]

_KEPT = 80  # candidates of a question
_FIRST, _AT_LEAST = 5, 0.4  # that may be overtaken, as in the search
_UNKNOWN = 0.3
"""What it counts that something overtakes what is no gold, which nothing is known of."""
_DECAY, _STEPS, _RATE, _START = 0.002, 400, 0.1, -3.0
_READINESS = np.arange(0.0, 5.0, 0.125)
_COST = (0.007, 0.006, 0.024, 0.036)
"""Of recall at 5 and at 10, of the first hit being gold, and from a session with gold."""
_TALK = PAIR_NUMBERS.index("talk")


@dataclass(frozen=True, slots=True)
class AskedPairs:
    """One question: its candidates by falling total, and those of them that were compared."""

    data: str
    corpus: str
    category: str
    gold: frozenset[str]
    rivals: frozenset[str]
    units: tuple[str, ...]
    sessions: tuple[str, ...]
    places: tuple[int, ...]
    totals: Numbers
    pairs: ComparedPairs | None

    def measured(self, weights: Numbers | None) -> tuple[list[float], bool | None]:
        """Recall at 5 and 10, hit and session hit at 1; and whether the newer is above the older,
        where there is one."""
        totals = self.totals
        if weights is not None and self.pairs is not None:
            rises = raised(self.pairs, weights)
            totals = totals + np.array([rises.get(place, 0.0) for place in self.places])
        order = np.argsort(-totals, kind="stable")
        units = distinct([self.units[at] for at in order if self.units[at]])
        session_of = dict(zip(self.units, self.sessions, strict=True))
        from_gold = bool(units) and session_of[units[0]] in {
            session_of[unit] for unit in self.gold if unit in session_of
        }
        found = [len(self.gold & set(units[:depth])) / len(self.gold) for depth in (5, 10)]
        scores = [*found, float(bool(units) and units[0] in self.gold), float(from_gold)]
        newer = self.gold - self.rivals
        return scores, bool(newer_above_older(units, newer, self.rivals)) if (
            newer and self.rivals
        ) else None


class AskingPairs(Asking):
    """The questions of one set, with the pairs of their best candidates."""

    async def asked(self) -> list[AskedPairs]:
        for corpus in self._data.corpora:
            await self._memory.add_many(corpus.items)
        return [
            await self._compare(corpus, question)
            for corpus in self._data.corpora
            for question in corpus.questions
            if question.gold
        ]

    async def _compare(self, corpus: Corpus, question: GoldQuestion) -> AskedPairs:
        ranked = await self._rank(corpus, question)
        places = ranked.best(_KEPT)
        units = [await self._unit(corpus, ranked, at) for at in places]
        return AskedPairs(
            self._data.name,
            corpus.id,
            question.category,
            question.gold,
            question.rivals,
            tuple(units),
            tuple(corpus.session_of.get(unit, unit) for unit in units),
            tuple(places),
            ranked.ranking.totals[places],
            compare_pairs(ranked.inputs, ranked.ranking, ranked.kinds, None),
        )


async def gather(sets: Sequence[tuple[str, Dataset]], folder: Path) -> dict[str, list[AskedPairs]]:
    """All of all sets, each set in a memory of its own."""
    found = {}
    for name, data in sets:
        settings = Settings.load({"GRAPHMEM_SEARCH_WITHOUT": "replaces"})
        memory = await open_memory(folder / name, settings=settings)
        try:
            found[name] = await AskingPairs(memory, data).asked()
            print(f"  {name}: {len(found[name])} asked", file=sys.stderr)
        finally:
            await memory.close()
    return found


@dataclass(frozen=True, slots=True)
class _Choice:
    """Which of some newer turns (rows of evidence) replaces one candidate: ``right``, or none."""

    rows: Numbers
    right: NDArray[np.bool_]
    counts: float


def _choices(asked: AskedPairs) -> list[_Choice]:
    pairs = asked.pairs
    if pairs is None:
        return []
    unit_of = dict(zip(asked.places, asked.units, strict=True))
    units = [unit_of.get(place, "") for place in pairs.places]
    gold = np.array([unit in asked.gold for unit in units])
    newer = np.array([unit in asked.gold - asked.rivals for unit in units])
    found = []
    for first, unit in enumerate(units):
        seconds = pairs.possible[first] & ~pairs.known[first]
        if unit in asked.rivals and asked.gold - asked.rivals:
            right, counts = newer & seconds, 1.0
            if not right.any():
                continue
        elif first < _FIRST and pairs.totals[first] >= _AT_LEAST * pairs.totals[0]:
            right, counts = np.zeros_like(gold), 1.0
            if not gold[first]:
                seconds, counts = seconds & ~gold, _UNKNOWN
        else:
            continue
        if seconds.any():
            found.append(_Choice(pairs.evidence[first][seconds], right[seconds], counts))
    return found


def fit(sets: dict[str, list[AskedPairs]]) -> Numbers:
    """Weights of the evidence, and last what is added always, by gradient descent (Adam)."""
    by_set = {name: [c for one in asked for c in _choices(one)] for name, asked in sets.items()}
    choices = [choice for of in by_set.values() for choice in of]
    most, width = max(len(choice.rows) for choice in choices), len(PAIR_NUMBERS)
    rows, right = np.zeros((len(choices), most, width)), np.zeros((len(choices), most))
    there = np.zeros((len(choices), most), dtype=np.bool_)
    for at, choice in enumerate(choices):
        size = len(choice.rows)
        rows[at, :size, :-1], rows[at, :size, -1] = choice.rows, 1
        right[at, :size], there[at, :size] = choice.right, True
    none = right.sum(axis=1) == 0
    counts = np.concatenate(
        [[c.counts / sum(o.counts for o in of) for c in of] for of in by_set.values()]
    )
    counts /= counts.sum()
    weights, mean, spread = np.zeros(width), np.zeros(width), np.zeros(width)
    weights[-1] = _START
    decay = np.append(np.full(width - 1, _DECAY / width), 0.0)
    for step in range(1, _STEPS + 1):
        odds = np.where(there, np.exp(np.clip(rows @ weights, -40, 40)), 0.0)
        share = odds / (1 + odds.sum(axis=1, keepdims=True))
        wanted = odds * right
        wanted /= np.where(none, 1.0, wanted.sum(axis=1))[:, None]
        slope = np.einsum("ij,ijk->k", (share - wanted) * counts[:, None], rows) + decay * weights
        mean, spread = 0.9 * mean + 0.1 * slope, 0.99 * spread + 0.01 * slope**2
        move = (mean / (1 - 0.9**step)) / (np.sqrt(spread / (1 - 0.99**step)) + 1e-9)
        weights = weights - _RATE * (1 - step / (_STEPS + 1)) * move
    return weights


def as_ready(weights: Numbers, sets: dict[str, list[AskedPairs]]) -> Numbers:
    """The same, with as much added as costs no set anything: first for whoever does not talk with
    another, then for those who do."""
    without = {name: measured(asked, None)["scores"] for name, asked in sets.items()}
    talk = {
        name: any(one.pairs is not None and one.pairs.evidence[..., _TALK].max() > 0.5 for one in a)
        for name, a in sets.items()
    }
    found = weights.copy()
    for at, names in (
        (-1, [name for name in sets if not talk[name]]),
        (_TALK, [name for name in sets if talk[name]]),
    ):
        start, best = found[at] - (_READINESS[-1] if at == _TALK else 0), found
        for more in _READINESS:
            tried = found.copy()
            tried[at] = start + more
            scores = {name: measured(sets[name], tried)["scores"] for name in names}
            if all(
                now >= before - cost - 1e-9
                for name in names
                for now, before, cost in zip(scores[name], without[name], _COST, strict=True)
            ):
                best = tried
        found = best
    return found


def measured(asked: Sequence[AskedPairs], weights: Numbers | None) -> dict[str, Any]:
    """By set the means of :meth:`AskedPairs.measured`, the newer above the older by category."""
    rows = [one.measured(weights) for one in asked]
    newer: dict[str, list[bool]] = {}
    for one, (_, above) in zip(asked, rows, strict=True):
        if above is not None:
            newer.setdefault(one.category, []).append(above)
            newer.setdefault("overall", []).append(above)
    return {
        "scores": np.mean([scores for scores, _ in rows], axis=0).round(4).tolist(),
        "newer above older": {
            category: f"{sum(found)} of {len(found)}" for category, found in newer.items()
        },
    }


def held_out(sets: dict[str, list[AskedPairs]]) -> dict[str, Any]:
    """Of sets that say what an answer was before, each corpus with the weights of all others."""
    found = {}
    for name, asked in sets.items():
        corpora = dict.fromkeys(one.corpus for one in asked)
        if len(corpora) == 1 or not any(one.rivals for one in asked):
            continue
        above: Counter[bool | None] = Counter()
        for corpus in corpora:
            others = {**sets, name: [one for one in asked if one.corpus != corpus]}
            weights = as_ready(fit(others), others)
            above.update(one.measured(weights)[1] for one in asked if one.corpus == corpus)
        found[name] = f"{above[True]} of {above[True] + above[False]}"
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fit_replaced", description=__doc__)
    parser.add_argument("sets", type=named_path, nargs="+", metavar="NAME=PATH")
    parser.add_argument("--folds", action="store_true", help="hold out each corpus in turn")
    parser.add_argument("--write", type=Path, help="put the weights into this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sets = [
            (name, load_dataset("plain" if name in {"changes", "steady"} else name, path))
            for name, path in options.sets
        ]
        asked = asyncio.run(gather(sets, Path(folder)))
    weights = as_ready(fit(asked), asked)
    report: dict[str, Any] = {"weights": pair_weights_as_data(weights)}
    for how, of in (("without", None), ("shipped", shipped_pair_weights()), ("fitted", weights)):
        report[how] = {name: measured(of_set, of) for name, of_set in asked.items()}
    if options.folds:
        report["held out"] = held_out(asked)
    print(json.dumps(report, indent=2))
    if options.write:
        options.write.write_text(json.dumps(report["weights"], indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
