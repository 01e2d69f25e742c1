"""Qdrant's own BM25 as sparse vectors: English stop words and stemming, k 1.2, b 0.75, length 256.

The tokenizer hashes each stemmed word to a 32-bit index. The model is made once, at first use,
because the package is slow to import. All vector adapters use this module, so that all score alike.

Stemming a word takes time quadratic in its length: one longer than words are (a key, an image as
text) is replaced by its digest, in texts and in questions alike. The package holds the
interpreter's lock while it works: a long text is passed to it in pieces, between which other
threads run; the result is the same.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

_LONGEST_WORD = 100
_PIECE = 1 << 15  # characters: 5 ms
_BETWEEN_WORDS = re.compile(r"[\s!-/:-@\[-`{-~]")
_K, _B, _LENGTH = 1.2, 0.75, 256
_COUNTING_K = 1e6
"""A saturation so high that weights show how often each word occurs."""
_LONG_RUN = re.compile(rf"\S{{{_LONGEST_WORD + 1}}}")

Sparse: TypeAlias = tuple[list[int], list[float]]
"""Indices and weights, aligned. Both empty when the text has no word."""


def of_tenant(words: Sparse, tenant: str) -> Sparse:
    """The same with indices that other tenants do not use for these words, so that Qdrant reads
    only this tenant's points for a word, however many others have it."""
    indices, weights = words
    mask = _mask(tenant)
    return [index ^ mask for index in indices], weights


@lru_cache(maxsize=4096)
def _mask(tenant: str) -> int:
    return int.from_bytes(hashlib.blake2b(encodable(tenant).encode(), digest_size=4).digest())


@lru_cache(maxsize=1)
def _model() -> Any:
    from qdrant_edge import Bm25, Bm25Config

    return Bm25(Bm25Config(k=_K, b=_B, avg_len=_LENGTH))


@lru_cache(maxsize=1)
def _counting_model() -> Any:
    from qdrant_edge import Bm25, Bm25Config

    return Bm25(Bm25Config(k=_COUNTING_K, b=0))


def encodable(text: str) -> str:
    """``text`` with lone surrogates, which UTF-8 cannot hold, replaced by question marks."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def _with_short_words(text: str) -> str:
    if len(text) <= _LONGEST_WORD or _LONG_RUN.search(text) is None:
        return text
    return _long_words().sub(lambda word: hashlib.sha256(word[0].encode()).hexdigest(), text)


@lru_cache(maxsize=1)
def _long_words() -> re.Pattern[str]:
    """Matches runs of letters and digits, with combining marks, that are longer than a word."""
    marks = [unicodedata.category(chr(code)).startswith("M") for code in range(0x10000)]
    places = itertools.groupby(range(0x10000), key=marks.__getitem__)
    runs = (list(run) for is_mark, run in places if is_mark)
    ranges = "".join(f"\\u{run[0]:04x}-\\u{run[-1]:04x}" for run in runs)
    # Matched only where a word begins: else a run that is just too short is read a hundred times.
    return re.compile(rf"(?<![^\W_])(?<![{ranges}])(?:[^\W_]|[{ranges}]){{{_LONGEST_WORD + 1},}}")


def document(text: str) -> Sparse:
    """Term weights of a stored text (frequency and length, without IDF)."""
    text = encodable(text)
    if len(text) > _PIECE:
        return _in_pieces(text)
    vector = _model().embed_document(_with_short_words(text))
    return vector.indices, vector.values


def _in_pieces(text: str) -> Sparse:
    """The same for a long text: words are counted piece by piece, then weighted like the package
    does."""
    found, counts = [], []
    for piece in _pieces(text):
        vector = _counting_model().embed_document(_with_short_words(piece))
        weights = np.asarray(vector.values)
        found.append(np.asarray(vector.indices, dtype=np.int64))
        counts.append(np.rint(weights * _COUNTING_K / (_COUNTING_K + 1 - weights)))
    indices, place = np.unique(np.concatenate(found), return_inverse=True)
    often = np.bincount(place, np.concatenate(counts), len(indices))
    length = often.sum()
    weights = often * (_K + 1) / (often + _K * (1 - _B + _B * length / _LENGTH))
    return indices.tolist(), weights.astype(np.float32).tolist()


def _pieces(text: str) -> Iterator[str]:
    """The text in pieces, cut between words."""
    at = 0
    while at < len(text):
        cut = _BETWEEN_WORDS.search(text, at + _PIECE)
        end = cut.start() if cut else len(text)
        yield text[at:end]
        at = end


@lru_cache(maxsize=256)  # a search asks for the same words in several collections
def query(text: str) -> Sparse:
    """Term weights of a question: 1 for each distinct word. The result is cached: do not change
    it."""
    vector = _model().embed_query(_with_short_words(encodable(text)))
    return vector.indices, vector.values
