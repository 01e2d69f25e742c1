"""Signals from the form of a text: whether it could be an answer of the kind that is asked for, and
who says it."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np

from graphmem.retrieve.signals.inputs import Column, Columns, SignalInputs
from graphmem.text import words


def measure_form(inputs: SignalInputs, _: Columns) -> Columns:
    """``names``, ``times``, ``numbers``, ``length``, ``asks``, ``answers`` and ``speaker``."""
    question, texts = inputs.question, inputs.texts
    nothing = np.zeros(len(texts), dtype=np.float32)

    def each(values: Iterable[float], wanted: bool = True) -> Column:
        return np.fromiter(values, np.float32, len(texts)) if wanted else nothing

    speakers = speakers_named(question.content, inputs.speakers)
    spoken = (c.turn is not None and c.turn.speaker in speakers for c in inputs.contexts)
    asking = each(text.questions for text in texts)
    return {
        "names": each((text.names for text in texts), question.who_or_where),
        "times": each((text.times for text in texts), question.when),
        "numbers": each((text.numbers for text in texts), question.how_many),
        "length": each(text.length for text in texts),
        "asks": each(text.asks for text in texts),
        "answers": inputs.positions.beside(asking, -1)[inputs.positions.context],
        "speaker": each(spoken, len(speakers) == 1),
    }


def speakers_named(content: Collection[str], speakers: Collection[str]) -> set[str]:
    """The speakers of whom a word of the name is among these words."""
    asked = set(content)
    return {speaker for speaker in speakers if asked.intersection(words(speaker))}
