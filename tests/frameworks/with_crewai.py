"""CrewAI: an agent that uses a memory as tools."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from crewai import LLM, Agent, Crew, Task

from graphmem import Memory
from graphmem.frameworks.crewai import crewai_tools
from graphmem.testing.llm_server import LocalModelServer, Says
from tests.frameworks.scripted import calls, shown_to_the_model


def test_a_crew_uses_them() -> None:
    answers = [
        calls("remember", text="Anna Schmidt works at Acme."),
        calls("recall", question="Where does Anna Schmidt work?"),
        Says("At Acme."),
    ]
    with LocalModelServer(answers) as server, Memory("memory://", user_id="ada") as memory:
        agent = Agent(
            role="helper",
            goal="Answer.",
            backstory="You help.",
            llm=LLM(model="openai/gpt-5-mini", base_url=server.base_url, api_key="none"),
            tools=crewai_tools(memory),
        )
        task = Task(description="Where does Anna work?", expected_output="A place.", agent=agent)
        said = Crew(agents=[agent], tasks=[task]).kickoff()
        assert said.raw == "At Acme."
        assert "Acme" in shown_to_the_model(server.chats[2])[-1]
        assert [r.object for r in memory.relations("Anna Schmidt")] == ["Acme"]


def test_a_tool_says_what_it_takes() -> None:
    with Memory("memory://", user_id="ada") as memory:
        tools = {tool.name: tool for tool in crewai_tools(memory)}
        assert set(tools) == {"remember", "recall", "relations", "connections", "forget"}
        assert set(tools["connections"].args_schema.model_fields) == {"first", "second"}
        assert tools["relations"].run("Nobody").startswith("That did not work: ")


def test_the_example_prints_what_a_reader_expects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = Path(__file__).parents[2] / "docs" / "frameworks.md"
    (example,) = re.findall(r"^```python crewai\n(.*?)^```", page.read_text(), re.M | re.S)
    with LocalModelServer(answer=lambda request: Says("I see.")) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        monkeypatch.setenv("GRAPHMEM_LLM", "none")
        monkeypatch.chdir(tmp_path)
        exec(compile(example, page, "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out.strip().endswith("I see.")
