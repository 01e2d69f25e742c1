"""How near in meaning two candidates are to each other, beside what the question says of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graphmem.retrieve.signals.inputs import SignalInputs

_FEW = 3  # candidates more that are near to nothing: of few, the mean says little
_MOST_SHARED = 3.0
_LEAST_RARE = 0.1
"""What a word counts, between this and 1, that all candidates have."""

_Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PairMeaning:
    """By pair of candidates: first (row) and second (column)."""

    near: _Numbers
    """How near the texts are, against how near all are to the first."""
    sentence: _Numbers
    """The same of the one sentence of the first that answers, with what is asked, and the nearest
    sentence of the second: a change is told in passing, among much else."""
    shared: _Numbers
    """How rare the words are that both have and the question has not."""


def compare_meaning(inputs: SignalInputs, best: Sequence[int]) -> PairMeaning:
    """What candidates (places) have in common, but for the people whom the question names."""
    vocabulary, beside = inputs.vocabulary, set(inputs.beside_people)
    words = [word for at, word in enumerate(inputs.words) if at in beside]
    asked = vocabulary.rows([word for word in words if word not in inputs.question.event] or words)
    people = vocabulary.rows([word for at, word in enumerate(inputs.words) if at not in beside])
    texts = [inputs.texts[place] for place in best]
    # Of all texts at once: one by one it took longer than all that comes after it.
    lengths = [len(text.words) for text in texts]
    starts = np.cumsum([0, *lengths])
    every = np.concatenate([*(text.words for text in texts), asked])
    used, where = np.unique(every, return_inverse=True)
    in_texts, in_question = where[: starts[-1]], where[starts[-1] :]
    nothing, kept = used == asked[0], ~np.isin(used, people)
    has = np.zeros((len(texts), len(used)), dtype=np.bool_)
    has[np.repeat(np.arange(len(texts)), lengths), in_texts] = kept[in_texts]
    different = max(2, len({text.text for text in texts})) + 1
    rare = np.log(different / np.maximum(has.sum(axis=0), 1)) / np.log(different)
    rare = np.where(nothing, 0.0, np.maximum(rare, _LEAST_RARE))
    vectors = vocabulary.vectors(used)
    weighed = vectors * rare[:, None]
    others = has & ~np.isin(used, asked)
    shared = np.minimum((others * rare) @ others.T, _MOST_SHARED)
    # What is near to nothing stays, so that no text is nothing at all.
    plain = vectors[in_texts] * kept[in_texts, None]
    whole = _unit(np.add.reduceat(plain, starts[:-1], axis=0) + vectors[nothing])
    until = np.cumsum(weighed[in_texts] * kept[in_texts, None], axis=0)
    until = np.concatenate([np.zeros((1, until.shape[1])), until])
    bounds = [start + np.array(text.sentences) for start, text in zip(starts, texts, strict=False)]
    sums = [until[of_text[:, 1]] - until[of_text[:, 0]] for of_text in bounds]
    asked_for: _Numbers = weighed[in_question].sum(axis=0)
    return PairMeaning(_against_all(whole @ whole.T), _sentences(sums, asked_for), shared)


def _sentences(sums: Sequence[_Numbers], asked: _Numbers) -> _Numbers:
    """How near the best sentence of each candidate, with what is ``asked``, is to the nearest of
    each other; given the sums of the words of all."""
    starts = np.cumsum([0, *[len(of_text) for of_text in sums[:-1]]])
    every = np.concatenate(sums)
    unit = _unit(every)
    to_question = unit @ _unit(asked)
    answers = [
        start + int(np.argmax(to_question[start : start + len(of_text)]))
        for start, of_text in zip(starts, sums, strict=True)
    ]
    near = _unit(every[answers] + asked) @ unit.T
    return _against_all(np.maximum(np.maximum.reduceat(near, starts, axis=1), 0.0))


def _against_all(near: _Numbers) -> _Numbers:
    against: _Numbers = near - (near.sum(axis=1, keepdims=True) - 1) / (len(near) + _FEW)
    return against


def _unit(vectors: _Numbers) -> _Numbers:
    unit: _Numbers = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    return unit
