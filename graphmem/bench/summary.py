"""From the lines of a run to its result: metrics per variant and category, intervals, costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from graphmem.bench.baselines import BASELINES
from graphmem.bench.metrics import (
    Scores,
    mean,
    newer_above_older,
    paired,
    percentile,
    scores,
)
from graphmem.bench.runs import FULL_SEARCH, BenchRun, Line, read_object
from graphmem.bench.scoring import WRONG, scores_of
from graphmem.errors import UsageError

OVERALL = "overall"
_COMPARED = ("recall@5", "recall@10", "ndcg@10", "hit@1")
_COMPARED_SESSIONS = ("hit@1", "recall@5")
NEWER_ABOVE_OLDER = "newer above older"
_CURVE = 20


def summed_up(run: BenchRun) -> dict[str, Any]:
    """The result of a run whose questions have all been asked, written to its folder."""
    state = read_object(run.folder / "run.json")
    every = by_variant(run.lines())
    if not every:
        raise UsageError(f"{run.folder}: no question has been asked yet")
    lines = {name: found for name, found in every.items() if name not in (*BASELINES, *WRONG)}
    full = next(iter(lines.values()))
    plain = {name: every[name] for name in BASELINES if name in every}
    result: dict[str, Any] = {
        **state,
        "baselines": {name: _variant(found) for name, found in plain.items()},
        "against_baselines": {name: compare_results(full, found) for name, found in plain.items()},
        "scores": scores_of(full, {how: every[how] for how in WRONG if how in every}),
        "variants": {name: _variant(found) for name, found in lines.items()},
        "answers": _answers(run, full),
        "intervals": {
            name: compare_results(lines[FULL_SEARCH], found, flip=True)
            for name, found in lines.items()
            if FULL_SEARCH in lines and name != FULL_SEARCH
        },
    }
    run.finish(result)
    return result


def by_variant(lines: Iterable[Line]) -> dict[str, list[Line]]:
    """Lines by variant, in the order asked."""
    found: dict[str, list[Line]] = {}
    for line in lines:
        found.setdefault(line.variant, []).append(line)
    return found


def _variant(lines: Sequence[Line]) -> dict[str, Any]:
    categories = sorted({line.category for line in lines})
    groups = {OVERALL: lines, **{c: [x for x in lines if x.category == c] for c in categories}}
    ms = [line.ms for line in lines]
    return {
        "questions": len(lines),
        "units": _measured(groups, _unit_scores),
        "sessions": _measured(groups, _session_scores),
        "changes": _measured(groups, _change_scores),
        "curve": _curve(lines),
        "search_ms": {"p50": percentile(ms, 0.5), "p95": percentile(ms, 0.95)},
        "tokens": sum(line.tokens for line in lines) / len(lines),
        "by_size": _by_size(lines),
    }


def _measured(
    groups: Mapping[str, Sequence[Line]], score: Callable[[Line], Scores | None]
) -> dict[str, Any]:
    """The means of each group that has questions to be scored so."""
    tables = {name: _table(lines, score).values() for name, lines in groups.items()}
    return {
        name: {"questions": len(rows), **mean(list(rows))} for name, rows in tables.items() if rows
    }


def _unit_scores(line: Line) -> Scores | None:
    return scores(line.ranked, line.gold) if line.gold else None


def _session_scores(line: Line) -> Scores | None:
    return scores(line.ranked_sessions, line.gold_sessions) if line.gold_sessions else None


def _change_scores(line: Line) -> Scores | None:
    """Of a question whose answer changed: whether what holds stands above what it replaced."""
    newer = set(line.gold) - set(line.rivals)
    if not newer or not line.rivals:
        return None
    return {NEWER_ABOVE_OLDER: newer_above_older(line.ranked, newer, line.rivals)}


def _answers(run: BenchRun, lines: Sequence[Line]) -> dict[str, dict[str, float]]:
    """The mean of each score of the model's answers, per category; ``unusable`` is the share for
    which the model, or the judge, gave nothing that could be read, which counts as wrong."""
    category = {line.id: line.category for line in lines}
    found: dict[str, dict[str, list[float]]] = {}
    for id, answer in run.answers().items():
        measured = {
            **answer["scores"],
            "context_tokens": answer["context_tokens"],
            "unusable": "reason" in answer,
        }
        for group in (OVERALL, category.get(id, "other")):
            for name, value in measured.items():
                found.setdefault(group, {}).setdefault(name, []).append(float(value))
    return {
        group: {name: sum(values) / len(values) for name, values in metrics.items()}
        for group, metrics in sorted(found.items(), key=lambda pair: (pair[0] != OVERALL, pair[0]))
    }


def _curve(lines: Sequence[Line]) -> dict[str, list[float]]:
    """Recall at each k up to 20."""
    ks = range(1, _CURVE + 1)
    units = mean([scores(line.ranked, line.gold, ks) for line in lines if line.gold])
    sessions = mean(
        [scores(x.ranked_sessions, x.gold_sessions, ks) for x in lines if x.gold_sessions]
    )
    return {
        kind: [found[f"recall@{k}"] for k in ks]
        for kind, found in (("units", units), ("sessions", sessions))
        if found
    }


def _by_size(lines: Sequence[Line]) -> list[dict[str, float]]:
    """Latency by how many turns the corpus has."""
    sizes = sorted({line.corpus_turns for line in lines})
    return [
        {
            "turns": size,
            "p50": percentile([line.ms for line in lines if line.corpus_turns == size], 0.5),
            "p95": percentile([line.ms for line in lines if line.corpus_turns == size], 0.95),
        }
        for size in sizes
    ]


def compare_results(
    ours: Sequence[Line], theirs: Sequence[Line], *, flip: bool = False
) -> dict[str, dict[str, Any]]:
    """Ours minus theirs, per category and metric, with 95 % intervals over shared questions.

    With ``flip`` it reads as what leaving something out of ours to get theirs costs: theirs minus
    ours.
    """
    categories = (OVERALL, *sorted({line.category for line in ours}))
    found: dict[str, dict[str, Any]] = {}
    for category in categories:
        chosen = [
            [line for line in lines if category in (OVERALL, line.category)]
            for lines in (ours, theirs)
        ]
        differences: dict[str, Any] = {}
        for prefix, score, names in (
            ("", _unit_scores, _COMPARED),
            ("session ", _session_scores, _COMPARED_SESSIONS),
            ("", _change_scores, (NEWER_ABOVE_OLDER,)),
        ):
            tables = [_table(lines, score) for lines in (reversed(chosen) if flip else chosen)]
            for name in names:
                interval = paired(*({id: row[name] for id, row in t.items()} for t in tables))
                if interval is not None:
                    differences[prefix + name] = {**asdict(interval), "sure": interval.sure}
        found[category] = differences
    return found


def _table(lines: Sequence[Line], score: Callable[[Line], Scores | None]) -> dict[str, Scores]:
    return {line.id: found for line in lines if (found := score(line)) is not None}


def lines_of(folder: Path) -> list[Line]:
    """The lines of the full search in a run; of its only variant when it has no such."""
    every = by_variant(BenchRun(folder).lines())
    if not every:
        raise UsageError(f"{folder}: no run in this folder (no questions.jsonl)")
    found = {n: lines for n, lines in every.items() if n not in (*BASELINES, *WRONG)}
    if FULL_SEARCH not in found and len(found) > 1:
        raise UsageError(f"{folder}: no variant {FULL_SEARCH!r}; it has {', '.join(found)}")
    return found.get(FULL_SEARCH) or next(iter(found.values()))
