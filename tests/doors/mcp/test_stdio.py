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

from mcp import Client, StdioServerParameters, stdio_client

from graphmem import Memory
from graphmem.wiring.places import SERVER_NOTE

CALLS = int(os.environ.get("GRAPHMEM_TEST_MCP_CALLS", "20"))


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


async def test_two_programs_on_one_folder_lose_nothing(tmp_path: Path) -> None:
    place = tmp_path / "store"
    async with program(place) as one, program(place) as other:
        results: list[Any] = []

        async def many(client: Client, who: str) -> None:
            for n in range(CALLS):
                results.append(await remembered(client, f"{who} has the badge number {n}."))
                if n % 5 == 0:
                    found = await client.call_tool("search", {"query": f"badge {n}", "limit": 3})
                    assert not found.is_error, found.content
            results.append(None)

        await asyncio.gather(many(one, "Anna"), many(other, "Bert"))
        assert results.count(None) == 2
    episodes = {one["episode_id"] for one in results if one}
    assert len(episodes) == 2 * CALLS
    with Memory(place, user_id="ada") as memory:
        assert memory.stats().episodes == 2 * CALLS
        assert memory.verify().ok
    assert not (place / SERVER_NOTE).exists()


async def test_another_takes_over_when_the_first_is_killed(tmp_path: Path) -> None:
    place = tmp_path / "store"
    async with program(place) as first:
        await remembered(first, "Anna has a dog.")
        async with program(place) as second:
            await remembered(second, "Bert has a cat.")
            assert (place / SERVER_NOTE).stat().st_mode & 0o077 == 0
            os.kill(int((place / "owner").read_text()), signal.SIGKILL)
            await remembered(second, "Cleo has a bird.")
            found = await second.call_tool("search", {"query": "Who has a dog?"})
            assert not found.is_error, found.content
            assert "Anna" in str(found.structured_content)
