"""Transformer embeddings on this machine, through Qdrant's ``fastembed``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from graphmem.adapters.models.fastembed.model import FastEmbedModel
from graphmem.adapters.models.unit_vectors import fill_zeros, unit_rows
from graphmem.adapters.vectors.bm25 import encodable
from graphmem.errors import ModelError
from graphmem.ports.vectors import Vector

_BATCH = 32
"""Texts a batch: each is padded to its longest, so large ones cost memory and gain nothing."""


class FastEmbedEmbedder(FastEmbedModel):
    """An :class:`~graphmem.ports.embedder.Embedder` over one of fastembed's models. A text without
    a token gets a fixed unit vector."""

    kind = "model"
    default = "BAAI/bge-small-en-v1.5"
    instead = "use the default embedder (wordllama), which needs none"
    kept = True

    @staticmethod
    def _package() -> Any:
        from fastembed import TextEmbedding

        return TextEmbedding

    async def size(self) -> int:
        return await asyncio.to_thread(lambda: int(self._known().get_embedding_size(self._model)))

    async def embed(self, texts: Sequence[str], kind: Literal["document", "query"]) -> list[Vector]:
        if not texts:
            return []
        return await asyncio.to_thread(self._embed_now, [encodable(t) for t in texts], kind)

    def _embed_now(self, texts: list[str], kind: str) -> list[Vector]:
        model = self._loaded()
        ask = model.query_embed if kind == "query" else model.passage_embed
        try:
            rows = np.stack(list(ask(texts, batch_size=_BATCH)))
        except Exception as error:
            raise ModelError(f"{self.name}: embedding failed: {error}") from error
        return unit_rows(fill_zeros(rows), self.name)
