"""What a model worded of an entity, and the titles of conversations: kept in the ledger, never
evidence, gone with what they were made of."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory, Settings
from graphmem.model import ConversationState
from graphmem.testing._llm_script import Delay, Says
from graphmem.testing.llm_server import LocalModelServer
from tests.engine.model_script import NOTHING, settings
from tests.engine.remainders import remainders

WORD = "Zyxquorple"


def _answer(title: str, *sentences: tuple[str, list[int]]) -> Says:
    found = [{"text": text, "facts": numbers} for text, numbers in sentences]
    return Says(json.dumps({"title": title, "sentences": found}))


def _opened(place: Path | str, server: LocalModelServer | None = None, **more: Any) -> Memory:
    given = {**more} if server is None else {**settings(server).model_dump(), **more}
    return Memory(place, user_id="ada", settings=Settings.load({}, **given))


def kept_and_shown(place: Path, **more: Any) -> None:
    """Of an entity: over an opening, until enough has changed."""
    wording = _answer("Anna", (f"Anna Schmidt likes {WORD}.", [1]))
    with LocalModelServer([wording, wording]) as server:
        with _opened(place, server, **more) as memory:
            (one,) = memory.relate("Anna Schmidt", "likes", WORD, importance=0.9).fact_ids
            for n in range(20):
                memory.relate("Anna Schmidt", "knows", f"Person {n}")
            assert f"Anna Schmidt likes {WORD}" in str(memory.entity("Anna Schmidt").summary)
            assert not server.requests, "an entity that is read asks nobody"
            found = memory.summary("Anna Schmidt")
            assert memory.entity("Anna Schmidt").summary == str(found)
            assert memory.entity("Anna Schmidt", agent_id="bot").summary is None
        with _opened(place, server, **more) as memory:
            assert memory.summary("Anna Schmidt") == found, "it is the ledger's, not the process's"
            assert len(server.requests) == 1
            memory.update(one, importance=1.0)
            assert memory.entity("Anna Schmidt").summary != str(found), "what it cites has changed"
            assert memory.summary("Anna Schmidt").by == found.by
            assert len(server.requests) == 2
            assert len(memory.get_all().items) == 21, "nothing is believed for it"
            assert memory.verify().ok


def gone_with_what_it_was_made_of(place: Path, **more: Any) -> None:
    """No summary outlives a fact, or an episode, that it was worded from; others stay."""
    about_anna = _answer("Anna", (f"Anna Schmidt likes {WORD}.", [1]))
    about_bob = _answer("Bob", ("Bob Stone knows Tim.", [1]))
    with (
        LocalModelServer([about_anna, about_bob]) as server,
        _opened(place, server, **more) as memory,
    ):
        (one,) = memory.relate("Anna Schmidt", "likes", WORD).fact_ids
        memory.relate("Bob Stone", "knows", "Tim")
        assert memory.summary("Anna Schmidt").by == memory.summary("Bob Stone").by
        memory.delete(one, erase=True)
        assert memory.entity("Bob Stone").summary == str(memory.summary("Bob Stone"))
        assert len(server.requests) == 2
        assert memory.verify().ok
        _wait_until_files_are_made_anew(memory)


def _wait_until_files_are_made_anew(memory: Memory) -> None:
    """Until no receipt of an erasure has anything pending."""
    while any(receipt.pending for receipt in memory.erasures()):
        time.sleep(0.02)


class TestSummaries:
    def test_kept(self, tmp_path: Path) -> None:
        kept_and_shown(tmp_path / "m")

    def test_gone(self, tmp_path: Path) -> None:
        gone_with_what_it_was_made_of(tmp_path / "m")
        assert remainders(tmp_path / "m", [WORD]) == []

    def test_forgotten_with_the_user(self, tmp_path: Path) -> None:
        wording = _answer("Anna", (f"Anna Schmidt likes {WORD}.", [1]))
        with LocalModelServer([wording]) as server, _opened(tmp_path / "m", server) as memory:
            memory.relate("Anna Schmidt", "likes", WORD)
            memory.summary("Anna Schmidt")
            assert memory.forget(dry_run=True).rows["summaries"] == 1
            memory.forget(wait=True)
        assert remainders(tmp_path / "m", [WORD]) == []

    def test_worded_while_its_fact_is_erased_it_is_not_kept(self, tmp_path: Path) -> None:
        wording = _answer("Anna", (f"Anna Schmidt likes {WORD}.", [1]))
        with (
            LocalModelServer([Delay(1.0, wording)]) as server,
            _opened(tmp_path / "m", server) as memory,
        ):
            (one,) = memory.relate("Anna Schmidt", "likes", WORD).fact_ids
            asking = threading.Thread(target=memory.summary, args=("Anna Schmidt",))
            asking.start()
            while not server.requests:
                time.sleep(0.01)
            memory.delete(one, erase=True)
            asking.join()
            _wait_until_files_are_made_anew(memory)
        assert remainders(tmp_path / "m", [WORD]) == []

    def test_moved_exported_and_backed_up(self, tmp_path: Path) -> None:
        wording = _answer("Anna", (f"Anna Schmidt likes {WORD}.", [1]))
        with LocalModelServer([wording]) as server:
            with _opened(tmp_path / "m", server) as memory:
                memory.relate("Anna Schmidt", "likes", WORD)
                found = memory.summary("Anna Schmidt")
                memory.export(tmp_path / "m.jsonl")
                memory.backup(tmp_path / "b")
                memory.rebuild()
                assert memory.summary("Anna Schmidt") == found
            with _opened(tmp_path / "n", server) as memory:
                memory.import_(tmp_path / "m.jsonl")
                assert memory.summary("Anna Schmidt") == found
                assert memory.import_(tmp_path / "m.jsonl").rows == 0
            assert len(server.requests) == 1
        lines = (tmp_path / "m.jsonl").read_text().splitlines()
        (line,) = [one for one in map(json.loads, lines) if one["line"] == "summaries"]
        assert line["body"]["sentences"][0]["text"] == f"Anna Schmidt likes {WORD}."


def _titled(memory: Memory, **scope: Any) -> ConversationState:
    """Once the background has done what it can, at most 20 s."""
    ends = time.monotonic() + 20
    while True:
        (found,) = memory.runs(**scope)
        if found.title_by is not None or time.monotonic() > ends:
            return found
        time.sleep(0.02)


def title_by_itself(place: Path, **more: Any) -> None:
    """By the model, once it is quiet; never in the path of a write, and once a conversation."""
    said = "I want to plan a trip to Kyoto with Bob in spring."
    with LocalModelServer([NOTHING, Delay(2.0, {"title": "A trip to Kyoto"})]) as server:
        with _opened(place, server, title_after_s=0.05, **more) as memory:
            memory.add(said, run_id="r")
            (before,) = memory.runs()
            assert (before.title, before.title_by) == (said, None)
            began = time.monotonic()
            memory.add("And Carla comes, too.", run_id="r", infer=False)
            assert time.monotonic() - began < 1.5, "a write does not wait for a title"
            found = _titled(memory)
            assert (found.title, found.titled) == ("A trip to Kyoto", False)
            assert found.title_by == "openai:test-model"
            server_calls = len(server.requests)
            memory.add(said, run_id="r", agent_id="bot", infer=False)
            (narrow,) = memory.runs(agent_id="bot")
            assert (narrow.title, narrow.turns) == (said, 1), "of that agent alone"
            assert sum(one.calls for one in memory.stats().spend) == server_calls == 2
            memory.update_run("r", title="Mine")
            assert memory.runs()[0].title == "Mine"
            memory.update_run("r", metadata={"a": 1})
        with _opened(place, **more) as memory:
            assert memory.runs()[0].title == "Mine"


class TestTitles:
    def test_by_itself(self, tmp_path: Path) -> None:
        title_by_itself(tmp_path / "m")

    def test_gone_with_what_it_names(self, tmp_path: Path) -> None:
        answers = [NOTHING, {"title": f"About {WORD}"}]
        with (
            LocalModelServer(answers) as server,
            _opened(tmp_path / "m", server, title_after_s=0.05) as memory,
        ):
            one = memory.add(f"We saw {WORD} at the lake today.", run_id="r").episode_id
            memory.add("It was rather cold there.", run_id="r", infer=False)
            assert _titled(memory).title == f"About {WORD}"
            memory.undo(one)
            assert memory.runs()[0].title == "It was rather cold there."
            memory.delete(one, erase=True)
            _wait_until_files_are_made_anew(memory)
        assert remainders(tmp_path / "m", [WORD]) == []

    @pytest.mark.parametrize(
        "answer",
        [
            "none", {"title": "Bob Stone in Rome"}, {"title": ""}, {"title": None},
            {"title": ["a"]}, {"title": "\u202e\u200b\x00"}, {"title": "\ud800"},
        ],
    )  # fmt: skip
    def test_what_does_not_fit_is_none(self, tmp_path: Path, answer: Any) -> None:
        """A name that nobody named, or no title: the first words stand, and it is not asked about
        again and again."""
        with (
            LocalModelServer([NOTHING, answer, NOTHING, NOTHING]) as server,
            _opened("memory://", server, title_after_s=0.01) as memory,
        ):
            for text in ("Hi!", "The weather is fine in Oslo.", "It is warm."):
                memory.add(text, run_id="r", infer=text != "Hi!")
                time.sleep(0.3)
            (found,) = memory.runs()
            assert (found.title, found.title_by) == ("The weather is fine in Oslo.", None)
            assert len(server.requests) == 3

    def test_at_a_ceiling_the_first_words_stand(self, tmp_path: Path) -> None:
        with (
            LocalModelServer() as server,
            _opened("memory://", server, title_after_s=0.01, max_calls_per_owner=0) as memory,
        ):
            memory.add("The weather is fine in Oslo.", run_id="r")
            time.sleep(0.3)
            assert memory.runs()[0].title == "The weather is fine in Oslo."
            assert not server.requests
