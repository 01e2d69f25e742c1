"""``graphmem chat`` against a server that speaks OpenAI's protocol, over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from graphmem import Memory
from graphmem.doors.cli import cli
from graphmem.testing.llm_server import LocalModelServer, Request, Says, Status


def answer(request: Request) -> Says:
    return Says("You live in Lisbon." if "Lisbon" in str(request.json["messages"]) else "I see.")


@pytest.fixture
def server() -> Iterator[LocalModelServer]:
    with LocalModelServer(answer=answer, api_key="k") as running:
        yield running


def chat(server: LocalModelServer, store: Path, *arguments: str, typed: str = "") -> Result:
    environment = {
        "OPENAI_BASE_URL": server.base_url,
        "OPENAI_API_KEY": "k",
        "GRAPHMEM_LLM": "none",
        "GRAPHMEM_LLM_ATTEMPTS": "1",
    }
    given = ["--store", str(store), "--user", "ada", "chat", "--model", "openai:m", *arguments]
    return CliRunner().invoke(cli, given, input=typed, env=environment)


def test_what_was_said_in_one_chat_is_recalled_in_the_next(
    server: LocalModelServer, tmp_path: Path
) -> None:
    first = chat(server, tmp_path, typed="I live in Lisbon.\n\nI have a dog.\n")
    assert first.exit_code == 0, first.output
    assert "stored: ADD · ada lives in Lisbon" in first.stderr
    second = chat(server, tmp_path, "Where do I live?")
    assert second.stdout == "You live in Lisbon.\n"
    assert "recalled: [1] ada lives in Lisbon" in second.stderr
    last = server.chats[-1].json
    assert "ada lives in Lisbon" in last["messages"][0]["content"]
    assert "response_format" not in last
    said = server.chats[1].json["messages"]
    assert [one["role"] for one in said] == ["system", "user", "assistant", "user"]
    with Memory(tmp_path, user_id="ada") as memory:
        runs = memory.runs()
        assert len(runs) == 2
        assert sum(run.turns for run in runs) == 6


def test_json_says_what_was_recalled_and_stored(server: LocalModelServer, tmp_path: Path) -> None:
    chat(server, tmp_path, "--quiet", "I live in Lisbon.")
    done = chat(server, tmp_path, "--json", "Where do I live?")
    found = json.loads(done.stdout)
    assert found["answer"] == "You live in Lisbon."
    assert any("Lisbon" in one["text"] for one in found["recalled"])
    assert found["stored"]["status"] == "done"


def test_a_model_that_fails_ends_one_question_and_no_chat(tmp_path: Path) -> None:
    with LocalModelServer([Status(500), Says("I see.")]) as server:
        done = chat(server, tmp_path, typed="I have a cat.\nI have a dog.\n")
    assert done.exit_code == 0, done.output
    assert "not remembered" in done.stderr
    with Memory(tmp_path, user_id="ada") as memory:
        assert memory.stats().episodes == 1


def test_without_a_model_it_says_how_to_name_one(tmp_path: Path) -> None:
    given = ["--store", str(tmp_path / "m"), "--user", "ada", "chat", "hello"]
    done = CliRunner().invoke(cli, given, env={"GRAPHMEM_LLM": "none"})
    assert "--model openai:MODEL" in str(done.exception)
    assert not (tmp_path / "m").exists()
