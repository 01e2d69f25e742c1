"""Every tool through the official client, over a real memory: schemas, annotations, answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jsonschema
import mcp_types
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


async def read(client: Client, uri: str) -> str:
    (one,) = (await client.read_resource(uri)).contents
    assert isinstance(one, mcp_types.TextResourceContents)
    assert one.mime_type == "text/markdown"
    return one.text


def noting(progressed: list[float]) -> Any:
    async def note(progress: float, total: float | None, message: str | None) -> None:
        assert total in {None, 40.0}
        assert message
        progressed.append(progress)

    return note


@pytest.fixture
def progressed() -> list[float]:
    return []


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
        assert changing == {"remember", "remember_many", "correct", "forget", "undo"}
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
        assert {one["name"] for one in around["entities"]} == {"ada", "Acme", "Bob", "Paris"}
        (way,) = (await call(client, "paths", source="Bob", target="Paris"))["paths"]
        assert way["fact_ids"] == [lives["fact_id"]]
        moments = (await call(client, "timeline", entity="Bob"))["moments"]
        assert [one["what"] for one in moments] == ["began", "stated", "stated"]  # home, work
        assert moments[0]["date"] == "2020"
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
        undone = await call(client, "undo", id=changed["undo_id"])
        assert undone["summary"] == "Undone: what was so before is so again."
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


async def test_many_things_are_remembered_once(progressed: list[float]) -> None:
    async with connected() as client:
        contents = [f"Guest {n} sits at table {n}." for n in range(40)]
        found = await client.call_tool(
            "remember_many", {"contents": contents}, progress_callback=noting(progressed)
        )
        assert found.structured_content is not None
        assert (found.structured_content["new"], found.structured_content["known"]) == (40, 0)
        again = await call(client, "remember_many", contents=contents)
        assert (again["new"], again["known"]) == (0, 40)
    assert progressed == sorted(progressed)
    assert progressed[-1] == 40
    assert len(progressed) >= 3


async def test_who_ends_a_long_call_ends_its_work() -> None:
    memory = SharedMemory("memory://", Settings.load({}), {"user_id": "ada"}, lambda _: None)
    async with Client(make_server(memory)) as client:
        contents = [f"Guest {n} sits at table {n}." for n in range(1000)]
        begun = asyncio.Event()

        async def begin(progress: float, total: float | None, message: str | None) -> None:
            begun.set()

        calling = asyncio.create_task(
            client.call_tool("remember_many", {"contents": contents}, progress_callback=begin)
        )
        await begun.wait()
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)
        await call(client, "remember", content="The party is over.")
        stored = (await memory.call("stats", {})).episodes
        assert 16 < stored < 500
        await call(client, "remember", content="The party is really over.")
        assert (await memory.call("stats", {})).episodes == stored + 1
    await memory.close()


async def test_resources_are_listed_and_read() -> None:
    async with connected() as client:
        new = await call(client, "remember", content=TOLD)
        for n in range(60):
            await call(
                client,
                "remember",
                content=f"Mar{chr(97 + n // 26)}l{chr(97 + n % 26)} lives in Rome.",
            )
        first = await client.list_resources()
        uris = [str(one.uri) for one in first.resources]
        assert first.next_cursor is not None
        rest = await client.list_resources(cursor=first.next_cursor)
        assert not {str(one.uri) for one in rest.resources} & set(uris)
        for uri in uris[:3]:
            assert (await read(client, uri)).startswith("# ")
        assert "lives_in→ Paris" in await read(client, "graphmem://entity/Bob")
        assert TOLD in await read(client, f"graphmem://episode/{new['episode_id']}")
        kinds = {one.name for one in (await client.list_resource_templates()).resource_templates}
        assert kinds == {"entity", "episode", "conversation"}
        for uri in ("graphmem://entity/Nobody%20At%20All", "graphmem://x/1", "file:///etc/passwd"):
            with pytest.raises(MCPError, match="NotFound"):
                await client.read_resource(uri)
        for cursor in ("x", "entity:-1", "other:0", "conversation:"):
            with pytest.raises(MCPError, match="begin again"):
                await client.list_resources(cursor=cursor)
        ref = mcp_types.ResourceTemplateReference(
            type="ref/resource", uri="graphmem://entity/{name}"
        )
        values = (await client.complete(ref, {"name": "name", "value": "bo"})).completion.values
        assert values == ["Bob"]


async def test_a_conversation_is_a_resource() -> None:
    ids = {"user_id": "ada", "run_id": "trip"}
    memory = SharedMemory("memory://", Settings.load({}), ids, lambda _: None)
    async with Client(make_server(memory)) as client:
        await call(client, "remember", content=TOLD)
        (one, *_) = (await client.list_resources()).resources
        assert str(one.uri) == "graphmem://conversation/trip"
        assert "Paris" in await read(client, str(one.uri))
        with pytest.raises(MCPError, match="NotFound"):
            await client.read_resource("graphmem://conversation/other")
    await memory.close()


async def test_every_conversation_is_listed() -> None:
    memory = SharedMemory("memory://", Settings.load({}), {"user_id": "ada"}, lambda _: None)
    async with Client(make_server(memory)) as client:
        for n in range(53):
            ids = {"content": f"Note {n}.", "run_id": f"talk {n}", "infer": False}
            await memory.call("add", ids)
        await call(client, "remember", content=TOLD)
        uris, cursor = [], None
        while True:
            page = await client.list_resources(cursor=cursor)
            uris += [str(one.uri) for one in page.resources]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert len(set(uris)) == len(uris)
        assert sum("conversation/" in uri for uri in uris) == 53
        assert sum("entity/" in uri for uri in uris) >= 3
    await memory.close()


async def test_what_is_left_out_of_an_explanation_is_counted() -> None:
    async with connected() as client:
        for n in range(30):
            long = f"Bob lives in Paris. Entry {n}: {'word ' * 180}."
            new = await call(client, "remember", content=long)
        (lives,) = (await call(client, "relations", entity="Bob", type="lives in"))["relations"]
        why = await call(client, "explain", cited=lives["fact_id"])
        assert len(why["quotes"]) < 30
        assert "more are not shown here" in why["summary"]
        assert new["status"] == "done"


async def test_prompts_come_with_what_is_remembered() -> None:
    async with connected() as client:
        await call(client, "remember", content=TOLD)
        names = {one.name: one for one in (await client.list_prompts()).prompts}
        given = {"question": "Where does Bob live?", "name": "Bob", "since": "2019"}
        for name, prompt in names.items():
            assert prompt.arguments is not None
            (argument,) = prompt.arguments
            value = given.get(argument.name, "everything")
            made = await client.get_prompt(name, {argument.name: value})
            text = str(getattr(made.messages[0].content, "text", ""))
            assert value in text
            assert name == "keep" or "Paris" in text
        with pytest.raises(MCPError, match="needs 'name'"):
            await client.get_prompt("brief_me", {})
        with pytest.raises(MCPError, match="there are: recall"):
            await client.get_prompt("other", {})


async def test_errors_are_the_tools_and_name_the_remedy() -> None:
    async with connected() as client:
        assert "entities" in await refused(client, "relations", entity="Nobody")
        assert "needs 'query'" in await refused(client, "search")
        assert "takes query, limit" in await refused(client, "search", query="x", user_id="eve")
        assert "contents must be a list" in await refused(client, "remember_many", contents="abc")
        assert "at least 50" in await refused(client, "context", query="x", budget_tokens=1)
        assert "Nothing is remembered" in text_of(await client.call_tool("context", {"query": "x"}))
        assert "limit is at most" in await refused(client, "search", query="x", limit=1000)
        assert "2026-11" in await refused(client, "timeline", since="some day")
        assert "where" in await refused(client, "search", query="x", where="tag ==== 1")
        assert "UsageError" in await refused(client, "remember", content={"a": 1})
        assert "UsageError" in await refused(client, "search", query="x", limit="many")
        with pytest.raises(MCPError, match="there is no tool 'recall'"):
            await client.call_tool("recall", {})


async def test_what_is_long_is_cut_to_what_a_model_can_read() -> None:
    async with connected() as client:
        for n in range(20):
            await call(client, "remember", content=f"Note {n}: {'word ' * 250}end.")
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


@pytest.mark.parametrize("name", ["user_id", "agent_id", "run_id", "project_id", "actor"])
async def test_no_item_is_of_somebody_else(tmp_path: Path, name: str) -> None:
    async with connected(tmp_path, "ada") as client:
        for value in ("eve", None, ""):
            item = {"content": "Bob works at Acme.", "user_id": None, "agent_id": "bot"}
            for given in ({**item, name: value}, {"content": "Bob is tall.", name: value}):
                contents = ["Anna has a dog.", given]
                said = await refused(client, "remember_many", contents=contents)
                assert "fixed when it was started" in said
        assert not (await call(client, "entities"))["entities"], "nothing of it was stored"
