"""AutoGen: an agent that has a memory, and uses it as tools."""

from __future__ import annotations

import asyncio

import pytest
from autogen_agentchat.agents import AssistantAgent
from autogen_core import CancellationToken
from autogen_core.memory import MemoryContent, MemoryMimeType
from autogen_core.model_context import UnboundedChatCompletionContext
from autogen_core.models import ModelFamily, UserMessage
from autogen_ext.models.openai import OpenAIChatCompletionClient

from graphmem import Memory
from graphmem.errors import UsageError
from graphmem.frameworks.autogen import GraphmemMemory, autogen_tools
from graphmem.testing.llm_server import LocalModelServer, Says
from tests.frameworks.scripted import calls, shown_to_the_model


def _text(value: object, kind: MemoryMimeType = MemoryMimeType.TEXT) -> MemoryContent:
    return MemoryContent(content=value, mime_type=kind, metadata={"from": "a test"})


def _model(server: LocalModelServer) -> OpenAIChatCompletionClient:
    return OpenAIChatCompletionClient(
        model="test-model",
        base_url=server.base_url,
        api_key="none",
        model_info={
            "vision": False,
            "function_calling": True,
            "json_output": True,
            "structured_output": False,
            "family": ModelFamily.UNKNOWN,
        },
    )


def test_an_agent_has_what_answers_put_before_it() -> None:
    async def talk(memory: Memory, server: LocalModelServer) -> str:
        ours = GraphmemMemory(memory)
        await ours.add(_text("Anna Schmidt works at Acme."))
        client = _model(server)
        agent = AssistantAgent("helper", model_client=client, memory=[ours])
        said = await agent.run(task="Where does Anna Schmidt work?")
        await client.close()
        return str(said.messages[-1].content)  # type: ignore[union-attr]

    with (
        LocalModelServer([Says("At Acme.")]) as server,
        Memory("memory://", user_id="ada") as memory,
    ):
        assert asyncio.run(talk(memory, server)) == "At Acme."
        messages = server.chats[0].json["messages"]
        (known,) = (one["content"] for one in messages if "What is known" in str(one["content"]))
        assert "Anna Schmidt works at Acme" in known


def test_an_agent_uses_the_tools() -> None:
    answers = [calls("remember", text="Anna Schmidt works at Acme."), Says("Noted.")]

    async def talk(memory: Memory, server: LocalModelServer) -> None:
        client = _model(server)
        agent = AssistantAgent("helper", model_client=client, tools=[*autogen_tools(memory)])
        await agent.run(task="Anna works at Acme.")
        await client.close()

    with LocalModelServer(answers) as server, Memory("memory://", user_id="ada") as memory:
        asyncio.run(talk(memory, server))
        assert [r.object for r in memory.relations("Anna Schmidt")] == ["Acme"]
        listed = {one["function"]["name"] for one in server.chats[0].json["tools"]}
        assert listed == {"remember", "recall", "relations", "connections", "forget"}
        assert shown_to_the_model(server.chats[0]) == []


def test_it_does_what_the_interface_promises() -> None:
    async def use(memory: Memory) -> None:
        ours, eves = GraphmemMemory(memory), GraphmemMemory(memory, user_id="eve")
        await ours.add(_text("Anna lives in Oslo."), CancellationToken())
        await ours.add(_text({"city": "Bergen"}, MemoryMimeType.JSON))
        with pytest.raises(UsageError, match="bytes"):
            await ours.add(_text(b"\x00", MemoryMimeType.BINARY))
        found = (await ours.query(_text("Where does Anna live?"))).results
        assert "Oslo" in str(found[0].content)
        assert found[0].metadata is not None
        assert found[0].metadata["episode_id"]
        assert len((await ours.query("Anna", limit=1)).results) == 1
        assert not (await eves.query("Where does Anna live?")).results
        ended = CancellationToken()
        ended.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ours.query("Anna", ended)
        context = UnboundedChatCompletionContext()
        assert not (await ours.update_context(context)).memories.results
        await context.add_message(UserMessage(content="Where does Anna live?", source="user"))
        assert (await ours.update_context(context)).memories.results
        assert len(await context.get_messages()) == 2
        await eves.clear()
        assert (await ours.query("Anna")).results
        await ours.clear()
        assert not (await ours.query("Anna")).results
        await ours.close()

    with Memory("memory://", user_id="ada") as memory:
        asyncio.run(use(memory))
        assert memory.stats().episodes == 0
