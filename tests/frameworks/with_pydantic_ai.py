"""pydantic-ai: an agent that uses a memory as a toolset."""

from __future__ import annotations

from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from graphmem import Memory
from graphmem.frameworks.pydantic_ai import graphmem_toolset
from graphmem.testing.llm_server import LocalModelServer, Says
from tests.frameworks.scripted import calls, shown_to_the_model


def test_an_agent_uses_it() -> None:
    answers = [
        calls("remember", text="Anna Schmidt works at Acme."),
        Says("Noted."),
        calls("recall", question="Where does Anna Schmidt work?"),
        Says("At Acme."),
    ]
    with LocalModelServer(answers) as server, Memory("memory://", user_id="ada") as memory:
        provider = OpenAIProvider(base_url=server.base_url, api_key="none")
        model = OpenAIChatModel("test-model", provider=provider)
        agent = Agent(model, toolsets=[graphmem_toolset(memory)])
        assert agent.run_sync("Anna works at Acme.").output == "Noted."
        assert agent.run_sync("Where does she work?").output == "At Acme."
        assert "Acme" in shown_to_the_model(server.chats[3])[-1]
        assert [r.object for r in memory.relations("Anna Schmidt")] == ["Acme"]
