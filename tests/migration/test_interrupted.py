"""A move that is cut off, at every moment, and run again; a source that changes meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory, migrate, migrate_memory, open_memory
from graphmem.errors import Rejected, Unavailable, UsageError
from tests.migration.helpers import (
    check,
    cut_off,
    everything,
)


class TestInterrupted:
    @pytest.mark.parametrize("at", [1, 5, 14, 27])
    def test_it_goes_on_and_ends_the_same(
        self, source: Path, tmp_path: Path, few_rows: None, at: int
    ) -> None:
        before = everything(source)
        steps = 0

        def progress(stage: str, *_: int) -> None:
            nonlocal steps
            steps += 1
            if steps == at:
                raise InterruptedError(stage)

        target = tmp_path / "to"
        with pytest.raises(InterruptedError):
            migrate(source, target, progress=progress)
        with pytest.raises(UsageError, match="is not complete: run the same `graphmem migrate`"):
            Memory(target)
        steps = at + 1  # not again
        moved = migrate(source, target, progress=progress)
        check(moved, resumed=True)
        after = everything(target)
        assert after == before
        whole = sum(map(len, after[1][0].values()))
        assert sum(moved.rows.values()) < whole if at > 2 else sum(moved.rows.values()) <= whole

    def test_while_graph_and_vectors_are_made(self, source: Path, tmp_path: Path) -> None:
        def progress(stage: str, *_: int) -> None:
            if stage in {"graph", "vectors", "verify"}:
                raise InterruptedError(stage)

        with pytest.raises(InterruptedError):
            migrate(source, tmp_path / "to", progress=progress)
        moved = migrate(source, tmp_path / "to")
        check(moved, resumed=True)
        assert not moved.rows
        assert everything(tmp_path / "to") == everything(source)

    def test_every_write_to_the_target_is_a_place_to_be_killed(
        self, source: Path, tmp_path: Path, few_rows: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One run after the other, each cut off one write later than the one before."""
        from graphmem.adapters.ledger.sqlite.ledger import SqliteLedger

        left = 0

        def limited(name: str) -> None:
            whole = getattr(SqliteLedger, name)

            async def cut(self: Any, *args: Any, **kwargs: Any) -> Any:
                nonlocal left
                if left == 0:
                    raise Unavailable("cut off")
                left -= 1
                return await whole(self, *args, **kwargs)

            monkeypatch.setattr(SqliteLedger, name, cut)

        before = everything(source)
        for name in ("load", "remember_setting"):
            limited(name)
        for allowed in range(100):
            left = allowed % 12
            try:
                moved = migrate(source, tmp_path / "to")
                break
            except Unavailable:
                continue
        left = 1_000
        check(moved, resumed=True)
        assert allowed > 5
        assert everything(tmp_path / "to") == before

    def test_again_when_all_is_there(self, source: Path, tmp_path: Path) -> None:
        first = migrate(source, tmp_path / "to")
        again = migrate(source, tmp_path / "to")
        check(again, resumed=True)
        assert not again.rows
        assert (again.head, again.stats, again.store_id) == (
            first.head, first.stats, first.store_id,
        )  # fmt: skip

    def test_a_copy_that_went_on_by_itself_is_not_overwritten(
        self, source: Path, tmp_path: Path
    ) -> None:
        migrate(source, tmp_path / "to")
        with Memory(tmp_path / "to", user_id="ada") as memory:
            memory.add("News.", infer=False)
        before = everything(tmp_path / "to")
        with pytest.raises(UsageError, match="the two went on apart"):
            migrate(source, tmp_path / "to")
        assert everything(tmp_path / "to") == before

    def test_what_the_source_learnt_meanwhile_goes_along(
        self, source: Path, tmp_path: Path, few_rows: None
    ) -> None:
        cut_off(source, tmp_path / "to", 80)
        with Memory(source, user_id="ada") as memory:
            memory.add("Ada Lovelace moved to Madrid.", occurred_at="2025-09-01")
            memory.resume()
        moved = migrate(source, tmp_path / "to")
        assert moved.ok
        assert everything(tmp_path / "to") == everything(source)

    def test_what_the_source_erased_meanwhile_is_not_kept(
        self, source: Path, tmp_path: Path, few_rows: None
    ) -> None:
        cut_off(source, tmp_path / "to", 120)
        with Memory(source, user_id="ada") as memory:
            memory.delete_all()
        with pytest.raises(Rejected, match=r"empty the target.*\(it lost some of: .*episodes"):
            migrate(source, tmp_path / "to")
        with pytest.raises(UsageError, match="is not complete"):
            Memory(tmp_path / "to")

    async def test_a_source_that_is_written_meanwhile(self, tmp_path: Path) -> None:
        async with await open_memory("memory://", user_id="ada") as memory:
            for n in range(20):
                await memory.add(f"Person{n} lives in Oslo.", occurred_at="2024-01-01")
            writing: list[asyncio.Task[Any]] = []

            def progress(stage: str, *_: int) -> None:
                if len(writing) < 15 and stage == "copy":
                    text = f"Late{len(writing)} works at Acme. Person1 moved to Rome."
                    writing.append(asyncio.create_task(memory.add(text)))

            moved = await migrate_memory(memory, tmp_path / "to", progress=progress)
            await asyncio.gather(*writing)
            assert moved.ok
            assert moved.stats.episodes <= 35
        async with await open_memory(tmp_path / "to", user_id="ada") as kept:
            assert (await kept.verify()).ok

    async def test_a_source_that_is_written_all_the_time(self, tmp_path: Path) -> None:
        async with await open_memory("memory://", user_id="ada") as memory:
            stop = asyncio.Event()

            async def write() -> None:
                n = 0
                while not stop.is_set():
                    n += 1
                    await memory.add(f"Note {n}.", infer=False)

            await memory.add("Ada works at Acme.")
            writer = asyncio.create_task(write())
            try:
                with pytest.raises(Unavailable, match="stop what writes it"):
                    await migrate_memory(memory, tmp_path / "to")
            finally:
                stop.set()
                await writer
            moved = await migrate_memory(memory, tmp_path / "to")
            assert moved.resumed
            assert moved.ok
