"""Points for tests of vector stores, and what a search over them must find."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from graphmem.adapters.vectors import bm25
from graphmem.filters import matches
from graphmem.ports.vectors import (
    Collection,
    Only,
    Point,
    Scored,
    Vector,
    VectorChanges,
    VectorQuery,
)

SIZE = 8
TOLERANCE = 1e-4
TENANT = "default/user:ada"
OTHER = "default/user:ben"


def uid(number: int) -> str:
    """The id of the number-th test point."""
    return str(uuid.UUID(int=number))


def unit(seed: int, size: int = SIZE) -> Vector:
    """A random unit vector, the same for the same seed."""
    vector = np.random.default_rng(seed).normal(size=size).astype(np.float32)
    return vector / np.float32(np.linalg.norm(vector))


def point(number: int, text: str = "some words", tenant: str = TENANT, **more: Any) -> Point:
    return Point(uid(number), tenant, text, more.pop("dense", unit(number)), **more)


def put(*points: Point, into: Collection = "facts") -> VectorChanges:
    return VectorChanges(points={into: points})


def drop(*ids: str, out_of: Collection = "facts") -> VectorChanges:
    return VectorChanges(removed={out_of: ids})


def expected_scores(points: Iterable[Point], query: VectorQuery) -> dict[str, float]:
    """What a search must find, by brute force over all points of one collection."""
    inside = [p for p in points if p.tenant == query.only.tenant]
    if query.dense is not None:
        scores = {p.id: _cosine(p.dense, query.dense) for p in inside if p.dense is not None}
    else:
        scores = _bm25_scores(inside, query.text or "", around=query.around)
    return {p.id: scores[p.id] for p in inside if p.id in scores and _visible(p, query.only)}


def _cosine(a: Vector, b: Vector) -> float:
    lengths = float(np.linalg.norm(a)) * float(np.linalg.norm(b))
    return float(np.dot(a.astype(np.float64), b.astype(np.float64))) / lengths if lengths else 0.0


def _bm25_scores(inside: Sequence[Point], text: str, *, around: bool) -> dict[str, float]:
    read = {p.id: p.window if around else p.text for p in inside}
    documents = {
        id: dict(zip(*bm25.document(text), strict=True))
        for id, text in read.items()
        if text is not None
    }
    asked = dict(zip(*bm25.query(text), strict=True))
    scores: dict[str, float] = {}
    for point_id, weights in documents.items():
        shared = asked.keys() & weights.keys()
        if shared:
            scores[point_id] = sum(
                asked[term] * weights[term] * _idf(term, list(documents.values()))
                for term in shared
            )
    return scores


def _idf(term: int, documents: Sequence[Mapping[int, float]]) -> float:
    count = sum(term in weights for weights in documents)
    return math.log(1 + (len(documents) - count + 0.5) / (count + 0.5))


def _visible(p: Point, only: Only) -> bool:
    ends = [end for end in (p.invalid_at, p.expires_at, p.archived_at) if end is not None]
    return (
        (only.agent_id is None or only.agent_id in p.agent_ids)
        and (only.run_id is None or only.run_id in p.run_ids)
        and (only.ended_by is None or all(end > only.ended_by for end in ends) != only.past)
        and (only.where is None or matches(only.where, p.fields))
    )


def check_hits(hits: Sequence[Scored], expected: Mapping[str, float], limit: int) -> None:
    """The best ``limit`` of ``expected``, by falling score and then id, scores to 1e-4."""
    assert len(hits) == min(limit, len(expected))
    assert len({hit.id for hit in hits}) == len(hits)
    for hit in hits:
        assert hit.id in expected
        assert hit.score == pytest.approx(expected[hit.id], abs=TOLERANCE)
    assert list(hits) == sorted(hits, key=lambda hit: (-hit.score, hit.id))
    left_out = expected.keys() - {hit.id for hit in hits}
    if hits and left_out:
        assert hits[-1].score >= max(expected[i] for i in left_out) - TOLERANCE


def check_same(after: Sequence[Sequence[Scored]], before: Sequence[Sequence[Scored]]) -> None:
    """The same hits in the same order; scores to the rounding of a differently cut product."""
    assert [[hit.id for hit in hits] for hits in after] == [
        [hit.id for hit in hits] for hits in before
    ]
    for now, then in zip(after, before, strict=True):
        for hit, was in zip(now, then, strict=True):
            assert hit.score == pytest.approx(was.score, abs=1e-6)
