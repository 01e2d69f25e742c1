"""Qdrant's own BM25 as sparse vectors: English stop words and stemming, k 1.2, b 0.75, length 256.

The tokenizer hashes each stemmed word to a 32-bit index. Made once, at first use, because the
package is heavy to import. What every vector adapter shares sits here, so that all score alike.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeAlias

Sparse: TypeAlias = tuple[list[int], list[float]]
"""Indices and weights, aligned. Both empty when the text has no word."""


@lru_cache(maxsize=1)
def _model() -> Any:
    from qdrant_edge import Bm25, Bm25Config

    return Bm25(Bm25Config())


def encodable(text: str) -> str:
    """``text`` with lone surrogates, which UTF-8 cannot hold, replaced by question marks."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def document(text: str) -> Sparse:
    """Term weights of a stored text (frequency and length, without IDF)."""
    vector = _model().embed_document(encodable(text))
    return vector.indices, vector.values


@lru_cache(maxsize=256)  # a search asks for the same words in several collections
def query(text: str) -> Sparse:
    """Term weights of a question: 1 for each distinct word. Not to be changed: it is shared."""
    vector = _model().embed_query(encodable(text))
    return vector.indices, vector.values
