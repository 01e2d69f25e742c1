"""When the vectors are indexed: by a load before it ends, and by whoever opens what is not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from graphmem import Memory, open_memory
from graphmem.adapters.vectors.qdrant_edge.store import EdgeVectors
from graphmem.engine import core


@pytest.fixture
def indexed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Where vectors were indexed, which in these tests is due after a hundred events."""
    done: list[Path] = []
    optimize = EdgeVectors.optimize

    async def noted(self: EdgeVectors) -> bool:
        whole = await optimize(self)
        done.append(self._path)
        return whole

    monkeypatch.setattr(core, "_INDEX_EVERY", 100)
    monkeypatch.setattr(EdgeVectors, "optimize", noted)
    return done


def load(folder: Path, first: int, last: int) -> None:
    with Memory(folder, user_id="ada") as memory:
        memory.add_many([f"Note {n} of the day." for n in range(first, last)], infer=False)


def test_a_load_ends_indexed(indexed: list[Path], tmp_path: Path) -> None:
    load(tmp_path, 0, 200)
    assert len(indexed) == 1, "before the process that loads is gone"
    load(tmp_path, 200, 230)
    assert len(indexed) == 1, "a few more are not worth it"
    load(tmp_path, 230, 800)
    assert len(indexed) == 2


async def test_what_was_left_unindexed_is_caught_up_with(
    indexed: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(core, "_INDEX_EVERY", 100_000)
        load(tmp_path, 0, 200)
    assert not indexed
    async with await open_memory(tmp_path, user_id="ada") as memory:
        assert memory._indexing is not None, "begun in the background"
        await memory._indexing
        assert len(indexed) == 1
        assert await memory.search("Note 7 of the day", limit=1)
    async with await open_memory(tmp_path, user_id="ada") as memory:
        assert memory._indexing is None
        assert (await memory.rebuild()).ok
    assert len(indexed) == 2, "vectors that were made anew are indexed anew"


async def test_what_was_given_up_for_a_load_is_done_at_its_end(
    indexed: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Begun at opening, it is given up when much comes: that does not count as done."""
    optimize, given_up = EdgeVectors.optimize, [True]

    async def at_first_given_up(self: EdgeVectors) -> bool:
        return False if given_up and given_up.pop() else await optimize(self)

    with monkeypatch.context() as patch:
        patch.setattr(core, "_INDEX_EVERY", 100_000)
        load(tmp_path, 0, 200)
    monkeypatch.setattr(EdgeVectors, "optimize", at_first_given_up)
    load(tmp_path, 200, 230)
    assert not given_up
    assert len(indexed) == 1, "by the end of the load, though it brought little"


async def test_vectors_that_opening_makes_anew_are_indexed_anew(
    indexed: list[Path], tmp_path: Path
) -> None:
    """As those of another version of graphmem are, or those that somebody took away."""
    load(tmp_path, 0, 200)
    assert len(indexed) == 1
    shutil.rmtree(tmp_path / "vectors")
    async with await open_memory(tmp_path, user_id="ada") as memory:
        assert memory._indexing is not None
        await memory._indexing
    assert len(indexed) == 2
