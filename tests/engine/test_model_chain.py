"""A second model where the first cannot be asked, a deadline, settings tried before use."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory, Settings, test_connection, validate_config
from graphmem.adapters.models.chain import ChainedLLM
from graphmem.errors import BadModelOutput, ModelError
from graphmem.ports.llm import Completion, Prompt
from graphmem.testing.llm_server import LocalModelServer
from tests.engine.model_script import ANSWER, TEXT, settings

PROMPT = Prompt("system", "user", "answer", {})


@pytest.fixture
def server() -> Iterator[LocalModelServer]:
    with LocalModelServer(answer=lambda _: ANSWER) as running:
        yield running


class _Model:
    """Answers, fails or hangs, as it is told."""

    def __init__(self, name: str, *, fails: ModelError | None = None, hangs: bool = False) -> None:
        self.name = name
        self.fails = fails
        self.hangs = hangs
        self.asked = 0

    async def complete(self, _: Prompt) -> Completion:
        self.asked += 1
        if self.hangs:
            await asyncio.sleep(3600)
        if self.fails:
            raise self.fails
        return Completion("{}", self.name, 1, 1)

    async def close(self) -> None:
        """Nothing to close."""


async def test_the_next_answers_where_one_cannot_be_asked() -> None:
    now = [0.0]
    first, second = _Model("a", fails=ModelError("a is down")), _Model("b")
    chain = ChainedLLM([first, second], monotonic=lambda: now[0])
    assert (await chain.complete(PROMPT)).model == "b"
    assert (await chain.complete(PROMPT)).model == "b"
    assert (first.asked, second.asked) == (1, 2), "it is not asked again at once"
    now[0], first.fails = 61.0, None
    assert (await chain.complete(PROMPT)).model == "a"
    first.fails = second.fails = ModelError("down")
    with pytest.raises(ModelError, match="down; down"):
        await chain.complete(PROMPT)


async def test_a_wrong_answer_is_no_reason_to_ask_another() -> None:
    for fails in (BadModelOutput("no JSON"), ModelError("too long", too_long=True)):
        second = _Model("b")
        with pytest.raises(ModelError, match=str(fails)):
            await ChainedLLM([_Model("a", fails=fails), second]).complete(PROMPT)
        assert second.asked == 0


async def test_a_call_has_a_deadline() -> None:
    slow = _Model("a", hangs=True)
    with pytest.raises(ModelError, match=r"a: no answer within 0.05 s"):
        await ChainedLLM([slow], deadline_s=0.05).complete(PROMPT)
    assert (await ChainedLLM([slow, _Model("b")], deadline_s=0.05).complete(PROMPT)).model == "b"


def test_an_episode_is_read_by_the_second_model(server: LocalModelServer) -> None:
    """And booked as that one's."""
    given = settings(server).model_copy(
        update={"llm": "openai:first", "llm_fallback": "ollama:second", "llm_attempts": 1}
    )
    given = given.model_copy(
        update={"ollama_host": server.base_url, "llm_base_url": "http://127.0.0.1:9/v1"}
    )
    given = given.model_copy(update={"llm_base_url": None, "openai_base_url": "http://127.0.0.1:9"})
    with Memory("memory://", user_id="ada", settings=given) as memory:
        receipt = memory.add(TEXT)
        assert (receipt.status, receipt.model_calls) == ("done", 1)
        assert [one.model for one in memory.stats().spend] == ["ollama:second"]
        assert len(memory.entities()) == 3


def test_an_embedder_is_asked_for_shorter_vectors(server: LocalModelServer) -> None:
    given: dict[str, Any] = {"embedder": "openai:m", "embedder_dimensions": 16, "llm": "none"}
    there = Settings.load({}, embedder_base_url=server.base_url, **given)
    with Memory("memory://", user_id="ada", settings=there) as memory:
        memory.add("Bob Stone works at Acme.", infer=False)
        assert memory.search("Acme").hits
        assert memory.health().parts["embedder"] == "openai:m@16"
    assert server.embeddings[0].json["dimensions"] == 16


def test_settings_are_checked_without_opening_anything(tmp_path: Path) -> None:
    assert validate_config(tmp_path / "m", llm="none") == []
    assert not (tmp_path / "m").exists()
    for given, why in (
        ({"llm": "openai:m", "openai_base_url": None}, "needs OPENAI_API_KEY"),
        ({"llm": "modem:m"}, "unknown llm"),
        ({"llm": "gpt-4"}, "write openai:gpt-4"),
        ({"nonsense": 1}, "unknown setting nonsense"),
        ({"llm": "none", "llm_fallback": "ollama:x"}, "set GRAPHMEM_LLM too"),
        ({"llm": "ollama:x", "llm_fallback": "modem:y"}, "unknown chat"),
        ({"embedder_dimensions": 5}, "not for wordllama"),
        ({"ledger": "oracle://x"}, "unknown ledger"),
        ({"redact": "teapots"}, "unknown kind"),
        ({"prices": str(tmp_path / "none.json")}, "none.json"),
        ({"llm": "ollama:x", "max_money_per_owner": 1.0}, "a price for ollama:x"),
        ({"reranker": "modem:y"}, "unknown reranker"),
    ):
        (problem,) = validate_config(tmp_path / "m", **given)
        assert why in problem, given
    many = validate_config(None, llm="modem:m", embedder="modem:n")
    assert len(many) == 3, "no folder, no model, no embedder"


def test_what_settings_name_is_asked(server: LocalModelServer, tmp_path: Path) -> None:
    found = test_connection(settings=settings(server))
    assert found.ok, found.parts
    assert len(server.requests) == 1
    gone = settings(server).model_copy(
        update={"openai_base_url": "http://127.0.0.1:9", "llm_attempts": 1}
    )
    found = test_connection(settings=gone)
    assert not found.ok
    assert "failing since" in found.parts["extraction"]
    assert not test_connection(llm="modem:m").ok
    with Memory(tmp_path / "held", user_id="ada"):
        held = test_connection(tmp_path / "held", llm="none")
    assert "is in use" in held.parts["opening"] or "open" in held.parts["opening"]
