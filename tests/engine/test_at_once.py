"""Many callers on one memory: tenants and a model that hangs, threads, tasks, event loops."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from graphmem import AsyncMemory, Memory, open_memory
from graphmem.errors import UsageError
from graphmem.testing.llm_server import Hang, LocalModelServer, Request, ScriptedAnswer
from tests.engine.model_script import ANSWER, NOTHING, TEXT, settings
from tests.engine.test_ambiguities import JOHN, JOHNS, asked_for

_T = TypeVar("_T")
_LONG_S = 20  # what hangs, hangs for ever


async def soon(call: Coroutine[Any, Any, _T]) -> _T:
    """What must not wait for a model that never answers."""
    return await asyncio.wait_for(call, _LONG_S)


async def everything(memory: AsyncMemory, user: str) -> None:
    """Every kind of write, and a search after each."""
    receipt = await soon(memory.add(TEXT, occurred_at="2024-06-01", user_id=user))
    assert receipt.status == "done"
    assert (await soon(memory.search("Lisbon", user_id=user))).hits
    assert await soon(memory.add_many([f"Note {n}." for n in range(3)], user_id=user)) == 3
    await soon(memory.add("Kept as it is.", infer=False, user_id=user))
    await soon(memory.relate("Bob", "knows", "Carol", user_id=user))
    await soon(memory.update(receipt.fact_ids[0], importance=0.9, user_id=user))
    await soon(memory.merge("Bob", "Carol", user_id=user))
    await soon(memory.undo(receipt.episode_id, user_id=user))
    assert await soon(memory.resume(user_id=user)) == []
    assert (await soon(memory.context("Lisbon", user_id=user))) is not None
    await soon(memory.delete_all(user_id=user))


class TestTenants:
    """A write of one never waits for a model that another asks."""

    @pytest.mark.parametrize("count", [3, 1100])
    async def test_while_extractions_hang(self, count: int) -> None:
        """As many as would take every connection to the model, too."""

        def answer(request: Request) -> ScriptedAnswer:
            return Hang() if "slowly" in request.text() else ANSWER

        with LocalModelServer(answer=answer) as server:
            chosen = settings(server, llm_timeout_s=600)
            async with await open_memory("memory://", settings=chosen) as memory:
                hanging = [
                    asyncio.create_task(memory.add(f"Thing {n} goes slowly.", user_id="slow"))
                    for n in range(count)
                ]
                most = min(count, 32)
                assert await asyncio.to_thread(
                    server.wait_until, lambda s: len(s.chats) == most, _LONG_S
                )
                await everything(memory, "quick")
                assert len([r for r in server.chats if "slowly" in r.text()]) == most
                # Its own reads, and writes that need no model, do not wait either.
                assert (await soon(memory.search("thing", user_id="slow"))).hits
                await soon(memory.relate("Thing", "goes_to", "Oslo", user_id="slow"))
                for task in hanging:
                    task.cancel()
                await asyncio.gather(*hanging, return_exceptions=True)
                assert (await memory.stats(user_id="slow")).pending == count

    async def test_while_it_is_asked_what_is_ambiguous(self) -> None:
        """Then something is decided about the tenant: it is not held meanwhile, for itself too."""

        def answer(request: Request) -> ScriptedAnswer:
            if asked_for(request) == "ambiguities":
                return Hang()
            if "brews" in request.text():
                return JOHNS
            return JOHN if "shop" in request.text() else ANSWER

        with LocalModelServer(answer=answer) as server:
            chosen = settings(server, llm_timeout_s=600)
            async with await open_memory("memory://", settings=chosen) as memory:
                await memory.add("John Smith brews, John Miller mends.", user_id="slow")
                hanging = asyncio.create_task(memory.add("John opened a shop.", user_id="slow"))
                assert await asyncio.to_thread(
                    server.wait_until, lambda s: asked_for(s.chats[-1]) == "ambiguities"
                )
                await everything(memory, "quick")
                assert (await soon(memory.add(TEXT, user_id="slow"))).status == "done"
                hanging.cancel()
                await asyncio.gather(hanging, return_exceptions=True)


class TestLoops:
    def test_another_loop_is_refused_and_told_what_to_do(self, tmp_path: Path) -> None:
        with asyncio.Runner() as runner, asyncio.Runner() as other:
            memory = runner.run(open_memory(tmp_path / "m", user_id="ada"))
            calls = (
                lambda: memory.add("Tea."),
                lambda: memory.search("tea"),
                memory.health,
                memory.verify,
                memory.stats,
                memory.close,
            )
            for call in calls:
                with pytest.raises(UsageError, match=r"another event loop: open it in this one"):
                    other.run(call())
            assert runner.run(memory.add("Tea.")).status == "done"
            runner.run(memory.close())

    # The sockets of a loop that has ended are nobody's: Python says so when it finds them.
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    @pytest.mark.parametrize("asked", [True, False])
    def test_a_loop_that_has_ended_can_still_be_left(self, tmp_path: Path, asked: bool) -> None:
        """The beginner's way: ``asyncio.run`` for each call. It is told, and closes all the same,
        also with connections to a model that the loop took with it."""
        with LocalModelServer(answer=lambda _: NOTHING) as server:

            async def opened() -> AsyncMemory:
                memory = await open_memory(tmp_path / "m", user_id="ada", settings=settings(server))
                if asked:
                    await memory.add("Tea.")
                return memory

            memory = asyncio.run(opened())
            with pytest.raises(UsageError, match="another event loop, which has ended"):
                asyncio.run(memory.add("Rain."))
            asyncio.run(memory.close())
            with Memory(tmp_path / "m", user_id="ada", settings=settings(server)) as again:
                assert again.stats().episodes == asked
                assert again.verify().ok
            gc.collect()

    def test_a_mirror_may_be_called_from_any_loop_and_thread(self, tmp_path: Path) -> None:
        with Memory(tmp_path / "m", user_id="ada") as memory:

            async def calls(number: int) -> str:
                return memory.relate("Bob", "knows", f"Person {number}").status

            statuses: list[str] = []
            threads = [
                threading.Thread(target=lambda n=n: statuses.append(asyncio.run(calls(n))))
                for n in range(4)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert Counter(statuses) == {"done": 4}
            assert len(memory.relations("Bob")) == 4
