"""Compares points as Qdrant stores them with what they should be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from graphmem.adapters.vectors.bm25 import Sparse
from graphmem.adapters.vectors.payload import BM25, DENSE, WINDOW, sparse_vectors
from graphmem.ports.vectors import Point, Vector

_NEAR = 1e-4
"""How far two numbers of a unit vector may differ: engines round to 32 bits and normalise again."""


def differing_points(
    points: Sequence[Point],
    records: Iterable[Any],
    payload_of: Callable[[Point], Mapping[str, Any]],
) -> set[str]:
    """The ids of points without a record, or with a different one. Records are the engine's: with
    ``id``, ``payload``, and ``vector``, which maps names to vectors. ``payload_of`` returns the
    payload that a point should have."""
    stored = {str(record.id): record for record in records}
    found: set[str] = set()
    dense: list[Point] = []
    for point in points:
        record = stored.get(point.id)
        if (
            record is None
            or not _same_payload(record.payload or {}, payload_of(point))
            or not _same_words(record.vector or {}, sparse_vectors(point))
        ):
            found.add(point.id)
        elif point.dense is not None:
            dense.append(point)
    apart = _other_directions(
        [(stored[point.id].vector or {}).get(DENSE) for point in dense],
        [point.dense for point in dense if point.dense is not None],
    )
    return found | {point.id for point, other in zip(dense, apart, strict=True) if other}


def _same_payload(stored: Mapping[str, Any], made: Mapping[str, Any]) -> bool:
    return stored == made or bool(_plain(stored) == _plain(made))


def _same_words(vectors: Mapping[str, Any], made: Mapping[str, Sparse]) -> bool:
    """Whether all terms and weights are the same. A text without words has no vector or an empty
    one."""
    for name in (BM25, WINDOW):
        one = vectors.get(name)
        found = {} if one is None else dict(zip(one.indices, one.values, strict=True))
        wanted = dict(zip(*made.get(name, ((), ())), strict=True))
        if found.keys() != wanted.keys():
            return False
        if found != wanted and not all(abs(found[t] - one) <= _NEAR for t, one in wanted.items()):
            return False
    return True


def _other_directions(
    stored: Sequence[Sequence[float] | None], made: Sequence[Vector]
) -> list[bool]:
    """For each pair, whether the directions differ. Computed for all at once, for speed."""
    if not made:
        return []
    wanted = np.stack([np.asarray(one, dtype=np.float32) for one in made])
    lengths = np.linalg.norm(wanted, axis=1, keepdims=True)
    wanted = (wanted / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    size = wanted.shape[1]
    found = np.asarray(
        [one if one is not None and len(one) == size else [np.nan] * size for one in stored],
        dtype=np.float32,
    )
    apart = ~(np.abs(found - wanted).max(axis=1) <= _NEAR)
    return [bool(one) for one in apart]


def _plain(value: Any) -> Any:
    """A value in a form that compares equal: without None in mappings, and with tuples as lists."""
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items() if one is not None}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
