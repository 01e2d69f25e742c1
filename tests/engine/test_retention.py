"""How long to keep what: rules are stored, applied by themselves, and go wherever a store goes."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory, Settings, open_memory, restore
from graphmem.clock import ManualClock
from graphmem.doors.cli import run_cli
from graphmem.errors import NotFound, UsageError
from graphmem.model import Removal, RetentionRule, StoredEpisode, overdue
from tests.engine.remainders import remainders

BY_HAND = Settings.load({"GRAPHMEM_RETENTION_EVERY_S": "0"})
START = "2026-01-01T00:00:00Z"


def _rule(**only: Any) -> RetentionRule:
    days = only.pop("days", None)
    keep_s = None if days is None else days * 86_400.0
    return RetentionRule("r", ManualClock(START).now(), keep_s, **only)


def _episode(**given: Any) -> StoredEpisode:
    values = {"user_id": "u", "agent_id": None, "memory_type": "semantic", "tags": ()} | given
    return StoredEpisode(1, "e", "p", recorded_at=ManualClock(START).now(), **values)


@pytest.mark.parametrize(
    ("rules", "episode", "days"),
    [
        ([_rule(days=90)], _episode(), 90),
        ([_rule(days=90), _rule(days=30, project_id="p")], _episode(), 30),
        ([_rule(days=30), _rule(days=90, project_id="p")], _episode(), 90),
        ([_rule(days=30, project_id="q")], _episode(), None),
        ([_rule(days=9, project_id="p", user_id="u"), _rule(days=3)], _episode(), 9),
        ([_rule(days=9, project_id="p", user_id="v")], _episode(), None),
        ([_rule(days=9, project_id="p", agent_id="a")], _episode(agent_id="a"), None),
        (
            [_rule(days=9, project_id="p", agent_id="a")],
            _episode(user_id=None, agent_id="a"),
            9,
        ),
        ([_rule(days=30), _rule(days=None, tag="x")], _episode(tags=("x",)), None),
        ([_rule(days=30), _rule(days=None, tag="x")], _episode(tags=("y",)), 30),
        ([_rule(days=7, tag="x"), _rule(days=5, tag="y")], _episode(tags=("x", "y")), 5),
        ([_rule(days=7, memory_type="procedural"), _rule(days=9)], _episode(), 9),
        (
            [_rule(days=7, tag="x", memory_type="semantic"), _rule(days=1, tag="x")],
            _episode(tags=("x",)),
            7,
        ),
    ],
)
def test_the_most_exact_rule_holds(
    rules: list[RetentionRule], episode: StoredEpisode, days: int | None
) -> None:
    def gone(after: timedelta) -> bool:
        return overdue(episode, rules, episode.recorded_at + after)

    if days is None:
        assert not gone(timedelta(days=3650))
    else:
        assert not gone(timedelta(days=days, seconds=-1))
        assert gone(timedelta(days=days))


def test_what_is_overdue_goes_with_a_receipt(tmp_path: Path) -> None:
    clock = ManualClock(START)
    with Memory(tmp_path, user_id="ada", clock=clock, settings=BY_HAND) as memory:
        memory.add("Bob Stone works at Zyxquorple. Bob Stone likes tea.")
        memory.add("Zyxquorple is my contract.", tags=["contract"], infer=False)
        memory.add("Eve knows Zyxquorple.", user_id="eve")
        memory.set_retention("90 days")
        memory.set_retention("forever", tag="contract")
        clock.advance(days=89)
        memory.add("Bob Stone likes tea.")
        assert memory.apply_retention() == Removal()
        clock.advance(days=2)
        counted = memory.apply_retention(dry_run=True)
        assert (counted.episodes, counted.facts) == (1, 1)
        assert memory.stats().episodes == 3
        done = memory.apply_retention()
        assert (done.episodes, done.facts) == (1, 1)
        assert memory.apply_retention() == Removal()
        texts = {fact.text for fact in memory.get_all().items}
        assert texts == {"Bob Stone likes tea", "Zyxquorple is my contract."}
        assert memory.stats(user_id="eve").episodes == 1
        (receipt,) = memory.erasures()
        assert (receipt.what, receipt.rows["episodes"]) == ("retention", 1)
        assert memory.verify().ok
        memory.set_retention(None, tag="contract")
        memory.set_retention("1d", user_id="eve")
        assert memory.apply_retention().episodes == 2
        assert memory.set_retention(None) is None
        with pytest.raises(NotFound, match="no such rule"):
            memory.set_retention(None)
    assert remainders(tmp_path, ("Zyxquorple",)) == []


def test_rules_are_set_listed_and_replaced() -> None:
    with Memory("memory://", user_id="ada", settings=BY_HAND) as memory:
        with pytest.raises(NotFound, match=r"'ada'.*everybody in it"):
            memory.set_retention("90d")
        memory.add("I like tea.")
        first = memory.set_retention("90d")
        everybody = memory.set_retention("52 weeks", all_scopes=True)
        there = memory.set_retention("1y", all_scopes=True, project_id="other")
        again = memory.set_retention(timedelta(hours=12))
        assert first is not None
        assert again is not None
        assert (again.id, again.keep_s) == (first.id, 43_200)
        assert again.user_id == "ada"
        assert memory.retention() == [everybody, again]
        assert memory.retention(user_id="eve") == [everybody]
        assert memory.retention(project_id="other", agent_id="bot", user_id=None) == [
            everybody,
            there,
        ]
        for wrong in ("90", "-1d", "0d", "1000000y", "soon", 90, True):
            with pytest.raises(UsageError, match="keep is"):
                memory.set_retention(wrong)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="memory_type"):
            memory.set_retention("1d", memory_type="x")  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="run_id"):
            memory.set_retention("1d", run_id="r")
        with pytest.raises(UsageError, match="all_scopes"):
            memory.set_retention("1d", all_scopes=True, user_id="ada")


def test_a_rule_goes_with_its_user(tmp_path: Path) -> None:
    with Memory(tmp_path, user_id="ada", settings=BY_HAND) as memory:
        memory.add("I like tea.")
        memory.set_retention("90d", tag="Zyxquorple")
        memory.forget(wait=True)
    assert remainders(tmp_path, ("Zyxquorple",)) == []
    with Memory(tmp_path, settings=BY_HAND) as memory:
        assert memory.retention() == []


async def test_it_is_done_by_itself(tmp_path: Path) -> None:
    clock = ManualClock(START)
    async with await open_memory(tmp_path, user_id="ada", clock=clock) as memory:
        await memory.add("I like tea.")
        await memory.set_retention("1d")
        assert (await memory.stats()).episodes == 1
    clock.advance(days=2)
    settings = Settings.load({"GRAPHMEM_RETENTION_EVERY_S": "0.05"})
    async with await open_memory(tmp_path, user_id="ada", clock=clock, settings=settings) as memory:
        await _until_empty(memory)
        await memory.add("I like coffee.")
        clock.advance(days=2)
        await _until_empty(memory)


async def test_a_clock_that_was_once_ahead_does_not_put_it_off(tmp_path: Path) -> None:
    clock = ManualClock(START)
    async with await open_memory(
        tmp_path, user_id="ada", clock=ManualClock("2100-01-01"), settings=BY_HAND
    ) as memory:
        await memory.set_retention("1d", all_scopes=True)
        await memory.apply_retention()
    async with await open_memory(tmp_path, user_id="ada", clock=clock, settings=BY_HAND) as memory:
        await memory.add("I like tea.")
    clock.advance(days=2)
    async with await open_memory(tmp_path, user_id="ada", clock=clock) as memory:
        await _until_empty(memory)


async def _until_empty(memory: Any) -> None:
    until = time.monotonic() + 20
    while (await memory.stats()).episodes:
        assert time.monotonic() < until, "nothing was erased"
        await asyncio.sleep(0.02)


def test_rules_are_carried_by_backup_and_export(tmp_path: Path) -> None:
    with Memory(tmp_path / "store", settings=BY_HAND) as memory:
        memory.add("I like tea.", user_id="ada")
        memory.add("I like tea.", user_id="eve")
        memory.set_retention("90d", user_id="ada", tag="x")
        memory.set_retention("30d", user_id="eve")
        memory.set_retention("1y", all_scopes=True)
        rules = memory.retention()
        memory.backup(tmp_path / "backup")
        memory.export(tmp_path / "all.jsonl", all_scopes=True)
        memory.export(tmp_path / "ada.jsonl", user_id="ada")
        assert len(rules) == 3
    assert '"eve"' not in (tmp_path / "ada.jsonl").read_text("utf-8")
    restore(tmp_path / "backup", tmp_path / "restored")
    with Memory(tmp_path / "restored", settings=BY_HAND) as memory:
        assert memory.retention() == rules
    with Memory(tmp_path / "imported", settings=BY_HAND) as memory:
        memory.import_(tmp_path / "all.jsonl", all_scopes=True)
        assert memory.retention() == rules
        assert memory.verify().ok
    with Memory(tmp_path / "one", settings=BY_HAND) as memory:
        memory.import_(tmp_path / "ada.jsonl", user_id="ada")
        assert memory.retention() == [rule for rule in rules if rule.user_id == "ada"]


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        code = run_cli(["--store", str(tmp_path), "--user", "ada", *arguments])
        return code, capsys.readouterr().out

    run("add", "I like tea.")
    assert run("set-retention", "90d") == (2, "")
    assert (
        "kept for 90 days · project default · user ada" in run("set-retention", "90d", "--yes")[1]
    )
    assert "everybody" in run("set-retention", "1y", "--all", "--yes")[1]
    rules = json.loads(run("retention", "--json")[1])
    assert [rule["keep_s"] for rule in rules] == [365 * 86_400, 90 * 86_400]
    assert "would remove 0 episodes" in run("apply-retention", "--dry-run")[1]
    assert "no such rule" in run("set-retention", "none")[1]


def test_on_postgres(postgres_url: str, tmp_path: Path) -> None:
    clock = ManualClock(START)
    given = {"GRAPHMEM_RETENTION_EVERY_S": "0"}
    parts = {"graph": "memory://", "vectors": "memory://"}
    server = Settings.load(given, ledger=f"{postgres_url}?schema=retention", **parts)
    with Memory(user_id="ada", clock=clock, settings=server) as memory:
        memory.add("Bob Stone works at Acme.", tags=["x"])
        memory.add("Bob Stone lives in Oslo.")
        memory.set_retention("30d")
        memory.set_retention("forever", tag="x")
        memory.set_retention("1d", all_scopes=True)
        rules = memory.retention()
        clock.advance(days=31)
        assert memory.apply_retention(dry_run=True).episodes == 1
        assert memory.apply_retention().episodes == 1
        assert [fact.text for fact in memory.get_all().items] == ["Bob Stone works at Acme"]
        assert [one.what for one in memory.erasures()] == ["retention"]
        assert memory.verify().ok
        memory.backup(tmp_path / "backup")
    restore(tmp_path / "backup", tmp_path / "restored")
    with Memory(tmp_path / "restored", user_id="ada", clock=clock, settings=BY_HAND) as memory:
        assert memory.retention() == rules
        assert memory.apply_retention() == Removal()
