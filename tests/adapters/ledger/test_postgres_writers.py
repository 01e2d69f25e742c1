"""Several real processes write one PostgreSQL ledger at once, also while the server is killed."""

from __future__ import annotations

import asyncio
import sys

from graphmem.adapters.ledger.postgres.ledger import PostgresLedger
from graphmem.ports.ledger import FactQuery
from tests.adapters.ledger.conftest import opened
from tests.adapters.ledger.writer import ADA
from tests.servers import PostgresServer, running


async def start(url: str, name: str, count: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.adapters.ledger.writer", url, name, str(count)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def check_whole(url: str, lines: list[str], names: list[str], count: int) -> None:
    """Nothing lost, nothing doubled, everything in order."""
    async with opened(PostgresLedger(url)) as ledger:
        episodes = await ledger.episodes(ADA, limit=10_000)
        keys = [episode.idempotency_key for episode in episodes]
        shared = {f"shared {number}" for number in range(0, count, 3)}
        own = {f"{name} {n}" for name in names for n in range(count) if n % 3}
        assert sorted(map(str, keys)) == sorted(shared | own)
        assert [e.previous_id for e in episodes] == [None, *(e.id for e in episodes[:-1])]
        assert all(len(episode.turns) == 2 for episode in episodes)
        assert {episode.status for episode in episodes} == {"done"}
        facts = await ledger.facts(FactQuery(ADA.tenant, limit=10_000))
        assert sorted(fact.text for fact in facts) == sorted(map(str, keys))
        events = await ledger.events(0, 10_000)
        assert [event.seq for event in events] == list(range(1, 2 * len(keys) + 1))
        assert await ledger.head() == len(events)
        stored = {e.idempotency_key: e.id for e in episodes}
        believed = {fact.id for fact in facts}
    for line in lines:
        what, id, rest = line.split(" ", 2)
        if what == "journalled":
            assert stored[rest] == id
        elif what == "committed":
            assert rest in believed


async def test_two_processes_lose_and_double_nothing(schema_url: str) -> None:
    count = 45
    # Both find no schema: they make it together, too.
    writers = [await start(schema_url, name, count) for name in ("a", "b")]
    outputs = await asyncio.gather(*(writer.communicate(b"go\n") for writer in writers))
    assert [writer.returncode for writer in writers] == [0, 0], outputs
    lines = [line for out, _ in outputs for line in out.decode().splitlines()[1:]]
    await check_whole(schema_url, lines, ["a", "b"], count)


async def test_what_was_acknowledged_survives_a_killed_server() -> None:
    count = 60
    with running(PostgresServer) as server:
        url = f"{server.uri}?patience_s=60"
        writers = [await start(url, name, count) for name in ("a", "b")]
        # A server that goes away is not waited for by who has yet to open it.
        for writer in writers:
            assert writer.stdout is not None
            assert await writer.stdout.readline() == b"opened\n"
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write(b"go\n")
        lines: list[str] = []

        async def listen(writer: asyncio.subprocess.Process, killing: asyncio.Event) -> None:
            assert writer.stdout is not None
            async for line in writer.stdout:
                lines.append(line.decode().strip())
                if len(lines) in {20, 120}:
                    killing.set()

        killing = asyncio.Event()
        listening = [asyncio.create_task(listen(writer, killing)) for writer in writers]
        for _ in range(2):
            await killing.wait()
            killing.clear()
            server.kill()
            await asyncio.to_thread(server.start)
        await asyncio.gather(*listening)
        for writer in writers:
            _, errors = await writer.communicate()
            assert writer.returncode == 0, errors.decode()
        assert not [line for line in lines if line.startswith("unavailable")]
        await check_whole(url, lines, ["a", "b"], count)
