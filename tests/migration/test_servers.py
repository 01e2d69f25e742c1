"""Moving to PostgreSQL and Neo4j, and back."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory, Settings, migrate, migrate_memory, open_memory
from graphmem.errors import UsageError
from tests.migration.helpers import (
    check,
    everything,
)


class TestPostgres:
    def at(self, folder: Path, url: str) -> tuple[Path, Settings]:
        """A store with its ledger in PostgreSQL, graph and vectors in a folder."""
        return folder, Settings.load(os.environ, ledger=url)

    def test_there_and_back(
        self, source: Path, tmp_path: Path, postgres: Callable[[], str]
    ) -> None:
        before = everything(source)
        folder, settings = self.at(tmp_path / "pg", postgres())
        check(migrate(source, folder, target_settings=settings))
        assert everything(folder, settings=settings) == before
        check(migrate(None, tmp_path / "back", source_settings=settings))
        assert everything(tmp_path / "back") == before

    def test_from_one_database_to_another_and_on(
        self, source: Path, tmp_path: Path, postgres: Callable[[], str]
    ) -> None:
        one, two = (self.at(tmp_path / name, postgres()) for name in ("one", "two"))
        check(migrate(source, one[0], target_settings=one[1]))
        check(migrate(None, two[0], source_settings=one[1], target_settings=two[1]))
        with Memory(two[0], user_id="ada", settings=two[1]) as memory:
            assert memory.add("Ada Lovelace works at Acme.", occurred_at="2024-01-10").status == (
                "duplicate"
            )
            assert memory.add("Ida Berg lives in Rome.").status == "done"
            memory.resume()
            assert memory.verify().ok
            assert memory.rebuild().ok

    @pytest.mark.parametrize("at", [1, 19])
    def test_cut_off_and_resumed(
        self, source: Path, tmp_path: Path, postgres: Callable[[], str], few_rows: None, at: int
    ) -> None:
        folder, settings = self.at(tmp_path / "pg", postgres())
        steps = 0

        def progress(*_: Any) -> None:
            nonlocal steps
            steps += 1
            if steps == at:
                raise InterruptedError

        with pytest.raises(InterruptedError):
            migrate(source, folder, target_settings=settings, progress=progress)
        with pytest.raises(UsageError, match="is not complete"):
            Memory(folder, settings=settings)
        check(migrate(source, folder, target_settings=settings), resumed=True)
        assert everything(folder, settings=settings) == everything(source)

    def test_another_store_and_the_same(
        self, source: Path, tmp_path: Path, postgres: Callable[[], str]
    ) -> None:
        folder, settings = self.at(tmp_path / "pg", postgres())
        with Memory(folder, user_id="ada", settings=settings) as memory:
            memory.add("Ada works at Zenith.")
        with pytest.raises(UsageError, match="the target holds another store"):
            migrate(source, folder, target_settings=settings)
        with pytest.raises(UsageError, match="are the same store"):
            migrate(None, folder, source_settings=settings, target_settings=settings)

    def test_no_store_at_the_source(self, tmp_path: Path, postgres: Callable[[], str]) -> None:
        settings = Settings.load(os.environ, ledger=postgres())
        with pytest.raises(UsageError, match="there is no store at the source"):
            migrate(None, tmp_path / "to", source_settings=settings)

    async def test_others_write_it_meanwhile(
        self, tmp_path: Path, postgres: Callable[[], str]
    ) -> None:
        folder, settings = self.at(tmp_path / "pg", postgres())
        async with await open_memory(folder, user_id="ada", settings=settings) as memory:
            for n in range(10):
                await memory.add(f"Person{n} lives in Oslo.", occurred_at="2024-01-01")
            writing: list[asyncio.Task[Any]] = []

            def progress(stage: str, *_: int) -> None:
                if len(writing) < 6 and stage == "copy":
                    shown = f"Late{len(writing)} works at Acme. Person1 moved to Rome."
                    writing.append(asyncio.create_task(memory.add(shown)))

            moved = await migrate_memory(
                None, tmp_path / "to", source_settings=settings, progress=progress
            )
            await asyncio.gather(*writing)
            assert moved.ok
            assert 10 <= moved.stats.episodes <= 16
        async with await open_memory(tmp_path / "to", user_id="ada") as kept:
            assert (await kept.verify()).ok


class TestNeo4j:
    def test_to_servers_and_back(
        self, source: Path, tmp_path: Path, postgres: Callable[[], str], neo4j_uri: str
    ) -> None:
        ledger = postgres()
        servers = Settings.load(os.environ, ledger=ledger, graph=f"{neo4j_uri}?replace=1")
        before = everything(source)
        check(migrate(source, tmp_path / "vectors", target_settings=servers))
        settings = Settings.load(os.environ, ledger=ledger, graph=neo4j_uri)
        shown, stored = everything(tmp_path / "vectors", settings=settings)
        assert shown == before[0]
        assert stored == before[1]
        check(migrate(None, tmp_path / "back", source_settings=settings))
        assert everything(tmp_path / "back") == before

    def test_a_database_with_another_store_is_refused_before_anything_is_copied(
        self, source: Path, tmp_path: Path, postgres: Callable[[], str], neo4j_uri: str
    ) -> None:
        replacing = Settings.load(os.environ, graph=f"{neo4j_uri}?replace=1")
        with Memory(tmp_path / "other", user_id="ada", settings=replacing) as memory:
            memory.add("Ada works at Zenith.")
            assert memory.relations()
        settings = Settings.load(os.environ, ledger=postgres(), graph=neo4j_uri)
        shown: list[str] = []
        with pytest.raises(UsageError, match="replace=1"):
            migrate(
                source,
                tmp_path / "to",
                target_settings=settings,
                progress=lambda stage, *_: shown.append(stage),
            )
        assert not shown
        check(migrate(source, tmp_path / "to", target_settings=Settings.load(os.environ)))
