"""Forgetting a user: everything, everywhere, and the name; with a receipt."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory
from graphmem.errors import NotFound, UsageError
from tests.engine.helpers import child, child_environment
from tests.engine.remainders import remainders
from tests.sparse_copy import copy_store

USER = "Quuxadalina"
WORDS = (USER, "Zyxquorple", "Ümlautgnarf", "frobnicates_with")
_SIZE = float(os.environ.get("GRAPHMEM_FUZZ", "1"))

_KILLED = """
import functools, inspect, os, sys
from graphmem import Memory
from graphmem.adapters.ledger.sql.ledger_erasures import ErasingLedger
from graphmem.adapters.ledger.sqlite.database import SqliteDatabase, StepRunner
from graphmem.projection.catch_up import Projection
POINTS = {
    "steps": [(StepRunner, "execute")],
    "stages": [
        (SqliteDatabase, "write"), (SqliteDatabase, "erased"), (SqliteDatabase, "remake"),
        (ErasingLedger, "erasures_done"), (Projection, "switch_to"), (Projection, "catch_up"),
    ],
}
memory = Memory(sys.argv[1], user_id="Quuxadalina")
left = int(sys.argv[3])
def come_to():
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), 9)
def counted(kind, name):
    run = getattr(kind, name)
    async def call(*args, **named):
        come_to()
        found = await run(*args, **named)
        come_to()
        return found
    def call_at_once(*args, **named):
        come_to()
        return run(*args, **named)
    setattr(kind, name, call if inspect.iscoroutinefunction(run) else call_at_once)
for point in POINTS[sys.argv[2]]:
    counted(*point)
