"""A folder that another process holds: read from its ledger, while that one goes on writing."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory, Settings
from graphmem.doors.cli import run_cli
from graphmem.errors import Rejected, Unavailable, UsageError
from graphmem.testing.llm_server import LocalModelServer
from tests.engine.helpers import add_story, child, child_environment
from tests.engine.model_script import settings

QUESTIONS = ("Where does Carol Reed live?", "Who works at Acme?", "Bob Stone", "Oslo")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "it's 100% #mine?"


@pytest.fixture
def holder(folder: Path) -> Iterator[Memory]:
    with Memory(folder, user_id="ada") as memory:
        add_story(memory)
        memory.add("Zora knows Ada.", user_id="bob")
        yield memory


def answers(memory: Memory) -> list[Any]:
    """What every read says."""
    (home,) = memory.relations("Carol Reed", type="lives_in")
    return [
        memory.get(home.fact_id),
        memory.get_all(current=False).items,
        memory.history(home.fact_id),
        memory.explain(home.fact_id),
        memory.relations(),
        memory.entities(),
        memory.entity("Carol Reed"),
        memory.timeline(),
        memory.neighbours("Acme").entities,
        [str(path) for path in memory.paths("Ada Lovelace", "Carol Reed")],
        [[(hit.kind, hit.text) for hit in memory.search(q).hits] for q in QUESTIONS],
        str(memory.context("Where does Carol Reed live?")),
        memory.as_of("2024-06-01").relations(),
        [hit.text for hit in memory.as_of("2024-06-01").search("Ada Lovelace").hits],
        memory.diff("2024-06-01", "2025-06-01"),
        memory.stats(),
        memory.relation_types(),
        sorted(memory.cypher("MATCH (e:Entity) RETURN e.name").rows),
        sorted(memory.to_networkx().nodes),
    ]


# The copy that a Cypher query of such a graph runs on ends with the graph, and Python says so.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_reader_answers_as_the_holder_does(folder: Path, holder: Memory) -> None:
    with Memory(folder, user_id="ada", read_only=True) as reader:
        assert answers(reader) == answers(holder)
        # What is written meanwhile is read at once; what is erased is gone.
        holder.add("Carol Reed moved to Rome.", occurred_at="2026-01-01")
        assert [r.object for r in reader.relations("Carol Reed", type="lives_in")] == ["Rome"]
        assert reader.search("Where does Carol Reed live?")[0].text.startswith("Carol Reed moved")
        assert answers(reader) == answers(holder)
        holder.delete_all()
        assert reader.search("Carol Reed").hits == ()
        assert reader.get_all(current=False).items == ()
        with Memory(folder, user_id="bob", read_only=True) as second:
            assert second.search("Zora").hits
        assert holder.verify().ok


_WRITES: dict[str, Callable[[Memory, str], object]] = {
    "add": lambda m, _: m.add("Tea."),
    "add later": lambda m, _: m.add("Tea.", wait=False),
    "add_many": lambda m, _: m.add_many(["Tea."]),
    "relate": lambda m, _: m.relate("Bob", "knows", "Ada"),
    "update": lambda m, id: m.update(id, importance=0.9),
    "delete": lambda m, id: m.delete(id),
    "erase": lambda m, id: m.delete(id, erase=True),
    "delete_all": lambda m, _: m.delete_all(),
    "merge": lambda m, _: m.merge("Bob Stone", "Carol Reed"),
    "declare_type": lambda m, _: m.declare_type("knows", single_valued=True),
    "resume": lambda m, _: m.resume(),
    "rebuild": lambda m, _: m.rebuild(),
    "verify": lambda m, _: m.verify(),
    "health": lambda m, _: m.health(),
    "why_not": lambda m, id: m.why_not("Who likes tea?", id),
    "cypher": lambda m, _: m.cypher("MATCH (e:Entity) RETURN e.name", all_scopes=True),
}


def test_it_writes_nothing(folder: Path, holder: Memory) -> None:
    """Each says why; the ledger is as it was, and no model is asked for nothing."""
    fact_id = holder.get_all().items[0].id
    before = holder.stats()
    with (
        LocalModelServer() as server,
        Memory(folder, user_id="ada", settings=settings(server), read_only=True) as reader,
    ):
        for name, write in _WRITES.items():
            with pytest.raises(UsageError, match="open to read only") as caught:
                write(reader, fact_id)
            assert "without read_only" in str(caught.value), name
        assert server.requests == []
    assert holder.stats() == before
    assert holder.verify().ok


def test_what_cannot_be_read_says_why(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no ledger"):
        Memory(folder, user_id="ada", read_only=True)
    assert not folder.exists()
    elsewhere = Settings.load({}, ledger="postgresql://nobody@127.0.0.1:9/x")
    with pytest.raises(UsageError, match="open it without read_only"):
        Memory(tmp_path / "m", user_id="ada", settings=elsewhere, read_only=True)
    with pytest.raises(UsageError, match="read_only is True or False"):
        Memory(tmp_path / "m", user_id="ada", read_only=1)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"clock has now\(\) and new_id\(\), got module"):
        Memory(tmp_path / "m", user_id="ada", clock=time)  # type: ignore[arg-type]
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "ledger.sqlite").write_text("not a database, whatever its name says" * 100)
    with pytest.raises(Rejected, match="is damaged: file is not a database"):
        Memory(tmp_path / "m", user_id="ada", read_only=True)


_HOLDS = """
import sys
from graphmem import Memory
memory = Memory(sys.argv[1], user_id="ada")
number = 0
print("open", flush=True)
while True:
    number += 1
    memory.add(f"Person{number} lives in Oslo.")
    print(number, flush=True)
