"""OpenAI's Agents SDK: a session that gives back what it was given, and tools."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from agents import Agent, OpenAIChatCompletionsModel, Runner, SQLiteSession
from openai import AsyncOpenAI

from graphmem import Memory
from graphmem.frameworks.openai_agents import GraphmemSession, agent_tools
from graphmem.testing.llm_server import LocalModelServer, Says
from tests.frameworks.scripted import calls, shown_to_the_model

_ITEMS: tuple[dict[str, Any], ...] = (
    {"role": "user", "content": "I live in Oslo.\n\n  And I like tea. "},
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi there"}]},
    {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": "Hello!", "annotations": [], "logprobs": []}],
    },
    {"type": "function_call", "call_id": "c1", "name": "look", "arguments": '{"at": "x"}'},
    {"type": "function_call_output", "call_id": "c1", "output": "long " * 30_000},
    {"type": "reasoning", "id": "r1", "summary": [], "encrypted_content": "abc"},
    {"type": "item_reference", "id": "i1"},
    {"role": "user", "content": ""},
    {"role": "system", "content": "Be kind."},
)


def test_a_session_answers_as_the_sdks_own(tmp_path: Path) -> None:
    rng = random.Random(3)

    async def both() -> None:
        with Memory(tmp_path / "store", user_id="ada") as memory:
            ours = GraphmemSession("talk", memory, infer=False)
            theirs = SQLiteSession("talk", tmp_path / "theirs.db")
            for _ in range(40):
                what = rng.random()
                if what < 0.5:
                    items: list[Any] = rng.choices(_ITEMS, k=rng.randint(0, 3))
                    await ours.add_items(items)
                    await theirs.add_items(items)
                elif what < 0.7:
                    assert await ours.pop_item() == await theirs.pop_item()
                elif what < 0.75:
                    await ours.clear_session()
                    await theirs.clear_session()
                limit = rng.choice((None, 1, 2, 5))
                assert await ours.get_items(limit) == await theirs.get_items(limit)
            await ours.add_items(list(_ITEMS))
            assert not await GraphmemSession("another", memory).get_items()
            kept = await ours.get_items()
            theirs.close()
        with Memory(tmp_path / "store", user_id="ada") as memory:
            assert await GraphmemSession("talk", memory).get_items() == kept

    asyncio.run(both())


def test_an_agent_remembers_over_sessions(tmp_path: Path) -> None:
    answers = [
        Says("Noted."),
        calls("recall", question="Where does Ada live?"),
        Says("You live in Oslo."),
        calls("relations", name="nobody of that name"),
        Says("I do not know."),
    ]

    async def talk(memory: Memory, server: LocalModelServer) -> list[str]:
        said = []
        async with AsyncOpenAI(base_url=server.base_url, api_key="none") as client:
            model = OpenAIChatCompletionsModel("test-model", client)
            agent = Agent("helper", model=model, tools=[*agent_tools(memory)])
            for number, text in enumerate(("I live in Oslo.", "Where do I live?", "Who is Zed?")):
                session = GraphmemSession(f"talk {number}", memory)
                said.append((await Runner.run(agent, text, session=session)).final_output)
        return said

    with (
        LocalModelServer(answers) as server,
        Memory(tmp_path / "store", user_id="ada", user_name="Ada") as memory,
    ):
        said = asyncio.run(talk(memory, server))
        assert said == ["Noted.", "You live in Oslo.", "I do not know."]
        assert "Oslo" in shown_to_the_model(server.chats[2])[-1]
        assert shown_to_the_model(server.chats[4])[-1].startswith("That did not work: ")
        assert [r.object for r in memory.relations("Ada", type="lives_in")] == ["Oslo"]
        assert {run.id for run in memory.runs()} >= {"talk 0", "talk 1"}


@pytest.mark.parametrize("tool", ["remember", "recall", "relations", "connections", "forget"])
def test_no_tool_lets_a_model_choose_whose_memory_it_is(tool: str) -> None:
    with Memory("memory://", user_id="ada") as memory:
        (found,) = (one for one in agent_tools(memory) if one.name == tool)
        allowed = {"text", "question", "name", "first", "second", "fact_id"}
        assert set(found.params_json_schema["properties"]) <= allowed
        assert found.params_json_schema["additionalProperties"] is False
