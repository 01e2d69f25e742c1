"""What a reranker must do: read the best hits of a search again, each with the question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Reranker(Protocol):
    """A model that reads question and text together, which is slower and sees more."""

    @property
    def name(self) -> str:
        """Names provider and model, for example ``fastembed:BAAI/bge-reranker-base``."""
        ...

    async def scores(self, question: str, texts: Sequence[str], *, tenant: str) -> list[float]:
        """How well each text answers, from 0 (not at all) to 1, in order. ``tenant`` is who asks.

        :class:`~graphmem.errors.ModelError` when it cannot; the search goes on without it.
        """
        ...

    async def close(self) -> None: ...
