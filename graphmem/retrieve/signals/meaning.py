"""Signals from the words of texts, as near as they are in meaning to those of the question.

Of a text's words the best counts for each word of the question, and as much as that is rare here. A
turn is judged by its own words, by the turns beside it, and by its session; a fact by its own words
and by what surrounds the turn that states it.
"""

from __future__ import annotations

import numpy as np

from graphmem.retrieve.signals.inputs import BESIDE, Column, Columns, SignalInputs, scaled

_BEST_OF_SESSION = 4


def measure_meaning(inputs: SignalInputs, _: Columns) -> Columns:
    """``meaning`` and what is named after it, and ``pairs``."""
    near, rare, positions = inputs.likeness, inputs.rarity, inputs.positions
    # Who answers leaves out what was asked: the words of the question count as the answer's own.
    asking = np.array([text.questions for text in inputs.texts], dtype=np.float32)
    answer = np.maximum(near, positions.beside(near * asking, -1))
    answer = np.maximum(answer, answer[:, positions.context])
    around = np.maximum(positions.beside(near, -1), positions.beside(near, 1))
    window = np.maximum(near, BESIDE * around)
    window = np.maximum(window, window[:, positions.context])
    whole = (rare * window).sum(axis=0)
    best = np.zeros_like(window.T)
    np.maximum.at(best, positions.session, window.T)
    beyond = np.maximum(positions.beside(whole, -2), positions.beside(whole, 2))
    return {
        "meaning": scaled((rare * near).sum(axis=0)),
        "meaning_window": scaled(whole),
        "meaning_beyond": scaled(beyond[positions.context]),
        "meaning_session": scaled((rare * best[positions.session].T).sum(axis=0)),
        "meaning_best": scaled(positions.best_of_session(whole, _BEST_OF_SESSION)),
        "meaning_answer": scaled((rare * answer).sum(axis=0)),
        "pairs": _pairs(inputs),
    }


def _pairs(inputs: SignalInputs) -> Column:
    """How many pairs of words that stand side by side in the question do so in each text."""
    sequence, texts, vocabulary = inputs.question.sequence, inputs.texts, inputs.vocabulary
    counts = np.zeros(len(texts), dtype=np.float32)
    if len(sequence) < 2 or not texts:
        return counts
    rows = vocabulary.rows(sequence)[1:].astype(np.int64)
    words = np.concatenate([text.words for text in texts]).astype(np.int64)
    of_text = np.repeat(np.arange(len(texts)), [len(text.words) for text in texts])
    there = np.isin((words[:-1] << 32) + words[1:], (rows[:-1] << 32) + rows[1:])
    np.add.at(counts, of_text[:-1][there], 1.0)
    return scaled(counts)
