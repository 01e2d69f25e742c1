"""Find what tells how likely a search answers, over several kinds of text at once:

``python -m benchmarks.fit_scores locomo=PATH beam=PATH plain=FOLDER --report scores.json``

Every question is asked of its own memory and of a wrong one (see ``graphmem/bench/wrong.py``).
Two logistic regressions, their numbers by kind of text drawn towards those over all of it: whether
any of the first ten hits is gold, by the evidence; and, where one is, whether a hit is, by how far
its total is behind the best and how far that is ahead. Sets count alike, and in each the right
questions as much as the wrong ones. The report holds, for each set, what is measured with numbers
from all other conversations (of a set with one, from four fifths of its questions and all else).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.fit import Asking, named_path
from graphmem import Settings, open_memory
from graphmem.bench.dataset import Corpus, Dataset, GoldQuestion
from graphmem.bench.machine import machine, versions
from graphmem.bench.metrics import distinct
from graphmem.bench.runs import Line
from graphmem.bench.scoring import WRONG, scores_of
from graphmem.bench.sets import load_dataset
from graphmem.bench.wrong import misplaced, wrong_corpora
from graphmem.retrieve.rank.likelihood import (
    EVIDENCE,
    LikelihoodFormula,
    formula_as_data,
    measure_evidence,
    measure_lead,
)
from graphmem.retrieve.signals.inputs import TEXT_KINDS

Numbers = NDArray[np.float64]

_RIGHT = "right"
_HITS = 30
_SHOWN = 10
_FOLDS = 5
_TOWARDS_NONE, _TOWARDS_ALL, _HIT = 3.0, 5.0, 0.5
"""How strongly the numbers are drawn towards none; those of a kind towards those of all kinds; and
those of the hits towards none."""
_MOST_STEPS = 60
_NEAR, _RELATION = map(list(EVIDENCE).index, ("near", "relation"))
_RELATION_BY_HAND = 3.0
"""These sets hardly ever ask for a relation that is known: a relation that is asked for, of whom it
is asked, makes an answer twenty times as likely."""
_FIXED = 1e6


@dataclass(frozen=True, slots=True)
class Searched:
    """One question asked of one memory."""

    data: str
    how: str
    fold: str
    id: str
    category: str
    gold: frozenset[str]
    units: tuple[str, ...]
    totals: tuple[float, ...]
    evidence: Numbers
    lead: float
    kinds: Numbers

    @property
    def answered(self) -> bool:
        return not self.gold.isdisjoint(self.units[:_SHOWN])

    def hits(self) -> tuple[Numbers, Numbers]:
        """For the first ten hits what their scores are made from, and which are gold."""
        totals = np.array(self.totals[:_SHOWN])
        shown = len(totals)
        behind = totals[:1] - totals
        rows = np.stack([behind, np.full(shown, self.lead), np.ones(shown)], axis=1)
        true = [unit in self.gold for unit in self.units[:_SHOWN]]
        return rows, np.array(true, dtype=np.float64)


class AskingRightAndWrong(Asking):
    """The questions of one set, each asked where it belongs and where it does not."""

    async def searched(self) -> list[Searched]:
        places = wrong_corpora(self._data.corpora)
        for corpus in places:
            await self._memory.add_many(corpus.items)
        asked = [(c, q, _RIGHT) for c in places for q in c.questions if q.gold]
        asked += [(one.corpus, one.question, one.how) for one in misplaced(places)]
        home = {q.id: c.id for c in self._data.corpora for q in c.questions}
        found = []
        for count, (corpus, question, how) in enumerate(asked):
            if count % 500 == 0:
                print(f"  {self._data.name}: {count} of {len(asked)} asked", file=sys.stderr)
            found.append(await self._search(corpus, question, how, home[question.id]))
        return found

    async def _search(
        self, corpus: Corpus, question: GoldQuestion, how: str, home: str
    ) -> Searched:
        ranked = await self._rank(corpus, question)
        places = ranked.best(_HITS)
        alone = len(self._data.corpora) == 1
        return Searched(
            self._data.name,
            how,
            str(sum(map(ord, question.id)) % _FOLDS) if alone else home,
            question.id,
            question.category,
            question.gold if how == _RIGHT else frozenset(),
            tuple([await self._unit(corpus, ranked, at) for at in places]),
            tuple(ranked.ranking.totals[places].tolist()),
            measure_evidence(ranked, places) if places else np.zeros(len(EVIDENCE)),
            measure_lead(ranked, places),
            np.array([ranked.kinds[kind] for kind in TEXT_KINDS]),
        )


async def gather(sets: Sequence[Dataset], folder: Path) -> tuple[list[Searched], str]:
    """All of all sets, each set in a memory of its own, and the name of the embedder."""
    found, embedder = [], ""
    for number, data in enumerate(sets):
        memory = await open_memory(folder / str(number), settings=Settings.load({}))
        try:
            found += await AskingRightAndWrong(memory, data).searched()
            embedder = memory._current.embedder.name
        finally:
            await memory.close()
    return found, embedder


def fit(asked: Sequence[Searched], *, near: bool = True) -> LikelihoodFormula:
    """The numbers of all kinds; without ``near`` for embedders that nothing is known of."""
    rows = np.array([np.append(one.evidence, 1.0) for one in asked])
    if not near:
        rows[:, _NEAR] = 0.0
    kinds = np.array([one.kinds for one in asked])
    true = np.array([one.answered for one in asked], dtype=np.float64)
    spread = np.append(rows[:, :-1].std(axis=0), 1.0)
    spread[spread == 0] = 1.0
    weights = _weights(asked)
    start, pull = np.zeros(len(spread)), np.append(np.full(len(EVIDENCE), _TOWARDS_NONE), 0.01)
    start[_RELATION], pull[_RELATION] = _RELATION_BY_HAND * spread[_RELATION], _FIXED
    over_all = logistic(rows / spread, true, weights, pull, start)
    pull[:] = _TOWARDS_ALL
    pull[_RELATION] = _FIXED
    by_kind = logistic(
        by_kinds(rows / spread, kinds),
        true,
        weights,
        np.tile(pull, len(TEXT_KINDS)),
        np.tile(over_all, len(TEXT_KINDS)),
    )
    shape = (len(TEXT_KINDS), -1)
    answerable = by_kind.reshape(shape) / spread
    return LikelihoodFormula(answerable, _closeness([one for one in asked if one.answered]))


def _closeness(found: Sequence[Searched]) -> Numbers:
    """By kind of text what tells which hits are gold, of searches that found any."""
    if not found:
        return np.zeros((len(TEXT_KINDS), 3))
    hits = [one.hits() for one in found]
    counts = {name: sum(one.data == name for one in found) for name in {o.data for o in found}}
    each = [len(found) / counts[one.data] for one in found]
    return logistic(
        np.concatenate(
            [
                by_kinds(rows, np.tile(o.kinds, (len(rows), 1)))
                for o, (rows, _) in zip(found, hits, strict=True)
            ]
        ),
        np.concatenate([true for _, true in hits]),
        np.repeat(each, [len(true) for _, true in hits]),
        np.full(3 * len(TEXT_KINDS), _HIT),
        np.zeros(3 * len(TEXT_KINDS)),
    ).reshape(len(TEXT_KINDS), -1)


def logistic(
    rows: Numbers,
    true: Numbers,
    weights: Numbers,
    pull: Numbers,
    start: Numbers,
) -> Numbers:
    """Weighted logistic regression by Newton's method from ``start``, and drawn towards that."""
    weights = weights * len(weights) / weights.sum()

    def loss(found: Numbers) -> float:
        said = rows @ found
        fitting = (weights * (np.logaddexp(0, said) - true * said)).sum()
        return float(fitting + 0.5 * (pull * (found - start) ** 2).sum())

    found, least = start.copy(), loss(start)
    for _ in range(_MOST_STEPS):
        said = 1 / (1 + np.exp(-np.clip(rows @ found, -30, 30)))
        slope = rows.T @ (weights * (said - true)) + pull * (found - start)
        curve = (rows * (weights * np.maximum(said * (1 - said), 1e-6))[:, None]).T @ rows
        step = np.linalg.solve(curve + np.diag(pull), slope)
        while loss(found - step) > least and np.abs(step).max() > 1e-9:
            step /= 2
        found = found - step
        before, least = least, loss(found)
        if before - least < 1e-9 * abs(before):
            break
    return found


