"""A store measured on its own facts: found again in other words, and left as it was."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory
from graphmem.bench.probes import half_of, probes
from graphmem.doors.cli import run_cli
from graphmem.model import Turn
from graphmem.retrieve.rank.ranking import Weights, shipped_weights

PEOPLE = ("Ada", "Bo", "Cleo", "Dario", "Edda", "Finn", "Gita", "Hugo")
PLACES = ("Lisbon", "Oslo", "Quito", "Perth", "Turin", "Leeds", "Accra", "Lima")
FIRMS = ("Acme", "Borealis", "Cobalt", "Dynamo", "Ember", "Fathom", "Gryphon", "Helio")


def filled(folder: Path) -> Path:
    with Memory(folder, user_id="zoe") as memory:
        for person, place, firm in zip(PEOPLE, PLACES, FIRMS, strict=True):
            memory.add(f"{person} lives in {place}.")
            memory.add(f"{person} works at {firm}.")
            for month in ("January", "March", "May", "June", "August"):
                memory.add(
                    f"In {month} {person} planted blue lupins beside the narrow canal behind "
                    f"{firm}, and photographed herons near {place} before breakfast.",
                    infer=False,
                )
    return folder


def contents(folder: Path) -> tuple[Any, ...]:
    with Memory(folder, user_id="zoe") as memory:
        return memory.stats(), memory.get_all(limit=1000).items, memory.health().lag


def test_a_store_finds_its_own_facts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = filled(tmp_path / "store")
    before = contents(store)
    assert run_cli(["bench", "--on", str(store), "--user", "zoe", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found["probes"]) == {"overall", "relation", "half"}
    assert found["probes"]["relation"]["questions"] >= 10
    assert found["probes"]["half"]["recall@10"] >= 0.9
    assert found["probes"]["relation"]["recall@5"] >= 0.9
    assert contents(store) == before
    assert run_cli(["bench", "--on", str(store), "--user", "zoe", "--probes", "10"]) == 0
    printed = capsys.readouterr().out
    assert "| overall | 10 |" in printed
    assert "for example: " in printed


def test_probes_leave_out_the_answer_and_are_the_same_each_time(tmp_path: Path) -> None:
    with Memory(filled(tmp_path / "store"), user_id="zoe") as memory:
        made = probes(memory, 80)
        assert made == probes(memory, 80)
        texts = {probe.text for probe in made if probe.kind == "relation"}
    assert any(text.startswith(("Who employs", "Who has a job with")) for text in texts)
    assert not any("Bo" in text.split() and "Borealis" in text for text in texts)
    assert all(probe.gold for probe in made)
    sizes = Counter(probe.half for probe in made)
    most = max(Counter(probe.source for probe in made).values())
    assert abs(sizes[0] - sizes[1]) <= most, "as even as whole sources can be"
    assert len({(probe.source, probe.half) for probe in made}) == len({p.source for p in made})


def test_half_of_a_turn() -> None:
    turn = Turn("t", "e", 0, "The old mill by Arden burned down twice in a dry summer.", "Ines")
    text = half_of(turn)
    assert text is not None
    assert text.startswith("What was it that Ines said about ")
    assert "arden" in text
    assert half_of(Turn("t", "e", 0, "Yes, it is.")) is None


def test_tuning_is_judged_on_the_other_half(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, file = filled(tmp_path / "store"), tmp_path / "weights.json"
    command = ["bench", "--on", str(store), "--user", "zoe", "--tune", str(file)]
    assert run_cli([*command, "--json"]) == 0
    tuned = json.loads(capsys.readouterr().out)["tuned"]
    assert tuned["held_out_recall@5"]["n"] >= 20
    assert tuned["written"] == (tuned["held_out_recall@5"]["mean"] > 0) == file.is_file()
    if file.is_file():
        assert Weights.read(file).kinds.keys() == shipped_weights().kinds.keys()
    assert run_cli([*command, "--probes", "12"]) == 2
    assert "too little to tune on" in capsys.readouterr().err


def test_bad_calls(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = filled(tmp_path / "store")
    assert run_cli(["bench", "--on", str(store)]) == 2
    assert "a scope needs a user_id" in capsys.readouterr().err
    assert run_cli(["bench", "--on", str(store), "--user", "nobody"]) == 2
    assert "nothing to ask about" in capsys.readouterr().err
    assert run_cli(["bench", "--on", str(tmp_path / "gone"), "--user", "zoe"]) == 2
    assert "there is no store" in capsys.readouterr().err
    assert run_cli(["bench", "--on", str(store), "compare", "a", "b"]) == 2
    assert "without a further command" in capsys.readouterr().err
    assert run_cli(["bench"]) == 0
    assert "graphmem bench run locomo" in capsys.readouterr().out
