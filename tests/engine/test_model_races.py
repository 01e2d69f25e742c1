"""What else happens while a model thinks: erasure, changes by hand, cancellation, closing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from graphmem import Memory, open_memory
from graphmem.errors import UsageError
from graphmem.model import Stats
from graphmem.testing.llm_server import Hang, LocalModelServer, Request, ScriptedAnswer
from tests.engine.model_script import ANSWER, TEXT, check_all, fact, settings


@pytest.fixture
def server() -> Iterator[LocalModelServer]:
    with LocalModelServer() as running:
        yield running


@pytest.mark.parametrize("everything", [True, False])
@pytest.mark.parametrize("answer", [ANSWER, {"entities": [], "facts": [fact("It rained.")]}])
async def test_what_is_erased_while_a_model_thinks_stays_erased(
    answer: dict[str, Any], everything: bool
) -> None:
    erased = threading.Event()

    def slow(request: Request) -> ScriptedAnswer:
        assert erased.wait(timeout=20)
        return answer

    with LocalModelServer(answer=slow) as thinking:
        chosen = settings(thinking)
        async with await open_memory("memory://", user_id="ada", settings=chosen) as memory:
            task = asyncio.create_task(memory.add(TEXT, occurred_at="2024-06-01"))
            assert await asyncio.to_thread(thinking.wait_until, lambda s: len(s.chats) == 1)
            found = await memory.search("chess")
            if everything:
                await memory.delete_all()
            else:
                await memory.delete(str(found[0].episode_id))
            erased.set()
            receipt = await task
            assert (receipt.status, receipt.reason) == ("failed", "erased before it was finished")
            left = await memory.stats()
            assert [(spend.calls, spend.tokens_in > 0) for spend in left.spend] == [(1, True)]
            assert replace(left, spend=()) == Stats(0, 0, 0, 0, 0, 0, 0, 0, 0)
            assert (await memory.get_all()).items == ()
            await check_all(memory)


async def test_changes_by_hand_while_a_model_thinks(server: LocalModelServer) -> None:
    """Neither gets in the way of the other."""
    async with await open_memory("memory://", user_id="ada", settings=settings(server)) as memory:
        server.script(*[ANSWER] * 12)
        first = await memory.add(TEXT, occurred_at="2024-06-01")
        adds = [memory.add(f"{TEXT} {n}", occurred_at="2024-06-02") for n in range(11)]
        updates = [memory.update(first.fact_ids[0], importance=n / 20) for n in range(20)]
        await asyncio.gather(*adds, *updates)
        (home,) = await memory.relations()
        kept = await memory.get(home.fact_id)
        assert len(kept.sources) == 12
        assert len(await memory.history(home.fact_id)) == 1 + 11 + 20
        await check_all(memory)


async def test_a_cancelled_call_lets_the_request_go(server: LocalModelServer) -> None:
    server.script(Hang())
    async with await open_memory("memory://", user_id="ada", settings=settings(server)) as memory:
        task = asyncio.create_task(memory.add(TEXT, occurred_at="2024-06-01"))
        assert await asyncio.to_thread(server.wait_until, lambda s: len(s.chats) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(server.wait_until, lambda s: s.abandoned == 1)
        assert (await memory.stats()).pending == 1
        server.script(ANSWER)
        assert [receipt.status for receipt in await memory.resume()] == ["done"]
        await check_all(memory)


def test_close_does_not_wait_for_a_model_that_hangs(server: LocalModelServer) -> None:
    server.script(Hang())
    memory = Memory("memory://", user_id="ada", settings=settings(server))
    ended: list[BaseException] = []

    def work() -> None:
        try:
            memory.add(TEXT)
        except UsageError as error:
            ended.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert server.wait_until(lambda s: len(s.chats) == 1)
    memory.close()
    thread.join(timeout=10)
    assert not thread.is_alive()
    assert len(ended) == 1
