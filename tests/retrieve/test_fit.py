"""The weights' fit, on a small conversation in LoCoMo's format."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import fit
from graphmem.retrieve.rank.weights import Weights
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


def test_it_measures_each_fold_and_writes_weights_that_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = tmp_path / "small.json", tmp_path / "weights.json"
    data.write_text(json.dumps([sample("one", "two lamps"), sample("two", "old maps")]))
    monkeypatch.setattr(sys, "argv", ["fit", str(data), "--folds", "--write", str(out)])
    fit.main()
    result = json.loads(capsys.readouterr().out)
    assert result["questions"] == 4
    assert result["fitted"] == [1.0, 1.0, 1.0]
    assert set(result["held out"]) == {"one", "two"}
    found = Weights.read(out)
    assert found.signals["asks"] <= 0
    assert all(
        weight >= 0 for name, weight in found.signals.items() if name not in {"asks", "outdated"}
    )
    fitted = [weight for name, weight in found.signals.items() if SIGNALS[name].fitted]
    assert sum(weight for weight in fitted if weight > 0) == pytest.approx(1, abs=0.01)
