"""The conftest.py for LangGraph's own tests of stores: they are about ours. Copied beside them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from langgraph.store import memory as theirs

from graphmem import Memory
from graphmem.frameworks.langgraph import GraphmemStore

_VECTORS = {
    "test_vector_store_initialization": "the vectors are the memory's, not of an `index`",
    "test_embed_with_path": "scores are of words and meaning, not of letters that are alike",
}
"""What they ask of the embedder given to their own store."""
_opened: list[Memory] = []


class OurStore(GraphmemStore):
    """Made as theirs is."""

    def __init__(self, *, index: Mapping[str, Any] | None = None) -> None:
        memory = Memory("memory://", user_id="ada")
        _opened.append(memory)
        super().__init__(memory, fields=(index or {}).get("fields"))


theirs.InMemoryStore = OurStore


@pytest.fixture(autouse=True)
def _closing() -> Iterator[None]:
    yield
    while _opened:
        _opened.pop().close()


@pytest.fixture
def fake_embeddings() -> Any:
    """What theirs is given; ours does not ask it."""
    of_their_sources = importlib.import_module("tests.embed_test_utils")
    return of_their_sources.CharacterEmbeddings(dims=500)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what is about vectors, by name."""
    items[:] = [item for item in items if item.name not in _VECTORS]
