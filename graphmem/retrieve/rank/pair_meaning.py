"""Compares the meaning of pairs of candidates: what they share beyond the words of the question,
and what only one of them has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graphmem.retrieve.candidates.text_analysis import AnalysedText, content_words, topics_of
from graphmem.retrieve.signals.inputs import SignalInputs, products

_FEW = 3  # added to the count in a mean over candidates, which says little when they are few
_MOST_SHARED, _MOST_TOPICS = 3.0, 3
_LEAST_RARE = 0.1
"""The least rarity, that of a word which all candidates have; the highest is 1."""
_ALIKE = 0.25  # words with a lower cosine than this are treated as unrelated
_LOOKED_AT = 60  # first words of a text that are compared one by one

_Numbers = NDArray[np.float64]
_Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class PairMeaning:
    """Matrices over pairs of candidates: the first is the row, the second the column."""

    shared: _Numbers
    """The summed rarity of words that are in both and not in the question, at most 3."""
    sentence: _Numbers
    """The similarity of the first's best answering sentence, plus the question, to the nearest
    sentence of the second, less its mean over all. Sentences are compared because a text may state
    a change in one of many."""
    akin: _Numbers
    """The best match of a word of the second with one of the question or the first: their cosine
    times the lower rarity."""
    subject: _Numbers
    """1 minus the cosine of the second's subject to the nearest word of the question or the first;
    the highest, if the subject has several words."""
    different: _Numbers
    """The share of the second's words that the first lacks."""


@dataclass(frozen=True, slots=True)
class _Words:
    """The distinct words of some texts and of the question; people that it names are in none of the
    masks."""

    rows: NDArray[np.int32]
    """The row of each word in the vocabulary."""
    where: NDArray[np.intp]
    """The index in ``rows`` of each word of all texts, and after them of the question."""
    starts: NDArray[np.intp]
    """Where each text begins in ``where``, and last where the question begins."""
    has: _Flags
    """Whether a text (row) has a word (column)."""
    asked: _Flags
    rare: _Numbers


def compare_meaning(inputs: SignalInputs, best: Sequence[int], firsts: int) -> PairMeaning:
    """Compare the candidates at the places ``best``, leaving out people whom the question names.
    Except for ``shared`` and ``sentence``, only the first ``firsts`` rows are computed."""
    texts = [inputs.texts[place] for place in best]
    words = _words_of(inputs, texts)
    others = (words.has & ~words.asked).astype(np.float64)
    shared = np.minimum(products(others * words.rare, others), _MOST_SHARED)
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
    """The vector sum of each sentence of all texts, and the index of each text's first sentence."""
    bounds = np.concatenate(
        [start + np.array(t.sentences) for start, t in zip(words.starts, texts, strict=False)]
    )
    # ``reduceat`` sums from each bound to the next: every second sum is a gap between sentences and
    # is dropped. The last bound is the question's first word, which always exists.
    of_words = plain[words.where[: words.starts[-1] + 1]]
    sums: _Numbers = np.add.reduceat(of_words, bounds.ravel(), axis=0)[::2]
    return sums, np.cumsum([0, *[len(text.sentences) for text in texts[:-1]]])


def _words_of(inputs: SignalInputs, texts: Sequence[AnalysedText]) -> _Words:
    vocabulary, beside = inputs.vocabulary, set(inputs.beside_people)
    names = [word for at, word in enumerate(inputs.words) if at in beside]
    asked = vocabulary.rows([word for word in names if word not in inputs.question.event] or names)
    people = vocabulary.rows([word for at, word in enumerate(inputs.words) if at not in beside])
    # For all texts at once: text by text, this took longer than everything after it.
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
    """``akin``, ``subject`` and ``different`` of :class:`PairMeaning`, which compare words."""
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
        like = products(vectors[known], vectors)
        like[like < _ALIKE] = 0.0
        far = np.ones(len(words.rows))
        far[seen] = 1 - like.max(axis=0, initial=0.0)
        subject[row] = [far[at].max(initial=0.0) for at in subjects]
        akin_to = (like * np.minimum(rare[known][:, None], rare)).max(axis=0, initial=0.0)
        akin[row] = (there * akin_to).max(axis=1, initial=0.0)
        different[row] = (there & ~there[row]).sum(axis=1) / amount
    return akin, subject, different


def _sentences(every: _Numbers, starts: NDArray[np.intp], asked: _Numbers) -> _Numbers:
    """``sentence`` of :class:`PairMeaning`, from the vector sums of ``every`` sentence, the index
    of each text's first sentence, and the vector sum of what is ``asked``."""
    unit = _unit(every)
    to_question = products(unit, _unit(asked[None]))[:, 0]
    ends = [*starts[1:], len(every)]
    answers = [
        start + int(np.argmax(to_question[start:end]))
        for start, end in zip(starts, ends, strict=True)
    ]
    near = products(_unit(every[answers] + asked), unit)
    near = np.maximum(np.maximum.reduceat(near, starts, axis=1), 0.0)
    against: _Numbers = near - (near.sum(axis=1, keepdims=True) - 1) / (len(near) + _FEW)
    return against


def _unit(vectors: _Numbers) -> _Numbers:
    unit: _Numbers = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    return unit


def margin_over_others(values: _Numbers, newer: _Flags) -> _Numbers:
    """For each pair, its value minus the highest value of the same second with any other first that
    is older than it."""
    older = np.where(newer, values, 0.0)
    most = older.max(axis=0)
    at_most = older.argmax(axis=0)
    rest = older.copy()
    rest[at_most, np.arange(len(values))] = 0.0
    other = np.where(np.arange(len(values))[:, None] == at_most, rest.max(axis=0), most)
    found: _Numbers = values - other
    return found


def shared_topics(question: Sequence[str], texts: Sequence[AnalysedText]) -> _Numbers:
    """By text, how many everyday topics (a flat, work, a price) it shares with the question: 0 to
    1, which is three or more."""
    asked = topics_of(question)
    found = [len(asked & text.topics) if asked else 0 for text in texts]
    share: _Numbers = np.minimum(np.array(found), _MOST_TOPICS) / _MOST_TOPICS
    return share


def _columns(inputs: SignalInputs, text: AnalysedText, column: dict[int, int]) -> NDArray[np.intp]:
    if not text.subject:
        return np.zeros(0, dtype=np.intp)
    rows = inputs.vocabulary.rows(content_words(text.subject))[1:].tolist()
    return np.array([column[row] for row in rows if row in column], dtype=np.intp)
