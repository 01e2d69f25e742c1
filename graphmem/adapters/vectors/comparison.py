"""Points as they are stored, compared with what they should be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphmem.adapters.vectors.bm25 import Sparse
from graphmem.ports.vectors import Vector

_NEAR = 1e-4
"""How far two numbers of a unit vector may be apart: engines store what they were given in 32 bits,
made to length 1 once more."""


def same_payload(stored: Mapping[str, Any] | None, made: Mapping[str, Any]) -> bool:
    return stored == made or bool(_plain(stored or {}) == _plain(made))


def same_words(stored: tuple[Sequence[int], Sequence[float]] | None, made: Sparse | None) -> bool:
    """Terms with their weights; a text without any word has none, or an empty list."""
    indices, values = stored or ((), ())
    if made is not None and list(indices) == list(made[0]):
        return all(map(_near, values, made[1]))
    wanted = dict(zip(*(made or ((), ())), strict=True))
    found = dict(zip(indices, values, strict=True))
    return found.keys() == wanted.keys() and all(
        _near(found[index], weight) for index, weight in wanted.items()
    )


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= _NEAR


def differing_vectors(
    stored: Sequence[Sequence[float] | None], made: Sequence[Vector]
) -> list[bool]:
    """For each, whether it is another direction. All at once: numbers are slow one by one."""
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
    """Equal however an engine gives lists of one and numbers back."""
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items() if one is not None}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
