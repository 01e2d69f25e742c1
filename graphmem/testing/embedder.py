"""The contract of an embedder, as tests: subclass once per embedder.

::

    class TestMine(EmbedderContract):
        def make(self) -> Embedder:
            return MyEmbedder()

Needs ``pytest`` and ``pytest-asyncio``.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import Literal

import numpy as np
import pytest
import pytest_asyncio

from graphmem.ports.embedder import Embedder
from graphmem.ports.vectors import Vector

_Kind = Literal["document", "query"]
_KINDS: tuple[_Kind, ...] = ("document", "query")


def check_vectors(vectors: list[Vector], count: int, size: int) -> None:
    """As many as asked for, float32, of the right size, finite and of length 1."""
    assert len(vectors) == count
    for vector in vectors:
        assert vector.shape == (size,)
        assert vector.dtype == np.float32
        assert np.isfinite(vector).all()
        assert float(np.linalg.norm(vector)) == pytest.approx(1.0, abs=1e-5)


class EmbedderContract(ABC):
    """What every :class:`~graphmem.ports.embedder.Embedder` must do."""

    pytestmark = pytest.mark.asyncio
    understands = True
    """Whether texts on one matter are nearer than texts on another: false for toy models."""

    @abstractmethod
    def make(self) -> Embedder:
        """A new embedder; two of them give the same vectors."""

    @pytest_asyncio.fixture
    async def embedder(self) -> AsyncIterator[Embedder]:
        embedder = self.make()
        yield embedder
        await embedder.close()

    async def test_nothing_gives_nothing(self, embedder: Embedder) -> None:
        for kind in _KINDS:
            assert await embedder.embed([], kind) == []

    async def test_the_name_says_provider_and_model(self, embedder: Embedder) -> None:
        provider, _, model = embedder.name.partition(":")
        assert provider
        assert model
        assert self.make().name == embedder.name

    async def test_the_size_is_the_length_of_a_vector(self, embedder: Embedder) -> None:
        size = await embedder.size()
        for kind in _KINDS:
            check_vectors(await embedder.embed(["a text"], kind), 1, size)
        assert await embedder.size() == size

    async def test_one_vector_per_text_in_order(self, embedder: Embedder) -> None:
        texts = [
            f"The {n}th house on the {word} road" for n in range(70) for word in ("old", "new")
        ]
        in_one_batch = await embedder.embed(texts, "document")
        check_vectors(in_one_batch, len(texts), await embedder.size())
        for n in (0, 1, 69, 127, 128, 139):
            alone = (await embedder.embed([texts[n]], "document"))[0]
            assert np.allclose(in_one_batch[n], alone, atol=1e-4)

    async def test_the_same_text_gives_the_same_vector(self, embedder: Embedder) -> None:
        first, again = await embedder.embed(["tea in the garden"] * 2, "document")
        assert np.allclose(first, again, atol=1e-6)
        other = self.make()
        assert np.allclose(
            (await other.embed(["tea in the garden"], "document"))[0], first, atol=1e-5
        )
        await other.close()

    async def test_a_related_text_is_nearer(self, embedder: Embedder) -> None:
        if self.understands:
            asked = (await embedder.embed(["Where does the dog sleep?"], "query"))[0]
            near, far = await embedder.embed(
                ["The dog sleeps in the kitchen", "Interest rates rose again in March"],
                "document",
            )
            assert float(asked @ near) > float(asked @ far) + 0.1

    @pytest.mark.parametrize("kind", _KINDS)
    async def test_any_text_gets_a_unit_vector(self, embedder: Embedder, kind: _Kind) -> None:
        texts = [
            "", " ", "\n\t", "\x00", "a\x00b", "\ud800", "x \udfff y", "😀🎉", "?!", "日本語",
            "e\u0301", "\u200b", "\u202e", "0", "word",
        ]  # fmt: skip
        size = await embedder.size()
        check_vectors(await embedder.embed(texts, kind), len(texts), size)
        for text in texts:
            check_vectors(await embedder.embed([text], kind), 1, size)

    async def test_a_text_of_a_mebibyte_among_short_ones(self, embedder: Embedder) -> None:
        long = "straw hay needle " * (1024 * 1024 // 17)
        texts = ["short", long, *["tiny"] * 60]
        vectors = await embedder.embed(texts, "document")
        check_vectors(vectors, len(texts), await embedder.size())
        assert np.allclose(vectors[0], (await embedder.embed(["short"], "document"))[0], atol=1e-4)

    async def test_many_tasks_at_once_from_the_first_use_on(self, embedder: Embedder) -> None:
        texts = [f"text number {n}" for n in range(12)]
        answers = await asyncio.gather(*(embedder.embed([text], "document") for text in texts))
        in_one_batch = await embedder.embed(texts, "document")
        for (vector,), same in zip(answers, in_one_batch, strict=True):
            assert np.allclose(vector, same, atol=1e-4)

    async def test_a_second_close_does_nothing(self, embedder: Embedder) -> None:
        before = await embedder.embed(["a text"], "document")
        await embedder.close()
        await embedder.close()
        assert await embedder.size() == len(before[0])
