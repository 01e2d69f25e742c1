"""What a ledger remembers of its own progress, damaged: nothing stops, and all is looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphmem import AsyncMemory, Settings, open_memory
from graphmem.ports.ledger.values import kept_numbers

_DAMAGED = ("x", "5 3 3", "9" * 5000, "[[1]]", "[" * 9999)
_SETTINGS = ("verified_parts", "indexed_seq", "embedder_size", "retention_applied_at",
             "set_aside graph", "set_aside vectors", "webhook x")  # fmt: skip


async def _opened(folder: Path) -> AsyncMemory:
    return await open_memory(folder, user_id="ada", settings=Settings.load({}))


@pytest.mark.parametrize("value", _DAMAGED, ids=lambda value: repr(value[:9]))
async def test_a_damaged_setting_stops_nothing(tmp_path: Path, value: str) -> None:
    async with await _opened(tmp_path / "m") as memory:
        await memory.add("Bob Stone works at Acme.")
        await memory.set_retention(keep="3650d")
        for name in _SETTINGS:
            await memory._parts.ledger.remember_setting(name, value)
    async with await _opened(tmp_path / "m") as memory:
        found = await memory.verify(part_of=3)
        assert found.ok, found
        assert found.part is None, "everything was looked at"
        assert (await memory.verify(part_of=3)).part == (1, 3)
        assert "Acme" in (await memory.search("Where does Bob Stone work?")).hits[0].text
        assert (await memory.health()).ok
        assert (await memory.rebuild()).ok
        assert (await memory.apply_retention()).episodes == 0


def test_numbers_are_kept_as_such_or_not_at_all() -> None:
    assert kept_numbers("12") == (12,)
    assert kept_numbers("12 0 3", 3) == (12, 0, 3)
    assert kept_numbers(None) is None
    for value in (
        "",
        "1",
        "1 2 x",
        "1 2 3 ",
        "1  2 3",
        "-1 0 3",
        "1 2 3 4",
        "1e3 0 3",
        "\u0663 0 4",
    ):
        assert kept_numbers(value, 3) is None, value
