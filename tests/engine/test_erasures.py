"""What is erased leaves every file of the folder, and its receipt says when it has."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from graphmem import Memory, Settings
from graphmem.clock import ManualClock
from graphmem.errors import NotFound, Unavailable, UsageError
from graphmem.model import Removal
from graphmem.text import erased_hash
from tests.engine.helpers import child, child_environment
from tests.engine.remainders import remainders

WORDS = ("Zyxquorple", "Ümlautgnarf", "frobnicates_with")
STATED = "Ümlautgnarf Smith works at Zyxquorple Limited."

_READER = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1])
connection.execute("BEGIN")
connection.execute("SELECT count(*) FROM events").fetchall()
print("reading", flush=True)
sys.stdin.read()
"""
_KILLED = """
import os, sys
from graphmem import Memory
from graphmem.engine.erasing import Erasing
memory = Memory(sys.argv[1], user_id="ada")
Erasing._keep_clean = lambda self: None
memory.delete_all()
os.kill(os.getpid(), 9)
"""


def _plant(memory: Memory, notes: int = 1200) -> None:
    """More than the graph writes at once, and some of it searched, so that it is in the files."""
    memory.add_many([f"Note {n}: Zyxquorple hid key {n}." for n in range(notes)], infer=False)
    memory.add(STATED, run_id="r")
    memory.relate("Ümlautgnarf Smith", "frobnicates_with", "Zyxquorple Limited", run_id="r")
    assert memory.search("Zyxquorple").hits


def _by_run(memory: Memory) -> None:
    memory.delete_all(run_id="r")
    memory.delete_all()


@pytest.mark.parametrize("erase", [Memory.delete_all, _by_run], ids=["all", "by run"])
def test_no_byte_of_it_is_left(tmp_path: Path, erase: Callable[[Memory], object]) -> None:
    with Memory(tmp_path, user_id="ada") as memory:
        _plant(memory)
        erase(memory)
        # What had not reached the graph's file yet must not reach it now.
        memory.add_many([f"Something else {n}." for n in range(1200)], infer=False)
        assert memory.search("something").hits
    assert remainders(tmp_path, WORDS) == []
    with Memory(tmp_path, user_id="ada") as memory:
        assert memory.verify().ok
        assert all(one.finished_at and not one.pending for one in memory.erasures())


def test_nor_of_one_episode(tmp_path: Path) -> None:
    with Memory(tmp_path, user_id="ada") as memory:
        memory.add("Bob Stone lives in Oslo.")
        receipt = memory.add(STATED)
        assert memory.search("Zyxquorple").hits
        removal = memory.delete(receipt.episode_id)
        assert memory.search("Where does Bob Stone live?").hits
        (proof,) = memory.erasures()
        assert proof.id == removal.erasure_id
        assert proof.rows["episodes"] == removal.episodes == 1
        assert proof.rows["entities"] == removal.entities == 2
        assert erased_hash("episode", receipt.episode_id) in proof.hashes
        assert memory.erasures(proof.id) == [proof] or memory.erasures(proof.id)[0].finished_at
        with pytest.raises(NotFound, match="no erasure"):
            memory.erasures("none such")
        assert memory.erasures(user_id="eve") == []
    assert remainders(tmp_path, WORDS) == []


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are seen on Linux")
def test_no_process_holds_a_copy_of_it(tmp_path: Path) -> None:
    """A Cypher query is asked of a copy of the graph, which its process holds for the next."""

    def copies() -> list[str]:
        found = []
        for open_file in Path("/proc").glob("[0-9]*/fd/*"):
            with contextlib.suppress(OSError):
                found.append(os.readlink(open_file))
        return [one for one in found if f"{tmp_path}/graph.kuzu.console-" in one]

    with Memory(tmp_path, user_id="ada") as memory:
        memory.add(STATED)
        assert memory.cypher("MATCH (e:Entity) RETURN e.name").rows
        assert copies()
        memory.forget(wait=True)
        assert copies() == []
        assert memory.cypher("MATCH (e:Entity) RETURN e.name").rows == ()


