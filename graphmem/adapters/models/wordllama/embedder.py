"""Static word vectors that come with the ``wordllama`` package: no key, no download, no GPU.

The weights and the tokenizer are read from the installed package without importing it: the import
takes 0.4 s, configures the logging of the whole program and would pad every text of a batch to
the longest. The vectors are the same.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from graphmem.adapters.models.unit_vectors import nothing, unit_rows
from graphmem.adapters.vectors.bm25 import encodable
from graphmem.errors import ModelError, UsageError
from graphmem.ports.vectors import Vector

_CONFIG = "l2_supercat"
_SIZE = 256
_INLINE_CHARACTERS = 2_000
"""Up to here embedding takes less than 1 ms: too little to change threads for."""
_INLINE_WORDS = 200
_ONE_BY_ONE = 64
_LONG = 1_024
"""Tokens above which equal ones are counted instead of gathered: a mebibyte stays small."""


class WordLlamaEmbedder:
    """An ``Embedder``: the mean of a text's token vectors, 256 numbers.

    Loads at first use (0.1 s, in a thread), once even when several threads come at a time; all that
    are open in a process have the weights in common. An empty text gets a fixed unit vector.
    Documents and queries are embedded alike.
    """

    name = f"wordllama:{_CONFIG}_{_SIZE}"
    kept = False  # 60 µs a text, and a mebibyte for a thousand of them on disk
    width = _SIZE
    """See :class:`~graphmem.ports.embedder.WordVectors`."""

    def __init__(self) -> None:
        self._model: Model | None = None

    def __repr__(self) -> str:
        return f"WordLlamaEmbedder({self.name!r})"

    async def size(self) -> int:
        return _SIZE

    async def embed(self, texts: Sequence[str], kind: Literal["document", "query"]) -> list[Vector]:
        if not texts:
            return []
        small = sum(map(len, texts)) <= _INLINE_CHARACTERS
        if small and self._model is not None:
            return self._embed_now(texts)
        return await asyncio.to_thread(self._embed_now, texts)

    async def word_vectors(self, words: Sequence[str]) -> NDArray[np.float32]:
        """See :class:`~graphmem.ports.embedder.WordVectors`."""
        if self._model is not None and len(words) <= _INLINE_WORDS:
            return self._words_now(words)
        return await asyncio.to_thread(self._words_now, words)

    async def close(self) -> None:
        """Let the weights go: who is the last loads them again at the next use."""
        self._model = None

    def _embed_now(self, texts: Sequence[str]) -> list[Vector]:
        return self._loaded().embed([encodable(text) for text in texts], self.name)

    def _words_now(self, words: Sequence[str]) -> NDArray[np.float32]:
        return self._loaded().words([encodable(word) for word in words])

    def _loaded(self) -> Model:
        if (model := self._model) is None:
            self._model = model = shared_model()
        return model


class Model:
    """The tokenizer and one row of weights per token."""

    def __init__(self) -> None:
        spec = find_spec("wordllama")
        if spec is None or not spec.submodule_search_locations:
            raise UsageError("words and tokens need wordllama's package: pip install wordllama")
        home = Path(spec.submodule_search_locations[0])
        try:
            from safetensors import safe_open
            from tokenizers import Tokenizer

            names = home / "tokenizers" / f"{_CONFIG}_tokenizer_config.json"
            weights = home / "weights" / f"{_CONFIG}_{_SIZE}.safetensors"
            self._tokenizer = Tokenizer.from_file(str(names))
            with safe_open(weights, framework="np") as file:
                self._rows: NDArray[np.float16] = file.get_tensor("embedding.weight")
        except Exception as error:
            raise ModelError(
                f"wordllama's model cannot be read from {home} ({error}); "
                "install the package again: pip install --force-reinstall wordllama",
                retryable=False,
            ) from error
        self._wide = np.empty(self._rows.shape, dtype=np.float32)
        self._ready = np.zeros(len(self._rows), dtype=np.bool_)
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    def embed(self, texts: list[str], name: str) -> list[Vector]:
        return unit_rows(self._means(texts), name)

    def count(self, texts: list[str]) -> list[int]:
        """Tokens of each."""
        found = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return [len(encoding.ids) for encoding in found]

    def words(self, words: list[str]) -> NDArray[np.float32]:
        """As they stand inside a sentence, after a space."""
        if not words:
            return np.zeros((0, _SIZE), dtype=np.float32)
        means = self._of_tokens(self._tokens_of(words))
        lengths = np.linalg.norm(means, axis=1, keepdims=True)
        unit: NDArray[np.float32] = means / np.maximum(lengths, np.float32(1e-9))
        return unit

    def _means(self, texts: list[str]) -> NDArray[np.float32]:
        if len(texts) <= _ONE_BY_ONE:
            # A batch goes to a pool of threads, which takes longer to wake than a text to read.
            found = [self._tokenizer.encode(text, add_special_tokens=False) for text in texts]
        else:
            found = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return self._of_tokens([encoding.ids for encoding in found])

    def _tokens_of(self, words: list[str]) -> list[list[int]]:
        """All in one call, each for itself."""
        spaced = [f" {word}" for word in words]
        found = self._tokenizer.encode(spaced, is_pretokenized=True, add_special_tokens=False)
        tokens: list[list[int]] = [[] for _ in words]
        for token, word in zip(found.ids, found.word_ids, strict=True):
            if word is not None:
                tokens[word].append(token)
        return tokens

    def _of_tokens(self, tokens: list[list[int]]) -> NDArray[np.float32]:
        lengths = np.fromiter(map(len, tokens), np.intp, len(tokens))
        flat = np.fromiter(chain.from_iterable(tokens), np.intp, lengths.sum())
        self._widen(flat)
        ends = np.cumsum(lengths)
        if all(tokens) and len(flat) <= _LONG:
            sums = np.add.reduceat(self._wide[flat], ends - lengths, axis=0)
        else:
            sums = np.empty((len(tokens), _SIZE), dtype=np.float32)
            for number, end in enumerate(ends.tolist()):
                sums[number] = self._sum(flat[end - lengths[number] : end])
        counts = np.maximum(lengths, 1)[:, None]
        means: NDArray[np.float32] = np.divide(sums, counts, dtype=np.float32, casting="unsafe")
        return means

    def _widen(self, tokens: NDArray[np.intp]) -> None:
        """Have the rows of these tokens ready in single precision: converting them again for each
        text took most of the time. The memory of rows that never come is never touched."""
        new = tokens[~self._ready[tokens]]
        if new.size:
            new = np.unique(new)
            self._wide[new] = self._rows[new]
            self._ready[new] = True

    def _sum(self, tokens: NDArray[np.intp]) -> NDArray[np.float32]:
        if not len(tokens):
            return nothing(_SIZE)
        total: NDArray[np.float32]
        if len(tokens) <= _LONG:
            rows = self._wide.take(tokens, axis=0)  # half of the time that [tokens] takes
            total = np.add.reduce(rows, axis=0)
        else:
            kinds, counts = np.unique(tokens, return_counts=True)
            total = counts.astype(np.float32) @ self._wide[kinds]
        return total


_LOADED: weakref.WeakValueDictionary[str, Model] = weakref.WeakValueDictionary()
_LOADING = threading.Lock()


def shared_model() -> Model:
    """The model that somebody in this process has loaded and not let go, or a new one."""
    with _LOADING:
        model = _LOADED.get(_CONFIG)
        if model is None:
            _LOADED[_CONFIG] = model = Model()
        return model


class WordLlamaTokens:
    """A :class:`~graphmem.ports.tokens.TokenCounter` by the tokenizer of the same package: Llama
    2's, 32,000 tokens, where every other byte of a rare script is one. Newer tokenizers make fewer
    of the same text almost always, so that what fits by this one fits by theirs.

    Loads at first use (0.1 s, in a thread) what the embedder reads too, which searches need whoever
    embeds."""

    name = "llama-2 (wordllama)"

    def __init__(self) -> None:
        self._model: Model | None = None

    async def count(self, texts: Sequence[str]) -> list[int]:
        if (model := self._model) is None:
            self._model = model = await asyncio.to_thread(shared_model)
        return model.count([encodable(text) for text in texts])
