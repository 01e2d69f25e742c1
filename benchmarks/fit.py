"""Find how much each signal of a search should count: ``python -m benchmarks.fit LOCOMO.json``.

Every question of a LoCoMo file is asked, and what each signal says of every candidate is noted. The
weights are those under which each piece of a question's evidence gets most of a softmax over itself
and all that is no evidence (after ListNet's top one probability, Cao et al. 2007, but pieces of
evidence do not compete with each other), and its session some of one over all; none may change its
sign. With ``--folds`` each
conversation is measured with weights from all the others.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphmem import Settings, open_memory
from graphmem.engine import AsyncMemory
from graphmem.importers.locomo import read_locomo
from graphmem.model import Scope
from graphmem.retrieve.rank.ranking import RankedCandidates
from graphmem.retrieve.rank.weights import Weights, shipped_weights
from graphmem.retrieve.signals.registry import SIGNALS

Numbers = NDArray[np.float32]

_EVIDENCE = re.compile(r"D\d+:\d+")
_STEPS = 250
_RATE = 0.1
_DECAY = 3e-4
_LIMIT = 50  # as ``graphmem bench run`` asks
_SESSION = 0.3
"""What it counts that the best is from a session with evidence, against the evidence itself."""
_CLOSEST = 200
"""Candidates, by the weights at the start, that evidence is held against."""
_SHARPNESS = 20.0
"""By what a score is multiplied in the softmax: the weights of the signals add up to 1."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question: what the signals (rows) say of each candidate (columns)."""

    conversation: str
    category: int
    values: NDArray[np.float32]
    sources: tuple[str, ...]
    """The turn that each candidate is or states."""
    gold: frozenset[str]


def questions(path: Path) -> Iterator[tuple[str, str, int, frozenset[str]]]:
    """Conversation, question, category and evidence of each that has any."""
    for sample in json.loads(path.read_text("utf-8")):
        for asked in sample["qa"]:
            gold = frozenset(_EVIDENCE.findall(" ".join(asked["evidence"])))
            if gold:
                yield sample["sample_id"], asked["question"], int(asked["category"]), gold


async def gather(paths: Sequence[Path], folder: Path) -> list[Asked]:
    """All questions, asked of a memory that was told the conversations."""
    found = []
    memory = await open_memory(folder, settings=Settings.load({}))
    try:
        for path in paths:
            texts = iter([path.read_text("utf-8")])
            await memory.add_many([dict(item) for item in read_locomo(texts, path.name, None)])
            for count, (user, text, category, gold) in enumerate(questions(path)):
                if count % 100 == 0:
                    print(f"  {path.name}: {count} questions asked", file=sys.stderr)
                found.append(_noted(await _candidates(memory, text, user), user, category, gold))
    finally:
        await memory.close()
    return found


async def _candidates(memory: AsyncMemory, text: str, user: str) -> RankedCandidates:
    await memory._follow()
    view = memory._view(current=True)
    question = memory._question(text, _LIMIT, ("fact", "turn"), view, Scope(user_id=user))
    return await memory._retrieve.rank(question)


def _noted(ranked: RankedCandidates, user: str, category: int, gold: frozenset[str]) -> Asked:
    shown = [at for at, one in enumerate(ranked.inputs.candidates) if one.shown]
    turns = [ranked.inputs.candidates[at].context.turn for at in shown]
    values = np.stack([ranked.ranking.signal(name) for name in SIGNALS])[:, shown]
    # A turn that was too long for one is kept in parts: D1:3, D1:3#2.
    sources = tuple((turn.source_id or "").partition("#")[0] if turn else "" for turn in turns)
    return Asked(user, category, values.astype(np.float32), sources, gold)


