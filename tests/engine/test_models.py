"""A model on the wire: one call an episode, and nothing lost whatever it does."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from graphmem import Memory, open_memory
from graphmem.errors import Unavailable
from graphmem.model import Stats
from graphmem.ports.ledger import Commit
from graphmem.testing.llm_server import (
    Body,
    Drop,
    Empty,
    Hang,
    LocalModelServer,
    Refusal,
    Request,
    ScriptedAnswer,
    Status,
    Truncated,
    Usage,
)
from graphmem.testing.replay import replay_differences
from tests.engine.helpers import child, child_environment
from tests.engine.model_script import ANSWER, DIES, NOTHING, TEXT, as_scripted, settings


@pytest.fixture
def server() -> Iterator[LocalModelServer]:
    with LocalModelServer() as running:
        yield running


@pytest.fixture
def memory(server: LocalModelServer) -> Iterator[Memory]:
    with Memory("memory://", user_id="ada", settings=settings(server)) as opened:
        yield opened


class TestOneCall:
    def test_what_is_scripted_is_remembered(self, memory: Memory, server: LocalModelServer) -> None:
        server.script(Usage(ANSWER, tokens_in=321, tokens_out=45))
        receipt = memory.add(TEXT, occurred_at="2024-06-01")
        assert receipt.status == "done"
        assert (receipt.model_calls, receipt.tokens_in, receipt.tokens_out) == (1, 321, 45)
        assert [d.action for d in receipt.decisions] == ["ADD", "ADD"]
        as_scripted(memory)
        stats = memory.stats()
        assert (stats.model_calls, stats.tokens_in, stats.tokens_out) == (1, 321, 45)
        assert memory.get(receipt.fact_ids[0]).importance == 0.75
        assert memory.health().parts["extraction"] == "openai:test-model"
        (path,) = memory.paths("Lisbon", "Carol")
        assert str(path) == "Lisbon ←lives_in- Bob -is mentioned with→ Carol"

    def test_the_same_again_calls_nothing(self, memory: Memory, server: LocalModelServer) -> None:
        server.script(ANSWER)
        first = memory.add(TEXT, occurred_at="2024-06-01")
        before = memory.stats()
        again = memory.add(TEXT, occurred_at="2024-06-01")
        assert (again.status, again.episode_id, again.model_calls) == (
            "duplicate",
            first.episode_id,
            0,
        )
        assert memory.add_many([{"content": TEXT, "occurred_at": "2024-06-01"}] * 3) == 0
        assert len(server.chats) == 1
        assert memory.stats() == before

    def test_counts_that_cannot_be_cost_nothing_else(
        self, memory: Memory, server: LocalModelServer
    ) -> None:
        server.script(*[Usage(ANSWER, tokens_in=-5, tokens_out=10**30)] * 2)
        for day in ("2024-06-01", "2024-06-02"):
            receipt = memory.add(TEXT, occurred_at=day)
            assert (receipt.status, receipt.tokens_in, receipt.tokens_out) == ("done", 0, 2**53)
        as_scripted(memory)
        assert memory.stats().tokens_out == 2**54

    def test_what_is_pending_is_counted_once(
        self, memory: Memory, server: LocalModelServer
    ) -> None:
        server.script(*[Status(400)] * 8)
        counted = [memory.add_many([TEXT, "Rain.", TEXT]) for _ in range(3)]
        assert counted == [2, 0, 0]
        assert memory.stats().pending == 2

    def test_one_call_for_each_of_many(self, memory: Memory, server: LocalModelServer) -> None:
        server.script(*[ANSWER] * 100)
        texts = [f"{TEXT} ({number})" for number in range(100)]
        assert memory.add_many(texts, occurred_at="2024-06-01") == 100
        assert len(server.chats) == memory.stats().model_calls == 100
        as_scripted(memory)
        (home,) = memory.relations()
        assert len(memory.get(home.fact_id).sources) == 100

    def test_without_inference_none_at_all(self, memory: Memory, server: LocalModelServer) -> None:
        assert memory.add(TEXT, infer=False).status == "done"
        assert server.requests == []

    async def test_the_same_stated_at_once_is_paid_once(self, server: LocalModelServer) -> None:
        server.script(ANSWER)
        chosen = settings(server)
        async with await open_memory("memory://", user_id="ada", settings=chosen) as memory:
            adds = [memory.add(TEXT, occurred_at="2024-06-01") for _ in range(4)]
            noted, resumed = await asyncio.gather(asyncio.gather(*adds), memory.resume())
            statuses = [receipt.status for receipt in (*noted, *resumed)]
            assert statuses.count("done") == 1
            assert set(statuses) == {"done", "duplicate"}
            assert len(server.chats) == 1
            assert (await memory.stats()).pending == 0

    async def test_a_failure_stated_at_once_is_pending_for_all(
        self, server: LocalModelServer
    ) -> None:
        server.script(Status(500))
        chosen = settings(server)
        async with await open_memory("memory://", user_id="ada", settings=chosen) as memory:
            noted = await asyncio.gather(*(memory.add(TEXT, idempotency_key="k") for _ in range(3)))
            assert [receipt.status for receipt in noted] == ["pending"] * 3
            assert all("500" in str(receipt.reason) for receipt in noted)
            assert len(server.chats) == 1

    def test_it_knows_what_is_known(self, memory: Memory, server: LocalModelServer) -> None:
        """Entities whose names occur in the text are named to the model, those of others not."""
        server.script(ANSWER, NOTHING, NOTHING)
        memory.add(TEXT, occurred_at="2024-06-01")
        memory.add("Robert met Zoë.")
        memory.add("Robert met Zoë.", user_id="eve")
        assert '["Bob","person"]' in server.chats[1].text().replace(" ", "")
        assert "Bob" not in server.chats[2].text()


FAULTS: Mapping[str, tuple[list[ScriptedAnswer], str]] = {
    "error 500": ([Status(500)], "500"),
    "too many": ([Status(429)], "429"),
    "wrong key": ([Status(401)], "401"),
    "garbage": (["I would rather not say.", "Truly."], "JSON"),
    "not its form": ([{"answer": 42}, {"answer": 42}], "test-model"),
    "a web page": ([Body("<html>login</html>", content_type="text/html")], "OpenAI's format"),
    "dropped": ([Drop()], "test-model"),
    "dropped midway": ([Drop(midway=True)], "test-model"),
    "refused": ([Refusal()], "refused"),
    "empty": ([Empty(), Empty()], "empty"),
    "no choices": ([Empty(no_choices=True)] * 2, "empty"),
    "cut off": ([Truncated('{"entities": [')], "cut off"),
    "slow": ([Hang()], "0.3 s"),
}


class TestFaults:
    @pytest.mark.parametrize("fault", FAULTS)
    def test_nothing_is_lost_and_resume_finishes(
        self, server: LocalModelServer, fault: str
    ) -> None:
        answers, why = FAULTS[fault]
        server.script(*answers)
        chosen = settings(server, llm_timeout_s=0.3 if fault == "slow" else 20)
        with Memory("memory://", user_id="ada", settings=chosen) as memory:
            receipt = memory.add(TEXT, occurred_at="2024-06-01")
            assert receipt.status == "pending"
            assert why in str(receipt.reason)
            assert receipt.decisions == ()
            assert server.unused == 0
            assert memory.search("chess")[0].episode_id == receipt.episode_id, "searchable at once"
            assert memory.episode(receipt.episode_id).reason == receipt.reason
            assert memory.stats().pending == 1
            assert memory.health().parts["pending"].startswith("1: ")
            assert memory.verify().ok
            server.script(ANSWER)
            (resumed,) = memory.resume()
            assert (resumed.status, resumed.episode_id) == ("done", receipt.episode_id)
            as_scripted(memory)
            asked = len(server.chats)
            assert memory.resume() == []
            assert memory.add(TEXT, occurred_at="2024-06-01").status == "duplicate"
            assert len(server.chats) == asked

    def test_it_may_fail_again_and_again(self, memory: Memory, server: LocalModelServer) -> None:
        server.script(*[Status(503)] * 6)
        texts = [f"{TEXT} {n}" for n in range(3)]
        assert memory.add_many(texts, occurred_at="2024-06-01") == 3
        assert [receipt.status for receipt in memory.resume()] == ["pending"] * 3
        assert memory.stats().pending == 3
        server.script(ANSWER, ANSWER, ANSWER)
        assert [receipt.status for receipt in memory.resume()] == ["done"] * 3
        as_scripted(memory)

    def test_telling_it_again_goes_on_with_it(
        self, memory: Memory, server: LocalModelServer
    ) -> None:
        server.script(Status(500), ANSWER)
        first = memory.add(TEXT, occurred_at="2024-06-01")
        again = memory.add(TEXT, occurred_at="2024-06-01")
        assert (first.status, again.status) == ("pending", "done")
        assert first.episode_id == again.episode_id
        as_scripted(memory)

    def test_one_that_fails_does_not_hold_up_the_others(self, server: LocalModelServer) -> None:
        def answer(request: Request) -> ScriptedAnswer:
            return Status(500) if "poison" in request.text() else ANSWER

        with (
            LocalModelServer(answer=answer) as choosy,
            Memory("memory://", user_id="ada", settings=settings(choosy)) as memory,
        ):
            texts = [f"{TEXT} {'poison' if n == 3 else n}" for n in range(8)]
            assert memory.add_many(texts, occurred_at="2024-06-01") == 8
            assert memory.stats().pending == 1
            (home,) = memory.relations()
            assert len(memory.get(home.fact_id).sources) == 7

    def test_what_failed_answers_cost_is_counted(
        self, memory: Memory, server: LocalModelServer
    ) -> None:
        server.script(Usage("no", 100, 10), Usage("no", 100, 10), Usage(ANSWER, 200, 20))
        receipt = memory.add(TEXT, occurred_at="2024-06-01")
        assert (receipt.status, receipt.model_calls, receipt.tokens_in) == ("pending", 2, 200)
        memory.resume()
        stats = memory.stats()
        assert (stats.model_calls, stats.tokens_in, stats.tokens_out) == (3, 400, 40)

    def test_a_server_that_is_down_and_comes_back(self, tmp_path: Path) -> None:
        with LocalModelServer() as gone:
            away = settings(gone)
        folder = tmp_path / "store"
        with Memory(folder, user_id="ada", settings=away) as memory:
            receipt = memory.add(TEXT, occurred_at="2024-06-01")
            assert receipt.status == "pending"
            assert gone.base_url.removesuffix("/v1") in str(receipt.reason)
            assert memory.search("chess")[0].kind == "turn"
        with (
            LocalModelServer([ANSWER]) as back,
            Memory(folder, user_id="ada", settings=settings(back)) as memory,
        ):
            assert memory.stats().pending == 1
            assert [r.status for r in memory.resume()] == ["done"]
            as_scripted(memory)
        with Memory(folder, user_id="ada") as memory:
            as_scripted(memory)
            assert memory.add(TEXT, occurred_at="2024-06-01").status == "duplicate"

    def test_the_rules_can_finish_what_a_model_began(self, tmp_path: Path) -> None:
        with (
            LocalModelServer([Status(500)]) as server,
            Memory(tmp_path / "s", user_id="ada", settings=settings(server)) as memory,
        ):
            assert memory.add("Bob Stone works at Acme.").status == "pending"
        with Memory(tmp_path / "s", user_id="ada") as memory:
            assert [r.status for r in memory.resume()] == ["done"]
            assert [r.type for r in memory.relations()] == ["works_at"]

    def test_a_pending_episode_can_be_deleted(
        self, memory: Memory, server: LocalModelServer
    ) -> None:
        server.script(Status(500))
        receipt = memory.add(TEXT)
        assert memory.delete(receipt.episode_id).episodes == 1
        assert memory.resume() == []
        assert memory.stats() == Stats(0, 0, 0, 0, 0, 0, 0, 0, 0)
        assert memory.verify().ok


class TestPaidOnce:
    """An answer that came is kept before it is acted on."""

    async def test_when_the_commit_fails(
        self, server: LocalModelServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server.script(ANSWER)
        chosen = settings(server)
        async with await open_memory("memory://", user_id="ada", settings=chosen) as memory:
            ledger = memory._parts.ledger
            whole = ledger.commit

            async def fails(commits: list[Commit], **_: object) -> int:
                raise Unavailable("the disk is full")

            monkeypatch.setattr(ledger, "commit", fails)
            with pytest.raises(Unavailable, match="disk is full"):
                await memory.add(TEXT, occurred_at="2024-06-01")
            assert (await memory.stats()).pending == 1
            assert (await memory.get_all()).items == ()
            monkeypatch.setattr(ledger, "commit", whole)
            (receipt,) = await memory.resume()
            assert (receipt.status, receipt.model_calls, receipt.tokens_in) == ("done", 0, 0)
            assert len(server.chats) == 1
            assert (await memory.stats()).model_calls == 1
            assert len((await memory.get_all()).items) == 2
            assert await replay_differences(memory) == []

    def test_when_the_process_is_killed_between_both(
        self, server: LocalModelServer, tmp_path: Path
    ) -> None:
        server.script(ANSWER)
        folder = tmp_path / "store"
        killed = subprocess.run(
            child(DIES, str(folder), server.base_url, TEXT),
            env=child_environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert (killed.returncode, killed.stdout) == (9, "opened\n"), killed.stderr
        with Memory(folder, user_id="ada", settings=settings(server)) as memory:
            assert memory.stats().pending == 1
            assert memory.verify().ok
            assert memory.search("chess")[0].kind == "turn"
            assert [r.status for r in memory.resume()] == ["done"]
            as_scripted(memory)
        assert len(server.chats) == 1
