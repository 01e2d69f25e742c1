"""What the plain methods find over the same units, which a search must not fall below.

BM25 (Robertson and Zaragoza 2009; k1 1.2, b 0.75) over each unit's own words, stemmed, without stop
words; ``dense``, the nearness of each unit's vector, by the run's own embedder; and the sum of
both, each divided by its best.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphmem.bench.dataset import UNIT, Corpus
from graphmem.embedding import CachedEmbedder
from graphmem.retrieve.question.parse import STOP_WORDS
from graphmem.text import stem, words

BASELINES = ("bm25", "dense", "bm25 + dense")

_K1, _B = 1.2, 0.75
_DENSE = 0.8

_Scores = NDArray[np.float64]


class PlainMethods:
    """The baselines over one corpus."""

    def __init__(self, corpus: Corpus, vectors: _Scores, embedder: CachedEmbedder) -> None:
        """``vectors`` are those of :func:`units_of`, one a row."""
        self._units = [unit for unit, _ in units_of(corpus)]
        self._vectors = vectors
        self._embedder = embedder
        texts = [Counter(_terms(text)) for _, text in units_of(corpus)]
        lengths = np.array([sum(text.values()) for text in texts], dtype=np.float64)
        self._lengths = lengths / max(float(lengths.mean()), 1e-9)
        self._places: dict[str, list[int]] = {}
        self._counts: dict[str, list[int]] = {}
        for place, text in enumerate(texts):
            for term, count in text.items():
                self._places.setdefault(term, []).append(place)
                self._counts.setdefault(term, []).append(count)

    async def ranked(self, question: str) -> dict[str, list[str]]:
        """Units by each baseline, best first."""
        by_words = self._bm25(question)
        by_meaning = self._vectors @ np.asarray(await self._embedder.query(question), np.float64)
        both = _scaled(by_words) + _DENSE * _scaled(by_meaning)
        return {
            name: [self._units[at] for at in np.argsort(-scores, kind="stable")]
            for name, scores in zip(BASELINES, (by_words, by_meaning, both), strict=True)
        }

    def _bm25(self, question: str) -> _Scores:
        scores = np.zeros(len(self._units))
        for term in dict.fromkeys(_terms(question)):
            places = self._places.get(term)
            if places is None:
                continue
            rare = np.log1p((len(scores) - len(places) + 0.5) / (len(places) + 0.5))
            counts = np.array(self._counts[term], dtype=np.float64)
            long = _K1 * (1 - _B + _B * self._lengths[places])
            scores[places] += rare * counts * (_K1 + 1) / (counts + long)
        return scores


async def plain_methods(corpus: Corpus, embedder: CachedEmbedder) -> PlainMethods:
    """Ready to be asked: every unit of the corpus embedded."""
    vectors = await embedder.documents([text for _, text in units_of(corpus)])
    return PlainMethods(corpus, np.array(vectors, dtype=np.float64), embedder)


def units_of(corpus: Corpus) -> list[tuple[str, str]]:
    """Every unit of a corpus with its text: its turns, or its passages."""
    return [unit for item in corpus.items for unit in units_of_item(item)]


def units_of_item(item: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Those of one item."""
    content = item["content"]
    if isinstance(content, str):
        return [(str(item.get("metadata", {}).get(UNIT, "")), content)]
    return [(str(message["id"]), str(message["content"])) for message in content]


def _terms(text: str) -> Sequence[str]:
    return [stem(word) for word in words(text) if word not in STOP_WORDS]


def _scaled(scores: _Scores) -> _Scores:
    highest = float(scores.max(initial=0))
    return scores / highest if highest > 0 else scores
