"""What two candidates have in common, beside what the question says of both, and what one of them
has alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graphmem.retrieve.candidates.text_analysis import AnalysedText, content_words, topics_of
from graphmem.retrieve.signals.inputs import SignalInputs

_FEW = 3  # candidates more that are near to nothing: of few, the mean says little
_MOST_SHARED, _MOST_TOPICS = 3.0, 3
_LEAST_RARE = 0.1
"""What a word counts, between this and 1, that all candidates have."""
_ALIKE = 0.25  # words less alike than this have nothing to do with each other
_LOOKED_AT = 60  # words of a text that are compared one by one

_Numbers = NDArray[np.float64]
_Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class PairMeaning:
    """By pair of candidates: first (row) and second (column)."""

    shared: _Numbers
    """How rare the words are that both have and the question has not."""
    sentence: _Numbers
    """How near the sentence of the first that answers, with what is asked, is to the nearest
    sentence of the second: a change is told in passing, among much else."""
    akin: _Numbers
    """How near, and how rare, the nearest two words are of the second, and of the question or the
    first."""
    subject: _Numbers
    """How far from all words of the question and the first that is which the second begins with."""
    different: _Numbers
    """Which share of the words of the second the first has not."""


@dataclass(frozen=True, slots=True)
class _Words:
    """The different words of some texts and of what is asked, but for people that it names."""

    rows: NDArray[np.int32]
    """In the vocabulary."""
    where: NDArray[np.intp]
    """Of each word of all texts, and last of what is asked, its place in ``rows``."""
    starts: NDArray[np.intp]
    """In ``where``, by text; last where what is asked begins."""
    has: _Flags
    """By text and word."""
    asked: _Flags
    rare: _Numbers


def compare_meaning(inputs: SignalInputs, best: Sequence[int], firsts: int) -> PairMeaning:
    """What candidates (places) have in common, but for the people whom the question names; all
    but ``shared`` and ``sentence`` of the first ``firsts`` rows only."""
    texts = [inputs.texts[place] for place in best]
    words = _words_of(inputs, texts)
    others = words.has & ~words.asked
    shared = np.minimum((others * words.rare) @ others.T, _MOST_SHARED)
    plain = inputs.vocabulary.vectors(words.rows) * words.rare[:, None]
    asked_for: _Numbers = plain[words.where[words.starts[-1] :]].sum(axis=0)
    return PairMeaning(
        shared,
        _sentences(*_sums(words, texts, plain), asked_for),
        *_word_by_word(inputs, texts, words, firsts),
    )


def _sums(
    words: _Words, texts: Sequence[AnalysedText], plain: _Numbers
) -> tuple[_Numbers, NDArray[np.intp]]:
    """The sum of the words of each sentence of all texts, and where those of each text begin."""
    bounds = np.concatenate(
        [start + np.array(t.sentences) for start, t in zip(words.starts, texts, strict=False)]
    )
    # From a start to its end, and from there to the next start, which nobody asks for. The last end
    # is where what is asked begins, which has a word at least.
    of_words = plain[words.where[: words.starts[-1] + 1]]
    sums: _Numbers = np.add.reduceat(of_words, bounds.ravel(), axis=0)[::2]
    return sums, np.cumsum([0, *[len(text.sentences) for text in texts[:-1]]])


def _words_of(inputs: SignalInputs, texts: Sequence[AnalysedText]) -> _Words:
    vocabulary, beside = inputs.vocabulary, set(inputs.beside_people)
    names = [word for at, word in enumerate(inputs.words) if at in beside]
    asked = vocabulary.rows([word for word in names if word not in inputs.question.event] or names)
    people = vocabulary.rows([word for at, word in enumerate(inputs.words) if at not in beside])
    # Of all texts at once: one by one it took longer than all that comes after it.
    used, where = np.unique(
        np.concatenate([*(text.words for text in texts), asked]), return_inverse=True
    )
    starts = np.cumsum([0, *[len(text.words) for text in texts]])
    kept = (used != asked[0]) & ~np.isin(used, people)
    has = np.zeros((len(texts), len(used)), dtype=np.bool_)
    has[np.repeat(np.arange(len(texts)), np.diff(starts)), where[: starts[-1]]] = True
    has &= kept
    different = max(2, len({text.text for text in texts})) + 1
    rare = np.log(different / np.maximum(has.sum(axis=0), 1)) / np.log(different)
    rare = np.maximum(rare, _LEAST_RARE) * kept
    return _Words(used, where, starts, has, np.isin(used, asked) & kept, rare)


def _word_by_word(
    inputs: SignalInputs, texts: Sequence[AnalysedText], words: _Words, firsts: int
) -> tuple[_Numbers, _Numbers, _Numbers]:
    """``akin``, ``subject`` and ``different`` of :class:`PairMeaning`: each word by itself."""
    looked_at = np.zeros_like(words.has)
    for row, (start, text) in enumerate(zip(words.starts, texts, strict=False)):
        looked_at[row, words.where[start : start + min(len(text.words), _LOOKED_AT)]] = True
    looked_at &= words.has
    column = {int(word): at for at, word in enumerate(words.rows)}
    subjects = [_columns(inputs, text, column) for text in texts]
    akin, subject, different = (np.zeros((len(texts), len(texts))) for _ in range(3))
    amount = np.maximum(looked_at.sum(axis=1), 1)
    seen = np.flatnonzero(looked_at.any(axis=0) | words.asked)
    vectors, rare = inputs.vocabulary.vectors(words.rows[seen]), words.rare[seen]
    there, asked = looked_at[:, seen], words.asked[seen]
    for row in range(min(firsts, len(texts))):
        known = np.flatnonzero(there[row] | asked)
        like = vectors[known] @ vectors.T
        like[like < _ALIKE] = 0.0
        far = np.ones(len(words.rows))
        far[seen] = 1 - like.max(axis=0, initial=0.0)
        subject[row] = [far[at].max(initial=0.0) for at in subjects]
        akin_to = (like * np.minimum(rare[known][:, None], rare)).max(axis=0, initial=0.0)
        akin[row] = (there * akin_to).max(axis=1, initial=0.0)
        different[row] = (there & ~there[row]).sum(axis=1) / amount
    return akin, subject, different


def _sentences(every: _Numbers, starts: NDArray[np.intp], asked: _Numbers) -> _Numbers:
    """How near the best sentence of each candidate, with what is ``asked``, is to the nearest of
    each other, against how near all are to it; given the sums of the words of all."""
    unit = _unit(every)
    to_question = unit @ _unit(asked)
    ends = [*starts[1:], len(every)]
    answers = [
        start + int(np.argmax(to_question[start:end]))
        for start, end in zip(starts, ends, strict=True)
    ]
    near = _unit(every[answers] + asked) @ unit.T
    near = np.maximum(np.maximum.reduceat(near, starts, axis=1), 0.0)
    against: _Numbers = near - (near.sum(axis=1, keepdims=True) - 1) / (len(near) + _FEW)
    return against


def _unit(vectors: _Numbers) -> _Numbers:
    unit: _Numbers = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    return unit


def margin_over_others(values: _Numbers, newer: _Flags) -> _Numbers:
    """By pair, how far its value exceeds the best that the second has with any other text that is
    older than it."""
    older = np.where(newer, values, 0.0)
    most = older.max(axis=0)
    at_most = older.argmax(axis=0)
    rest = older.copy()
    rest[at_most, np.arange(len(values))] = 0.0
    other = np.where(np.arange(len(values))[:, None] == at_most, rest.max(axis=0), most)
    found: _Numbers = values - other
    return found


def shared_topics(question: Sequence[str], texts: Sequence[AnalysedText]) -> _Numbers:
    """By text from 0 to 1, of how many things of everyday life both speak: a flat, work, a
    price."""
    asked = topics_of(question)
    found = [len(asked & text.topics) if asked else 0 for text in texts]
    share: _Numbers = np.minimum(np.array(found), _MOST_TOPICS) / _MOST_TOPICS
    return share


def _columns(inputs: SignalInputs, text: AnalysedText, column: dict[int, int]) -> NDArray[np.intp]:
    if not text.subject:
        return np.zeros(0, dtype=np.intp)
    rows = inputs.vocabulary.rows(content_words(text.subject))[1:].tolist()
    return np.array([column[row] for row in rows if row in column], dtype=np.intp)
