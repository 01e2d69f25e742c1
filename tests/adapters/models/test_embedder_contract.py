"""The shipped contract, on the embedders that work here without a key or a download."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from graphmem.adapters.models.openai.embedder import OpenAIEmbedder
from graphmem.adapters.models.wordllama.embedder import WordLlamaEmbedder
from graphmem.ports.embedder import Embedder
from graphmem.testing.embedder import EmbedderContract
from graphmem.testing.llm_server import LocalModelServer


class TestWordLlama(EmbedderContract):
    def make(self) -> Embedder:
        return WordLlamaEmbedder()


class TestOpenAIOverHttp(EmbedderContract):
    server: LocalModelServer

    @pytest.fixture(autouse=True)
    def serve(self) -> Iterator[None]:
        with LocalModelServer(dimension=64) as server:
            self.server = server
            yield

    def make(self) -> Embedder:
        return OpenAIEmbedder("test-model", self.server.base_url)


class TestOpenAIWithDimensions(TestOpenAIOverHttp):
    def make(self) -> Embedder:
        return OpenAIEmbedder("test-model", self.server.base_url, dimensions=32)
