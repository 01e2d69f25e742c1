"""Programs over stdio, on one folder: real processes, the official client."""

from __future__ import annotations

import asyncio
import os
import signal
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
