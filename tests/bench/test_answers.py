"""Answers and verdicts of a model, from a local server that speaks a provider's format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graphmem.bench.answering import NO_ANSWER, declines, token_f1
from graphmem.bench.dataset import GoldQuestion
from graphmem.doors.cli import run_cli
from graphmem.testing.llm_server import LocalModelServer, Refusal, Request, Status
from tests.bench import files


def asked(answer: str | None, category: str = "single-hop", **more: Any) -> GoldQuestion:
    return GoldQuestion("1", "?", category, answer=answer, **more)


@pytest.mark.parametrize(
    ("answer", "question", "f1"),
    [
        ("the Violins!", asked("A violin"), 1.0),
        ("a red violin", asked("violin"), 2 / 3),
        ("drums", asked("violin"), 0.0),
        ("", asked("violin"), 0.0),
        ("plays it, bought it", asked("bought it, plays it", "multi-hop"), 1.0),
        ("bought it", asked("bought it, sold, lent", "multi-hop"), 1 / 3),
        ("yes", asked("Yes; because she said so", "open-domain"), 1.0),
        (NO_ANSWER, asked(None, "adversarial", unanswerable=True), 1.0),
        ("in May", asked(None, "adversarial", unanswerable=True), 0.0),
    ],
)
def test_token_f1(answer: str, question: GoldQuestion, f1: float) -> None:
    assert token_f1(answer, question) == pytest.approx(f1)


def test_declining() -> None:
    assert declines(" ")
    assert declines("This is not mentioned in the notes.")
    assert not declines("Petrel")


def reply(request: Request) -> Any:
    """Answers with the boat, declines what is sold, and judges by looking at the answer."""
    system, user = (message["content"] for message in request.json["messages"])
    if "mark answers" in system:
        gold = user.partition("Right answer: ")[2].partition("\n")[0]
        return {"correct": gold in user.partition("Candidate: ")[2]}
    question = user.partition("Question: ")[2]
    if "sell" in question:
        return {"answer": NO_ANSWER}
    if "animal" in question:
        return Refusal()
    return {"answer": "Petrel" if "Petrel" in user else "Rafi"}


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Any:
    with LocalModelServer(answer=reply) as server:
        monkeypatch.setenv("GRAPHMEM_LLM", "openai:test-model")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("GRAPHMEM_LLM_ATTEMPTS", "1")
        yield server


def test_answers_are_scored(tmp_path: Path, model: LocalModelServer) -> None:
    out = tmp_path / "run"
    command = ["bench", "run", "locomo", str(files.locomo(tmp_path)), "--out", str(out), "--answer"]
    assert run_cli(command) == 0
    found = json.loads((out / "result.json").read_text())
    assert found["plan"]["extract"] == "rules"
    assert found["ingest"]["model_calls"] == 0
    answers = found["answers"]
    assert answers["adversarial"]["judge"] == answers["adversarial"]["f1"] == 1
    assert answers["single-hop"]["judge"] == 1
    assert answers["open-domain"]["judge"] == 0
    assert 0 < answers["overall"]["context_tokens"] <= 2000
    assert "| answers |" in (out / "result.md").read_text()
    lines = [json.loads(line) for line in (out / "answers.jsonl").read_text().splitlines()]
    assert len(lines) == 6
    refused = next(line for line in lines if line["answer"] == "")
    assert "the model refused" in refused["reason"]
    assert answers["overall"]["unusable"] == pytest.approx(1 / 6)
    assert "| unusable |" in (out / "result.md").read_text()
    # Six questions are answered; of the one that cannot be, no verdict is needed.
    assert len(model.chats) == 11
    assert run_cli(command) == 0
    assert len(model.chats) == 11


def test_a_model_that_is_down_stops_the_run_which_goes_on_later(
    tmp_path: Path, model: LocalModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = files.locomo(tmp_path), tmp_path / "run"
    command = ["bench", "run", "locomo", str(path), "--out", str(out), "--answer"]
    model.script(*[Status(401, "no such key")] * 8)
    assert run_cli(command) == 1
    assert "no such key" in capsys.readouterr().err
    while model.unused:
        assert run_cli(command) == 1
    assert run_cli(command) == 0
    assert json.loads((out / "result.json").read_text())["answers"]["overall"]["judge"] > 0


def test_a_verdict_that_cannot_be_read_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mumble(request: Request) -> Any:
        marks = "mark answers" in request.json["messages"][0]["content"]
        return {"correct": "perhaps"} if marks else {"answer": "Petrel"}

    out = tmp_path / "run"
    with LocalModelServer(answer=mumble) as server:
        monkeypatch.setenv("GRAPHMEM_LLM", "openai:test-model")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        path = files.locomo(tmp_path)
        assert run_cli(["bench", "run", "locomo", str(path), "--out", str(out), "--answer"]) == 0
    lines = [json.loads(line) for line in (out / "answers.jsonl").read_text().splitlines()]
    judged = [line for line in lines if line.get("reason")]
    assert len(judged) == 5, "of the one that cannot be answered no verdict is needed"
    assert {line["reason"] for line in judged} == {"no verdict: the judge gave none"}
    assert all(line["scores"]["judge"] == 0 for line in judged)


def test_a_rubric_is_judged_point_by_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def mark(request: Request) -> Any:
        system = request.json["messages"][0]["content"]
        return {"met": [True, False]} if "list of points" in system else {"answer": "moss"}

    out = tmp_path / "run"
    with LocalModelServer(answer=mark) as server:
        monkeypatch.setenv("GRAPHMEM_LLM", "openai:test-model")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        path = files.beam(tmp_path)
        assert run_cli(["bench", "run", "beam", str(path), "--out", str(out), "--answer"]) == 0
    answers = json.loads((out / "result.json").read_text())["answers"]
    assert answers["information_extraction"]["judge"] == 1
    assert answers["overall"]["judge"] == 1
