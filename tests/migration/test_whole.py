"""Moving house: the same store at another place."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from graphmem import Memory, Settings, migrate, migrate_memory, open_memory
from graphmem.migration.store import ledger_of
from graphmem.testing.llm_server import LocalModelServer
from tests.engine.helpers import NOTHING, child, child_environment
from tests.migration.helpers import (
    answers,
    check,
    contents,
    everything,
    fill,
)


class TestWhole:
    def test_from_folder_to_folder(self, source: Path, tmp_path: Path) -> None:
        before = everything(source)
        shown: list[tuple[str, int, int]] = []
        moved = migrate(source, tmp_path / "to", progress=lambda *step: shown.append(step))
        check(moved)
        assert everything(tmp_path / "to") == before
        assert everything(source) == before
        stages = list(dict.fromkeys(stage for stage, _, _ in shown))
        assert stages[:2] == ["copy", "compare"]
        assert sorted(stages[2:4]) == ["graph", "vectors"]
        assert stages[4:] == ["verify"]
        for stage in ("copy", "compare", "verify"):
            steps = [(done, total) for name, done, total in shown if name == stage]
            assert steps == sorted(steps, key=lambda step: step[0])
            assert steps[-1][0] == steps[-1][1], "the bar ends full"
        assert moved.rows["episodes"] == moved.stats.episodes

    def test_a_folder_by_its_name_and_twice_over(
        self, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        check(migrate("source", "second"))
        check(migrate("second", "third"))
        assert everything("third") == everything("source")

    def test_an_open_memory(self, tmp_path: Path) -> None:
        with Memory("memory://") as memory:
            fill(memory)
            check(migrate(memory, tmp_path / "kept"))
            shown, stored = everything(tmp_path / "kept")
            assert stored == contents(memory)
            assert shown == answers(memory)
            memory.add("It goes on.", user_id="ada")

    async def test_an_open_asynchronous_memory(self, tmp_path: Path) -> None:
        async with await open_memory("memory://", user_id="ada") as memory:
            await memory.add("Ada works at Acme.", occurred_at="2024-01-01")
            moved = await migrate_memory(memory, tmp_path / "kept")
            assert moved.stats == await memory.stats(user_id=None)
        async with await open_memory(tmp_path / "kept", user_id="ada") as kept:
            assert [hit.text for hit in await kept.search("Where does Ada work?", limit=1)]

    def test_an_empty_store(self, tmp_path: Path) -> None:
        with Memory(tmp_path / "empty"):
            pass
        moved = migrate(tmp_path / "empty", tmp_path / "to")
        assert moved.ok
        assert moved.stats == NOTHING
        again = migrate(tmp_path / "empty", tmp_path / "to")
        assert again.ok
        with Memory(tmp_path / "to", user_id="ada") as memory:
            assert memory.add("Ada works at Acme.").status == "done"

    def test_what_was_pending_is_still_to_be_done(self, source: Path, tmp_path: Path) -> None:
        migrate(source, tmp_path / "to")
        with Memory(tmp_path / "to", user_id="ada") as memory:
            assert memory.stats(user_id="ada").tokens_in == 7, "what a model was paid for is kept"
            assert [receipt.status for receipt in memory.resume()] == ["done", "done"]
            assert memory.stats().pending == 0
            assert "Acme" in [r.object for r in memory.relations("Greta")]
            assert memory.verify().ok
        with Memory(source) as memory:
            assert memory.stats().pending == 2

    def test_the_copy_lives_on(self, source: Path, tmp_path: Path) -> None:
        migrate(source, tmp_path / "to")
        with Memory(tmp_path / "to", user_id="ada") as memory:
            same = memory.add("Ada Lovelace works at Acme.", occurred_at="2024-01-10")
            assert same.status == "duplicate"
            head = memory._loop_thread.call(ledger_of(memory._async).head())  # type: ignore[arg-type]
            memory.add("Ida Berg lives in Rome.")
            assert memory._loop_thread.call(ledger_of(memory._async).head()) > head  # type: ignore[arg-type]
            assert memory.verify().ok
            assert memory.rebuild().ok

    def test_nothing_is_paid_for_twice(self, tmp_path: Path) -> None:
        with LocalModelServer() as server:
            given = {"embedder": "openai:embed-small", "openai_base_url": server.base_url}
            settings = Settings.load({}, llm="none", **given)
            with Memory(tmp_path / "from", settings=settings) as memory:
                fill(memory)
                assert memory.verify().ok
                stats = memory.stats()
            paid = len(server.embeddings)
            assert stats.spend
            source, target = tmp_path / "from", tmp_path / "to"
            moved = migrate(source, target, source_settings=settings, target_settings=settings)
            check(moved)
            assert moved.stats == stats
            assert len(server.embeddings) == paid, "the ledger takes its vectors along"

    def test_long_texts_go_in_small_batches(self, tmp_path: Path) -> None:
        with Memory(tmp_path / "long", user_id="ada") as memory:
            memory.add_many([f"{n} " + "x" * 900_000 for n in range(25)], infer=False)
        moved = migrate(tmp_path / "long", tmp_path / "to")
        assert moved.ok
        assert moved.rows["episodes"] == 25


_LADYBUG = """
import sys
from graphmem import Memory, Settings, migrate

source, target = sys.argv[1:]
settings = Settings.load({}, graph=f"ladybug:///{target}/graph.ladybug")
moved = migrate(source, target, target_settings=settings)
assert moved.ok, moved
assert "ladybug" in sys.modules
assert "kuzu" not in sys.modules
with Memory(target, user_id="ada", settings=settings) as memory:
    print([hit.id for hit in memory.search("Where does Ada live?", limit=5)])
"""


def test_from_kuzu_to_ladybug(source: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        child(_LADYBUG, str(source), str(tmp_path / "to")),
        env=child_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with Memory(source, user_id="ada") as memory:
        assert done.stdout.strip() == str(
            [hit.id for hit in memory.search("Where does Ada live?", limit=5)]
        )