"""


def test_the_command_line_reads_while_another_process_writes(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also of one that was killed in the middle, whose log nobody has taken up yet."""
    shared = ["--store", str(folder), "--user", "ada", "--json"]

    def asked(*arguments: str) -> tuple[int, str, str]:
        code = run_cli([*arguments, *shared])
        out, errors = capsys.readouterr()
        return code, out, errors

    with subprocess.Popen(
        child(_HOLDS, str(folder)), env=child_environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            for _ in range(6):
                process.stdout.readline()
            code, out, errors = asked("stats")
            assert code == 0, errors
            assert json.loads(out)["episodes"] >= 5
            assert errors.startswith(f"note: {folder} is open in another process (pid ")
            assert errors.endswith("read from its ledger alone\n")
            code, out, errors = asked("search", "Who lives in Oslo?")
            assert code == 0, errors
            assert "Person1 lives in Oslo" in out
            code, out, errors = asked("add", "Tea.")
            assert code == 75
            assert f"pid {process.pid}" in errors
            assert "read_only=True" in errors
            with pytest.raises(Unavailable):
                Memory(folder, user_id="ada")
        finally:
            process.kill()
    with Memory(folder, user_id="ada", read_only=True) as reader:
        read = reader.stats()
        assert reader.search("Person1")
    with Memory(folder, user_id="ada") as memory:
        assert memory.stats() == read
        assert memory.verify().ok


def test_a_reader_follows_who_is_forgotten_and_met_again(folder: Path, holder: Memory) -> None:
    with Memory(folder, user_id="ada", read_only=True) as reader:
        assert reader.search("Where does Carol Reed live?").hits
        with pytest.raises(UsageError, match="read only"):
            reader.forget()
        receipt = holder.forget()
        assert reader.stats().episodes == len(reader.search("Carol Reed").hits) == 0
        assert reader.erasures(receipt.id) == [receipt]
        holder.add("I like tea.")
        assert reader.stats().episodes == 1
        assert reader.search("tea").hits
    assert holder.erasures(receipt.id)[0].pending.keys() == {"graph", "ledger", "vectors"}
    assert holder.verify().ok
