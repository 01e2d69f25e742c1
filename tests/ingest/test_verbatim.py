"""A text kept as it is: the short way and the way through the fold come to the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphmem.adapters.ledger.sql.steps import Fetch, ResultRows
from graphmem.adapters.ledger.sqlite.ledger import SqliteLedger
from graphmem.adapters.ledger.sqlite.runner import StepRunner
from graphmem.clock import ManualClock
from graphmem.ingest.make_episode import build_episode
from graphmem.ingest.pipeline import Ingest
from graphmem.model import Episode, Fact, Receipt, Scope, Statement
from graphmem.ports.ledger import FactQuery, StatementQuery
from tests.belief.bench import Scripted

ADA = Scope(user_id="ada", agent_id="bot", run_id="r1")
BOB = Scope(user_id="bob")
OPTIONS: dict[str, Any] = {
    "infer": False,
    "occurred_at": "2024-05-17T10:00:00Z",
    "expires_at": "2030-01-01",
    "importance": 0.9,
    "metadata": {"a": [1, None, {}], "b": {}},
    "tags": ["x", "y"],
    "memory_type": "episodic",
}


async def both(contents: list[tuple[Any, Scope, dict[str, Any]]]) -> list[list[Any]]:
    """What two ledgers hold that were told the same, one the short way, one the long way."""
    ledgers = []
    for short in (True, False):
        ledger = SqliteLedger(None)
        await ledger.open()
        clock = ManualClock("2026-01-01")
        ingest = Ingest(ledger, Scripted(), clock, duplicate_window_s=0, at_once=1)
        receipts: list[Receipt] = []
        episodes = [
            build_episode(content, options, scope, clock, max_bytes=10_000)
            for content, scope, options in contents
        ]
        if short:
            receipts += await ingest.add(episodes)
        else:
            stored = await ledger.journal(episodes, 0)
            receipts += await ingest.resume(list({one.id: one for one in stored}.values()))
        ledgers.append(await _contents(ledger, receipts))
        await ledger.close()
    return ledgers


async def _contents(ledger: SqliteLedger, receipts: list[Receipt]) -> list[Any]:
    """Everything that it holds and said, with ids and times of recording by their order."""
    found: list[Any] = []
    for scope in (ADA, BOB):
        stated = await ledger.statements(
            StatementQuery(scope.tenant, scope=Scope(user_id=scope.user_id))
        )
        episodes = {e.id: n for n, e in enumerate(await ledger.episodes(scope))}
        turns = {t.id: t.ordinal for e in await ledger.episodes(scope) for t in e.turns}
        facts = await ledger.facts(FactQuery(scope.tenant))
        statements = sorted(stated.statements, key=lambda s: (episodes[s.episode_id], s.ordinal))
        ids = {s.id: n for n, s in enumerate(statements)}
        found.append([_plain_statement(s, episodes, turns) for s in statements])
        found.append(
            sorted((_plain_fact(f, episodes, turns, ids) for f in facts), key=lambda f: repr(f))
        )
        found.append([(e.status, e.reason, e.content) for e in await ledger.episodes(scope)])
    found.append(
        sorted([d.action, d.reason] for r in receipts if r.status == "done" for d in r.decisions)
    )
    events = await ledger.events(0, 10_000)
    found.append(sorted((e.kind, e.action, e.tenant) for e in events))
    return found


def _plain_statement(s: Statement, episodes: dict[str, int], turns: dict[str, int]) -> Any:
    sources = [(episodes[x.episode_id], turns[x.turn_id or ""], x.agent_id) for x in s.sources]
    return replace(s, id="", episode_id="", sources=()), episodes[s.episode_id], sources


def _plain_fact(
    f: Fact, episodes: dict[str, int], turns: dict[str, int], ids: dict[str, int]
) -> Any:
    sources = [(episodes[x.episode_id], turns[x.turn_id or ""], x.run_id) for x in f.sources]
    when = ManualClock("2026-01-01").now()
    bare = replace(f, id="", sources=(), statement_ids=(), recorded_at=when)
    return bare, sources, [ids[id] for id in f.statement_ids], ids[f.id]


@pytest.mark.parametrize(
    "content",
    [
        "Ada likes tea",
        "One paragraph.\n\nAnother one.",
        "!!!",
        [{"role": "user", "content": "One."}, {"role": "assistant", "content": "Two."}],
        [{"role": "user", "content": "Same."}, {"role": "user", "content": "same"}],
        [{"role": "user", "name": "Eve", "content": "Hi", "occurred_at": "2024-01-01"}],
    ],
)
async def test_both_ways_come_to_the_same(content: Any) -> None:
    short, long = await both([(content, ADA, OPTIONS), (content, BOB, {"infer": False})])
    assert short == long
    assert len(short[0]) >= 1


_TEXTS = st.sampled_from(["Tea is good", "tea  is GOOD!", "Rain today", "Rain  today.", "No"])
_CONTENTS = st.one_of(_TEXTS, st.lists(st.builds(lambda t: {"content": t}, _TEXTS), min_size=1))


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(_CONTENTS, st.sampled_from([ADA, BOB]), st.integers(1, 28)),
        min_size=1,
        max_size=8,
    )
)
async def test_whatever_is_stated_again(added: list[tuple[Any, Scope, int]]) -> None:
    stated = [
        (content, scope, {"infer": False, "occurred_at": f"2024-02-{day:02}"})
        for content, scope, day in added
    ]
    short, long = await both(stated)
    # Which of the repeats came first decides about ids, reasons and the order of decisions only.
    assert [texts(part) for part in short[:6]] == [texts(part) for part in long[:6]]


def texts(part: list[Any]) -> list[str]:
    return sorted(repr(one[:2]) for one in part)


async def test_it_is_done_with_the_journal() -> None:
    """One transaction; a sentence that was heard goes the way of decisions."""
    ledger = SqliteLedger(None)
    await ledger.open()
    clock = ManualClock("2026-01-01")
    ingest = Ingest(ledger, Scripted(), clock, duplicate_window_s=0, at_once=1)

    def episode(text: str) -> Episode:
        return build_episode(text, {"infer": False}, BOB, clock, max_bytes=100)

    (first,) = await ingest.add([episode("Tea is good")])
    assert (first.status, [d.action for d in first.decisions]) == ("done", ["ADD"])
    assert first.model_calls == 0
    clock.advance(days=1)
    again, other = await ingest.add([episode("tea is GOOD"), episode("Rain today")])
    assert [(d.action, d.reason) for d in again.decisions] == [("NONE", "said again")]
    assert [d.action for d in other.decisions] == ["ADD"]
    facts = await ledger.facts(FactQuery(BOB.tenant))
    assert [(f.text, len(f.sources)) for f in facts] == [("Tea is good", 2), ("Rain today", 1)]
    await ledger.close()


async def test_a_chunk_asks_as_much_as_one_episode(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was told before, came last and was heard is asked for all of a chunk together, and
    each gets the answer that is its own."""
    asked: list[str] = []
    answer = StepRunner.fetch

    def counted(self: StepRunner, fetch: Fetch) -> ResultRows:
        asked.append(fetch.name)
        return answer(self, fetch)

    monkeypatch.setattr(StepRunner, "fetch", counted)
    ledger = SqliteLedger(None)
    await ledger.open()
    clock = ManualClock("2026-01-01")

    def stated(user: str, text: str, key: str | None) -> Episode:
        options = {"infer": False, "occurred_at": "2024-01-01", "idempotency_key": key}
        return build_episode(text, options, Scope(user_id=user), clock, max_bytes=100)

    first = [stated(f"u{n % 3}", f"text {n}", f"k{n}" if n % 2 else None) for n in range(12)]
    await ledger.journal(first, 0)
    asked.clear()
    again = [stated(f"u{n % 3}", f"text {n}", f"k{n}" if n % 2 else None) for n in range(12)]
    other = [stated(f"u{(n + 1) % 3}", f"text {n}", f"k{n}" if n % 2 else None) for n in range(12)]
    stored = await ledger.journal([*again, *other], 0)
    assert [e.id for e in stored[:12]] == [e.id for e in first]
    assert [e.id for e in stored[12:]] == [e.id for e in other]
    assert [e.previous_id for e in stored[12:15]] == [first[n].id for n in (10, 11, 9)]
    # One run of 24, for none of them repeats another of its place.
    names = ["last_episode", "users_under", "same_key", "same_content"]
    names += ["episodes_by_id", "turns_of_episodes"]
    assert [name for name in asked if name != "statuses"] == names
    await ledger.close()


async def test_what_several_tenants_hear_again_is_one_transaction() -> None:
    ledger = SqliteLedger(None)
    await ledger.open()
    clock = ManualClock("2026-01-01")
    ingest = Ingest(ledger, Scripted(), clock, duplicate_window_s=0, at_once=1)

    def all_say(text: str) -> list[Episode]:
        return [
            build_episode(text, {"infer": False}, Scope(user_id=f"u{n}"), clock, max_bytes=100)
            for n in range(5)
        ]

    await ingest.add(all_say("Tea is good"))
    clock.advance(days=1)
    before = await ledger.head()
    transactions = 0
    commit = ledger.commit

    async def counted(*given: Any, **options: Any) -> int:
        nonlocal transactions
        transactions += 1
        return await commit(*given, **options)

    ledger.commit = counted  # type: ignore[method-assign]
    receipts = await ingest.add(all_say("tea  is GOOD!"))
    assert [[d.reason for d in r.decisions] for r in receipts] == [["said again"]] * 5
    assert transactions == 1
    events = await ledger.events(before, 100)
    assert [e.kind for e in events] == ["episode"] * 5 + ["fact"] * 5
    assert len({e.tenant for e in events}) == 5
    await ledger.close()
