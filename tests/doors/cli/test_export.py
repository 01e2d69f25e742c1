"""``graphmem export`` in forms that other programs read, and what a shell completes."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import networkx as nx
import pytest
from click.testing import CliRunner, Result

from graphmem import Memory
from graphmem.doors.cli import cli


@pytest.fixture
def store(tmp_path: Path) -> Path:
    with Memory(tmp_path / "m", user_id="ada") as memory:
        memory.add("I lived in Paris until 2019. I have lived in Rome since 2020.", tags=["a,b"])
        memory.relate("Ada", "knows", 'Bob "the <b>builder</b>"', fact="=1+1 & Bob\x07")
    return tmp_path / "m"


def export(store: Path, *arguments: str) -> Result:
    given = ["--store", str(store), "--user", "ada", "export", *arguments]
    return CliRunner().invoke(cli, given)


def test_graphml_has_every_entity_and_relation(store: Path, tmp_path: Path) -> None:
    assert export(store, str(tmp_path / "a.graphml")).exit_code == 0
    found = nx.read_graphml(tmp_path / "a.graphml", force_multigraph=True)
    with Memory(store, user_id="ada") as memory:
        expected = memory.to_networkx(current=False)
    assert set(found.nodes) == set(expected.nodes)
    assert set(found.edges(keys=True)) == set(expected.edges(keys=True))
    assert {data["type"] for *_, data in found.edges(data=True)} == {"lives_in", "knows"}
    names = {data["name"] for _, data in found.nodes(data=True)}
    assert {"Paris", "Rome"} <= names
    assert any("<b>builder</b>" in name for name in names)


def test_csv_has_every_fact(store: Path, tmp_path: Path) -> None:
    done = export(store, str(tmp_path / "facts.txt"), "--format", "csv")
    assert done.exit_code == 0
    with (tmp_path / "facts.txt").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with Memory(store, user_id="ada") as memory:
        facts = {fact.id: fact for fact in memory.get_all(current=False).items}
    assert {row["id"] for row in rows} == facts.keys()
    for row in rows:
        assert row["text"] == facts[row["id"]].text
        assert json.loads(row["tags"] or "[]") == list(facts[row["id"]].tags)
    (paris,) = [row for row in rows if row["object"] == "Paris"]
    assert (paris["subject"].lower(), paris["type"]) == ("ada", "lives_in")
    assert paris["invalid_precision"] == "year"


def test_what_cannot_be_exported_so_is_refused(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("mine")
    assert "there already" in str(export(store, str(file)).exception)
    assert file.read_text() == "mine"
    nobody = CliRunner().invoke(cli, ["--store", str(store), "--user", "no", "export", "n.csv"])
    assert "nothing is stored of user 'no'" in str(nobody.exception)
    assert "--all goes with jsonl" in str(export(store, "--all", "y.csv").exception)
    missing = export(store, str(tmp_path / "no" / "z.graphml"))
    assert "cannot be written" in str(missing.exception)
    jsonl = tmp_path / "whole.jsonl"
    assert export(store, str(jsonl)).exit_code == 0
    assert json.loads(jsonl.read_text().splitlines()[0])


def test_a_backup_that_was_complete_is_said_to_be(store: Path, tmp_path: Path) -> None:
    made = [
        CliRunner().invoke(cli, ["--store", str(store), "backup", str(tmp_path / "b")])
        for _ in range(2)
    ]
    assert made[0].stderr.splitlines()[-1].startswith("backed up: 2 episodes")
    assert made[1].stderr.startswith("it was complete already, and is whole: 2 episodes")
    assert made[1].output == made[1].stderr


def test_bash_completes_commands_and_options(tmp_path: Path) -> None:
    program = tmp_path / "graphmem"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m graphmem.doors.cli "$@"\n')
    program.chmod(0o755)
    script = """
eval "$(graphmem completion bash)"
complete -p graphmem >&2
COMP_WORDS=(graphmem tim); COMP_CWORD=1
_graphmem_completion graphmem; echo "${COMPREPLY[@]}"
COMPREPLY=(); COMP_WORDS=(graphmem export --f); COMP_CWORD=2
_graphmem_completion graphmem; echo "${COMPREPLY[@]}"
"""
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script], env={**os.environ, "PATH": path}, capture_output=True, text=True
    )
    assert done.stdout.split() == ["timeline", "--format"], done.stderr


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_a_script(shell: str) -> None:
    done = CliRunner().invoke(cli, ["completion", shell])
    assert done.exit_code == 0
    assert f"{shell}_complete" in done.output