def by_kinds(rows: Numbers, kinds: Numbers) -> Numbers:
    """The rows once for each kind of text, as much as each is of it."""
    return np.concatenate([rows * kinds[:, [at]] for at in range(kinds.shape[1])], axis=1)


def _weights(asked: Sequence[Searched]) -> Numbers:
    """So that sets count alike; and in each what is right as much as what is wrong, in every
    way."""
    keys = [(one.data, one.how) for one in asked]
    ways = {data: len({how for d, how in keys if d == data}) - 1 for data, _ in keys}
    counts = {key: keys.count(key) for key in set(keys)}
    return np.array(
        [1 / counts[data, how] / (1 if how == _RIGHT else max(1, ways[data])) for data, how in keys]
    )


def as_line(one: Searched, formula: LikelihoodFormula) -> Line:
    """What a run would have kept of it."""
    best_total = max(one.totals, default=0.0)
    likelihood = formula.from_evidence(one.kinds, one.evidence, one.lead, best_total)
    best: dict[str, float] = {}
    for unit, score in zip(one.units, likelihood.of_hits(one.totals), strict=True):
        best.setdefault(unit, score)
    ranked = tuple(distinct([unit for unit in one.units if unit]))
    return Line(
        one.how, one.id, one.category, ranked, (), tuple(sorted(one.gold)), (), 0.0, 0,
        scores=tuple(best[unit] for unit in ranked), answerable=likelihood.answerable,
    )  # fmt: skip


