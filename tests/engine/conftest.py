"""The same tests through every face: a folder, nothing kept, and the asynchronous engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from graphmem import Memory
from tests.engine.helpers import InProject, OnLoop, add_story

FACES = ("folder", "memory", "async")


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Memory]:
    """One folder for all tests, each in a project of its own: what one stores, no other sees."""
    with Memory(tmp_path_factory.mktemp("shared") / "store") as opened:
        yield opened


def _open(face: str, request: pytest.FixtureRequest) -> Iterator[Memory]:
    if face == "folder":
        yield InProject(request.getfixturevalue("shared"), request.node.nodeid).as_memory
    elif face == "async":
        driven = OnLoop.open("memory://", user_id="ada")
        yield driven.as_memory
        driven.close()
    else:
        with Memory("memory://", user_id="ada") as opened:
            yield opened


@pytest.fixture(params=FACES)
def memory(request: pytest.FixtureRequest) -> Iterator[Memory]:
    """An empty memory of the user ada: embedded stores, those that keep nothing, and
    :class:`AsyncMemory` itself, driven by a loop."""
    yield from _open(request.param, request)


@pytest.fixture(params=FACES, scope="module")
def story(request: pytest.FixtureRequest) -> Iterator[Memory]:
    """A memory that was told a few things, of which some have changed since. Only to be read."""
    for opened in _open(request.param, request):
        add_story(opened)
        yield opened


@pytest.fixture
def plain() -> Iterator[Memory]:
    """A memory that keeps nothing, for what does not differ between backends."""
    with Memory("memory://", user_id="ada") as opened:
        yield opened
