"""``add(wait=False)``: durable at once, extracted behind the caller; bounded, seen, never lost."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory, open_memory
from graphmem.errors import Unavailable, UsageError
from graphmem.testing.llm_server import Hang, LocalModelServer, Request, ScriptedAnswer, Status
from tests.engine.helpers import child, child_environment
from tests.engine.model_script import ANSWER, NOTHING, TEXT, as_scripted, check_all, fact, settings

_LONG_S = 20


class Gate:
    """A model that answers nobody until it is let."""

    def __init__(self) -> None:
        self.opened = threading.Event()

    def __call__(self, request: Request) -> ScriptedAnswer:
        assert self.opened.wait(timeout=60)
        return NOTHING


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def server(gate: Gate) -> Iterator[LocalModelServer]:
    with LocalModelServer(answer=gate) as running:
        try:
            yield running
        finally:
            gate.opened.set()


async def soon(call: Any) -> Any:
    return await asyncio.wait_for(call, _LONG_S)


async def never(task: asyncio.Task[Any]) -> None:
    """It is still waiting, after whatever else could go on has gone on."""
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(task), 0.3)


def test_what_is_not_waited_for_is_the_same_in_the_end() -> None:
    with (
        LocalModelServer([ANSWER]) as server,
        Memory("memory://", user_id="ada", settings=settings(server)) as memory,
    ):
        receipt = memory.add(TEXT, occurred_at="2024-06-01", wait=False)
        assert (receipt.status, receipt.reason) == ("pending", "queued")
        assert memory.flush() == []
        assert memory.episode(receipt.episode_id).status == "done"
        as_scripted(memory)
        assert memory.add(TEXT, occurred_at="2024-06-01", wait=False).status == "duplicate"
        kept = memory.add("Kept as it is.", infer=False, wait=False)
        assert (kept.status, len(kept.fact_ids)) == ("done", 1), "done with the journal"
        assert memory.health().parts["queue"] == "0 waiting"
        with pytest.raises(UsageError, match="wait is True or False, got 0"):
            memory.add(TEXT, wait=0)  # type: ignore[arg-type]


async def test_it_is_found_before_a_model_was_asked(gate: Gate, server: LocalModelServer) -> None:
    async with await open_memory("memory://", user_id="ada", settings=settings(server)) as memory:
        receipt = await soon(memory.add("Bob keeps bees.", wait=False))
        (hit,) = await soon(memory.search("bees"))
        assert hit.episode_id == receipt.episode_id
        assert (await memory.health()).parts["queue"] == "1 waiting"
        assert (await memory.stats()).pending == 1
        gate.opened.set()
        assert await soon(memory.flush()) == []
        await check_all(memory)


async def test_a_full_queue_waits_for_room_and_stores_nothing_meanwhile(
    gate: Gate, server: LocalModelServer
) -> None:
    chosen = settings(server, max_queued=3)
    async with await open_memory("memory://", user_id="ada", settings=chosen) as memory:
        tasks = [asyncio.create_task(memory.add(f"Line {n}.", wait=False)) for n in range(10)]
        await soon(asyncio.wait(tasks[:3]))
        await never(tasks[3])
        assert (await memory.stats()).episodes == 3
        tasks[9].cancel()
        # One user's full queue is nobody else's; and who waits for the model goes past it.
        for n in range(3):
            await soon(memory.add(f"Line {n}.", wait=False, user_id="bob"))
        await never(tasks[4])
        gate.opened.set()
        receipts = await soon(asyncio.gather(*tasks[:9]))
        assert {receipt.status for receipt in receipts} == {"pending"}
        assert await soon(memory.flush()) == []
        await soon(memory.flush(user_id="bob"))
        stats = await memory.stats()
        assert (stats.episodes, stats.pending) == (9, 0), "the cancelled one was never stored"
        assert len(server.chats) == 12, "none was asked about twice"
        assert not memory._queue._queues, "nothing is kept of tenants that wait for nothing"
        await check_all(memory)


async def test_many_at_once_and_more_than_a_queue_holds(server: LocalModelServer) -> None:
    chosen = settings(server, max_queued=5)
    async with await open_memory("memory://", user_id="ada", settings=chosen) as memory:
        task = asyncio.create_task(memory.add_many([f"Line {n}." for n in range(80)], wait=False))
        await never(task)
        assert (await memory.stats()).episodes == 64, "one chunk"
        for waiting in (task, asyncio.create_task(memory.flush())):
            waiting.cancel()
        await memory.delete_all()


async def test_a_user_whose_model_hangs_holds_up_no_other() -> None:
    def answer(request: Request) -> ScriptedAnswer:
        return Hang() if "slowly" in request.text() else NOTHING

    with LocalModelServer(answer=answer) as server:
        async with await open_memory("memory://", settings=settings(server)) as memory:
            for n in range(50):
                await soon(memory.add(f"Thing {n} goes slowly.", wait=False, user_id="slow"))
            await soon(memory.add(TEXT, wait=False, user_id="quick"))
            assert await soon(memory.flush(user_id="quick")) == []
            assert (await memory.stats(user_id="quick")).pending == 0
            flushing = asyncio.create_task(memory.flush())
            await never(flushing)
            flushing.cancel()


async def test_what_fails_in_the_background_is_seen() -> None:
    """In the receipts of flush, in health, and with the episode; and resume mends it."""
    with LocalModelServer([Status(401, "no such key"), ANSWER, ANSWER]) as server:
        chosen = settings(server)
        async with await open_memory("memory://", user_id="ada", settings=chosen) as memory:
            receipt = await memory.add(TEXT, occurred_at="2024-06-01", wait=False)
            async with asyncio.timeout(_LONG_S):
                while "1 left unfinished: " not in (await memory.health()).parts["queue"]:
                    pass
            assert "no such key" in (await memory.health()).parts["queue"]
            assert "no such key" in str((await memory.episode(receipt.episode_id)).reason)
            assert await memory.flush(user_id="bob") == [], "not another's"
            (left,) = await memory.flush()
            assert (left.episode_id, left.status) == (receipt.episode_id, "pending")
            assert "no such key" in str(left.reason)
            assert await memory.flush() == []
            assert [r.status for r in await memory.resume()] == ["done"]
            await check_all(memory)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Unavailable("the ledger is away"), "the ledger is away"),
        (ZeroDivisionError("what"), "what it says could not be decided (ZeroDivisionError)"),
    ],
)
async def test_a_store_that_fails_stops_nothing_after_it(
    error: Exception, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalModelServer(answer=lambda _: NOTHING) as server:
        chosen = settings(server)
        async with await open_memory("memory://", user_id="ada", settings=chosen) as memory:
            ledger = memory._parts.ledger
            commit, failing = ledger.commit, [error]

            async def fails_once(*args: Any, **named: Any) -> int:
                if failing:
                    raise failing.pop()
                return await commit(*args, **named)

            monkeypatch.setattr(ledger, "commit", fails_once)
            await memory.add("Tea.", wait=False)
            (left,) = await soon(memory.flush())
            assert (left.status, left.reason) == ("pending", reason)
            await memory.add("Rain.", wait=False)
            assert await soon(memory.flush()) == []
            assert (await memory.stats()).pending == 1
            assert [r.status for r in await memory.resume()] == ["done"]


async def test_what_is_erased_while_it_waits_stays_erased(
    gate: Gate, server: LocalModelServer
) -> None:
    async with await open_memory("memory://", user_id="ada", settings=settings(server)) as memory:
        for n in range(30):
            await memory.add(f"Line {n}.", wait=False)
        await soon(memory.delete_all())
        gate.opened.set()
        left = await soon(memory.flush())
        assert {receipt.status for receipt in left} <= {"failed"}
        assert (await memory.stats()).episodes == 0
        await check_all(memory)


async def test_the_same_waited_for_and_not(gate: Gate, server: LocalModelServer) -> None:
    """Whoever waits for what is queued already gets it once, paid once."""
    async with await open_memory("memory://", user_id="ada", settings=settings(server)) as memory:
        ways = [bool(n % 2) for n in range(20)]
        tasks = [
            asyncio.create_task(memory.add("Tea.", idempotency_key="k", wait=way)) for way in ways
        ]
        gate.opened.set()
        receipts = await soon(asyncio.gather(*tasks))
        assert len({receipt.episode_id for receipt in receipts}) == 1
        assert await soon(memory.flush()) == []
        assert len(server.chats) == 1
        assert (await memory.stats()).episodes == 1


def test_closing_does_not_wait_and_loses_nothing(
    tmp_path: Path, gate: Gate, server: LocalModelServer
) -> None:
    chosen = settings(server, max_queued=40)
    memory = Memory(tmp_path / "m", user_id="ada", settings=chosen)
    for n in range(40):
        memory.add(f"Line {n}.", wait=False)
    ended: list[BaseException] = []

    def waits(call: Any) -> None:
        try:
            call()
        except UsageError as error:
            ended.append(error)

    waiting = [
        threading.Thread(target=waits, args=(call,))
        for call in (memory.flush, lambda: memory.add("One more.", wait=False))
    ]
    for thread in waiting:
        thread.start()
    time.sleep(0.2)
    memory.close()
    for thread in waiting:
        thread.join(timeout=_LONG_S)
        assert not thread.is_alive()
    assert len(ended) == 2
    gate.opened.set()
    with Memory(tmp_path / "m", user_id="ada", settings=chosen) as memory:
        assert (memory.stats().episodes, memory.stats().pending) == (40, 40)
        assert {receipt.status for receipt in memory.resume()} == {"done"}
        assert memory.stats().pending == 0
        assert memory.verify().ok


async def test_closing_ends_who_waits_in_the_same_loop(
    gate: Gate, server: LocalModelServer
) -> None:
    memory = await open_memory("memory://", user_id="ada", settings=settings(server, max_queued=1))
    await memory.add("Tea.", wait=False)
    calls = [asyncio.create_task(c) for c in (memory.flush(), memory.add("Rain.", wait=False))]
    await never(calls[0])
    await memory.close()
    for call in calls:
        with pytest.raises(UsageError, match="this memory was closed while"):
            await soon(call)


_QUEUES = """
import sys
from graphmem import Memory, Settings
chosen = Settings.load({}, llm="openai:test-model", openai_base_url=sys.argv[2])
memory = Memory(sys.argv[1], user_id="ada", settings=chosen)
for number in range(10_000):
    print(memory.add(f"Line {number}.", wait=False).episode_id, flush=True)
"""


def test_a_kill_loses_nothing_that_was_queued(tmp_path: Path) -> None:
    """What was acknowledged is there once, and done after resume."""

    def answer(request: Request) -> ScriptedAnswer:
        line = next(w for w in request.text().split() if w.strip('."}').isdigit())
        return {"entities": [], "facts": [fact(f"It says {line}.")]}

    with LocalModelServer(answer=answer) as server:
        with subprocess.Popen(
            child(_QUEUES, str(tmp_path / "m"), server.base_url),
            env=child_environment(),
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            noted = [process.stdout.readline().strip() for _ in range(60)]
            process.send_signal(signal.SIGKILL)
            noted += process.stdout.read().split("\n")[:-1]
        with Memory(tmp_path / "m", user_id="ada", settings=settings(server)) as memory:
            assert memory.stats().pending > 0
            assert {receipt.status for receipt in memory.resume()} == {"done"}
            assert {memory.episode(id).status for id in noted} == {"done"}
            assert 0 <= memory.stats().episodes - len(noted) <= 1
            assert memory.verify().ok
