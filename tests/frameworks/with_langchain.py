"""LangChain: a retriever, and tools."""

from __future__ import annotations

import asyncio

from graphmem import Memory
from graphmem.frameworks.langchain import GraphmemRetriever, langchain_tools


def test_a_retriever_finds_and_says_from_where() -> None:
    with Memory("memory://", user_id="ada") as memory:
        memory.add("Anna Schmidt works at Acme.", occurred_at="2024-05-17", tags=["work"])
        memory.add("Bread needs yeast.", infer=False)
        memory.add("Anna Schmidt works at Bolt.", user_id="bob")
        retriever = GraphmemRetriever(memory=memory, limit=3, options={"where": "tag = work"})
        found = retriever.invoke("Where does Anna work?")
        assert found
        assert all("Acme" in one.page_content for one in found)
        first = found[0]
        assert first.id == first.metadata["id"]
        assert first.metadata["occurred_at"].startswith("2024-05-17")
        assert memory.explain(first.metadata["id"]).quotes[0].text == "Anna Schmidt works at Acme."
        assert asyncio.run(retriever.ainvoke("Where does Anna work?")) == found
        other = GraphmemRetriever(memory=memory, scope={"user_id": "bob"})
        assert {"Bolt" in one.page_content for one in other.invoke("Anna")} == {True}


def test_tools_are_called_with_what_a_model_gives() -> None:
    with Memory("memory://", user_id="ada") as memory:
        tools = {tool.name: tool for tool in langchain_tools(memory)}
        assert set(tools) == {"remember", "recall", "relations", "connections", "forget"}
        assert all(tool.description and tool.args for tool in tools.values())
        tools["remember"].invoke({"text": "Anna Schmidt works at Acme. Acme is based in Oslo."})
        assert "Oslo" in tools["connections"].invoke({"first": "Anna Schmidt", "second": "Oslo"})
        listed = tools["relations"].invoke({"name": "Anna Schmidt"})
        fact_id = listed.rpartition("[")[2].rstrip("]")
        assert "That did not work" not in tools["forget"].invoke({"fact_id": fact_id})
        assert "That did not work" in tools["forget"].invoke({"fact_id": fact_id})
        assert "Acme" not in tools["relations"].invoke({"name": "Anna Schmidt"})
