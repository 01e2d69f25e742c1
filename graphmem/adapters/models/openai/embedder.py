"""Embeddings from any OpenAI-compatible endpoint: OpenAI, Ollama, vLLM, llama.cpp and others."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from graphmem.adapters.models.openai.client import OpenAIModel
from graphmem.adapters.models.unit_vectors import nothing, unit_rows
from graphmem.adapters.vectors.bm25 import encodable
from graphmem.errors import ModelError, UsageError
from graphmem.ports.vectors import Vector

_BATCH_TEXTS = 128
_BATCH_CHARACTERS = 100_000
"""A request stays below OpenAI's 300,000 tokens even where each character is one or two."""
_AT_ONCE = 4
_SHORTEST_PIECE = 200
"""Characters: what is too long even so is not too long, whatever the server says."""
_UNREADABLE = (
    ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError,
)  # fmt: skip
"""What reading an answer of any other form ends in."""


class OpenAIEmbedder(OpenAIModel):
    """An :class:`~graphmem.ports.embedder.Embedder` over the embeddings API.

    ``base_url`` defaults to OpenAI's, or to ``OPENAI_BASE_URL``; ``api_key`` to ``OPENAI_API_KEY``
    when no ``base_url`` is given. ``dimensions`` asks for shorter vectors and is part of the name.
    ``timeout_s`` is for one attempt, of which there are at most ``max_attempts`` while the failure
    is one that may pass. Up to four batches are under way at a time. A text longer than the model
    takes is embedded in pieces, whose mean it gets; one of white space alone is not sent and gets
    a fixed unit vector. Documents and queries are embedded alike. Use from one event loop.
    """

    kept = True

    def __init__(
        self,
        model: str,
        base_url: str | None = None,
        api_key: str | None = None,
        dimensions: int | None = None,
        *,
        timeout_s: float = 60,
        max_attempts: int = 4,
        provider: str = "openai",
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__(
            model,
            base_url,
            api_key,
            timeout_s=timeout_s,
            max_attempts=max_attempts,
            provider=provider,
            sleep=sleep,
            example="openai:text-embedding-3-small, say",
            otherwise="use the embedder that needs none (wordllama)",
        )
        if dimensions is not None and dimensions < 1:
            raise UsageError(f"dimensions must be at least 1, got {dimensions}")
        self._size = self._dimensions = dimensions

    @property
    def name(self) -> str:
        """Provider, model and dimensions asked for: ``openai:text-embedding-3-small@512``."""
        return super().name if self._dimensions is None else f"{super().name}@{self._dimensions}"

    async def size(self) -> int:
        """The length of a vector. Asks the endpoint once, unless ``dimensions`` were given."""
        if self._size is None:
            await self._embed_batch(["How long is a vector?"])
        assert self._size is not None  # noqa: S101 - for the type checker
        return self._size

    async def embed(self, texts: Sequence[str], kind: Literal["document", "query"]) -> list[Vector]:
        asked = [(n, encodable(text)) for n, text in enumerate(texts) if text.strip()]
        found = await self._embed_all([text for _, text in asked])
        if len(found) == len(texts):
            return found
        vectors = [nothing(await self.size())] * len(texts)
        for (n, _), vector in zip(asked, found, strict=True):
            vectors[n] = vector
        return vectors

    async def _embed_all(self, texts: list[str]) -> list[Vector]:
        slots = asyncio.Semaphore(_AT_ONCE)

        async def embed(batch: list[str]) -> list[Vector]:
            async with slots:
                return await self._embed_batch(batch)

        tasks = [asyncio.ensure_future(embed(batch)) for batch in _batches(texts)]
        try:
            return [vector for vectors in await asyncio.gather(*tasks) for vector in vectors]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _embed_batch(self, texts: list[str]) -> list[Vector]:
        """One request; less at a time where that is too long."""
        try:
            return await self._ask(texts)
        except ModelError as error:
            if not error.too_long or len("".join(texts)) < 2 * _SHORTEST_PIECE:
                raise
        if len(texts) > 1:
            half = len(texts) // 2
            return await self._embed_batch(texts[:half]) + await self._embed_batch(texts[half:])
        halves = [half for half in _halves(texts[0]) if half.strip()]
        parts = [vector for half in halves for vector in await self._embed_batch([half])]
        weights = np.array([len(half) for half in halves], dtype=np.float64)
        return unit_rows((weights @ np.stack(parts))[np.newaxis], self.name)

    async def _ask(self, texts: list[str]) -> list[Vector]:
        request: dict[str, Any] = {
            "model": self._model,
            "input": texts,
            "encoding_format": "float",
        }
        if self._dimensions is not None:
            request["dimensions"] = self._dimensions
        body = await self._answer(
            lambda client: client.embeddings.with_raw_response.create(**request)
        )
        rows = self._rows(body, len(texts))
        self._check_size(rows.shape[1])
        return unit_rows(rows, self.name)

    def _rows(self, body: str, count: int) -> NDArray[np.float64]:
        """The vectors of an answer, in the order of their indices."""
        try:
            data = json.loads(body)["data"]
            entries = [(entry.get("index", n), entry["embedding"]) for n, entry in enumerate(data)]
            rows = {int(index): _numbers(vector) for index, vector in entries}
        except _UNREADABLE as error:
            raise self._bad(
                f"did not answer with embeddings in OpenAI's format ({self._quoted(body)}); check "
                "that the base URL is right (it usually ends in /v1) and that the model makes "
                "embeddings"
            ) from error
        if len(entries) != count or rows.keys() != set(range(count)):
            raise self._bad(f"gave {len(entries)} vectors (each text once?) for {count} texts")
        sizes = {row.size for row in rows.values()}
        if len(sizes) != 1 or 0 in sizes:
            raise self._bad(f"gave vectors of different or no length: {sorted(sizes)}")
        return np.stack([rows[index] for index in range(count)])

    def _check_size(self, size: int) -> None:
        if self._size is None:
            self._size = size
        elif size == self._size:
            return
        elif self._dimensions is not None:
            raise self._bad(
                f"gave vectors of {size} numbers though {self._dimensions} were asked for; this "
                "model cannot shorten them: leave dimensions out"
            )
        else:
            raise self._bad(
                f"gave vectors of {size} numbers after vectors of {self._size}: is another model "
                "behind this name now? Open again and re-embed with rebuild"
            )


def _batches(texts: list[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    characters = 0
    for text in texts:
        full = len(batch) == _BATCH_TEXTS or characters + len(text) > _BATCH_CHARACTERS
        if batch and full:
            yield batch
            batch, characters = [], 0
        batch.append(text)
        characters += len(text)
    if batch:
        yield batch


def _halves(text: str) -> tuple[str, str]:
    """Cut near the middle, at white space where there is some."""
    middle = len(text) // 2
    cut = text.rfind(" ", middle // 2, middle)
    cut = middle if cut < 0 else cut
    return text[:cut], text[cut:]


def _numbers(vector: Any) -> NDArray[np.float64]:
    """A list of numbers, or base64 of little-endian float32, as some servers always send."""
    if isinstance(vector, str):
        try:
            return np.frombuffer(base64.b64decode(vector, validate=True), "<f4").astype(np.float64)
        except binascii.Error as error:
            raise ValueError("not base64") from error
    numbers = np.array(vector, dtype=np.float64)
    if numbers.ndim != 1:
        raise ValueError("not a list of numbers")
    return numbers
