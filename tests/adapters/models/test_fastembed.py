"""The fastembed adapter where no model can be downloaded: clear errors, and quickly."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from graphmem.adapters.models.fastembed.embedder import FastEmbedEmbedder
from graphmem.errors import ModelError, UsageError


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("FASTEMBED_CACHE_PATH", str(tmp_path))


async def test_without_a_network_the_error_says_what_is_needed() -> None:
    embedder = FastEmbedEmbedder()
    assert embedder.name == "fastembed:BAAI/bge-small-en-v1.5"
    assert await embedder.size() == 384
    with pytest.raises(ModelError, match=r"needs a network.*wordllama") as caught:
        await embedder.embed(["a text"], "query")
    assert caught.value.retryable
    await embedder.close()


async def test_nothing_needs_no_model() -> None:
    assert await FastEmbedEmbedder().embed([], "document") == []


async def test_an_unknown_model_is_a_usage_error_with_those_there_are() -> None:
    embedder = FastEmbedEmbedder("no/such-model")
    for call in (embedder.size(), embedder.embed(["a"], "query")):
        with pytest.raises(UsageError, match=r"no/such-model.*bge-small"):
            await call


def test_a_model_has_a_name() -> None:
    with pytest.raises(UsageError, match="no name"):
        FastEmbedEmbedder("  ")


async def test_a_missing_package_says_how_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastembed", None)
    embedder = FastEmbedEmbedder()
    for call in (embedder.size(), embedder.embed(["a"], "query")):
        with pytest.raises(UsageError, match=r"pip install graphmem\[fastembed\]"):
            await call
