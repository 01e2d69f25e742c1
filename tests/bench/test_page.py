"""The results page is made from result files, and names no place that it was made in."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from graphmem.bench.tables import ablation, at_a_glance
from graphmem.doors.cli import run_cli
from tests.bench import files

PEERS = {
    "command": "python -m benchmarks.peers --sizes 100",
    "date": "2026-01-02",
    "machine": {"cpu": "A", "cores": 2, "memory_gib": 1, "system": "Linux", "python": "3.11"},
    "versions": {"graphmem": "0.1.0"},
    "notes": ["one note"],
    "peers": [
        {
            "engine": engine,
            "version": "1",
            "facts": facts,
            "episodes_per_s": 3.0,
            "model_calls_per_episode": 1.0,
            "tokens_per_episode": 10,
            "search_ms": {"p50": 2.0, "p95": 3.0},
            "recall@10": 0.5,
            "peak_memory_mib": 100,
        }
        for engine in ("graphmem", "other")
        for facts in (100, 1000)
    ],
}


def test_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, path in (("locomo", files.locomo(tmp_path)), ("musique", files.musique(tmp_path)[0])):
        assert run_cli(["bench", "run", name, str(path), "--out", str(tmp_path / name)]) == 0
    peers = files.write(tmp_path, "peers.json", PEERS)
    out = tmp_path / "docs" / "benchmarks.md"
    sources = [str(tmp_path / "locomo"), str(tmp_path / "musique"), str(peers)]
    assert run_cli(["bench", "page", *sources, "--out", str(out)]) == 0
    text = out.read_text()
    assert "## LoCoMo: entities and facts by the rules, no model" in text
    assert "`graphmem bench run musique PATH/musique.json`" in text
    assert "| 1,000 | other | 1 |" in text
    assert "## What is not comparable" in text
    assert text.count("HippoRAG's figures") == 1
    assert "graphmem 0.1.0, kuzu" in text
    assert str(tmp_path) not in text
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", text)
    assert len(pictures) == 4
    assert all((out.parent / name).read_text().startswith("<svg") for name in pictures)
    assert {p.name for p in out.parent.iterdir()} == {"benchmarks.md", *pictures}
    assert run_cli(["bench", "page", *sources, "--out", str(out), "--json"]) == 0
    assert out.read_text() == text


def test_two_sets_in_the_plain_form_stand_side_by_side(tmp_path: Path) -> None:
    turn = {"session": "s", "id": "t1", "text": "Ada keeps bees."}
    asked = {"id": "q", "question": "What does Ada keep?", "gold": ["t1"], "category": "one"}
    for name in ("bees", "hives"):
        files.write(tmp_path / name, "turns.jsonl", json.dumps(turn))
        files.write(tmp_path / name, "questions.jsonl", json.dumps(asked))
        run = [
            "bench",
            "run",
            "plain",
            str(tmp_path / name),
            "--out",
            str(tmp_path / f"{name}-run"),
        ]
        assert run_cli(run) == 0
    out = tmp_path / "page.md"
    sources = [str(tmp_path / f"{name}-run") for name in ("bees", "hives")]
    assert run_cli(["bench", "page", *sources, "--out", str(out)]) == 0
    first_table, _, rest = out.read_text().partition("## How to read this")
    for name in ("bees", "hives"):
        assert f"| {name} | 1 | **search** | **1.000** | **1.000** | **1.000** |" in first_table
        assert f"## {name}: entities and facts by the rules, no model" in rest
    assert "Significantly below a plain method: none, in 4 categories." in first_table


def test_a_category_below_a_plain_method_is_a_loss_below_the_first_table() -> None:
    shares = {"questions": 9, "recall@5": 0.5, "recall@10": 0.6, "hit@1": 0.4}
    found = {"units": {"overall": shares, "lists": shares}, "sessions": {}}
    less = {"mean": -0.2, "low": -0.3, "high": -0.1, "n": 9, "sure": True}
    perhaps = less | {"high": 0.1, "sure": False}
    result = {
        "variants": {"all": found},
        "baselines": {"bm25": found},
        "against_baselines": {
            "bm25": {"overall": {"recall@5": perhaps}, "lists": {"recall@10": less}}
        },
    }
    text = at_a_glance({"a set": result})
    assert "Significantly below a plain method: 1, in 2 categories." in text
    assert text.endswith("- a set, lists: loss: bm25, recall@10 **−0.200 [−0.300, −0.100]**")


def test_what_is_no_result_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    strange = files.write(tmp_path, "x.json", json.dumps({"a": 1}))
    assert run_cli(["bench", "page", str(strange), "--out", str(tmp_path / "p.md")]) == 2
    assert "neither a run's result, nor" in capsys.readouterr().err
    assert run_cli(["bench", "page", str(tmp_path), "--out", str(tmp_path / "p.md")]) == 2
    assert "no finished run in this folder" in capsys.readouterr().err


def test_what_changes_nothing_has_one_line() -> None:
    none = {"mean": 0.0, "low": 0.0, "high": 0.0, "n": 3, "sure": False}
    less = {"mean": -0.2, "low": -0.3, "high": -0.1, "n": 3, "sure": True}
    text = ablation(
        {
            "without a": {"overall": {"recall@5": less}, "x": {"recall@5": none}},
            "without b": {"overall": {"recall@5": none}},
        }
    )
    assert "| without a | overall | **−0.200 [−0.300, −0.100]** |" in text
    assert "| without a | x |" not in text
    assert text.endswith("No change at all: without b.")
