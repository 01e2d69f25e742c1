"""The weights' fit, on a small conversation in LoCoMo's format."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import fit, fit_replaced, fit_scores
from graphmem.doors.cli import run_cli
from graphmem.retrieve.rank.likelihood import formula_from
from graphmem.retrieve.rank.ranking import Weights, shipped_weights
from graphmem.retrieve.rank.replaced import PAIR_NUMBERS, shipped_pair_weights
from graphmem.retrieve.signals.registry import SIGNALS


def sample(name: str, thing: str) -> dict[str, Any]:
    def turn(id: str, speaker: str, text: str) -> dict[str, str]:
        return {"dia_id": id, "speaker": speaker, "text": text}

    return {
        "sample_id": name,
        "conversation": {
            "session_1_date_time": "1:00 pm on 8 May, 2023",
            "session_1": [
                turn("D1:1", "Ada", "How was the market?"),
                turn("D1:2", "Bob", f"Good, I bought {thing} there."),
                turn("D1:3", "Ada", "Lovely."),
            ],
            "session_2_date_time": "1:00 pm on 9 June, 2023",
            "session_2": [
                turn("D2:1", "Bob", "It rained all week."),
                turn("D2:2", "Ada", "I stayed in and painted."),
            ],
        },
        "qa": [
            {"question": "What did Bob buy at the market?", "evidence": ["D1:2"], "category": 4},
            {"question": "What did Ada do in June?", "evidence": ["D2:2"], "category": 2},
            {"question": "Why?", "evidence": [], "category": 5},
        ],
    }


def plain(folder: Path) -> Path:
    """A chat with an assistant, in the plain form."""
    turns = [
        {"session": "a", "id": "a1", "text": "I bought a green lamp at the market."},
        {"session": "a", "id": "a2", "role": "assistant", "text": "A lamp gives light. Anything?"},
        {"session": "b", "id": "b1", "text": "My sister Ida plays the flute in Bergen."},
    ]
    questions = [
        {"id": "1", "question": "Which lamp did I buy at the market?", "gold": ["a1"]},
        {"id": "2", "question": "What does my sister play?", "gold": ["b1"]},
    ]
    for name, rows in (("turns", turns), ("questions", questions)):
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def test_it_measures_each_fold_and_writes_weights_that_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = tmp_path / "small.json", tmp_path / "weights.json"
    data.write_text(json.dumps([sample("one", "two lamps"), sample("two", "old maps")]))
    sets = [f"locomo={data}", f"plain={plain(tmp_path)}"]
    monkeypatch.setattr(sys, "argv", ["fit", *sets, "--folds", "--write", str(out)])
    fit.main()
    result = json.loads(capsys.readouterr().out)
    assert result["questions"] == {"locomo": 4, "plain": 2}
    assert result["fitted"] == {"locomo": [1.0, 1.0, 1.0, 1.0], "plain": [1.0, 1.0, 1.0, 1.0]}
    assert set(result["held out"]) == {"locomo", "plain"}
    shipped = shipped_weights()
    for kind, weights in Weights.read(out).kinds.items():
        for name, weight in weights.items():
            assert weight * shipped.kinds[kind][name] >= 0, "no weight changes its sign"
            if kind == "passage" or not SIGNALS[name].fitted:
                assert weight == shipped.kinds[kind][name]


def test_it_finds_what_tells_how_likely_a_search_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    talks = tmp_path / "locomo.json"
    talks.write_text(json.dumps([sample("a", "a lamp"), sample("b", "a green kite")]))
    (tmp_path / "plain").mkdir()
    report, numbers = tmp_path / "report.json", tmp_path / "numbers.json"
    sets = [f"locomo={talks}", f"plain={plain(tmp_path / 'plain')}"]
    told = ["--report", str(report), "--write", str(numbers)]
    monkeypatch.setattr(sys, "argv", ["fit_scores", *sets, *told])
    fit_scores.main()
    found = json.loads(report.read_text())
    assert json.loads(capsys.readouterr().out) == found
    assert set(found["scored"]) == set(found["without near"]) == {"locomo", "plain"}
    for scores in found["scored"].values():
        assert all(0 <= wrong["auc"] <= 1 for wrong in scores["wrong"].values())
        assert set(scores["reliability"]) == {"answerable", "hits"}
    formulas = {name: formula_from(of) for name, of in json.loads(numbers.read_text()).items()}
    assert len(formulas) == 2
    assert "any" in formulas
    out = tmp_path / "page.md"
    assert run_cli(["bench", "page", str(report), "--out", str(out)]) == 0
    assert "## What a score means: questions asked of the wrong memory" in out.read_text()


def test_logistic_regression_finds_what_made_the_data() -> None:
    rng = np.random.default_rng(0)
    rows = np.stack([rng.normal(size=20_000), np.ones(20_000)], axis=1)
    true = (rng.random(20_000) < 1 / (1 + np.exp(-(rows @ np.array([2.0, -1.0]))))).astype(float)
    none = np.zeros(2)
    found = fit_scores.logistic(rows, true, np.ones(20_000), np.full(2, 1e-3), none)
    assert found == pytest.approx([2.0, -1.0], abs=0.1)
    assert fit_scores.logistic(rows, true, np.ones(20_000), np.full(2, 1e9), none) == (
        pytest.approx([0.0, 0.0], abs=1e-3)
    )


def test_what_replaces_another_is_fitted_and_costs_no_set_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    turns = [
        ("a1", "2025-01-01", "I pay 640 euros of rent for the flat in Leuven."),
        ("a2", "2025-01-02", "My sister plays the flute in Bergen."),
        ("b1", "2025-03-01", "We found a flat in Ghent, it comes to 980 euros."),
        ("b2", "2025-03-02", "The weather is lovely."),
    ]
    rows = [{"session": id[0], "id": id, "at": at, "text": text} for id, at, text in turns]
    asked = {"id": "1", "question": "What rent do I pay?", "gold": ["b1"], "rivals": ["a1"]}
    same = {"id": "2", "question": "What does my sister play?", "gold": ["a2"]}
    changes, chat, out = tmp_path / "changes", tmp_path / "chat", tmp_path / "found.json"
    for folder in (changes, chat):
        folder.mkdir()
    plain(chat)
    (changes / "turns.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (changes / "questions.jsonl").write_text("\n".join(map(json.dumps, (asked, same))))
    sets = [f"changes={changes}", f"plain={chat}", "--folds", "--write", str(out)]
    monkeypatch.setattr(fit_replaced, "_STEPS", 100)
    monkeypatch.setattr(sys, "argv", ["fit_replaced", *sets])
    fit_replaced.main()
    found = json.loads(capsys.readouterr().out)
    assert list(json.loads(out.read_text())) == list(PAIR_NUMBERS)
    assert found["without"]["changes"]["newer above older"]["overall"] == "0 of 1"
    assert found["fitted"]["changes"]["newer above older"]["overall"] == "1 of 1"
    assert found["fitted"]["plain"]["scores"] == found["without"]["plain"]["scores"]
    assert found["held out"] == {}  # each is one memory
    assert len(shipped_pair_weights()) == len(PAIR_NUMBERS)