def measured(asked: Sequence[Asked], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Recall at 5, recall at 10 and session hit at 1, over the distinct turns."""
    rows = []
    for one in asked:
        order = np.argsort(-(weights @ one.values), kind="stable")[:60]
        turns = list(dict.fromkeys(filter(None, (one.sources[at] for at in order))))[:10]
        sessions = {turn.partition(":")[0] for turn in one.gold}
        rows.append(
            (
                len(one.gold & set(turns[:5])) / len(one.gold),
                len(one.gold & set(turns)) / len(one.gold),
                bool(turns) and turns[0].partition(":")[0] in sessions,
            )
        )
    mean: NDArray[np.float64] = np.array(rows, dtype=np.float64).mean(axis=0)
    return mean


def fit(asked: Sequence[Asked], start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights by gradient descent (Adam) from ``start``, signs kept."""
    values, evidence, session, outside = _problem(asked, start)
    target = evidence / evidence.sum(axis=1, keepdims=True)
    learnt = np.array([signal.fitted for signal in SIGNALS.values()])
    sign = np.where(start < 0, -1.0, 1.0)
    weights, mean, spread = start * _SHARPNESS, np.zeros(len(start)), np.zeros(len(start))
    for step in range(1, _STEPS + 1):
        scores = values @ weights.astype(np.float32) + outside
        share = np.exp(scores - scores.max(axis=1, keepdims=True))
        others = (share * (1 - evidence)).sum(axis=1, keepdims=True)
        apart = np.where(evidence > 0, target / (share + others + 1e-12), 0.0)
        # By the score: what evidence lacks, and what others take from each piece of it.
        pull = share * (1 - evidence) * apart.sum(axis=1, keepdims=True) - others * apart
        share /= share.sum(axis=1, keepdims=True)
        inside = share * session
        pull += _SESSION * (share - inside / (inside.sum(axis=1, keepdims=True) + 1e-12))
        slope = np.einsum("qcs,qc->s", values, pull) / len(values) + _DECAY * weights
        slope = np.where(learnt, slope, 0.0)
        mean, spread = 0.9 * mean + 0.1 * slope, 0.99 * spread + 0.01 * slope**2
        move = (mean / (1 - 0.9**step)) / (np.sqrt(spread / (1 - 0.99**step)) + 1e-8)
        weights = weights - _RATE * (1 - step / (_STEPS + 1)) * move
        weights = np.where(weights * sign < 0, 0.0, weights)
    in_all = weights[learnt & (weights > 0)].sum()
    return np.where(learnt, weights / in_all, start)


def _problem(asked: Sequence[Asked], start: NDArray[np.float64]) -> tuple[Numbers, ...]:
    """Questions whose evidence is among the closest candidates: what the signals say (question,
    candidate, signal); which candidates are evidence, and which from its sessions; and what to add
    to the scores of those that are none at all."""
    values, evidence, session, outside = [], [], [], []
    for one in asked:
        order = np.argsort(-(start @ one.values), kind="stable")[:_CLOSEST]
        sources = [one.sources[at] for at in order]
        if one.gold.isdisjoint(sources):
            continue
        sessions = {turn.partition(":")[0] for turn in one.gold}
        empty = (0, _CLOSEST - len(order))
        values.append(np.pad(one.values[:, order].T, (empty, (0, 0))))
        evidence.append(np.pad([source in one.gold for source in sources], empty))
        session.append(np.pad([s.partition(":")[0] in sessions for s in sources], empty))
        outside.append(np.pad(np.zeros(len(order)), empty, constant_values=-np.inf))
    found = (values, evidence, session, outside)
    return tuple(np.stack(column).astype(np.float32) for column in found)


def as_weights(found: NDArray[np.float64]) -> Weights:
    return Weights({n: round(float(w), 4) for n, w in zip(SIGNALS, found, strict=True)})


def as_numbers(weights: Weights) -> NDArray[np.float64]:
    return np.array([weights.signals[name] for name in SIGNALS])


def report(asked: Sequence[Asked], *, folds: bool) -> tuple[dict[str, Any], Weights]:
    """What the shipped weights give, what fitted ones give, and what those of other folds give."""
    start = as_numbers(shipped_weights())
    found = as_weights(fit(asked, start))
    result: dict[str, Any] = {
        "questions": len(asked),
        "shipped": measured(asked, start).round(4).tolist(),
        "fitted": measured(asked, as_numbers(found)).round(4).tolist(),
    }
    if folds:
        left_out = {}
        for name in sorted({one.conversation for one in asked}):
            others = [one for one in asked if one.conversation != name]
            mine = [one for one in asked if one.conversation == name]
            left_out[name] = measured(mine, fit(others, start)).round(4).tolist()
            print(f"  {name}: {left_out[name]}", file=sys.stderr)
        result["held out"] = left_out
        result["held out, mean"] = np.mean(list(left_out.values()), axis=0).round(4).tolist()
    return result, found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fit", description=__doc__)
    parser.add_argument("locomo", type=Path, nargs="+", help="files in LoCoMo's format")
    parser.add_argument("--folds", action="store_true", help="hold out each conversation in turn")
    parser.add_argument("--write", type=Path, help="put the weights into this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asked = asyncio.run(gather(options.locomo, Path(folder) / "memory"))
    result, found = report(asked, folds=options.folds)
    print(json.dumps(result, indent=2))
    if options.write:
        found.write(options.write)


if __name__ == "__main__":
    main()
