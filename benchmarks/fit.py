"""Find how much each signal of a search should count, over several kinds of text at once:

``python -m benchmarks.fit locomo=PATH beam=PATH plain=FOLDER --folds``

Every question is asked, and what each signal says of every candidate is noted, with what kinds of
text the candidates are. The weights, one set for each kind, are those under which each piece of a
question's gold gets most of a softmax over itself and all that is not gold (after ListNet's top one
probability, Cao et al. 2007, but pieces of gold do not compete with each other), and its session
some of one over all. No weight may change its sign, and one of 0 stays 0; each data set counts
alike, however many questions it has. With ``--folds`` each corpus, or a fifth of the questions of a
set with one, is measured with weights from everything else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphmem import Settings, open_memory
from graphmem.bench.dataset import UNIT, Corpus, Dataset, GoldQuestion
from graphmem.bench.sets import load_dataset
from graphmem.engine import AsyncMemory
from graphmem.retrieve.rank.ranking import RankedCandidates, Weights, shipped_weights
from graphmem.retrieve.signals.inputs import TEXT_KINDS
from graphmem.retrieve.signals.registry import SIGNALS
from graphmem.retrieve.view import SearchQuery

Numbers = NDArray[np.float32]

_STEPS = 250
_RATE = 0.1
_DECAY = {"conversation": 0.5, "chat": 20.0, "passage": 0.0}
"""Towards no weight at all, over the number of questions of a kind: more where sets differ more."""
_LIMIT = 50  # as ``graphmem bench run`` asks
_SESSION = 0.3
"""What it counts that the best is from a session with gold, against the gold itself."""
_CLOSEST = 200
"""Candidates, by the weights at the start, that gold is held against."""
_SHARPNESS = 20.0
"""By what a score is multiplied in the softmax: the weights of the signals add up to 1."""
_FOLDS = 5
_BY_HAND = {"passage": frozenset(SIGNALS), "chat": frozenset({"date", "event"})}
"""What is left as it is: the sets of passages are too small to find weights on, and the chats'
questions name no days."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question: what the signals (rows) say of each candidate (columns)."""

    data: str
    corpus: str
    category: str
    values: NDArray[np.float32]
    units: tuple[str, ...]
    """What each candidate is or states."""
    sessions: tuple[str, ...]
    gold: frozenset[str]
    gold_sessions: frozenset[str]
    kinds: NDArray[np.float32]
    """The share of each kind of text."""


class Asking:
    """The questions of one data set, asked of a memory that holds its corpora."""

    def __init__(self, memory: AsyncMemory, data: Dataset) -> None:
        self._memory = memory
        self._data = data
        self._units: dict[str, str] = {}

    async def all(self) -> list[Asked]:
        """Remember everything, then ask."""
        found = []
        for corpus in self._data.corpora:
            await self._memory.add_many(corpus.items)
        for corpus in self._data.corpora:
            asked = [question for question in corpus.questions if question.gold]
            for count, question in enumerate(asked):
                if count % 100 == 0:
                    where = f"{self._data.name}, {corpus.id}"
                    print(f"  {where}: {count} of {len(asked)} asked", file=sys.stderr)
                found.append(await self._ask(corpus, question))
        return found

    async def _ask(self, corpus: Corpus, question: GoldQuestion) -> Asked:
        ranked = await self._rank(corpus, question)
        inputs = ranked.inputs
        shown = [at for at, one in enumerate(inputs.candidates) if one.shown]
        units = [await self._unit(corpus, ranked, at) for at in shown]
        return Asked(
            self._data.name,
            corpus.id,
            question.category,
            np.stack([_values_of(ranked, name) for name in SIGNALS])[:, shown],
            tuple(units),
            tuple(corpus.session_of.get(unit, unit) for unit in units),
            question.gold,
            frozenset(corpus.session_of.get(unit, unit) for unit in question.gold),
            np.array([ranked.kinds[kind] for kind in TEXT_KINDS], dtype=np.float32),
        )

    async def _rank(self, corpus: Corpus, question: GoldQuestion) -> RankedCandidates:
        await self._memory._current.follow()
        view = self._memory._view(current=True)
        scope = await self._memory._current.scope({"user_id": corpus.id})
        query = SearchQuery(question.text, scope, _LIMIT, ("fact", "turn"), view)
        return await self._memory._current.retrieve.rank(query)

    async def _unit(self, corpus: Corpus, ranked: RankedCandidates, place: int) -> str:
        turn = ranked.inputs.candidates[place].context.turn
        if turn is None:
            return ""
        if self._data.unit == "turn":
            # A turn that was too long for one is kept in parts: D1:3, D1:3#2.
            id = turn.source_id or ""
            return id if id in corpus.session_of else id.partition("#")[0]
        if turn.episode_id not in self._units:
            episode = await self._memory.episode(turn.episode_id, user_id=corpus.id)
            self._units[turn.episode_id] = str(episode.metadata.get(UNIT, ""))
        return self._units[turn.episode_id]


