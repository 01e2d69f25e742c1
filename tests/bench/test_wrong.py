"""Questions asked of the wrong memory, and what scores are worth by them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from graphmem.bench.dataset import UNIT, Corpus, GoldQuestion
from graphmem.bench.runs import BenchRun
from graphmem.bench.scoring import auc, reliability
from graphmem.bench.sets import load_dataset
from graphmem.bench.wrong import OTHER, RENAMED, halves, misplaced, wrong_corpora
from graphmem.doors.cli import run_cli
from tests.bench import files


def test_questions_go_to_the_next_conversation(tmp_path: Path) -> None:
    corpora = wrong_corpora(load_dataset("locomo", files.locomo(tmp_path)).corpora)
    found = list(misplaced(corpora))
    asked_of = {one.corpus.id for one in found if one.how == OTHER and "Ines" in one.question.text}
    assert asked_of == {"talk-2"}
    as_it_stands, renamed = (
        [one.question.text for one in found if one.how == how] for how in (OTHER, RENAMED)
    )
    assert "What does Ines do with her violin?" in as_it_stands
    assert "What does Omar do with her violin?" in renamed
    assert "Who became head gardener?" in as_it_stands
    assert "Who became head gardener?" not in renamed, "it names nobody"
    assert "What is lost?" not in as_it_stands, "it has no gold, wherever it is asked"


def _passage(unit: str) -> dict[str, object]:
    return {"content": f"Text {unit}.", "user_id": "all", "metadata": {UNIT: unit}}


def test_a_memory_is_cut_between_questions() -> None:
    questions = (
        GoldQuestion("1", "?", "x", gold=frozenset({"a", "b"}), beside=frozenset({"c", "d"})),
        GoldQuestion("2", "?", "x", gold=frozenset({"d"})),
        GoldQuestion("3", "?", "x", gold=frozenset({"e", "f"})),
        GoldQuestion("4", "?", "x", gold=frozenset({"b", "g"})),
    )
    whole = Corpus("all", tuple(map(_passage, "abcdefghij")), questions)
    parts = halves(whole)
    held = [{item["metadata"][UNIT] for item in part.items} for part in parts]
    assert held[0] | held[1] == set("abcdefghij")
    assert not held[0] & held[1]
    assert min(map(len, held)) >= 3
    for part, units in zip(parts, held, strict=True):
        assert {item["user_id"] for item in part.items} == {part.id}
        assert all(question.gold <= units for question in part.questions)
    assert sorted(q.id for part in parts for q in part.questions) == ["1", "2", "3", "4"]
    together = next(units for units in held if "a" in units)
    assert {"b", "c", "g"} <= together, "what is beside a question's gold goes with it"


def test_a_cut_memory_of_one_question() -> None:
    whole = Corpus("all", (_passage("a"),), (GoldQuestion("1", "?", "x", gold=frozenset("a")),))
    parts = halves(whole)
    assert [len(part.items) for part in parts] == [1, 0]


def test_how_well_scores_part_right_from_wrong() -> None:
    assert auc(np.array([0.9, 0.8]), np.array([0.1, 0.2])) == 1.0
    assert auc(np.array([0.1]), np.array([0.9, 0.8])) == 0.0
    assert auc(np.array([0.5, 0.9]), np.array([0.5])) == 0.75


def test_reliability() -> None:
    predicted, true = np.array([0.25, 0.25, 0.25, 0.25, 1.0]), np.array([1.0, 0, 0, 0, 0])
    found = reliability(predicted, true, np.ones(5))
    assert found["points"] == [
        {"predicted": 0.25, "came true": 0.25, "share": 0.8},
        {"predicted": 1.0, "came true": 0.0, "share": 0.2},
    ]
    assert found["error"] == pytest.approx(0.2)


@pytest.mark.parametrize("name", ["locomo", "musique"])
def test_a_run_asks_the_wrong_memory(name: str, tmp_path: Path) -> None:
    path = files.locomo(tmp_path) if name == "locomo" else files.musique(tmp_path)[0]
    out = tmp_path / "run"
    assert run_cli(["bench", "run", name, str(path), "--wrong", "--out", str(out)]) == 0
    result = BenchRun(out).result()
    wrong = result["scores"]["wrong"]
    assert set(wrong) == ({OTHER, RENAMED} if name == "locomo" else {OTHER})
    assert all(0 <= found["auc"] <= 1 for found in wrong.values())
    assert all(found["questions"] for found in wrong.values())
    assert set(result["variants"]) == {"all"}, "what is asked wrongly is no variant"
    assert "asked of another memory" in (out / "result.md").read_text()
