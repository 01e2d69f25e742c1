"""Ends that cannot be moved from or to: said before anything is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory, Settings, migrate
from graphmem.errors import GraphmemError, Unavailable, UsageError
from tests.migration.helpers import (
    check,
    cut_off,
    everything,
)


class TestRefused:
    def refuse(
        self, *ends: Any, match: str, kind: type[GraphmemError] = UsageError, **more: Any
    ) -> None:
        with pytest.raises(kind, match=match):
            migrate(*ends, **more)

    def test_a_target_with_another_store(self, source: Path, tmp_path: Path) -> None:
        with Memory(tmp_path / "other", user_id="ada") as memory:
            memory.add("Ada works at Zenith.")
        before = everything(tmp_path / "other")
        self.refuse(source, tmp_path / "other", match="the target holds another store")
        assert everything(tmp_path / "other") == before

    def test_an_empty_store_is_accepted(self, source: Path, tmp_path: Path) -> None:
        with Memory(tmp_path / "new", user_id="ada") as memory:
            memory.health()
        check(migrate(source, tmp_path / "new"))
        assert everything(tmp_path / "new") == everything(source)
        again = migrate(source, tmp_path / "new")
        check(again, resumed=True)

    def test_half_a_copy_of_another_store(
        self, source: Path, tmp_path: Path, few_rows: None
    ) -> None:
        cut_off(source, tmp_path / "to", 20)
        with Memory(tmp_path / "other", user_id="ada") as memory:
            memory.add("Ada works at Zenith.")
        self.refuse(tmp_path / "other", tmp_path / "to", match="half a copy of another store")
        self.refuse(tmp_path / "to", tmp_path / "third", match="is not complete")
        check(migrate(source, tmp_path / "to"), resumed=True)

    def test_a_folder_with_something_else_in_it(self, source: Path, tmp_path: Path) -> None:
        (tmp_path / "letters").mkdir()
        (tmp_path / "letters" / "dear.txt").write_text("Dear")
        self.refuse(source, tmp_path / "letters", match="letters holds something else")
        assert [path.name for path in (tmp_path / "letters").iterdir()] == ["dear.txt"]

    def test_a_file_as_target(self, source: Path, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("x")
        self.refuse(source, tmp_path / "file", match="cannot be used as a memory folder")

    def test_source_and_target_the_same(self, source: Path, tmp_path: Path) -> None:
        link = tmp_path / "link"
        link.symlink_to(source)
        for target in (source, str(source) + "/../source", link):
            self.refuse(source, target, match="source and target are the same store")

    def test_either_end_in_use(self, source: Path, tmp_path: Path) -> None:
        with Memory(source):
            self.refuse(source, tmp_path / "to", match="is open in", kind=Unavailable)
        assert not (tmp_path / "to" / "ledger.sqlite").exists()
        with Memory(tmp_path / "to"):
            self.refuse(source, tmp_path / "to", match="is open in", kind=Unavailable)
        check(migrate(source, tmp_path / "to"))

    def test_nobody_writes_the_source_meanwhile(self, source: Path, tmp_path: Path) -> None:
        refused: list[str] = []

        def progress(stage: str, *_: int) -> None:
            if stage == "copy" and not refused:
                try:
                    Memory(source)
                except Unavailable as error:
                    refused.append(str(error))

        # From another thread than the thread's: a memory may not be opened inside it.
        migrate(source, tmp_path / "to", progress=progress)
        assert refused

    def test_no_source(self, tmp_path: Path) -> None:
        self.refuse(tmp_path / "none", tmp_path / "to", match="there is no store in .*none")
        (tmp_path / "folder").mkdir()
        self.refuse(tmp_path / "folder", tmp_path / "to", match="there is no store in .*folder")
        self.refuse(None, tmp_path / "to", match="name the source")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["folder"]
        assert not list((tmp_path / "folder").iterdir())

    def test_ends_that_are_no_places(self, source: Path, tmp_path: Path) -> None:
        self.refuse("memory://", tmp_path / "to", match="a source is a folder")
        self.refuse(source, "memory://", match="in memory would be gone")
        self.refuse(source, None, match="the missing URLs: GRAPHMEM_LEDGER")
        in_memory = Settings.load({}, vectors="memory://")
        self.refuse(source, tmp_path / "to", target_settings=in_memory, match="a vectors in memory")
        in_memory = Settings.load({}, ledger="memory://")
        self.refuse(
            None, tmp_path / "to", source_settings=in_memory, match="give the memory itself"
        )
        wrong = Settings.load({}, graph="nebula://x")
        self.refuse(source, tmp_path / "to", target_settings=wrong, match="unknown graph 'nebula")
        assert not (tmp_path / "to").exists()

    def test_servers_that_are_not_there(self, source: Path, tmp_path: Path) -> None:
        """Found out before anything is copied; what was given as a secret is not shown."""
        for part, url in (
            ("ledger", "postgresql://ann:hidden-word@127.0.0.1:1/x"),
            ("graph", "bolt://neo4j:hidden-word@127.0.0.1:1"),
            ("vectors", "http://127.0.0.1:1"),
        ):
            settings = Settings.load({}, vectors_api_key="hidden-word", **{part: url})
            stages: list[str] = []
            with pytest.raises(Unavailable) as caught:
                migrate(
                    source,
                    tmp_path / part,
                    target_settings=settings,
                    progress=lambda stage, *_, stages=stages: stages.append(stage),
                )
            assert "hidden-word" not in str(caught.value)
            assert not stages
            # Nothing is in the way of the next try.
            if part != "ledger":
                check(migrate(source, tmp_path / part))

    def test_another_embedder(self, source: Path, tmp_path: Path) -> None:
        settings = Settings.load({}, embedder="openai:other", openai_base_url="http://127.0.0.1:1")
        self.refuse(
            source,
            tmp_path / "to",
            target_settings=settings,
            match="made with the embedder wordllama",
        )
        assert not (tmp_path / "to").exists()

    def test_the_environment_names_no_place(
        self, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Else both ends would be what it names."""
        for kind in ("LEDGER", "GRAPH", "VECTORS"):
            monkeypatch.setenv(f"GRAPHMEM_{kind}", "memory://")
        check(migrate(source, tmp_path / "to"))
        assert (tmp_path / "to" / "ledger.sqlite").is_file()
