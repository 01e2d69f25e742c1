"""A cross-encoder on this machine, through Qdrant's ``fastembed``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphmem.adapters.models.fastembed.model import FastEmbedModel
from graphmem.adapters.vectors.bm25 import encodable
from graphmem.errors import ModelError

DEFAULT_RERANKER = "Xenova/ms-marco-MiniLM-L-6-v2"
_BATCH = 16


class FastEmbedReranker(FastEmbedModel):
    """A :class:`~graphmem.ports.reranker.Reranker` over one of fastembed's cross-encoders."""

    kind = "reranker"
    default = DEFAULT_RERANKER
    instead = "search without a reranker (GRAPHMEM_RERANKER=none)"

    @staticmethod
    def _package() -> Any:
        from fastembed.rerank.cross_encoder import TextCrossEncoder

        return TextCrossEncoder

    async def scores(self, question: str, texts: Sequence[str], *, tenant: str) -> list[float]:
        if not texts:
            return []
        return await asyncio.to_thread(self._scores_now, question, list(texts))

    def _scores_now(self, question: str, texts: list[str]) -> list[float]:
        model = self._loaded()
        try:
            given = [encodable(text) for text in texts]
            found = np.array(list(model.rerank(encodable(question), given, batch_size=_BATCH)))
        except Exception as error:
            raise ModelError(f"{self.name}: reranking failed: {error}") from error
        if found.shape != (len(texts),) or not np.isfinite(found).all():
            raise ModelError(f"{self.name}: the model gave no number for some of the texts")
        # The model's own numbers have no bounds.
        bounded = found.astype(np.float64).clip(-50, 50)
        shares: list[float] = (1 / (1 + np.exp(-bounded))).tolist()
        return shares