def _values_of(ranked: RankedCandidates, name: str) -> Numbers:
    """What a signal says of each candidate: nothing, where it goes by the order that the weights of
    today give."""
    values = ranked.ranking.signal(name)
    return values if SIGNALS[name].measure is not None else np.zeros_like(values)


async def gather(sets: Sequence[Dataset], folder: Path) -> list[Asked]:
    """All questions of all sets, each set in a memory of its own."""
    found = []
    for number, data in enumerate(sets):
        memory = await open_memory(folder / str(number), settings=Settings.load({}))
        try:
            found += await Asking(memory, data).all()
        finally:
            await memory.close()
    return found


def measured(asked: Sequence[Asked], weights: NDArray[np.float64]) -> list[float]:
    """Recall at 5, recall at 10, hit at 1 and session hit at 1, over the distinct units."""
    rows = []
    for one in asked:
        order = np.argsort(-((one.kinds @ weights) @ one.values), kind="stable")[:80]
        session_of = {one.units[at]: one.sessions[at] for at in order}
        units = list(dict.fromkeys(filter(None, (one.units[at] for at in order))))[:10]
        rows.append(
            (
                len(one.gold & set(units[:5])) / len(one.gold),
                len(one.gold & set(units)) / len(one.gold),
                bool(units) and units[0] in one.gold,
                bool(units) and session_of[units[0]] in one.gold_sessions,
            )
        )
    return [round(float(mean), 4) for mean in np.array(rows, dtype=np.float64).mean(axis=0)]


