"""Runs through the command line, on the real engine: results, ablation, going on after a stop."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from graphmem.bench.runs import BenchRun as Folder
from graphmem.doors.cli import run_cli
from graphmem.settings import Settings
from tests.bench import files

SOME = 30
"""Questions after which a run is stopped."""
CHILD = """
import sys
from contextlib import contextmanager
from graphmem.doors.cli import bench, run_cli as run

@contextmanager
def shown():
    yield lambda *progress: print(*progress, flush=True)

bench.progress_shown = shown
run(["bench", "run", "locomo", sys.argv[1], "--out", sys.argv[2]])
"""


def bench(*arguments: str | Path) -> int:
    return run_cli(["bench", *map(str, arguments)])


def result(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return found


def test_a_run_of_conversations(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "one"
    assert bench("run", "locomo", files.locomo(tmp_path), "--out", out) == 0
    found = result(out)["variants"]["all"]
    assert found["units"]["overall"]["questions"] == 5
    assert found["units"]["overall"]["recall@5"] == 1
    assert found["sessions"]["overall"]["recall@2"] == 1
    assert set(found["units"]) == {
        "overall", "multi-hop", "open-domain", "single-hop", "adversarial",
    }  # fmt: skip
    assert found["search_ms"]["p50"] > 0
    assert found["tokens"] > 0
    assert len(found["curve"]["units"]) == 20
    ingest = result(out)["ingest"]
    assert (ingest["episodes"], ingest["turns"], ingest["model_calls"]) == (3, 7, 0)
    printed = capsys.readouterr().out
    assert "| overall | 5 |" in printed
    assert "evidence strings name no turn" in printed
    assert "<svg" in (out / "quality.svg").read_text()
    assert result(out)["plan"]["command"] == "graphmem bench run locomo PATH/locomo2.json"
    assert str(tmp_path) not in (out / "result.json").read_text()


def test_given_triples_are_the_extraction(tmp_path: Path) -> None:
    questions, triples = files.musique(tmp_path)
    out = tmp_path / "given"
    assert bench("run", "musique", questions, "--triples", triples, "--out", out) == 0
    found = result(out)
    assert found["ingest"]["facts"] == 2
    assert found["ingest"]["relations"] == 2
    assert found["variants"]["all"]["units"]["overall"]["recall@5"] == 1
    assert not found["variants"]["all"]["sessions"]


def test_ablation_leaves_out_one_arm_at_a_time(tmp_path: Path) -> None:
    out = tmp_path / "ablated"
    assert bench("run", "locomo", files.locomo(tmp_path), "--out", out, "--ablate") == 0
    found = result(out)
    names = set(found["variants"])
    assert {"all", "without graph", "without bm25", "without dense"} <= names
    assert set(found["intervals"]) == names - {"all"}
    change = found["intervals"]["without bm25"]["overall"]["recall@5"]
    assert change["n"] == 5
    assert change["low"] <= change["mean"] <= change["high"] <= 0


def test_an_arm_left_out_gives_no_share(tmp_path: Path) -> None:
    from graphmem import Memory

    with Memory(
        tmp_path / "store",
        user_id="ada",
        settings=Settings.load({}, search_without="meaning, about"),
    ) as memory:
        memory.add("Bo works at Acme. Bo lives in Paris.")
        hits = memory.search("Where does Bo work?")
        assert len(hits) > 0
        names = {signal.name for hit in hits for signal in hit.signals}
        assert "fits" in names
        assert not [n for n in names if n.startswith("meaning") or n == "about"]


def test_an_arm_that_is_none_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = files.locomo(tmp_path)
    assert bench("run", "locomo", path, "--without", "grahp", "--out", tmp_path / "x") == 2
    assert "no signal grahp; known are: bm25" in capsys.readouterr().err
    assert bench("run", "locomo", path, "--without", "graph", "--ablate") == 2
    assert "--ablate leaves out each arm" in capsys.readouterr().err
    assert bench("run", "locomo", path, "--kinds", "facts") == 2
    assert bench("run", "locomo", path, "--answer") == 2
    assert "no model is set" in capsys.readouterr().err


def test_a_folder_of_something_else_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = files.locomo(tmp_path)
    out = tmp_path / "run"
    assert bench("run", "locomo", path, "--out", out) == 0
    assert bench("run", "locomo", path, "--out", out, "--limit", "20") == 2
    assert "holds another run (limit, command differ)" in capsys.readouterr().err
    strange = tmp_path / "photos"
    files.write(strange, "cat.txt", "miau")
    assert bench("run", "locomo", path, "--out", strange) == 2
    assert [file.name for file in strange.iterdir()] == ["cat.txt"]


def test_the_store_of_a_run_is_never_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own.sqlite"
    monkeypatch.setenv("GRAPHMEM_LEDGER", f"sqlite:///{own}")
    assert bench("run", "locomo", files.locomo(tmp_path), "--out", tmp_path / "run") == 0
    assert not own.exists()


def many(folder: Path) -> Path:
    """The first conversation with its questions, many times over."""
    sample = dict(files.LOCOMO[0])
    sample["qa"] = [row for _ in range(60) for row in files.LOCOMO[0]["qa"]]
    return files.write(folder, "many.json", [sample])


def test_a_run_that_was_killed_goes_on(tmp_path: Path) -> None:
    path, out = many(tmp_path), tmp_path / "run"
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path), str(out)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    for line in child.stdout:
        if line.startswith(f"asking (all) {SOME} "):
            break
    child.send_signal(signal.SIGKILL)
    child.communicate()
    before = list(Folder(out).lines())
    assert SOME <= len(before) < 300
    with (out / "questions.jsonl").open("ab") as stream:
        stream.write(b'{"variant": "all", "id": "talk')
    assert bench("run", "locomo", path, "--out", out) == 0
    after = list(Folder(out).lines())
    assert after[: len(before)] == before
    of_methods = Counter((line.variant, line.id) for line in after)
    assert set(of_methods.values()) == {1}, "each question once by each method"
    assert Counter(variant for variant, _ in of_methods)["all"] == 300
    assert result(out)["variants"]["all"]["questions"] == 300


def test_two_runs_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = files.locomo(tmp_path)
    one, two = tmp_path / "one", tmp_path / "two"
    assert bench("run", "locomo", path, "--out", one, "--without", "bm25") == 0
    assert bench("run", "locomo", path, "--out", two, "--against", one) == 0
    assert result(two)["against"]["overall"]["recall@5"]["n"] == 5
    capsys.readouterr()
    assert bench("compare", two, one) == 0
    assert "two − one" in capsys.readouterr().out
    assert bench("compare", two, one, "--json") == 0
    assert json.loads(capsys.readouterr().out)["overall"]["hit@1"]["n"] == 5
    assert bench("compare", two, tmp_path) == 2
    assert "no run in this folder" in capsys.readouterr().err
