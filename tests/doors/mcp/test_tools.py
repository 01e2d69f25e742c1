"""Every tool through the official client, over a real memory: schemas, annotations, answers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from mcp import Client, MCPError

from graphmem import Settings
from graphmem.doors.mcp.brief import RESULT_CHARACTERS
from graphmem.doors.mcp.server import make_server
from graphmem.doors.mcp.shared import SharedMemory
from graphmem.doors.mcp.tools import TOOLS

TOLD = "I work at Acme with Bob. Bob has lived in Paris since 2020."


@asynccontextmanager
async def connected(place: str | Path = "memory://", user: str = "ada") -> AsyncIterator[Client]:
    memory = SharedMemory(place, Settings.load({}), {"user_id": user}, lambda _: None)
    try:
        async with Client(make_server(memory)) as opened:
            yield opened
    finally:
        await memory.close()


async def call(client: Client, tool: str, **arguments: Any) -> Any:
    found = await client.call_tool(tool, arguments)
    assert not found.is_error, found.content
    listed = {one.name: one for one in (await client.list_tools()).tools}
    schema = listed[tool].output_schema
    assert schema is not None
    jsonschema.validate(found.structured_content, schema)
    jsonschema.validate(arguments, listed[tool].input_schema)
    return found.structured_content


def text_of(found: Any) -> str:
    (one,) = found.content
    return str(one.text)


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    found = await client.call_tool(tool, arguments)
    assert found.is_error
    return text_of(found)


async def test_every_tool_is_described_for_a_model() -> None:
    async with connected() as client:
        listed = (await client.list_tools()).tools
        assert [tool.name for tool in listed] == list(TOOLS)
        for tool in listed:
            for schema in (tool.input_schema, tool.output_schema):
                jsonschema.Draft202012Validator.check_schema(schema)
                assert schema is not None
                assert schema["type"] == "object"
            assert all(one["description"] for one in tool.input_schema["properties"].values())
            assert not {"user_id", "agent_id", "run_id", "project_id", "actor"} & set(
                tool.input_schema["properties"]
            )
            assert tool.description is not None
            assert "``" not in tool.description
            assert ":meth:" not in tool.description
        size = sum(len(tool.model_dump_json(exclude_none=True)) for tool in listed)
        assert size < 40_000  # every conversation pays for it


async def test_annotations_say_what_changes_something() -> None:
    async with connected() as client:
        listed = {tool.name: tool.annotations for tool in (await client.list_tools()).tools}
        assert all(its is not None and its.open_world_hint is False for its in listed.values())
        changing = {name for name, its in listed.items() if its and not its.read_only_hint}
        assert changing == {"remember", "correct", "forget", "undo"}
        destructive = {name for name, its in listed.items() if its and its.destructive_hint}
        assert destructive == {"correct", "forget", "undo"}


async def test_every_tool_answers() -> None:
    async with connected() as client:
        new = await call(client, "remember", content=TOLD, tags=["work"])
        assert new["status"] == "done"
        assert (await call(client, "remember", content=TOLD))["status"] == "duplicate"
        hits = (await call(client, "search", query="Where does Bob live?", where="tag = work"))[
            "hits"
        ]
        assert "Paris" in hits[0]["text"]
        context = await call(client, "context", query="Where does Bob live?")
        assert "Paris" in context["context"]
        assert context["citations"][0]["id"] == hits[0]["id"]
        names = {one["name"] for one in (await call(client, "entities", limit=10))["entities"]}
        assert {"Bob", "Paris", "Acme"} <= names
        (lives,) = (await call(client, "relations", entity="Bob", type="lives in"))["relations"]
        assert (lives["subject"], lives["object"], lives["since"]) == ("Bob", "Paris", "2020")
        assert not (await call(client, "relations", entity="Bob", valid_at="2019"))["relations"]
        around = await call(client, "neighbours", entity="Bob")
        assert {one["name"] for one in around["entities"]} == {"Bob", "Paris"}
        (way,) = (await call(client, "paths", source="Bob", target="Paris"))["paths"]
        assert way["fact_ids"] == [lives["fact_id"]]
        moments = (await call(client, "timeline", entity="Bob"))["moments"]
        assert [(one["date"], one["what"]) for one in moments] == [("2020", "began")]
        why = await call(client, "explain", cited=lives["fact_id"])
        assert [one["text"] for one in why["quotes"]] == [TOLD]
        missing = await call(
            client, "why_not", query="Where does Bob live?", missing=lives["fact_id"]
        )
        assert missing["cause"] == "found"


async def test_what_is_changed_can_be_taken_back() -> None:
    async with connected() as client:
        new = await call(client, "remember", content=TOLD)
        (lives,) = [one for one in new["facts"] if one["type"] == "lives_in"]
        fact_id = lives["fact_id"]
        changed = await call(
            client, "correct", fact_id=fact_id, text="Bob has lived in Paris for long"
        )
        assert changed["facts"][0]["text"] == "Bob has lived in Paris for long"
        await call(client, "undo", id=changed["undo_id"])
        assert (await call(client, "explain", cited=fact_id))["summary"].startswith(lives["text"])
        gone = await call(client, "forget", id=fact_id)
        assert gone["facts"] == 1
        assert "NotFound" in await refused(client, "explain", cited=fact_id)
        await call(client, "undo", id=gone["undo_id"])
        await call(client, "explain", cited=fact_id)
        erased = await call(client, "forget", id=new["episode_id"])
        assert erased["episodes"] == 1
        assert "undo_id" not in erased
        assert not (await call(client, "entities"))["entities"]


async def test_errors_are_the_tools_and_name_the_remedy() -> None:
    async with connected() as client:
        assert "entities" in await refused(client, "relations", entity="Nobody")
        assert "needs 'query'" in await refused(client, "search")
        assert "takes query, limit" in await refused(client, "search", query="x", user_id="eve")
        assert "limit is at most" in await refused(client, "search", query="x", limit=1000)
        assert "2026-11" in await refused(client, "timeline", since="some day")
        assert "where" in await refused(client, "search", query="x", where="tag ==== 1")
        assert "UsageError" in await refused(client, "remember", content={"a": 1})
        assert "UsageError" in await refused(client, "search", query="x", limit="many")
        with pytest.raises(MCPError, match="there is no tool 'recall'"):
            await client.call_tool("recall", {})


async def test_what_is_long_is_cut_to_what_a_model_can_read() -> None:
    async with connected() as client:
        for n in range(30):
            await call(client, "remember", content=f"Note {n}: {'word ' * 600}end.")
        found = await client.call_tool("search", {"query": "note word", "limit": 30})
        assert found.structured_content is not None
        assert found.structured_content["left_out"] > 0
        assert len(text_of(found)) < RESULT_CHARACTERS + 3000
        assert len(json.dumps(found.structured_content)) < 2 * RESULT_CHARACTERS
        assert "do not fit" in text_of(found)


async def test_the_scope_is_that_of_the_start(tmp_path: Path) -> None:
    async with connected(tmp_path, "ada") as client:
        new = await call(client, "remember", content="My dog is called Rex.")
    async with connected(tmp_path, "eve") as client:
        assert not (await call(client, "search", query="dog Rex"))["hits"]
        assert not (await call(client, "entities"))["entities"]
        for fact in new["facts"]:
            assert "NotFound" in await refused(client, "forget", id=fact["fact_id"])
        assert "NotFound" in await refused(client, "forget", id=new["episode_id"])
