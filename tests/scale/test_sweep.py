"""The sweep goes on where it was stopped, and its figures are those of the store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import lives, sweep
from graphmem import Memory, Settings
from graphmem.bench.page import write_page
from graphmem.bench.tables import sweep_table


def test_a_sweep_is_resumed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = sweep.Plan(tmp_path / "here", seed=3, users=4)
    first = sweep.run(plan, [60])
    (row,) = first["rows"]
    assert row["size"] == 60
    assert row["facts"] >= 55
    assert row["answered"] > 0.5
    assert row["add_many_per_s"] > 0
    assert set(row["disk_mib"]) >= {"ledger", "graph", "vectors"}
    both = sweep.run(plan, [60, 90])
    assert [row["size"] for row in both["rows"]] == [60, 90]
    assert both["rows"][0] == row, "what was measured is not measured again"
    assert json.loads(plan.figures.read_text()) == both
    lines = sweep_table(both).splitlines()
    assert len(lines) == 4
    (picture,) = write_page([plan.figures], tmp_path / "page.md")
    page = (tmp_path / "page.md").read_text("utf-8")
    assert lines[-1] in page
    assert "`python -m benchmarks.sweep --seed 3 --users 4`" in page
    assert f"({picture.name})" in page
    assert "| 90 |" in lines[-1]
    assert "| 90 |" in capsys.readouterr().err
    with Memory(plan.store, settings=Settings.load({})) as memory:
        added = list(lives.items(0, 90, seed=3, users=4))
        user = added[0].user
        texts = {fact.text for fact in memory.get_all(user_id=user, limit=1000).items}
        assert texts >= {item.text for item in added if item.user == user}
        assert memory.verify().ok


def test_what_was_stopped_in_a_step_is_not_added_twice(tmp_path: Path) -> None:
    plan = sweep.Plan(tmp_path, seed=0, users=2)
    with Memory(plan.store, settings=Settings.load({})) as memory:
        memory.add_many((i.as_added() for i in lives.items(0, 40, users=2)), infer=False)
        before = memory.stats().episodes
    figures = sweep.fill(plan, 0, 50)
    assert figures["fill_peak_mib"] > 50
    with Memory(plan.store, settings=Settings.load({})) as memory:
        related = [i for i in lives.items(0, 50, users=2) if i.as_related() and i.number % 2 == 0]
        assert memory.stats().episodes == before + 10 + len(related)


def test_another_plan_is_refused(tmp_path: Path) -> None:
    sweep.run(sweep.Plan(tmp_path, seed=0, users=1), [])
    plan = sweep.Plan(tmp_path, seed=0, users=1)
    sweep._keep(plan, sweep._state(plan))
    with pytest.raises(SystemExit, match=r"another sweep.*name another folder"):
        sweep.run(sweep.Plan(tmp_path, seed=1, users=1), [10])
