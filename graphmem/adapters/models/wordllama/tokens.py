"""Tokens counted by the tokenizer that comes with the ``wordllama`` package: Llama 2's, 32,000
tokens, where every other byte of a rare script is one. Newer tokenizers make fewer of the same text
almost always, so that what fits by this one fits by theirs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from graphmem.adapters.models.wordllama.embedder import Model, shared_model
from graphmem.adapters.vectors.bm25 import encodable


class WordLlamaTokens:
    """A :class:`~graphmem.ports.tokens.TokenCounter`. Loads at first use (0.1 s, in a thread) what
    the embedder reads too, which searches need whoever embeds."""

    name = "llama-2 (wordllama)"

    def __init__(self) -> None:
        self._model: Model | None = None

    async def count(self, texts: Sequence[str]) -> list[int]:
        if (model := self._model) is None:
            self._model = model = await asyncio.to_thread(shared_model)
        return model.count([encodable(text) for text in texts])
