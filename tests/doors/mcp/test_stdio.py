"""Programs over stdio, on one folder: real processes, the official client."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters, stdio_client

from graphmem import Memory, Settings
from graphmem.doors.mcp import shared
from graphmem.doors.mcp.server import make_server
from graphmem.doors.mcp.shared import SharedMemory
from graphmem.wiring.places import SERVER_NOTE

CALLS = 1000 if float(os.environ.get("GRAPHMEM_FUZZ", "1")) > 1 else 15


@asynccontextmanager
async def program(place: Path, user: str = "ada") -> AsyncIterator[Client]:
    """A client of a program of its own."""
    arguments = ["-m", "graphmem.doors.cli", "--store", str(place), "--user", user, "mcp"]
    started = StdioServerParameters(command=sys.executable, args=arguments, env=dict(os.environ))
    async with Client(stdio_client(started)) as client:
        yield client


async def remembered(client: Client, text: str) -> Any:
    found = await client.call_tool("remember", {"content": text})
    assert not found.is_error, found.content
    return found.structured_content


async def test_programs_on_one_folder_lose_nothing_and_take_over(tmp_path: Path) -> None:
    """The first has the folder, and is killed in the end; the second goes through it, and then has
    the folder itself."""
    place = tmp_path / "store"
    results: list[Any] = []

    async def many(client: Client, who: str) -> None:
        for n in range(CALLS):
            results.append(await remembered(client, f"{who} has the badge number {n}."))
            if n % 5 == 0:
                found = await client.call_tool("search", {"query": f"badge {n}", "limit": 3})
                assert not found.is_error, found.content

    async with program(place) as first:
        await remembered(first, "Anna has a dog.")
        async with program(place) as second:
            await asyncio.gather(many(first, "Anna"), many(second, "Bert"))
            assert (place / SERVER_NOTE).stat().st_mode & 0o077 == 0
            os.kill(int((place / "owner").read_text()), signal.SIGKILL)
            await remembered(second, "Cleo has a bird.")
            found = await second.call_tool("search", {"query": "Who has a dog?"})
            assert not found.is_error, found.content
            assert "Anna" in str(found.structured_content)
    assert len({one["episode_id"] for one in results}) == 2 * CALLS
    with Memory(place, user_id="ada") as memory:
        assert memory.stats().episodes == 2 * CALLS + 2
        assert memory.verify().ok
    assert not (place / SERVER_NOTE).exists()


async def test_calls_under_way_when_the_holder_ends_are_all_made_again(tmp_path: Path) -> None:
    place = tmp_path / "store"
    second = SharedMemory(place, Settings.load({}), {"user_id": "ada"}, lambda _: None)
    async with program(place) as first:
        await remembered(first, "Anna has a dog.")
        await second.open()
        os.kill(int((place / "owner").read_text()), signal.SIGKILL)
        found = await asyncio.gather(*(second.call("search", {"query": "dog"}) for _ in range(8)))
        assert all("Anna" in str(one.hits) for one in found)
        await second.close()


async def test_a_program_that_serves_nobody_is_waited_for_and_read_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = "import sys; from graphmem import Memory; m = Memory(sys.argv[1], user_id='ada'); "
    held += "m.add('Anna has a dog.'); print('ready', flush=True); sys.stdin.read(); m.close()"
    holder = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", held, str(tmp_path)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    await holder.stdout.readline()
    monkeypatch.setattr(shared, "_READ_AFTER_S", 0.1)
    monkeypatch.setattr(shared, "WAIT_S", 0.5)
    memory = SharedMemory(tmp_path, Settings.load({}), {"user_id": "ada"}, lambda _: None)
    async with Client(make_server(memory)) as client:
        found = await client.call_tool("search", {"query": "Who has a dog?"})
        assert "Anna" in str(found.structured_content)
        refused = await client.call_tool("remember", {"content": "Bert has a cat."})
        assert refused.is_error
        assert "serves it to nobody: end that program" in str(refused.content)
        monkeypatch.setattr(shared, "WAIT_S", 60)
        waiting = asyncio.create_task(remembered(client, "Bert has a cat."))
        found = await client.call_tool("search", {"query": "Who has a dog?"})
        assert "Anna" in str(found.structured_content)
        assert not waiting.done()
        holder.stdin.close()
        assert await holder.wait() == 0
        await waiting
        found = await client.call_tool("search", {"query": "Who has a cat?"})
        assert "Bert" in str(found.structured_content)
    await memory.close()


def _answered(place: Path, name: str, *frames: str) -> list[Any]:
    """What a program answers to these lines, after a beginning by a client of this name."""
    hello = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": name, "version": "1"},
    }
    begun = json.dumps({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello})
    ready = json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"})
    command = [sys.executable, "-m", "graphmem.doors.cli", "--store", str(place), "--user", "ada"]
    with subprocess.Popen(
        [*command, "mcp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        answers = []
        for frame in (begun, ready, *frames):
            running.stdin.write(frame + "\n")
            running.stdin.flush()
            if frame != ready:
                answers.append(json.loads(running.stdout.readline()))
        running.stdin.close()
    return answers[1:]


def test_a_frame_that_cannot_be_read_is_answered(tmp_path: Path) -> None:
    """Whoever sent it would wait for good."""
    half = {"name": "remember", "arguments": {"content": "\ud800"}}
    frames = {
        "garbage": (-32700, None),
        "[" * 100_000: (-32700, None),
        "[]": (-32600, None),
        "7": (-32600, None),
        '{"jsonrpc": "1.0", "id": 2, "method": "tools/list"}': (-32600, 2),
        '{"jsonrpc": "2.0", "id": "x", "method": 5}': (-32600, "x"),
        '{"jsonrpc": "2.0", "id": 4, "method": "tools/list", "params": []}': (-32600, 4),
        json.dumps({"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": half}): (
            -32700,
            5,
        ),
        '{"jsonrpc": "2.0", "id": "\\ud800", "method": "ping"}': (-32700, None),
    }
    alive = '{"jsonrpc": "2.0", "id": 9, "method": "ping"}'
    *refused, ping = _answered(tmp_path / "store", "x", *frames, alive)
    assert [(one["error"]["code"], one["id"]) for one in refused] == list(frames.values())
    assert "surrogate" in refused[7]["error"]["message"]
    assert ping == {"jsonrpc": "2.0", "id": 9, "result": {}}


@pytest.mark.parametrize(
    ("name", "actor"),
    [("a\x1b[31m\nb", "mcp:a [31m b"), ("é" * 600, "mcp:" + "é" * 50), ("\0", "mcp")],
)
def test_whatever_a_program_calls_itself_it_remembers(
    tmp_path: Path, name: str, actor: str
) -> None:
    call = {"name": "remember", "arguments": {"content": "Anna has a dog."}}
    frame = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call})
    (answer,) = _answered(tmp_path / "store", name, frame)
    assert not answer["result"]["isError"], answer
    with Memory(tmp_path / "store", user_id="ada") as memory:
        (fact,) = memory.get_all().items
        assert memory.history(fact.id)[0].actor == actor
