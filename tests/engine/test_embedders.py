"""An embedder on the wire, and what a store remembers of its embedder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory, Settings
from graphmem.errors import ModelError, UsageError
from graphmem.testing.llm_server import LocalModelServer


@pytest.fixture
def server() -> Iterator[LocalModelServer]:
    with LocalModelServer() as running:
        yield running


class TestEmbedder:
    """An embedder on the wire, and what a store remembers of its embedder."""

    @staticmethod
    def chosen(server: LocalModelServer, **more: Any) -> Settings:
        given = {"embedder": "openai:embed-small", "openai_base_url": server.base_url}
        return Settings.load({}, **{**given, "llm": "none", "llm_attempts": 1, **more})

    def test_everything_is_embedded_once(self, server: LocalModelServer, tmp_path: Path) -> None:
        folder = tmp_path / "store"
        with Memory(folder, user_id="ada", settings=self.chosen(server)) as memory:
            memory.add("Bob Stone works at Acme.")
            assert memory.search("Where does Bob Stone work?")[0].rank == 1
            assert memory.health().parts["embedder"] == "openai:embed-small"
            memory.add("Bob Stone works at Acme.", user_id="eve")
            assert memory.search("x", user_id="eve")
            inputs = [text for request in server.embeddings for text in request.json["input"]]
            once = [text for text in inputs if text.startswith(("Bob Stone works", "Acme"))]
            assert sorted(once) == sorted(set(once))
            count = len(server.embeddings)
            assert memory.rebuild().ok
            assert len(server.embeddings) == count, "the ledger keeps the vectors"
        with Memory(folder, user_id="ada", settings=self.chosen(server)) as memory:
            assert memory.verify().ok
            assert len(server.embeddings) == count

    def test_another_embedder_is_refused_and_says_how(
        self, server: LocalModelServer, tmp_path: Path
    ) -> None:
        folder = tmp_path / "store"
        with Memory(folder, user_id="ada") as memory:
            memory.add("Bob Stone works at Acme.")
        for _ in range(2):
            with pytest.raises(UsageError, match=r"wordllama:.*not openai:embed-small.*REEMBED=1"):
                Memory(folder, user_id="ada", settings=self.chosen(server))
        with Memory(folder, user_id="ada") as memory:
            assert memory.verify().ok
            assert memory.search("Acme")

    def test_embedding_again(self, server: LocalModelServer, tmp_path: Path) -> None:
        folder = tmp_path / "store"
        with Memory(folder, user_id="ada") as memory:
            memory.add("Bob Stone works at Acme.")
            before = memory.stats()
        again = self.chosen(server, reembed=True)
        with Memory(folder, user_id="ada", settings=again) as memory:
            assert memory.verify().ok
            assert memory.stats() == before
            assert memory.search("Where does Bob Stone work?")
            assert server.embeddings
        with Memory(folder, user_id="ada", settings=self.chosen(server)) as memory:
            assert memory.search("Acme")
        with pytest.raises(UsageError, match=r"openai:embed-small, not wordllama"):
            Memory(folder, user_id="ada")
        back = Settings.load({}, reembed=True)
        with Memory(folder, user_id="ada", settings=back) as memory:
            assert memory.verify().ok
            assert memory.search("Acme")[0].signals

    def test_one_that_is_down_costs_no_episode(self, tmp_path: Path) -> None:
        """It can be opened and told things; what needs no vectors is answered."""
        folder = tmp_path / "store"
        with LocalModelServer() as server:
            chosen = self.chosen(server)
            with Memory(folder, user_id="ada", settings=chosen) as memory:
                memory.add("Bob Stone works at Acme.")
                assert memory.search("Acme")
                memory.add("Carol Reed works at Acme.")
        lag = self.chosen(server, max_lag=1)
        with Memory(folder, user_id="ada", settings=lag) as memory:
            for number in range(8):
                assert memory.add(f"Person{number} works at Acme.").status == "done"
            assert memory.stats().episodes == 10
            assert len(memory.get_all().items) >= 2
            assert {r.subject for r in memory.relations("Acme")} >= {"Bob Stone", "Carol Reed"}
            assert memory.cypher("MATCH (e:Episode) RETURN count(e)").rows == ((10,),)
            assert memory.paths("Bob Stone", "Carol Reed")
            with pytest.raises(ModelError, match="embed-small"):
                memory.search("Acme")
            health = memory.health()
            assert (health.ok, health.parts["graph"]) == (False, "ok")
            assert "embed-small" in health.parts["vectors"]

    def test_at_a_ceiling_words_alone_answer(
        self, server: LocalModelServer, tmp_path: Path
    ) -> None:
        capped = self.chosen(server, max_calls_per_day=8)
        with Memory(tmp_path / "store", user_id="ada", settings=capped) as memory:
            memory.add("Bob Stone works at Acme.")
            found = [memory.search(f"Bob Stone, {n}") for n in range(9)]
            assert found[0].reason is None
            assert found[-1].reason is not None
            assert re.search(r"calls per day \(8\).*; searched by words alone", found[-1].reason)
            assert found[-1][0].text == found[0][0].text
            assert not {"dense", "dense_window"} & {signal.name for signal in found[-1][0].signals}
            assert "Bob Stone" in str(memory.context("Where is Bob Stone?"))
            memory.add("Carol Reed works at Acme.")
            later = memory.search("Carol Reed")
            assert later.reason is not None
            assert "what was told since is not searched yet" in later.reason
            assert later.reason.count("calls per day") == 2
            assert memory.as_of("2100-01-01").search("Carol Reed").reason == later.reason

    def test_a_first_opening_needs_it(self, tmp_path: Path) -> None:
        with LocalModelServer() as server:
            gone = self.chosen(server)
        with pytest.raises(ModelError, match="embed-small"):
            Memory(tmp_path / "store", user_id="ada", settings=gone)
        with Memory(tmp_path / "store", user_id="ada") as memory:
            assert memory.add("Tea.").status == "done"
