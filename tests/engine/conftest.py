"""The same tests through every face: a folder, nothing kept, and the asynchronous engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from graphmem import Memory
from tests.engine.helpers import OnLoop, tell_story


@pytest.fixture(params=["folder", "memory", "async"])
def memory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Memory]:
    """An empty memory of the user ada. The last one is :class:`AsyncMemory`, driven by a loop."""
    if request.param == "async":
        driven = OnLoop.open("memory://", user_id="ada")
        yield driven.as_memory
        driven.close()
    else:
        folder = tmp_path / "store" if request.param == "folder" else "memory://"
        with Memory(folder, user_id="ada") as opened:
            yield opened


@pytest.fixture
def story(memory: Memory) -> Memory:
    """A memory that was told a few things, of which some have changed since."""
    tell_story(memory)
    return memory


@pytest.fixture
def plain() -> Iterator[Memory]:
    """A memory that keeps nothing, for what does not differ between backends."""
    with Memory("memory://", user_id="ada") as opened:
        yield opened