def test_a_killed_process_leaves_it_to_the_next(tmp_path: Path) -> None:
    with Memory(tmp_path, user_id="ada") as memory:
        _plant(memory, 100)
    ended = subprocess.run(child(_KILLED, str(tmp_path)), env=child_environment(), check=False)
    assert ended.returncode == -9
    assert any("graph.kuzu" in found for found in remainders(tmp_path, WORDS))
    with Memory(tmp_path, user_id="ada") as memory:
        assert memory.erasures()
    assert remainders(tmp_path, WORDS) == []
    with Memory(tmp_path, user_id="ada") as memory:
        assert not memory.erasures()[0].pending
        assert memory.verify().ok


def test_a_store_that_does_not_open_is_left_alone(tmp_path: Path) -> None:
    """Another's ledger may name erasures that are pending: whoever may not open it does nothing."""
    mine = tmp_path / "mine"
    with Memory(mine, user_id="ada") as memory:
        memory.add("Bob Stone lives in Oslo.")
    before = {path: path.read_bytes() for path in mine.rglob("*") if path.is_file()}
    with Memory(tmp_path / "theirs", user_id="ada") as memory:
        memory.add(STATED)
        assert memory.search("Zyxquorple").hits
        memory.delete_all()
        assert "graph" in memory.erasures()[0].pending
        settings = Settings.load(
            ledger=f"sqlite:///{tmp_path / 'theirs' / 'ledger.sqlite'}",
            graph=f"kuzu:///{mine / 'graph.kuzu'}",
            vectors=f"qdrant-edge:///{mine / 'vectors'}",
        )
        with pytest.raises(Unavailable, match="is in use"):
            Memory(None, user_id="ada", settings=settings)
        assert "graph" in memory.erasures()[0].pending
    assert {path: path.read_bytes() for path in mine.rglob("*") if path.is_file()} == before


def test_a_rebuild_is_such_a_cleaning(tmp_path: Path) -> None:
    with Memory(tmp_path, user_id="ada") as memory:
        memory.add(STATED)
        assert memory.search("Zyxquorple").hits
        memory.delete_all()
        assert memory.erasures()[0].pending.keys() == {"graph", "ledger", "vectors"}
        assert memory.rebuild().ok
        assert memory.erasures()[0].pending == {}


