"""Find what tells that one candidate replaces another, over several kinds of text at once:

``python -m benchmarks.fit_replaced changes=benchmarks/changes/fitted
given=benchmarks/changes/given later=benchmarks/changes/later steady=benchmarks/changes/steady
beam=PATH plain=FOLDER locomo=PATH`` (all but ``beam`` and ``locomo`` are sets in the plain form)

Every question is asked without the signal ``replaces``; then of each pair of its best candidates
what speaks for it is noted (``graphmem/retrieve/rank/replaced.py``). A logistic choice, of one of
the newer turns or none: where the set says what an answer was before (``rivals``), the newer gold
replaces it; any other of the first candidates nothing replaces (one that is no gold may be
overtaken by gold). Raising nothing is right nearly always, so what was found is raised by as much
as costs no set more than it may (``_MAY_LOSE``): first where all is short, then more for what is
longer, and last for those who talk with each other.
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
    boosts_of_pairs,
    compare_pairs,
    pair_weights_as_data,
    shipped_pair_weights,
)

Numbers = NDArray[np.float64]

_KEPT = 80  # candidates of a question
_FIRST, _AT_LEAST = 5, 0.4  # that may be overtaken, as in the search
_UNKNOWN = 0.3
"""What it counts that something overtakes what is no gold, which nothing is known of."""
_DECAY, _STEPS, _RATE, _START = 0.3, 200, 0.1, -3.0
_READINESS = np.arange(3.0, -3.1, -0.125)
_MAY_LOSE = {
    "always": (
        0.018,
        0.007,
        0.1,
        0.1,
    ),  # in short notes nothing tells a like thing from the new one
    "usual": (0.018, 0.007, 0.018, 0.036),
    "talk": (0.007, 0.007, 0.024, 0.005),
}
"""Of recall at 5 and at 10, of the first hit being gold, and from a session with gold."""
_ROUNDS = 2
_CORRECTS = 8.0
"""What taking back counts at least: the sets have it seldom, and nothing is plainer."""
_SHORT = 5.5
"""so many times in short notes: there nothing tells a like thing from the new one."""
_SHORT, _SHORTER = 0.4, 0.34
"""What is at most usual (``PAIR_EVIDENCE``) in short notes, and what mostly."""
_PLAIN = {"changes", "given", "later", "steady"}
_COUNTS = {"changes": 2.0, "steady": 2.0, "beam": 2.5, "plain": 0.2}
"""Sets that count more than others."""


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
            boosts = boosts_of_pairs(self.pairs, weights)
            totals = totals + np.array([boosts.get(place, 0.0) for place in self.places])
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
    usual, differs = rows[there].mean(axis=0), rows[there].std(axis=0) + 1e-6
    usual[-1], differs[-1] = 0, 1
    rows = (rows - usual) / differs
    none = right.sum(axis=1) == 0
    counts = np.concatenate(
        [
            [_COUNTS.get(name, 1.0) * c.counts / sum(o.counts for o in of) for c in of]
            for name, of in by_set.items()
        ]
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
    weights /= differs
    weights[-1] -= weights[:-1] @ usual[:-1]
    corrects = PAIR_NUMBERS.index("corrects")
    weights[corrects] = max(weights[corrects], _CORRECTS)
    return weights


def as_ready(weights: Numbers, sets: dict[str, list[AskedPairs]]) -> Numbers:
    """The same, with as much added as costs no set more than it may: first where all is short, then
    more for what is longer, and last for those who talk with each other."""
    usual = {name: _most(asked, "usual") for name, asked in sets.items()}
    short = [name for name in sets if usual[name] <= _SHORT]
    talk = [name for name in sets if _most(sets[name], "talk") > 0.5]
    long = [name for name in sets if name not in short and name not in talk]
    found = weights.copy()
    for knob, names in [("always", short), ("usual", long), ("talk", talk)] * _ROUNDS:
        tried = [_readier(found, knob, more) for more in _READINESS]
        may_lose = _MAY_LOSE[knob]
        found = next((one for one in tried if _costs(one, names, sets, may_lose) <= 1), tried[-1])
    return found


def _readier(weights: Numbers, knob: str, more: float) -> Numbers:
    found = weights.copy()
    found[PAIR_NUMBERS.index(knob)] += more
    if knob == "usual":  # nothing more where all is short
        found[-1] -= more * _SHORTER
    return found


def _most(asked: Sequence[AskedPairs], name: str) -> float:
    at = PAIR_NUMBERS.index(name)
    return max((float(one.pairs.evidence[..., at].max()) for one in asked if one.pairs), default=0)


def _costs(
    weights: Numbers,
    names: Sequence[str],
    sets: dict[str, list[AskedPairs]],
    may_lose: Sequence[float],
) -> float:
    """The most that any of these sets loses of any measure, as a multiple of what it may."""
    lost = [0.0]
    for name in names:
        without, now = (measured(sets[name], one)["scores"] for one in (None, weights))
        lost += [
            (before - after) / may
            for before, after, may in zip(without, now, may_lose, strict=True)
        ]
    return max(lost)


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
            (name, load_dataset("plain" if name in _PLAIN else name, path))
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
