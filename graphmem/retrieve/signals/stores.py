"""Signals from what the vector store said: BM25 and dense scores of a text, of what stands around
it, and of its session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from graphmem.retrieve.signals.inputs import Column, Columns, SignalInputs, scaled


def measure_stores(inputs: SignalInputs, _: Columns) -> Columns:
    """``bm25``, ``session``, ``dense``, ``dense_window``, ``dense_session``."""
    ids, scores, positions = inputs.ids, inputs.scores, inputs.positions
    own, context = _column(scores.bm25, ids), positions.context
    window, session = own[context], _column(scores.session, positions.episodes)
    # A fact that is not from an indexed conversation is its own window and session.
    fact = np.array([text.turn is None for text in inputs.texts], dtype=bool)
    window = np.where(fact & (window == 0), own, window)
    session = np.where(fact & (session == 0), own, session)
    lowest = min(scores.dense.values(), default=0.0)
    near = np.maximum(_column(scores.dense, ids, lowest) - np.float32(lowest), 0)
    near_window = (near[context] + positions.beside(near, -1) + positions.beside(near, 1)) / 3
    return {
        "bm25": scaled(window),
        "session": scaled(session),
        "dense": scaled(near),
        "dense_window": scaled(near_window),
        "dense_session": scaled(positions.best_of_session(near, 1)),
    }


def _column(scores: Mapping[str, float], ids: Sequence[str], otherwise: float = 0.0) -> Column:
    return np.array([scores.get(id, otherwise) for id in ids], dtype=np.float32)
