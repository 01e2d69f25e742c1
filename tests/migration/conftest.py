"""Stores to move, and places to move them to."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from graphmem import Memory, Settings
from graphmem.portability import copy
from tests.migration.helpers import (
    fill,
)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled") / "source"
    with Memory(folder, settings=Settings.load({})) as memory:
        fill(memory)
    return folder


@pytest.fixture
def source(filled: Path, tmp_path: Path) -> Path:
    return shutil.copytree(filled, tmp_path / "source")


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