memory.forget(wait=True)
print(int(sys.argv[3]) - left)
"""


def _plant(memory: Memory) -> None:
    memory.add("I moved to Berlin. Ümlautgnarf Stone works at Zyxquorple.")
    memory.add("Ümlautgnarf Stone works at Zyxquorple.", agent_id="bot", run_id="r")
    memory.add("I know Ümlautgnarf Stone.", project_id="other")
    memory.relate("Ümlautgnarf Stone", "frobnicates_with", "Zyxquorple")
    memory.declare_type("frobnicates_with", single_valued=True)
    memory.undo(memory.add("Ümlautgnarf Stone lives in Zyxquorple City.").episode_id)
    memory.add_many([f"Zyxquorple {n}" for n in range(1100)], infer=False)
    memory.add("Carla Smith lives in Rome.", user_id="carla")
    assert memory.search("Zyxquorple").hits
    assert memory.search("Stone", project_id="other").hits


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planted") / "store"
    with Memory(folder, user_id=USER) as memory:
        _plant(memory)
    return folder


def _copied(planted: Path, to: Path) -> Path:
    copy_store(planted, to / "store")
    return to / "store"


def test_nothing_is_left_while_it_is_open_nor_after(planted: Path, tmp_path: Path) -> None:
    folder = _copied(planted, tmp_path)
    with Memory(folder, user_id=USER) as memory:
        counted = memory.forget(dry_run=True)
        assert memory.search("Zyxquorple").hits
        receipt = memory.forget(wait=True)
        assert receipt.rows == counted.rows
        assert receipt.rows["users"] == 2
        assert (receipt.pending, receipt.what) == ({}, "user")
        assert receipt.finished_at is not None
        assert remainders(folder, WORDS) == []
        assert memory.search("Zyxquorple").hits == ()
        assert memory.stats().episodes == memory.stats(project_id="other").episodes == 0
        assert [hit.text for hit in memory.search("Rome", user_id="carla", limit=1)]
        assert "frobnicates_with" not in [one.type for one in memory.relation_types()]
        assert memory.verify().ok
        with pytest.raises(NotFound, match="nothing is stored of a user"):
            memory.forget()
        memory.add("I like tea.")
        assert memory.stats().episodes == 1
    with Memory(folder, user_id="carla") as memory:
        assert memory.erasures(receipt.id) == [receipt]
        assert memory.rebuild().ok


def test_names_of_all_kinds_go(tmp_path: Path) -> None:
    """Projects, agents, runs, keys, tags, metadata and speakers may name a user, too."""
    names = [
        "Projektquux", "Agentquux", "Runquux", "Keyquux", "Tagquux", "Metaquux", "Speakquux",
        "Soloquux", "Sourcequux", "Kindquux",
    ]  # fmt: skip
    told = {"role": "user", "name": "Speakquux", "content": "I live in Rome.", "id": "Sourcequux"}
    where: dict[str, Any] = {
        "project_id": "Projektquux",
        "agent_id": "Agentquux",
        "run_id": "Runquux",
    }
    with Memory(tmp_path, user_id=USER) as memory:
        memory.add(
            [told], idempotency_key="Keyquux", tags=["Tagquux"], metadata={"Metaquux": "Metaquux"},
            **where,
        )  # fmt: skip
        memory.relate("Kindquux", "lives_in", "Rome", **where)
        memory.merge("Kindquux", "Speakquux", **where)
        fact = memory.get_all(**where).items[0]
        memory.update(fact.id, tags=["Tagquux"], **where)
    with Memory(tmp_path, agent_id="Soloquux", project_id="Projektquux") as agent:
        agent.add("I know Bob Stone.")
        assert agent.relations("Bob Stone")
        view = agent.as_of(known_at="2100-01-01")
        assert view.search("Bob Stone").hits
        agent.forget()
        assert agent.search("Bob Stone").hits == ()
        assert view.search("Bob Stone").hits == ()
        agent.forget(user_id=USER, project_id="Projektquux", wait=True)
        assert remainders(tmp_path, [*names, USER]) == []
        assert agent.verify().ok


@pytest.mark.parametrize("events", [1, 48, 52])
def test_what_was_undone_and_then_forgotten_is_taken_away_in_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, events: int
) -> None:
    """That it was undone is applied by itself where more has happened in between than is taken in
    one go."""
    monkeypatch.setattr("graphmem.projection.catch_up.BATCH_EVENTS", events)
    with Memory(tmp_path, user_id=USER) as memory:
        memory.add("Carla Smith lives in Rome.", user_id="carla")
        memory.undo(memory.add("Ümlautgnarf Stone lives in Zyxquorple City.").episode_id)
        memory.undo(memory.add("I moved to Zyxquorple.", user_id="bo").episode_id, user_id="bo")
        memory.forget(user_id="bo")
        memory.add_many([f"Ümlautgnarf {n}" for n in range(30)], infer=False)
        assert memory.forget(wait=True).pending == {}
        for found in (memory.verify(), memory.rebuild()):
            assert (found.ok, found.set_aside) == (True, ())
        assert memory.health().ok
    assert remainders(tmp_path, WORDS) == []


def test_without_waiting_it_is_done_when_closed(planted: Path, tmp_path: Path) -> None:
    folder = _copied(planted, tmp_path)
    with Memory(folder, user_id=USER) as memory:
        receipt = memory.forget()
        assert receipt.pending.keys() == {"graph", "ledger", "vectors"}
        assert receipt.id in memory.health().parts["erasures"]
    assert remainders(folder, WORDS) == []
    with Memory(folder, user_id="carla") as memory:
        assert memory.erasures(receipt.id)[0].pending == {}


def test_one_project_of_a_user(planted: Path, tmp_path: Path) -> None:
    with Memory(_copied(planted, tmp_path), user_id=USER) as memory:
        receipt = memory.forget(project_id="other")
        assert (receipt.what, receipt.rows["episodes"]) == ("tenant", 1)
        assert memory.search("Zyxquorple").hits
        assert memory.search("Stone", project_id="other").hits == ()


def test_a_whole_user_or_an_agent_of_its_own(tmp_path: Path) -> None:
    with Memory(tmp_path) as memory:
        memory.add("Zyxquorple is a town.", agent_id="bot")
        memory.add("Zyxquorple is a town.", user_id="ada", agent_id="bot")
        wrong: list[dict[str, Any]] = [{"run_id": "r"}, {"agent_id": "bot"}]
        for scope in wrong:
            with pytest.raises(UsageError, match="forget takes a whole user"):
                memory.forget(user_id="ada", **scope)
        assert memory.forget(agent_id="bot").what == "agent"
        assert memory.stats(agent_id="bot").episodes == 0
        assert memory.stats(user_id="ada").episodes == 1
        with pytest.raises(UsageError, match="a scope needs"):
            memory.forget()
        with pytest.raises(UsageError, match="user"):
            memory.forget(agent_id="bot", user="ada")  # type: ignore[call-arg]
        with pytest.raises(UsageError, match="dry_run"):
            memory.forget(user_id="ada", dry_run="")  # type: ignore[arg-type]
        assert memory.stats(user_id="ada").episodes == 1


def test_a_user_is_named_in_one_table_alone(tmp_path: Path) -> None:
    with Memory(tmp_path, user_id=USER, agent_id="bot") as memory:
        memory.add([{"role": "user", "name": "Bo", "content": "Bob Stone lives in Rome."}])
        fact = memory.get_all().items[0]
        assert fact.scope.user_id == USER
        assert USER in memory.entities()[0].tenant
        (row,) = memory.cypher("MATCH (f:Fact) RETURN f.user_id, f.scope, f LIMIT 1").rows
        assert row[:2] == (USER, f"default/user:{USER}")
        assert row[2]["user_id"] == USER
        answers = [
            memory.search("Rome"), memory.context("Rome"), memory.explain(fact.id),
            memory.history(fact.id), memory.episode(fact.sources[0].episode_id),
            memory.neighbours("Rome"), memory.paths("Bob Stone", "Rome"), memory.timeline(),
            memory.update(fact.id, importance=0.7), memory.diff("2000-01-01", "2100-01-01"),
            memory.as_of(known_at="2100-01-01").get_all(), memory.as_of("2100-01-01").entities(),
            memory.relate("Bob Stone", "lives_in", "Oslo"),
        ]  # fmt: skip
        raw = sqlite3.connect(tmp_path / "ledger.sqlite")
        with closing(raw):
            ((pseudonym,),) = raw.execute("SELECT pseudonym FROM users").fetchall()
        assert [one for one in answers if pseudonym in repr(one)] == []
        assert [one for one in answers if USER in repr(one)]
    named = remainders(tmp_path, [USER])
    assert [one for one in named if not one.startswith("ledger.sqlite")] == []
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as raw:
        tables = [name for (name,) in raw.execute("SELECT name FROM pragma_table_list")]
        holding = [
            table
            for table in tables
            if any(USER in repr(tuple(row)) for row in raw.execute(f"SELECT * FROM {table}"))
        ]
    assert holding == ["users"]


def test_what_comes_back_is_a_difference(planted: Path, tmp_path: Path) -> None:
    folder = _copied(planted, tmp_path)
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as raw:
        raw.row_factory = sqlite3.Row
        row = dict(raw.execute("SELECT * FROM entities WHERE name = 'Zyxquorple'").fetchone())
    with Memory(folder, user_id=USER) as memory:
        receipt = memory.forget(wait=True)
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as raw, raw:
        names = ", ".join(row)
        raw.execute(f"INSERT INTO entities ({names}) VALUES ({', '.join('?' * len(row))})",
                    list(row.values()))  # fmt: skip
    with Memory(folder, user_id="carla") as memory:
        found = memory.verify()
        assert not found.ok
        assert any(receipt.id in one and row["id"] in one for one in found.differences)


_KILLS = [
    (points, number / most)
    for points, least in (("steps", 3), ("stages", 4))
    for most in [max(1, round(least * _SIZE))]
    for number in range(most)
]


@pytest.mark.parametrize(("points", "share"), _KILLS)
def test_killed_at_any_point_it_is_done_or_as_before(
    planted: Path, tmp_path: Path, points: str, share: float
) -> None:
    """Steps are those of the ledger's transaction, stages what is done one after the other: the
    transaction, its log cut, graph and vectors made anew, the ledger's file written anew."""
    folder = _copied(planted, tmp_path)
    point = 1 + int(share * _points(points, planted, tmp_path))
    command = child(_KILLED, str(folder), points, str(point))
    ended = subprocess.run(command, env=child_environment(), check=False)
    assert ended.returncode == -9
    with Memory(folder, user_id=USER) as memory:
        if memory.stats().episodes:
            assert memory.stats().episodes > 1100
            assert memory.search("Zyxquorple").hits
            assert memory.search("Stone", project_id="other").hits
            assert memory.forget(wait=True).pending == {}
        assert remainders(folder, WORDS) == []
        assert memory.verify().ok
    with Memory(folder) as memory:
        assert [one.pending for one in memory.erasures()] == [{}]
        assert memory.search("Rome", user_id="carla").hits
        assert memory.verify().ok


_counted: dict[str, int] = {}


def _points(points: str, planted: Path, tmp_path: Path) -> int:
    """How many of them there are."""
    if points not in _counted:
        folder = copy_store(planted, tmp_path / "counted")
        ended = subprocess.run(
            child(_KILLED, str(folder), points, "1000000"),
            env=child_environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        _counted[points] = int(ended.stdout.split()[-1])
    return _counted[points]
