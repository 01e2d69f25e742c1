"""Stores to move, and places to move them to."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from graphmem import Memory, Settings
from graphmem.portability import copy
from tests.migration.helpers import fill
from tests.sparse_copy import copy_store


@pytest.fixture(autouse=True)
def nothing_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stores are compared with what they were: what looks at them counts no reads, and what is
    pending stays so."""
    monkeypatch.setenv("GRAPHMEM_COUNT_READS", "false")
    monkeypatch.setenv("GRAPHMEM_RESUME_EVERY_S", "0")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled") / "source"
    # Its reads are counted, and the counts move with it.
    with Memory(folder, settings=Settings.load({}, resume_every_s=0)) as memory:
        fill(memory)
        assert memory.search("Where does Ada live?", user_id="ada").hits
    return folder


@pytest.fixture
def source(filled: Path, tmp_path: Path) -> Path:
    return copy_store(filled, tmp_path / "source")


@pytest.fixture
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many small batches, as a large store has."""
    monkeypatch.setattr(copy, "_ROWS", range(3, 8))


@pytest.fixture
def postgres(postgres_url: str) -> Callable[[], str]:
    """The URL of a ledger of its own, each time."""

    def new() -> str:
        return f"{postgres_url}?schema=move_{uuid.uuid4().hex[:12]}"

    return new
