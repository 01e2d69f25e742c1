"""A cross-encoder on this machine, through Qdrant's ``fastembed`` (ONNX, no PyTorch).

An extra: ``pip install graphmem[fastembed]``. The model is downloaded at first use.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphmem.adapters.bm25 import encodable
from graphmem.errors import ModelError, UsageError

DEFAULT_MODEL = "Xenova/ms-marco-MiniLM-L-6-v2"
_BATCH = 16


class FastEmbedReranker:
    """A :class:`~graphmem.ports.rerank.Reranker` over one of fastembed's cross-encoders.

    Everything runs in a thread. Texts longer than the model takes are cut by its tokenizer.
    ``model_path`` names a folder that holds the model's files already; nothing is downloaded then.
    """

    def __init__(self, model: str = DEFAULT_MODEL, *, model_path: str | None = None) -> None:
        self._name = model.strip()
        self._path = model_path
        self._loading = threading.Lock()
        self._model: Any = None
        if not self._name:
            raise UsageError(f"the model has no name; write for example fastembed:{DEFAULT_MODEL}")

    def __repr__(self) -> str:
        return f"FastEmbedReranker({self.name!r})"

    @property
    def name(self) -> str:
        return f"fastembed:{self._name}"

    async def scores(self, question: str, texts: Sequence[str], *, wall: str) -> list[float]:
        if not texts:
            return []
        return await asyncio.to_thread(self._scores_now, question, list(texts))

    async def close(self) -> None:
        """Let the model go; the next use loads it again."""
        self._model = None

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
        shares: list[float] = (1 / (1 + np.exp(-found.astype(np.float64)))).tolist()
        return shares

    def _loaded(self) -> Any:
        with self._loading:
            if self._model is None:
                try:
                    from fastembed.rerank.cross_encoder import TextCrossEncoder
                except ImportError as error:
                    raise UsageError(
                        f"{self.name} needs the fastembed package: pip install graphmem[fastembed]"
                    ) from error
                known = [entry["model"] for entry in TextCrossEncoder.list_supported_models()]
                if self._name.lower() not in {name.lower() for name in known}:
                    raise UsageError(
                        f"fastembed has no reranker {self._name!r}; it has {', '.join(known)}"
                    )
                given: dict[str, Any] = {"specific_model_path": self._path} if self._path else {}
                try:
                    self._model = TextCrossEncoder(model_name=self._name, **given)
                except Exception as error:
                    raise ModelError(
                        f"{self.name}: the model could not be loaded ({error}). It is downloaded "
                        "at first use, which needs a network: try again with one, or search "
                        "without a reranker (GRAPHMEM_RERANKER=none)"
                    ) from error
            return self._model