def held_out(asked: Sequence[Searched], *, near: bool = True) -> dict[str, Any]:
    """By set what scores are worth that come from everything else."""
    lines: dict[str, list[Line]] = {}
    for data, fold in dict.fromkeys((one.data, one.fold) for one in asked):
        formula = fit([o for o in asked if (o.data, o.fold) != (data, fold)], near=near)
        mine = [o for o in asked if (o.data, o.fold) == (data, fold)]
        lines.setdefault(data, []).extend(as_line(one, formula) for one in mine)
    return {
        data: scores_of(
            [line for line in found if line.variant == _RIGHT],
            {how: of for how in WRONG if (of := [x for x in found if x.variant == how])},
        )
        for data, found in lines.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fit_scores", description=__doc__)
    parser.add_argument("sets", type=named_path, nargs="+", metavar="NAME=PATH")
    parser.add_argument("--report", type=Path, help="put what is measured, held out, into this")
    parser.add_argument("--write", type=Path, help="put the numbers into this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sets = [load_dataset(name, path) for name, path in options.sets]
        asked, embedder = asyncio.run(gather(sets, Path(folder)))
    if options.write:
        numbers = {embedder: fit(asked), "any": fit(asked, near=False)}
        found = {name: formula_as_data(formula) for name, formula in numbers.items()}
        options.write.write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    names = " ".join(f"{name}=PATH" for name, _ in options.sets)
    report = {
        "scored": held_out(asked),
        "without near": held_out(asked, near=False),
        "command": f"python -m benchmarks.fit_scores {names}",
        "date": datetime.now(UTC).date().isoformat(),
        "versions": versions(),
        "machine": machine(),
    }
    text = json.dumps(report, indent=2)
    if options.report:
        options.report.write_text(text + "\n", "utf-8")
    print(text)


if __name__ == "__main__":
    main()
