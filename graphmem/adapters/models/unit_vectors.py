"""What every embedder does to vectors before it hands them out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from graphmem.errors import ModelError
from graphmem.ports.vectors import Vector


def nothing(size: int) -> Vector:
    """The vector of a text in which there is nothing to embed: the first axis. Any fixed one keeps
    the cosine defined; such a text is as near to every other as chance has it."""
    vector = np.zeros(size, dtype=np.float32)
    vector[0] = 1.0
    return vector


def unit_rows(rows: NDArray[np.floating], name: str) -> list[Vector]:
    """Each row at length 1. :class:`ModelError` for a row whose length is not finite or zero."""
    wide = rows.astype(np.float64)
    with np.errstate(over="ignore"):
        lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    if not np.isfinite(lengths).all():
        raise ModelError(
            f"{name}: a vector holds infinite numbers or none at all (NaN); the model or its "
            "server is at fault: try another model, or a newer server",
            retryable=False,
        )
    if not lengths.all():
        raise ModelError(
            f"{name}: a vector is all zeros, which is near to nothing; is this a model for "
            "embeddings?",
            retryable=False,
        )
    return list((wide / lengths).astype(np.float32))


def fill_zeros(rows: NDArray[np.floating]) -> NDArray[np.floating]:
    """Rows of zeros, which some models give for texts without a token, become :func:`nothing`."""
    empty = ~rows.any(axis=1)
    if not empty.any():
        return rows
    filled = rows.copy()
    filled[empty] = nothing(rows.shape[1])
    return filled
