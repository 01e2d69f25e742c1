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

_DEFAULT_MODEL = "BAAI/bge-small-en-v1.5"
_BATCH = 32
"""Texts a batch: each is padded to its longest, so large ones cost memory and gain nothing."""


def _package() -> Any:
    from fastembed import TextEmbedding

    return TextEmbedding


class FastEmbedEmbedder:
    """An :class:`~graphmem.ports.embedder.Embedder` over one of fastembed's models.

    Everything runs in a thread. Texts longer than the model takes are cut by its tokenizer; one
    without a token gets a fixed unit vector.
    ``model_path`` names a folder that holds the model's files already; nothing is downloaded then.
    """

    def __init__(self, model: str = _DEFAULT_MODEL, *, model_path: str | None = None) -> None:
        self._model = FastEmbedModel(
            model,
            model_path,
            kind="model",
            package=_package,
            example=_DEFAULT_MODEL,
            instead="use the default embedder (wordllama), which needs none",
        )

    def __repr__(self) -> str:
        return f"FastEmbedEmbedder({self.name!r})"

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def kept(self) -> bool:
        return True

    async def size(self) -> int:
        return await asyncio.to_thread(self._model.size)

    async def embed(self, texts: Sequence[str], kind: Literal["document", "query"]) -> list[Vector]:
        if not texts:
            return []
        return await asyncio.to_thread(self._embed_now, [encodable(t) for t in texts], kind)

    async def close(self) -> None:
        """Let the model go; the next use loads it again."""
        self._model.let_go()

    def _embed_now(self, texts: list[str], kind: str) -> list[Vector]:
        model = self._model.loaded()
        ask = model.query_embed if kind == "query" else model.passage_embed
        try:
            rows = np.stack(list(ask(texts, batch_size=_BATCH)))
        except Exception as error:
            raise ModelError(f"{self.name}: embedding failed: {error}") from error
        return unit_rows(fill_zeros(rows), self.name)
