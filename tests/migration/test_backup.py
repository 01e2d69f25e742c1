"""Backups: of one moment while others write, cut off anywhere, damaged, and restored."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory, Settings, open_memory, restore
from graphmem.errors import GraphmemError, Rejected, UsageError
from graphmem.migration.restore import backup_store
from tests.engine.helpers import child_environment
from tests.migration.helpers import check, cut_off, everything

KILLS = 2 * int(os.environ.get("GRAPHMEM_FUZZ", "1"))


def manifest(folder: Path) -> Any:
    return json.loads((folder / "manifest.json").read_text())


class TestWhole:
    def test_there_and_back(self, source: Path, tmp_path: Path) -> None:
        before = everything(source)
        steps: list[tuple[str, int, int]] = []
        with Memory(source) as memory:
            made = memory.backup(tmp_path / "b" / "one", progress=lambda *step: steps.append(step))
        assert {entry.name for entry in (tmp_path / "b" / "one").iterdir()} == {
            "ledger.sqlite",
            "manifest.json",
        }
        assert [*dict.fromkeys(stage for stage, _, _ in steps)] == ["copy", "compare"]
        told = manifest(tmp_path / "b" / "one")
        assert (told["format"], told["seq"], told["store_id"]) == (1, made.seq, made.store_id)
        assert {name: one["rows"] for name, one in told["tables"].items()} == made.rows
        assert made.rows["episodes"] >= 12
        moved = restore(tmp_path / "b" / "one", tmp_path / "to")
        check(moved)
        assert (moved.head, moved.store_id) == (made.seq, made.store_id)
        assert everything(tmp_path / "to") == before == everything(source)
        assert manifest(tmp_path / "b" / "one") == told
        # A backup of what was restored holds the same, row by row.
        with Memory(tmp_path / "to") as memory:
            memory.backup(tmp_path / "b" / "two")
        assert manifest(tmp_path / "b" / "two")["tables"] == told["tables"]

    async def test_of_one_moment_while_others_write(self, tmp_path: Path) -> None:
        stop = asyncio.Event()
        written = 0
        async with await open_memory(tmp_path / "m", user_id="ada") as memory:
            for n in range(30):
                await memory.add(f"Person{n} lives in Oslo.", occurred_at="2024-01-01")
            during: list[int] = []

            async def write() -> None:
                nonlocal written
                while not stop.is_set():
                    receipt = await memory.add(f"Late{written} works at Acme.")
                    assert receipt.status == "done"
                    written += 1
                    await asyncio.sleep(0)

            writer = asyncio.create_task(write())
            try:
                for n in range(2):
                    ahead = written
                    made = await memory.backup(tmp_path / f"b{n}")
                    during.append(written - ahead)
                    assert made.seq <= await memory._parts.ledger.head()
            finally:
                stop.set()
                await writer
        assert min(during) > 0, "nobody waits for a backup"
        for n in range(2):
            moved = restore(tmp_path / f"b{n}", tmp_path / f"r{n}")
            assert moved.ok
            assert moved.head == manifest(tmp_path / f"b{n}")["seq"]
            with Memory(tmp_path / f"r{n}", user_id="ada") as kept:
                told = kept.stats().episodes
                assert kept.search("Where does Person3 live?").hits
            assert 30 <= told <= 30 + written

    async def test_of_a_store_that_another_process_has_open(self, tmp_path: Path) -> None:
        async with await open_memory(tmp_path / "m", user_id="ada") as memory:
            await memory.add("Ada works at Acme.", occurred_at="2024-01-01")
            made = await backup_store(tmp_path / "m", tmp_path / "b")
            await memory.add("Ada lives in Rome.")
            assert made.seq < await memory._parts.ledger.head()
        moved = await asyncio.to_thread(restore, tmp_path / "b", tmp_path / "r")
        assert moved.ok
        assert moved.stats.episodes == 1

    def test_of_a_store_whose_process_was_killed(self, source: Path, tmp_path: Path) -> None:
        program = (
            "import os, signal\nfrom graphmem import Memory\n"
            f"memory = Memory({str(source)!r}, user_id='ada')\n"
            "memory.add('Zed Quill lives in Lagos.')\nos.kill(os.getpid(), signal.SIGKILL)\n"
        )
        subprocess.run([sys.executable, "-c", program], env=child_environment(), check=False)
        asyncio.run(backup_store(source, tmp_path / "b"))
        assert restore(tmp_path / "b", tmp_path / "r").ok
        with Memory(tmp_path / "r", user_id="ada") as memory:
            assert "Lagos" in memory.search("Where does Zed Quill live?").hits[0].text

    def test_where_nothing_can_be_written(self, source: Path, tmp_path: Path) -> None:
        with Memory(source) as memory:
            memory.backup(tmp_path / "b")
        for path in [tmp_path / "b", *(tmp_path / "b").iterdir()]:
            path.chmod(0o500)
        names = {entry.name for entry in (tmp_path / "b").iterdir()}
        assert restore(tmp_path / "b", tmp_path / "to").ok
        assert {entry.name for entry in (tmp_path / "b").iterdir()} == names

    def test_what_is_in_memory(self, tmp_path: Path) -> None:
        with Memory("memory://", user_id="ada") as memory:
            memory.add("Ada works at Acme.")
            memory.backup(tmp_path / "b")
            memory.add("Ada lives in Rome.")
        assert restore(tmp_path / "b", tmp_path / "r").stats.episodes == 1

    def test_from_postgres_to_a_folder_and_back(
        self, source: Path, tmp_path: Path, postgres: Callable[[], str]
    ) -> None:
        from graphmem import migrate

        there = Settings.load(
            ledger=postgres(),
            graph=f"kuzu:///{tmp_path}/g.kuzu",
            vectors=f"qdrant-edge:///{tmp_path}/v",
        )
        migrate(source, None, target_settings=there)
        with Memory(settings=there) as memory:
            memory.backup(tmp_path / "b")
            memory.add("After it.", user_id="ada", infer=False)
        with Memory(source) as memory:
            memory.backup(tmp_path / "own")
        assert manifest(tmp_path / "b")["tables"] == manifest(tmp_path / "own")["tables"]
        check(restore(tmp_path / "b", tmp_path / "to"))
        assert everything(tmp_path / "to") == everything(source)
        back = there.model_copy(update={"ledger": postgres(), "graph": f"kuzu:///{tmp_path}/h"})
        back = back.model_copy(update={"vectors": f"qdrant-edge:///{tmp_path}/w"})
        check(restore(tmp_path / "b", None, target_settings=back))


class TestCutOff:
    def test_it_goes_on_where_it_stopped(
        self, source: Path, tmp_path: Path, few_rows: None
    ) -> None:
        def stopping(stage: str, done: int, _: int) -> None:
            if done > 60:
                raise InterruptedError

        again: list[int] = []
        with Memory(source) as memory:
            with pytest.raises(InterruptedError):
                memory.backup(tmp_path / "b", progress=stopping)
            with pytest.raises(UsageError, match="it was cut off"):
                restore(tmp_path / "b", tmp_path / "to")
            made = memory.backup(
                tmp_path / "b",
                progress=lambda stage, done, _: again.append(done) if stage == "copy" else None,
            )
            assert made.resumed
            assert again[-1] < sum(made.rows.values())
            assert memory.backup(tmp_path / "b").resumed, "to finish what is finished is no harm"
        assert restore(tmp_path / "b", tmp_path / "to").ok
        assert everything(tmp_path / "to") == everything(source)

    def test_what_was_erased_meanwhile_is_in_no_byte_of_it(
        self, source: Path, tmp_path: Path, few_rows: None
    ) -> None:
        def stopping(stage: str, *_: int) -> None:
            if stage == "compare":
                raise InterruptedError

        with Memory(source) as memory:
            with pytest.raises(InterruptedError):
                memory.backup(tmp_path / "b", progress=stopping)
            assert b"Zenith" in (tmp_path / "b" / "ledger.sqlite").read_bytes()
            memory.delete_all(user_id="bo", project_id="p")
            assert not memory.backup(tmp_path / "b").resumed
        assert b"Zenith" not in (tmp_path / "b" / "ledger.sqlite").read_bytes()
        assert restore(tmp_path / "b", tmp_path / "to").ok

    @pytest.mark.parametrize("seed", range(KILLS))
    def test_killed_anywhere(self, source: Path, tmp_path: Path, seed: int) -> None:
        """SIGKILL at a step of the backup or of the restore; the same call again ends the same."""
        before = everything(source)
        at = random.Random(seed).randrange(1, 25)
        program = (
            "import os, signal, sys\nfrom graphmem import Memory, restore\n"
            "from graphmem.portability import copy\ncopy._ROWS = range(6, 12)\n"
            f"left = {at if seed % 2 else 10_000}\n"
            "def step(*_):\n    global left\n    left -= 1\n"
            "    if not left: os.kill(os.getpid(), signal.SIGKILL)\n"
            f"with Memory({str(source)!r}) as m: m.backup({str(tmp_path / 'b')!r}, progress=step)\n"
            f"left = {at}\n"
            f"restore({str(tmp_path / 'b')!r}, {str(tmp_path / 'r')!r}, progress=step)\n"
        )
        ended = subprocess.run(
            [sys.executable, "-c", program], env=child_environment(), check=False
        )
        assert ended.returncode in {0, -signal.SIGKILL}
        with Memory(source) as memory:
            memory.backup(tmp_path / "b")
        assert restore(tmp_path / "b", tmp_path / "r").ok
        assert everything(tmp_path / "r") == before


class TestRefused:
    def test_whatever_was_done_to_it(self, source: Path, tmp_path: Path) -> None:
        with Memory(source) as memory:
            memory.backup(tmp_path / "b")
        ledger = (tmp_path / "b" / "ledger.sqlite").read_bytes()
        told = (tmp_path / "b" / "manifest.json").read_text()
        size = len(ledger)
        damages: dict[str, tuple[bytes | None, str | None]] = {
            "emptied": (b"", told),
            "halved": (ledger[: size // 2], told),
            "longer": (ledger + b"x", told),
            "gone": (None, told),
            "no manifest": (ledger, None),
            "an empty manifest": (ledger, ""),
            "half a manifest": (ledger, told[: len(told) // 2]),
            "another format": (ledger, told.replace('"format": 1', '"format": 2')),
            "a format that is no number": (ledger, told.replace('"format": 1', '"format": true')),
            "a list": (ledger, "[]"),
            "a deep list": (ledger, "[" * 100_000),
            "another seq": (ledger, told.replace('"seq": ', '"seq": 1')),
        }
        for n in range(20):
            at = n * size // 20
            damages[f"a bit at {at}"] = (
                ledger[:at] + bytes([ledger[at] ^ 1]) + ledger[at + 1 :],
                told,
            )
        for name, (data, text) in damages.items():
            bad = tmp_path / "bad"
            shutil.rmtree(bad, ignore_errors=True)
            bad.mkdir()
            if data is not None:
                (bad / "ledger.sqlite").write_bytes(data)
            if text is not None:
                (bad / "manifest.json").write_text(text)
            with pytest.raises(GraphmemError, match="backup"):
                restore(bad, tmp_path / "to")
            assert not (tmp_path / "to").exists(), name

    @pytest.mark.parametrize("name", ["ledger.sqlite", "manifest.json"])
    def test_what_never_ends_is_not_read(self, source: Path, tmp_path: Path, name: str) -> None:
        with Memory(source) as memory:
            memory.backup(tmp_path / "b")
            place = tmp_path / "b" / name
            puts: tuple[Callable[[], None], ...] = (
                lambda: os.mkfifo(place),
                lambda: place.symlink_to("/dev/zero"),
                place.mkdir,
            )
            for put in puts:
                place.rename(tmp_path / f"{name}.{sum(1 for _ in tmp_path.iterdir())}")
                put()
                with pytest.raises(Rejected, match=name):
                    restore(tmp_path / "b", tmp_path / "to")
                with pytest.raises(Rejected, match=name):
                    memory.backup(tmp_path / "b")
        assert not (tmp_path / "to").exists()

    def test_a_folder_that_holds_something_else(self, source: Path, tmp_path: Path) -> None:
        (tmp_path / "b").mkdir()
        (tmp_path / "b" / "photo.jpg").write_text("x")
        (tmp_path / "file").write_text("x")
        with Memory(source) as memory:
            for place, why in (
                (tmp_path / "b", "something else"),
                (tmp_path / "file", "cannot be used"),
                (source, "something else"),
                ("", "no folder"),
                ("a\0b", "no folder"),
                ("s3://bucket/x", "is a URL"),
                (7, "text or a path"),
            ):
                with pytest.raises(UsageError, match=why):
                    memory.backup(place)  # type: ignore[arg-type]
        assert [entry.name for entry in (tmp_path / "b").iterdir()] == ["photo.jpg"]

    def test_another_moment_or_another_store(self, source: Path, tmp_path: Path) -> None:
        with Memory(source) as memory:
            memory.backup(tmp_path / "b")
            told = manifest(tmp_path / "b")
            memory.add("News.", user_id="ada", infer=False)
            with pytest.raises(UsageError, match="a folder of its own"):
                memory.backup(tmp_path / "b")
        with (
            Memory(tmp_path / "other", user_id="ada") as memory,
            pytest.raises(UsageError, match="a folder of its own"),
        ):
            memory.backup(tmp_path / "b")
        assert manifest(tmp_path / "b") == told
        with pytest.raises(UsageError, match=r"nothing was copied|holds"):
            restore(tmp_path / "b", source)

    def test_half_a_store(self, source: Path, tmp_path: Path) -> None:
        cut_off(source, tmp_path / "half", 20)
        with pytest.raises(UsageError, match="is not complete"):
            asyncio.run(backup_store(tmp_path / "half", tmp_path / "b"))

    def test_a_file_that_is_no_ledger(self, tmp_path: Path) -> None:
        (tmp_path / "m").mkdir()
        (tmp_path / "m" / "ledger.sqlite").write_bytes(b"not a database, surely" * 100)
        with pytest.raises(Rejected):
            asyncio.run(backup_store(tmp_path / "m", tmp_path / "b"))
        with pytest.raises(UsageError, match="no store"):
            asyncio.run(backup_store(tmp_path / "nothing", tmp_path / "b"))