def test_who_holds_the_log_is_named(tmp_path: Path) -> None:
    with Memory(tmp_path, user_id="ada") as memory:
        _plant(memory, 10)
        reader = subprocess.Popen(
            child(_READER, str(tmp_path / "ledger.sqlite")),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert reader.stdout
        assert reader.stdout.readline() == "reading\n"
        memory.delete_all()
        why = memory.erasures()[0].pending["ledger"]
        assert "ledger.sqlite-wal" in why
        assert f"process {reader.pid}" in why
        assert any("ledger.sqlite-wal" in one for one in remainders(tmp_path, WORDS))
        reader.communicate("")
        until = time.monotonic() + 30
        while memory.erasures()[0].pending and time.monotonic() < until:
            time.sleep(0.1)
        assert memory.erasures()[0].pending == {}, "in the background, while it is open"
        assert [one for one in remainders(tmp_path, WORDS) if "ledger.sqlite-wal" in one] == []
    assert remainders(tmp_path, WORDS) == []


def test_the_ledger_keeps_no_page_of_it(tmp_path: Path) -> None:
    """Free pages too, and what SQLite leaves in a page when it moves rows together."""
    ledger = tmp_path / "ledger.sqlite"
    with Memory(tmp_path, user_id="ada") as memory:
        memory.add("Zyxquorple " * 5_000, infer=False)
        memory.add("Bob Stone lives in Oslo.", user_id="bob")
    assert _planted_between_rows(ledger, b"Zyxquorple") > 5
    with Memory(tmp_path, user_id="ada") as memory:
        memory.delete_all()
        memory.add("Carla Smith lives in Rome.", user_id="bob")
    assert remainders(tmp_path, WORDS) == []
    with sqlite3.connect(ledger) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with Memory(tmp_path, user_id="bob") as memory:
        assert memory.verify().ok
        assert memory.stats().episodes == 2


def _planted_between_rows(ledger: Path, word: bytes) -> int:
    """Put a word into the room between the list of rows and the rows of every leaf of a tree, which
    is where SQLite leaves copies now and then; gives how many there were."""
    data, planted = bytearray(ledger.read_bytes()), 0
    size = int.from_bytes(data[16:18], "big")
    for page in range(size, len(data), size):
        rows = int.from_bytes(data[page + 3 : page + 5], "big")
        first, end = page + 8 + 2 * rows, page + int.from_bytes(data[page + 5 : page + 7], "big")
        if data[page] in {10, 13} and end - first > 4 * len(word):
            data[end - 2 * len(word) : end - len(word)] = word
            planted += 1
    ledger.write_bytes(data)
    return planted


def test_what_was_stored_before_a_moment(tmp_path: Path) -> None:
    clock = ManualClock("2026-01-01T00:00:00Z")
    with Memory(tmp_path, user_id="ada", clock=clock) as memory:
        memory.add("Bob Stone works at Zyxquorple. Bob Stone likes tea.")
        memory.add("Zyxquorple is mine.", agent_id="bot", infer=False)
        memory.add("Eve knows Zyxquorple.", user_id="eve")
        clock.advance(days=90)
        # When it is said to have happened is not when it was stored.
        memory.add("Bob Stone likes tea.", occurred_at="2020-01-01")
        day = "2026-03-01"
        assert memory.delete_all(before="2025-12-31", dry_run=True) == Removal()
        assert memory.delete_all(before=day, agent_id="bot", dry_run=True).episodes == 1
        counted = memory.delete_all(before=day, dry_run=True)
        assert (counted.episodes, counted.facts) == (2, 2)
        assert memory.stats().episodes == 3
        removal = memory.delete_all(before=day)
        assert (removal.episodes, removal.facts) == (counted.episodes, counted.facts)
        assert memory.delete_all(before=day) == Removal()
        assert [fact.text for fact in memory.get_all().items] == ["Bob Stone likes tea"]
        assert memory.stats(user_id="eve").episodes == 1
        assert memory.verify().ok
        assert memory.delete_all(before=day, user_id="eve").episodes == 1
        with pytest.raises(UsageError, match="before"):
            memory.delete_all(before="never")
    assert remainders(tmp_path, WORDS) == []


class TestTheSentenceOfAFact:
    def test_it_goes_from_the_turn(self, tmp_path: Path) -> None:
        with Memory(tmp_path, user_id="ada") as memory:
            memory.add("Bob Stone lives in Oslo. Bob Stone works at Zyxquorple. He likes tea.")
            memory.relate("Bob Stone", "frobnicates_with", "Ümlautgnarf")
            for fact in memory.get_all(limit=100).items:
                if any(word in fact.text for word in ("Zyxquorple", "Ümlautgnarf")):
                    memory.delete(fact.id, erase=True)
            texts = [hit.text for hit in memory.search("Bob Stone", kinds=["turn"])]
            assert any("lives in Oslo" in text and "[erased]" in text for text in texts)
            assert "Zyxquorple" not in [entity.name for entity in memory.entities()]
            assert [one.object for one in memory.relations("Bob Stone", type="lives_in")] == [
                "Oslo"
            ]
            assert memory.verify().ok
            # What was erased may be said again.
            again = memory.add("Bob Stone works at Umbrella.")
            assert again.status == "done"
        assert remainders(tmp_path, WORDS) == []
        with Memory(tmp_path, user_id="ada") as memory:
            assert memory.rebuild().ok

    def test_from_every_episode_that_states_it_and_the_answer_of_a_list(
        self, tmp_path: Path
    ) -> None:
        with Memory(tmp_path, user_id="ada") as memory:
            memory.add(
                [
                    {"role": "user", "content": "Bob Stone works at Zyxquorple. It rains."},
                    {"role": "assistant", "content": "So Bob Stone works at Zyxquorple!"},
                ],
                metadata={"from": "chat"},
            )
            memory.add("Bob Stone works at Zyxquorple. The sun shines.", run_id="later")
            (fact,) = [f for f in memory.get_all().items if f.type == "works_at"]
            memory.delete(fact.id, erase=True)
            episode = memory.episode(fact.sources[0].episode_id)
            assert episode.turns[0].text == "[erased] It rains."
            assert episode.turns[1].text == "[erased]"
            assert json.loads(episode.content)[0]["content"] == "[erased] It rains."
        assert remainders(tmp_path, WORDS) == []


def test_what_was_deleted_stays_so_when_a_copy_of_it_is_erased(tmp_path: Path) -> None:
    with Memory(tmp_path, user_id="ada") as memory:
        for run in ("r1", "r2"):
            memory.add("Carl May lives in Paris.", run_id=run)
        fact = memory.get_all(current=False).items[0].id
        memory.delete(fact)
        assert memory.delete_all(run_id="r1").facts == 0
        assert memory.verify().ok
    with Memory(tmp_path, user_id="ada") as memory:
        assert memory.search("Where does Carl May live?").hits == ()
        assert memory.verify().ok
        assert memory.rebuild().ok
        memory.undo(memory.history(fact)[-1].seq)
        assert memory.search("Where does Carl May live?").hits
        assert memory.verify().ok


def test_a_merged_name_goes_with_the_fact_that_named_it(tmp_path: Path) -> None:
    with Memory(tmp_path, user_id="ada") as memory:
        memory.add("Nam Jones lives in Oslo.")
        other = memory.add("Zoe Smith works at Acme.")
        memory.merge("Zoe Smith", "Nam Jones")
        found = memory.get_all(current=False).items
        memory.delete(next(one.id for one in found if "Oslo" in one.text), erase=True)
        assert memory.verify().ok
        assert memory.rebuild().ok
        assert memory.entity("Zoe Smith").aliases == ()
        memory.delete(other.episode_id)
        assert memory.entities() == []
        memory.rebuild()
    assert remainders(tmp_path, ["Nam Jones"]) == []


def test_so_it_does_where_another_sentence_of_the_turn_names_the_other(tmp_path: Path) -> None:
    with Memory(tmp_path, user_id="ada") as memory:
        memory.add("Zoe Smith lives in Oslo. Nam Jones plays chess.")
        memory.merge("Zoe Smith", "Nam Jones")
        found = memory.get_all(current=False).items
        memory.delete(next(one.id for one in found if "chess" in one.text), erase=True)
        assert memory.entity("Zoe Smith").aliases == ()
        assert [one.text for one in memory.get_all().items] == ["Zoe Smith lives in Oslo"]
        assert memory.verify().ok
        memory.rebuild()
    assert remainders(tmp_path, ["Nam Jones"]) == []


def test_a_merged_name_stays_with_what_else_the_turn_says_of_it(tmp_path: Path) -> None:
    with Memory(tmp_path, user_id="ada") as memory:
        memory.add("Zoe Smith lives in Oslo. Nam Jones plays chess. Nam Jones lives in Rome.")
        memory.merge("Zoe Smith", "Nam Jones")
        found = memory.get_all(current=False).items
        memory.delete(next(one.id for one in found if "chess" in one.text), erase=True)
        assert memory.entity("Zoe Smith").aliases == ("Nam Jones",)
        assert memory.verify().ok


def test_a_deletion_is_undone_in_the_run_whose_source_is_left() -> None:
    with Memory("memory://", user_id="ada") as memory:
        for run in ("r1", "r2"):
            memory.add("Carl May lives in Paris.", run_id=run)
        fact = memory.get_all(current=False).items[0].id
        memory.delete(fact)
        deleted = memory.history(fact)[-1].seq
        memory.delete_all(run_id="r1")
        with pytest.raises(NotFound):
            memory.undo(deleted, run_id="r1")
        memory.undo(deleted, run_id="r2")
        assert [one.text for one in memory.get_all().items] == ["Carl May lives in Paris"]
        assert memory.verify().ok
