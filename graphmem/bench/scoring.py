"""What the scores of a run are worth: whether they tell what is answered from what cannot be.

``auc`` is the share of pairs, one question that is asked of the right memory and one of the wrong,
in which the right one has the higher ``answerable`` (ties count half). Reliability holds what
scores say against what came true: of all hits that score about .3, three in ten should be gold.
Questions of the right memory and of the wrong count alike, however many there are of either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphmem.bench.runs import Line
from graphmem.bench.wrong import OTHER, RENAMED
from graphmem.retrieve.rank.likelihood import SUGGESTED_MIN_SCORE

WRONG = (OTHER, RENAMED)
_SHOWN = 10
_BINS = 10

_Numbers = NDArray[np.float64]


def scores_of(right: Sequence[Line], wrong: Mapping[str, Sequence[Line]]) -> dict[str, Any]:
    """Of questions with gold, and of the same asked wrongly, by how; nothing without any."""
    asked = [line for line in right if line.gold and line.scores]
    if not asked or not wrong:
        return {}
    whole = [len(set(line.ranked[:_SHOWN]) & set(line.gold)) / len(line.gold) for line in asked]
    kept = [found * (not _refused(line)) for found, line in zip(whole, asked, strict=True)]
    of_right = np.array([line.answerable for line in asked])
    return {
        "min_score": SUGGESTED_MIN_SCORE,
        "recall@10": float(np.mean(whole)),
        "recall@10 kept": float(np.mean(kept)),
        "wrong": {
            how: {
                "questions": len(lines),
                "auc": auc(of_right, np.array([line.answerable for line in lines])),
                "refused": float(np.mean([_refused(line) for line in lines])),
            }
            for how, lines in wrong.items()
        },
        "reliability": _reliability(asked, wrong[OTHER]),
    }


def auc(higher: _Numbers, lower: _Numbers) -> float:
    """How often one of the first is above one of the second."""
    order = np.sort(lower)
    below, upto = (np.searchsorted(order, higher, side=side) for side in ("left", "right"))
    return float(((below + upto) / 2).mean() / len(lower))


def reliability(predicted: _Numbers, true: _Numbers, counts: _Numbers) -> dict[str, Any]:
    """What scores predicted against the share that came true, in ten steps of the score; ``error``
    is how far they are apart on average (expected calibration error)."""
    step = np.minimum((predicted * _BINS).astype(int), _BINS - 1)
    points = []
    for at in range(_BINS):
        inside = step == at
        total = float(counts[inside].sum())
        if total:
            mean = [float((of * counts)[inside].sum() / total) for of in (predicted, true)]
            points.append(
                {"predicted": mean[0], "came true": mean[1], "share": total / float(counts.sum())}
            )
    error = sum(point["share"] * abs(point["predicted"] - point["came true"]) for point in points)
    return {"points": points, "error": error}


def _reliability(right: Sequence[Line], wrong: Sequence[Line]) -> dict[str, Any]:
    lines = [*right, *wrong]
    each = np.array([1 / len(right)] * len(right) + [1 / max(1, len(wrong))] * len(wrong))
    found = [bool(set(line.ranked[:_SHOWN]) & set(line.gold)) for line in lines]
    hits = [
        (score, unit in gold, count)
        for line, count in zip(lines, each, strict=True)
        for gold in (set(line.gold),)
        for score, unit in zip(line.scores[:_SHOWN], line.ranked, strict=False)
    ]
    predicted, true, counts = np.array(hits, dtype=np.float64).reshape(-1, 3).T
    answerable = np.array([line.answerable for line in lines])
    return {
        "answerable": reliability(answerable, np.array(found, dtype=np.float64), each),
        "hits": reliability(predicted, true, counts),
    }


def _refused(line: Line) -> bool:
    """Whether nothing comes back at the suggested ``min_score``."""
    return line.answerable < SUGGESTED_MIN_SCORE
