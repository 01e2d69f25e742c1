"""The demo: works anywhere, shows what it promises, spoils nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.doors.cli.conftest import Run


def test_the_demo_shows_every_step(graphmem: Run, tmp_path: Path) -> None:
    ran = graphmem("demo")
    assert ran.code == 0
    for promised in (
        "$ graphmem relations Maya",
        "$ graphmem paths Maya Duarte",
        "$ graphmem timeline Tom",
        "$ graphmem search",
        "$ graphmem cypher",
        "$ graphmem stats",
        "demo-memory/graph.html",
    ):
        assert promised in ran.out
    assert "ended" in ran.out
    assert (tmp_path / "demo-memory" / "graph.html").stat().st_size > 100_000
    assert (tmp_path / "demo-memory" / "graph.svg").read_text().startswith("<svg")
    listed = graphmem("--store", "demo-memory", "--user", "demo", "relations", "Maya", "--json")
    assert listed.json


def test_the_demo_as_json_twice_and_without_a_key_being_used(
    graphmem: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "not-a-key")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    one = graphmem("demo", "--json").json
    two = graphmem("demo", "--json").json
    asked = [step["command"] for step in one["steps"]]
    assert asked == [step["command"] for step in two["steps"]]
    assert all(step["result"] for step in one["steps"])
    assert one["steps"][-1]["result"] == two["steps"][-1]["result"]
    assert one["steps"][-1]["result"]["model_calls"] == 0


def test_the_commands_of_the_demo_give_what_it_shows(graphmem: Run) -> None:
    import shlex

    steps = graphmem("demo", "--json").json["steps"]
    assert len(steps) >= 5
    for step in steps:
        arguments = shlex.split(step["command"])[1:]
        ran = graphmem("--store", "demo-memory", "--user", "demo", *arguments, "--json")
        assert ran.code == 0, ran.err
        if arguments[0] in ("relations", "timeline", "cypher"):
            assert ran.json == step["result"]


def test_the_demo_leaves_other_folders_alone(graphmem: Run, tmp_path: Path) -> None:
    mine = tmp_path / "demo-memory"
    mine.mkdir()
    (mine / "notes.txt").write_text("mine")
    ran = graphmem("demo")
    assert ran.code == 2
    assert "not a demo" in ran.err
    assert (mine / "notes.txt").read_text() == "mine"
    assert graphmem("--store", str(tmp_path / "other"), "demo", "--json").code == 0
