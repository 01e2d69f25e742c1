"""Signals from when something was said: on a day, in a month or year, before or after an event that
the question names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import numpy as np

from graphmem.retrieve.signals.inputs import BESIDE, Column, Columns, SignalInputs

_THAT_EVENT = 0.5
"""Of the words for an event, so much must be in a text and beside it to tell when it was."""


def measure_dates(inputs: SignalInputs, _: Columns) -> Columns:
    """``day``, ``month``, ``year`` and ``event``."""
    question, nothing = inputs.question, np.zeros(len(inputs.candidates), dtype=np.float32)

    def each(of: Callable[[datetime | None], float], wanted: bool) -> Column:
        return np.array([of(at) for at in inputs.times], dtype=np.float32) if wanted else nothing

    return {
        "day": each(question.day_of, bool(question.days)),
        "month": each(question.month_of, bool(question.months)),
        "year": each(question.year_of, bool(question.years)),
        "event": _event(inputs),
    }


def _event(inputs: SignalInputs) -> Column:
    """1 for what is from the side of an event that the question says: before or after the moment of
    the text that has most of the words for it."""
    question, positions, times = inputs.question, inputs.positions, inputs.times
    side = np.zeros(len(inputs.candidates), dtype=np.float32)
    about = [n for n, word in enumerate(inputs.words) if word in question.event]
    if not question.side or not about or not inputs.candidates:
        return side
    near = inputs.likeness[about]
    rare = inputs.rarity[about]
    around = np.maximum(positions.beside(near, -1), positions.beside(near, 1))
    covered = (rare * np.maximum(near, BESIDE * around)).sum(axis=0)
    best = int(np.argmax(covered))
    then = times[best]
    if then is None or covered[best] < _THAT_EVENT * float(rare.sum()):
        return side
    for n, at in enumerate(times):
        side[n] = at is not None and (at <= then if question.side < 0 else at >= then)
    return side
