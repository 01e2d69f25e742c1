"""Ceilings on what models cost: kept before the call, shared by processes, told in the receipt."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory, Settings, open_memory
from graphmem.adapters.ledger.sqlite.ledger import SqliteLedger
from graphmem.budget.governor import GovernedEmbedder, GovernedLLM, Governor, tenant_digest
from graphmem.budget.prices import Price, Prices, load_prices
from graphmem.clock import ManualClock
from graphmem.errors import BudgetExceeded, ModelError, UsageError
from graphmem.model import Spend
from graphmem.ports.ledger import Ceiling, Charge, Ledger
from graphmem.ports.llm import Completion, Prompt
from graphmem.testing.llm_server import LocalModelServer, Says
from tests.engine.model_script import ANSWER, TEXT, settings

PROMPT = Prompt("system", "user", "answer", {})
MODEL = "openai:test-model"


@pytest.fixture
def server() -> Iterator[LocalModelServer]:
    with LocalModelServer(answer=lambda _: ANSWER) as running:
        yield running


def _opened(server: LocalModelServer, clock: ManualClock, **ceilings: Any) -> Memory:
    return Memory("memory://", user_id="ada", settings=settings(server, **ceilings), clock=clock)


def test_what_is_spent_is_shown_by_day_and_model(server: LocalModelServer) -> None:
    clock = ManualClock("2026-03-01T10:00:00Z")
    with _opened(server, clock) as memory:
        memory.add(TEXT)
        clock.advance(days=1)
        memory.add("Bob likes tea.")
        memory.add("Eve likes tea.", user_id="eve")
        mine, all_of_it = memory.stats(), memory.stats(run_id="r")
        (first, second) = mine.spend
        assert (first.day, first.model, first.calls) == ("2026-03-01", MODEL, 1)
        assert (second.day, second.calls) == ("2026-03-02", 1)
        assert first.tokens_in > 0 < first.tokens_out
        assert sum(one.tokens_in for one in mine.spend) == mine.tokens_in
        assert all_of_it.spend == ()
        assert [one.calls for one in memory.stats(user_id="eve").spend] == [1]


def test_the_whole_store_shows_everybody_s(server: LocalModelServer) -> None:
    with Memory("memory://", settings=settings(server)) as memory:
        memory.add(TEXT, user_id="ada")
        memory.add(TEXT, user_id="eve")
        assert [one.calls for one in memory.stats().spend] == [2]


def test_at_the_ceiling_of_a_day_the_rules_go_on(server: LocalModelServer) -> None:
    clock = ManualClock("2026-03-01T10:00:00Z")
    with _opened(server, clock, max_calls_per_day=1) as memory:
        assert memory.add(TEXT).reason is None
        receipt = memory.add("Bob Stone works at Acme.")
        assert receipt.status == "done"
        assert receipt.model_calls == 0
        assert receipt.reason is not None
        assert "calls per day (1)" in receipt.reason
        assert "rules" in receipt.reason
        assert ("Bob Stone", "works_at", "Acme") in {
            (r.subject, r.type, r.object) for r in memory.relations()
        }
        assert len(server.requests) == 1
        clock.advance(days=1)
        assert memory.add("Carol plays chess.").model_calls == 1
        assert memory.verify().ok


@pytest.mark.parametrize(
    ("ceilings", "noted"),
    [
        ({"max_calls_per_call": 0}, "calls per call"),
        ({"max_tokens_per_call": 100}, "tokens per call"),
        ({"max_tokens_per_day": 100}, "tokens per day"),
        ({"max_calls_per_store": 0}, "calls per store"),
        ({"max_tokens_per_store": 8000}, "tokens per store"),
    ],
)
def test_each_ceiling_is_kept_before_the_call(
    server: LocalModelServer, ceilings: dict[str, Any], noted: str
) -> None:
    with _opened(server, ManualClock(), **ceilings) as memory:
        receipt = memory.add("Bob Stone works at Acme.")
        assert (receipt.status, receipt.model_calls) == ("done", 0)
        assert noted in str(receipt.reason)
        assert server.requests == []
        assert memory.stats().spend == ()


def test_the_longest_answer_is_asked_for_when_tokens_are_counted(
    server: LocalModelServer,
) -> None:
    with _opened(server, ManualClock(), max_tokens_per_day=100_000) as memory:
        memory.add(TEXT)
    with _opened(server, ManualClock(), llm_answer_tokens=500) as memory:
        memory.add(TEXT)
    limits = [
        {**request.json}.get("max_tokens") or {**request.json}.get("max_completion_tokens")
        for request in server.requests
    ]
    assert limits == [8192, 500]


def test_calls_of_one_episode_are_counted_jointly(server: LocalModelServer) -> None:
    """A broken answer is asked for once more; with one call for an episode the rules read it."""
    with (
        LocalModelServer(answer=lambda _: Says("no JSON at all")) as broken,
        Memory(
            "memory://", user_id="ada", settings=settings(broken, max_calls_per_call=1)
        ) as memory,
    ):
        receipt = memory.add("Bob Stone works at Acme.")
        assert receipt.status == "done"
        assert "calls per call (1)" in str(receipt.reason)
        assert len(broken.requests) == 1
        assert [one.calls for one in memory.stats().spend] == [1]


def test_money_needs_a_price_that_somebody_checked(
    server: LocalModelServer, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"no price for openai:test-model.*GRAPHMEM_PRICES"):
        _opened(server, ManualClock(), max_money_per_day=1)
    table = tmp_path / "prices.json"
    table.write_text(json.dumps({"models": {MODEL: {"input": 1, "output": 10}}}))
    with pytest.raises(UsageError, match="only an example of a price"):
        _opened(server, ManualClock(), max_money_per_day=1, prices=str(table))
    entry = {"input": 1.0, "output": 10.0, "checked": True}
    table.write_text(json.dumps({"currency": "EUR", "models": {"openai:*": entry}}))
    with _opened(server, ManualClock(), max_money_per_day=0.2, prices=str(table)) as memory:
        assert memory.add(TEXT).model_calls == 1
        (spent,) = memory.stats().spend
        assert spent.cost == pytest.approx(
            (spent.tokens_in + 10 * spent.tokens_out) / 1_000_000, abs=2e-6
        )
    with _opened(server, ManualClock(), max_money_per_day=0.01, prices=str(table)) as memory:
        receipt = memory.add("Bob Stone works at Acme.")
        assert "money per day (0.01)" in str(receipt.reason)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "not json",
        "[" * 100_000,
        '{"models": {"m": {"output": 1}}}',
        '{"models": {"m": {"input": -1}}}',
        '{"models": {"m": {"input": "1"}}}',
        '{"models": {"m": {"input": 1, "checked": "yes"}}}',
        '{"models": {"m": {"input": 1, "dollars": 2}}}',
    ],
)
def test_a_bad_price_table_is_refused(text: str, tmp_path: Path) -> None:
    table = tmp_path / "prices.json"
    table.write_text(text)
    with pytest.raises(UsageError, match="price table"):
        load_prices(str(table))
    with pytest.raises(UsageError, match="cannot be read"):
        load_prices(str(tmp_path / "nowhere.json"))


def test_no_price_that_comes_with_graphmem_is_trusted() -> None:
    table = load_prices()
    assert table.models
    assert not any(price.checked for price in table.models.values())
    assert table.of("ollama:llama3") == table.models["ollama:*"]
    assert table.of("vllm:x") is None


def test_prices_add_up_in_millionths() -> None:
    assert Price(0.25, 2.0).micros(1000, 100) == 450
    assert Price(0.1, 0.0).micros(3, 0) == 1
    assert Price(0.0, 0.0).micros(10, 10) == 0


@pytest.mark.parametrize("per", ["owner", "actor"])
def test_a_ceiling_of_one_user_or_one_key_is_nobody_elses(
    server: LocalModelServer, per: str
) -> None:
    """Of a key whoever it writes for; on the next day there is room again."""
    clock = ManualClock("2026-03-01T10:00:00Z")
    ceilings: dict[str, Any] = {f"max_calls_per_{per}": 1}
    first: Any
    same: Any
    other: Any
    first, same, other = (
        ({"user_id": "ada"}, {"user_id": "ada", "actor": "key-2"}, {"user_id": "eve"})
        if per == "owner"
        else (
            {"user_id": "ada", "actor": "key-1"},
            {"user_id": "eve", "actor": "key-1"},
            {"user_id": "ada", "actor": "key-2"},
        )
    )
    with Memory("memory://", settings=settings(server, **ceilings), clock=clock) as memory:
        assert memory.add(TEXT, **first).model_calls == 1
        stopped = memory.add("Bob Stone works at Acme.", **same)
        assert (stopped.status, stopped.model_calls) == ("done", 0)
        what = "user" if per == "owner" else "actor"
        assert f"calls per {what} and day (1)" in str(stopped.reason)
        assert memory.add("Bob Stone works at Acme.", **other).model_calls == 1
        assert sum(one.calls for one in memory.stats().spend) == 2
        clock.advance(days=1)
        assert memory.add("Carol plays chess.", **same).model_calls == 1


async def _rush(books: list[Ledger]) -> None:
    """Many at once: never more than was allowed."""
    ceilings = (Ceiling("calls", "day", 7), Ceiling("tokens", "store", 10_000))
    charge = Charge("2026-03-01", "m", tenant_digest("w"), calls=1, tokens_in=5, tokens_out=5)
    answers = await asyncio.gather(
        *(book.charge(charge, ceilings) for book in books for _ in range(10))
    )
    assert answers.count(None) == 7
    assert {answer.what for answer in answers if answer} == {"calls"}
    for book in books:
        assert [one.calls for one in await book.charges()] == [7]
        assert [one.calls for one in await book.charges(tenant_digest("w"))] == [7]
        assert await book.charges(tenant_digest("v")) == []
        await book.close()


async def test_many_at_once_share_one_ceiling(tmp_path: Path) -> None:
    book = SqliteLedger(tmp_path / "l.sqlite")
    await book.open()
    await _rush([book])


async def test_two_processes_share_one_ceiling(postgres_url: str) -> None:
    from graphmem.adapters.ledger.postgres.ledger import PostgresLedger

    books: list[Ledger] = [PostgresLedger(f"{postgres_url}?schema=rush") for _ in range(2)]
    for book in books:
        await book.open()
    await _rush(books)


async def test_the_book_in_postgres(postgres_url: str) -> None:
    from graphmem.adapters.ledger.postgres.ledger import PostgresLedger

    book = PostgresLedger(f"{postgres_url}?schema=governor")
    await book.open()
    charge = Charge("2026-03-01", "m", "w", calls=1, tokens_in=5, tokens_out=5, micros=3)
    day = (Ceiling("micros", "day", 6),)
    assert [await book.charge(charge, day) for _ in range(3)] == [None, None, day[0]]
    assert await book.charge(Charge("2026-03-02", "m", "w", calls=1, micros=3), day) is None
    assert (await book.charges("w"))[0] == Charge("2026-03-01", "m", "w", 2, 10, 10, 6)
    assert [one.day for one in await book.charges()] == ["2026-03-01", "2026-03-02"]
    assert await book.charge(charge, (Ceiling("calls", "store", 3),)) is not None
    await book.close()


class _Model:
    """A model that answers, fails, or is cut off in the middle, as it is told."""

    name = MODEL

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error

    async def complete(self, prompt: Prompt) -> Completion:
        if self.error is not None:
            raise self.error
        return Completion("{}", self.name, 10, 20)

    async def close(self) -> None: ...


async def _governor(clock: ManualClock, **ceilings: Any) -> tuple[Governor, SqliteLedger]:
    ledger = SqliteLedger(None)
    await ledger.open()
    given = Settings.load({}, llm_answer_tokens=100, **ceilings)
    return Governor(ledger, clock, given, Prices(), paid=("openai",)), ledger


async def test_a_call_that_was_not_answered_costs_nothing() -> None:
    governor, ledger = await _governor(ManualClock(), max_calls_per_day=5)
    with pytest.raises(ModelError):
        await GovernedLLM(_Model(ModelError("down")), governor).complete(PROMPT)
    assert [(one.calls, one.tokens_in) for one in await ledger.charges()] == [(0, 0)]
    await GovernedLLM(_Model(), governor).complete(PROMPT)
    assert [(one.calls, one.tokens_in, one.tokens_out) for one in await ledger.charges()] == [
        (1, 10, 20)
    ]
    await ledger.close()


async def test_what_was_booked_for_a_call_that_never_ended_stays_booked() -> None:
    governor, ledger = await _governor(ManualClock(), max_calls_per_day=1)
    with pytest.raises(asyncio.CancelledError):
        await GovernedLLM(_Model(asyncio.CancelledError()), governor).complete(PROMPT)
    with pytest.raises(BudgetExceeded, match="calls per day"):
        await GovernedLLM(_Model(), governor).complete(PROMPT)
    await ledger.close()


class _Embedder:
    name = "openai:embedding"
    kept = True

    async def size(self) -> int:
        return 2

    async def embed(self, texts: Any, kind: str) -> Any:
        return [[1.0, 0.0] for _ in texts]

    async def close(self) -> None: ...


async def test_embedding_that_is_paid_for_counts_too() -> None:
    governor, ledger = await _governor(ManualClock("2026-03-01"), max_calls_per_day=2)
    assert governor.counts("openai:embedding")
    assert not governor.counts("wordllama:x")
    embedder = GovernedEmbedder(_Embedder(), governor)
    await embedder.embed(["one", "two"], "document")
    await embedder.embed(["three"], "query")
    with pytest.raises(BudgetExceeded):
        await embedder.embed(["four"], "query")
    (spent,) = await ledger.charges("")
    assert (spent.model, spent.calls, spent.tokens_in) == ("openai:embedding", 2, 4)
    await ledger.close()


async def test_spend_is_moved_with_the_ledger(server: LocalModelServer) -> None:
    memory = await open_memory("memory://", user_id="ada", settings=settings(server))
    await memory.add(TEXT)
    ledger = memory._parts.ledger
    rows, _ = await ledger.rows("spend", None, 100)
    whose = tenant_digest((await memory._scope({})).tenant)
    assert {row["tenant"] for row in rows} == {whose, f"*{whose}", "*"}
    assert not any("ada" in str(row["tenant"]) for row in rows)
    assert isinstance((await memory.stats()).spend[0], Spend)
    await memory.close()