def fit(asked: Sequence[Asked], start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights (kind, signal) by gradient descent (Adam) from ``start``, signs kept."""
    values, gold, session, outside, kinds, share_of = _problem(asked, start)
    target = gold / gold.sum(axis=1, keepdims=True)
    learnt = (start != 0) & np.array(
        [
            [
                signal.fitted and name not in _BY_HAND.get(kind, ())
                for name, signal in SIGNALS.items()
            ]
            for kind in TEXT_KINDS
        ]
    )
    towards_none = np.array([_DECAY[kind] for kind in TEXT_KINDS])
    decay = (towards_none / np.maximum(kinds.sum(axis=0), 1))[:, None]
    sign = np.where(start < 0, -1.0, 1.0)
    weights, mean, spread = start * _SHARPNESS, np.zeros(start.shape), np.zeros(start.shape)
    for step in range(1, _STEPS + 1):
        each = (kinds @ weights).astype(np.float32)
        scores = np.einsum("qcs,qs->qc", values, each) + outside
        share = np.exp(scores - scores.max(axis=1, keepdims=True))
        others = (share * (1 - gold)).sum(axis=1, keepdims=True)
        apart = np.where(gold > 0, target / (share + others + 1e-12), 0.0)
        # By the score: what gold lacks, and what others take from each piece of it.
        pull = share * (1 - gold) * apart.sum(axis=1, keepdims=True) - others * apart
        share /= share.sum(axis=1, keepdims=True)
        inside = share * session
        pull += _SESSION * (share - inside / (inside.sum(axis=1, keepdims=True) + 1e-12))
        by_question = np.einsum("qcs,qc->qs", values, pull * share_of[:, None])
        slope = np.einsum("qk,qs->ks", kinds, by_question) + decay * weights / len(TEXT_KINDS)
        slope = np.where(learnt, slope, 0.0)
        mean, spread = 0.9 * mean + 0.1 * slope, 0.99 * spread + 0.01 * slope**2
        move = (mean / (1 - 0.9**step)) / (np.sqrt(spread / (1 - 0.99**step)) + 1e-8)
        weights = weights - _RATE * (1 - step / (_STEPS + 1)) * move
        weights = np.where(weights * sign < 0, 0.0, weights)
    in_all = np.where(learnt & (weights > 0), weights, 0).sum(axis=1, keepdims=True)
    return np.where(learnt, weights / np.maximum(in_all, 1e-9), start)


def _problem(asked: Sequence[Asked], start: NDArray[np.float64]) -> tuple[Numbers, ...]:
    """Questions whose gold is among the closest candidates: what the signals say (question,
    candidate, signal); which candidates are gold, and which from its sessions; what to add to the
    scores of those that are none at all; the kinds of text; and how much each question counts."""
    values, gold, session, outside, kinds, names = [], [], [], [], [], []
    for one in asked:
        order = np.argsort(-((one.kinds @ start) @ one.values), kind="stable")[:_CLOSEST]
        units = [one.units[at] for at in order]
        if one.gold.isdisjoint(units):
            continue
        empty = (0, _CLOSEST - len(order))
        values.append(np.pad(one.values[:, order].T, (empty, (0, 0))))
        gold.append(np.pad([unit in one.gold for unit in units], empty))
        session.append(np.pad([one.sessions[at] in one.gold_sessions for at in order], empty))
        outside.append(np.pad(np.zeros(len(order)), empty, constant_values=-np.inf))
        kinds.append(one.kinds)
        names.append(one.data)
    counts = {name: names.count(name) for name in set(names)}
    share_of = [1 / (len(counts) * counts[name]) for name in names]
    found = (values, gold, session, outside, kinds, share_of)
    return tuple(np.array(column).astype(np.float32) for column in found)


def as_weights(found: NDArray[np.float64]) -> Weights:
    return Weights(
        {
            kind: {name: round(float(w), 4) for name, w in zip(SIGNALS, row, strict=True)}
            for kind, row in zip(TEXT_KINDS, found, strict=True)
        }
    )


def as_numbers(weights: Weights) -> NDArray[np.float64]:
    return np.array([[weights.kinds[kind][name] for name in SIGNALS] for kind in TEXT_KINDS])


def _fold_of(asked: Sequence[Asked]) -> list[tuple[str, str]]:
    """What each question is measured with: its corpus, or a fifth of a set that has only one."""
    corpora = {
        name: {a.corpus for a in asked if a.data == name} for name in {a.data for a in asked}
    }
    return [
        (one.data, one.corpus if len(corpora[one.data]) > 1 else str(at % _FOLDS))
        for at, one in enumerate(asked)
    ]


def report(asked: Sequence[Asked], *, folds: bool) -> tuple[dict[str, Any], Weights]:
    """By data set, what the shipped weights give, what fitted ones give, and what those of other
    folds give."""
    start = as_numbers(shipped_weights())
    found = as_weights(fit(asked, start))
    names = list(dict.fromkeys(one.data for one in asked))
    of = {name: [one for one in asked if one.data == name] for name in names}
    result: dict[str, Any] = {
        "questions": {name: len(of[name]) for name in names},
        "shipped": {name: measured(of[name], start) for name in names},
        "fitted": {name: measured(of[name], as_numbers(found)) for name in names},
    }
    if folds:
        fold_of = _fold_of(asked)
        held_out: dict[str, list[tuple[int, list[float]]]] = {name: [] for name in names}
        for fold in dict.fromkeys(fold_of):
            mine = [one for one, its in zip(asked, fold_of, strict=True) if its == fold]
            others = [one for one, its in zip(asked, fold_of, strict=True) if its != fold]
            scores = measured(mine, fit(others, start))
            held_out[fold[0]].append((len(mine), scores))
            print(f"  {' '.join(fold)}: {scores}", file=sys.stderr)
        result["held out"] = {
            name: np.average([s for _, s in rows], axis=0, weights=[n for n, _ in rows])
            .round(4)
            .tolist()
            for name, rows in held_out.items()
        }
    return result, found


def named_path(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r}: expected NAME=PATH, as beam=PATH")
    return name, Path(path)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fit", description=__doc__)
    parser.add_argument("sets", type=named_path, nargs="+", metavar="NAME=PATH")
    parser.add_argument("--folds", action="store_true", help="hold out each corpus in turn")
    parser.add_argument("--write", type=Path, help="put the weights into this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sets = [load_dataset(name, path) for name, path in options.sets]
        asked = asyncio.run(gather(sets, Path(folder)))
    result, found = report(asked, folds=options.folds)
    print(json.dumps(result, indent=2))
    if options.write:
        found.write(options.write)


if __name__ == "__main__":
    main()
