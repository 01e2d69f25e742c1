"""Over HTTP: a real process on loopback, and keys where it can be reached from elsewhere."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from graphmem import Settings
from graphmem.doors.mcp import shared
from graphmem.doors.mcp.server import make_server
from graphmem.doors.mcp.shared import SharedMemory
from graphmem.doors.mcp.tools import TOOLS
from graphmem.errors import Unauthenticated
from graphmem.wiring.access import administration_at


@asynccontextmanager
async def served(place: Path, *options: str) -> AsyncIterator[str]:
    """The address of a program that answers over HTTP."""
    command = ["-m", "graphmem.doors.cli", "--store", str(place), "--user", "ada", "mcp", "--http"]
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, *command, "--port", "0", *options), stderr=asyncio.subprocess.PIPE
    )
    try:
        assert program.stderr is not None
        url = ""
        while line := (await program.stderr.readline()).decode():
            if found := re.search(r"answers models at http://[\d.]+:(\d+)/mcp", line):
                url = f"http://127.0.0.1:{found[1]}/mcp"
                break
        assert url
        yield url
    finally:
        program.terminate()
        assert await asyncio.wait_for(program.wait(), 60) == 0


@asynccontextmanager
async def with_key(url: str, key: str) -> AsyncIterator[Client]:
    headers = {"authorization": f"Bearer {key}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield client


async def test_on_this_machine_it_answers_whoever_asks(tmp_path: Path) -> None:
    async with served(tmp_path / "store") as url:
        for mode in ("auto", "legacy"):
            async with Client(url, mode=mode) as client:
                assert [tool.name for tool in (await client.list_tools()).tools] == list(TOOLS)
                steps: list[Any] = []

                async def note(progress: float, total: float | None, message: str | None) -> None:
                    steps.append((progress, total, message))  # noqa: B023 - called in this turn

                contents = [f"{mode} guest {n} sits at table {n}." for n in range(20)]
                found = await client.call_tool(
                    "remember_many", {"contents": contents}, progress_callback=note
                )
                assert found.structured_content is not None
                assert found.structured_content["new"] == 20
                assert steps[-1][0] == 20
                hits = await client.call_tool("search", {"query": f"{mode} guest 7"})
                assert "guest 7 sits" in str(hits.structured_content)
        body = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        headers = {"accept": "application/json, text/event-stream"}
        async with httpx.AsyncClient() as http:
            for name, value in (("origin", "https://evil.example"), ("host", "evil.example")):
                answer = await http.post(url, json=body, headers={**headers, name: value})
                assert answer.status_code in {403, 421}


async def test_who_comes_from_elsewhere_needs_a_key_and_may_what_it_may(tmp_path: Path) -> None:
    place = tmp_path / "store"
    async with administration_at(place, create=True) as administration:
        await administration.add_organisation("acme")
        writer = (await administration.add_key("acme", "one", role="writer")).secret
        reader = (await administration.add_key("acme", "two", role="reader")).secret
        gone = await administration.add_key("acme", "three", role="writer")
        await administration.revoke_key("acme", gone.key.id)
    async with served(place, "--host", "0.0.0.0") as url:
        async with httpx.AsyncClient() as http:
            for key in (None, "gm_nonsense", gone.secret):
                headers = {} if key is None else {"authorization": f"Bearer {key}"}
                answer = await http.post(url, json={}, headers=headers)
                assert answer.status_code == 401
                assert answer.headers["www-authenticate"] == "Bearer"
        async with with_key(url, writer) as client:
            new = await client.call_tool("remember", {"content": "My dog is called Rex."})
            assert not new.is_error, new.content
        async with with_key(url, reader) as client:
            found = await client.call_tool("search", {"query": "What is my dog called?"})
            assert "Rex" in str(found.structured_content)
            refused = await client.call_tool("remember", {"content": "I have a cat."})
            assert refused.is_error
            assert "Forbidden" in str(refused.content)


async def test_keys_are_kept_apart_and_bad_ones_are_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "_KEYS", 2)
    async with administration_at(tmp_path / "store", create=True) as administration:
        await administration.add_organisation("acme")
        keys = [(await administration.add_key("acme", f"k{n}")).secret for n in range(4)]
    memory = SharedMemory(tmp_path / "store", Settings.load({}), {"user_id": "ada"}, lambda _: None)
    await memory.open()
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            await memory.check_key("gm_nonsense")
    assert not memory._callers
    await memory.call("add", {"content": "Rex is a dog."}, key=keys[0])
    many = [memory.call("search", {"query": "dog"}, key=key) for key in keys * 5]
    assert all("Rex" in str(one.hits) for one in await asyncio.gather(*many))
    kept = list(memory._callers)
    for _ in range(3):
        for key in kept:
            await memory.check_key(key)  # who is known goes for nobody
    assert list(memory._callers) == kept
    await memory.close()


async def test_where_keys_are_asked_for_nothing_goes_without() -> None:
    memory = SharedMemory("memory://", Settings.load({}), {"user_id": "ada"}, lambda _: None)
    async with Client(make_server(memory, keys=True)) as client:  # no request of HTTP behind it
        found = await client.call_tool("search", {"query": "x"})
        assert found.is_error
        assert "Unauthenticated" in str(found.content)
    await memory.close()
