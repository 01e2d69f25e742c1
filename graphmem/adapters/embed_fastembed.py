"""Transformer embeddings on this machine, through Qdrant's ``fastembed`` (ONNX, no PyTorch).

An extra: ``pip install graphmem[fastembed]``. The model is downloaded at first use.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from graphmem.adapters.bm25 import encodable
from graphmem.adapters.embed_vectors import fill_zeros, unit_rows
from graphmem.errors import ModelError, UsageError
from graphmem.ports.vectors import Vector

DEFAULT_MODEL = "BAAI/bge-small-en-v1.5"
_BATCH = 32
"""Texts a batch: each is padded to its longest, so large ones cost memory and gain nothing."""


class FastEmbedEmbedder:
    """An :class:`~graphmem.ports.embed.Embedder` over one of fastembed's models.

    Everything runs in a thread. Texts longer than the model takes are cut by its tokenizer; one
    without a token gets a fixed unit vector.
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
        return f"FastEmbedEmbedder({self.name!r})"

    @property
    def name(self) -> str:
        return f"fastembed:{self._name}"

    @property
    def kept(self) -> bool:
        return True

    async def size(self) -> int:
        return await asyncio.to_thread(self._size_now)

    async def embed(self, texts: Sequence[str], kind: Literal["document", "query"]) -> list[Vector]:
        if not texts:
            return []
        return await asyncio.to_thread(self._embed_now, [encodable(t) for t in texts], kind)

    async def close(self) -> None:
        """Let the model go; the next use loads it again."""
        self._model = None

    def _size_now(self) -> int:
        package = self._package()
        self._check_known(package)
        return int(package.get_embedding_size(self._name))

    def _embed_now(self, texts: list[str], kind: str) -> list[Vector]:
        model = self._loaded()
        ask = model.query_embed if kind == "query" else model.passage_embed
        try:
            rows = np.stack(list(ask(texts, batch_size=_BATCH)))
        except Exception as error:
            raise ModelError(f"{self.name}: embedding failed: {error}") from error
        return unit_rows(fill_zeros(rows), self.name)

    def _package(self) -> Any:
        try:
            from fastembed import TextEmbedding
        except ImportError as error:
            raise UsageError(
                f"{self.name} needs the fastembed package: pip install graphmem[fastembed]"
            ) from error
        return TextEmbedding

    def _check_known(self, package: Any) -> None:
        known = [entry["model"] for entry in package.list_supported_models()]
        if self._name.lower() not in {name.lower() for name in known}:
            raise UsageError(f"fastembed has no model {self._name!r}; it has {', '.join(known)}")

    def _loaded(self) -> Any:
        with self._loading:
            if self._model is None:
                package = self._package()
                self._check_known(package)
                given = {"specific_model_path": self._path} if self._path else {}
                try:
                    self._model = package(model_name=self._name, **given)
                except Exception as error:
                    raise ModelError(
                        f"{self.name}: the model could not be loaded ({error}). It is downloaded "
                        "at first use, which needs a network: try again with one, or use the "
                        "default embedder (wordllama), which needs none"
                    ) from error
            return self._model
