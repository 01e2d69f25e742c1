"""Limits on calls, tokens and memories, and what a refusal says."""

from __future__ import annotations

import asyncio
import time

import pytest

from graphmem.access import Limits, Principal
from graphmem.adapters.ledger.postgres.ledger import PostgresLedger
from graphmem.clock import ManualClock
from graphmem.errors import LimitExceeded, UsageError
from graphmem.ingest.make_episode import build_episode
from graphmem.model import Scope
from tests.access.conftest import OURS, THEIRS, Gate
from tests.adapters.ledger.conftest import fresh_schema, opened


async def limited(gate: Gate, **limits: int) -> Principal:
    made = await gate.administration.add_key(OURS, "k", limits=Limits(**limits))
    return await gate.access.authenticate(made.secret)


async def admitted(gate: Gate, principal: Principal, number: int) -> int:
    count = 0
    for _ in range(number):
        try:
            await gate.access.admit(principal, "search")
        except LimitExceeded:
            continue
        count += 1
    return count


@pytest.mark.parametrize("per_minute", [1, 7, 60, 600, 3_456])
async def test_a_rate_is_held_over_any_time(gate: Gate, per_minute: int) -> None:
    principal = await limited(gate, calls_per_minute=per_minute)
    burst = max(1, per_minute // 60)
    seconds, step = 300, 60 / per_minute / 3
    count = 0
    while gate.seconds[0] < seconds:
        count += await admitted(gate, principal, 1)
        gate.seconds[0] += step
    most = burst + per_minute * seconds / 60
    assert most * 0.98 - 2 <= count <= most + 1


async def test_a_burst_is_let_in_at_once(gate: Gate) -> None:
    principal = await limited(gate, calls_per_minute=60, burst=20)
    assert await admitted(gate, principal, 50) == 20
    gate.seconds[0] += 5
    assert await admitted(gate, principal, 50) == 5
    gate.seconds[0] += 3600
    assert await admitted(gate, principal, 50) == 20


async def test_a_refusal_says_when_it_is_good_again(gate: Gate) -> None:
    principal = await limited(gate, calls_per_minute=30, burst=2)
    first = await gate.access.admit(principal, "search")
    assert (first.limit, first.remaining) == (30, 1)
    await gate.access.admit(principal, "search")
    with pytest.raises(LimitExceeded) as refused:
        await gate.access.admit(principal, "search")
    assert refused.value.limit == 30
    assert 1 < refused.value.retry_after_s <= 2
    gate.seconds[0] += refused.value.retry_after_s - 0.01
    assert await admitted(gate, principal, 1) == 0
    gate.seconds[0] += 0.01
    assert await admitted(gate, principal, 2) == 1
    unlimited = await gate.principal("reader")
    assert (await gate.access.admit(unlimited, "search")).limit is None


async def test_an_organisations_keys_share_its_limits_and_no_others_do(gate: Gate) -> None:
    await gate.administration.set_limits(OURS, Limits(calls_per_minute=600))
    keys = [await gate.principal("reader") for _ in range(3)]
    assert [await admitted(gate, key, 8) for key in keys] == [8, 2, 0]
    theirs = await gate.principal("reader", THEIRS)
    assert await admitted(gate, theirs, 100) == 100


async def test_a_day_has_so_many_calls(gate: Gate) -> None:
    await gate.administration.set_limits(OURS, Limits(calls_per_day=10))
    principal = await gate.principal("reader")
    assert await admitted(gate, principal, 20) == 10
    with pytest.raises(LimitExceeded, match="10 calls a day") as refused:
        await gate.access.admit(principal, "search")
    gate.clock.advance(seconds=refused.value.retry_after_s - 1)
    assert await admitted(gate, principal, 1) == 0
    gate.clock.advance(seconds=2)
    assert await admitted(gate, principal, 20) == 10


async def test_a_process_begun_anew_goes_on_with_the_day(gate: Gate) -> None:
    principal = await limited(gate, calls_per_day=10, tokens_per_day=100)
    for _ in range(7):
        await gate.access.admit(principal, "search")
        await gate.access.record(principal, "search", tokens_in=5, tokens_out=5)
    await gate.access.flush()
    second = Gate(gate.ledger, gate.clock)
    assert await admitted(second, principal, 10) == 3
    await second.access.record(principal, "add", tokens_in=30)
    with pytest.raises(LimitExceeded, match="100 tokens a day"):
        await second.access.admit(principal, "search")
    await second.access.close()


async def test_memories_are_counted_with_what_is_stored(gate: Gate) -> None:
    await gate.administration.set_limits(OURS, Limits(memories=3))
    principal = await gate.principal("writer")
    for n in range(2):
        scope = Scope("acme/default" if n else "acme/research", agent_id="bot")
        made = build_episode(f"text {n}", {}, scope, gate.clock, max_bytes=100)
        await gate.ledger.journal([made], 0)
    await gate.access.admit(principal, "search")
    with pytest.raises(LimitExceeded, match="3 memories, and has 2"):
        await gate.access.admit(principal, "add_many", memories=2)
    await gate.access.admit(principal, "add")
    await gate.access.record(principal, "add", memories=1, reserved=1)
    with pytest.raises(LimitExceeded, match="has 3: delete"):
        await gate.access.admit(principal, "add")
    await gate.access.admit(principal, "delete")
    theirs = await gate.principal("writer", THEIRS)
    await gate.access.admit(theirs, "add")


async def test_calls_at_the_same_time_share_the_room_for_memories(gate: Gate) -> None:
    """What was let in and is not recorded yet counts; what came to nothing counts no more."""
    await gate.administration.set_limits(OURS, Limits(memories=3))
    principal = await gate.principal("writer")
    admit = gate.access.admit
    found = await asyncio.gather(
        *(admit(principal, "add") for _ in range(10)), return_exceptions=True
    )
    assert sum(isinstance(one, LimitExceeded) for one in found) == 7
    for _ in range(3):
        await gate.access.record(principal, "add", reserved=1)  # known already: nothing was added
    assert (await admit(principal, "add_many", memories=3)).memories == 3
    with pytest.raises(LimitExceeded, match="has 3"):
        await admit(principal, "add")
    await gate.access.record(principal, "add_many", reserved=3, memories=1)
    few = await limited(gate, calls_per_day=1)
    await admit(few, "search")
    for _ in range(5):
        with pytest.raises(LimitExceeded, match="calls a day"):
            await admit(few, "add", memories=2)
    assert (await admit(principal, "add_many", memories=2)).memories == 2


def test_limits_are_whole_numbers() -> None:
    for bad in (-1, 0, 1.5, True, "3"):
        with pytest.raises(UsageError, match="calls_per_minute"):
            Limits(calls_per_minute=bad)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="unknown limits: calls"):
        Limits.from_json({"calls": 3})


async def test_many_workers_hold_a_limit_together(postgres_url: str) -> None:
    """Two workers as fast as they can, some together: what they let in is the rate, within 2 %."""
    per_minute, seconds = 3_000, 4.0
    with fresh_schema(postgres_url) as url:
        async with opened(PostgresLedger(url)) as one, opened(PostgresLedger(url)) as two:
            gates = [Gate(ledger, ManualClock(), shared=True) for ledger in (one, two)]
            await gates[0].administration.add_organisation(OURS)
            limits = Limits(calls_per_minute=per_minute, calls_per_day=100_000)
            await gates[0].administration.set_limits(OURS, limits)
            principal = await gates[0].principal("reader")
            counts = [0, 0]

            async def hammer(n: int) -> None:
                while time.monotonic() < end:
                    try:
                        await gates[n].access.admit(principal, "search")
                    except LimitExceeded as refused:
                        await asyncio.sleep(min(refused.retry_after_s, 0.002))
                    else:
                        counts[n] += 1

            begun = time.monotonic()
            end = begun + seconds
            await asyncio.gather(*(hammer(n % 2) for n in range(8)))
            taken = time.monotonic() - begun
            await gates[0].access.close()
            await gates[1].access.close()
    most = per_minute / 60 * (1 + taken)
    assert min(counts) > 0
    assert 0.98 * most <= sum(counts) <= 1.02 * most, f"{sum(counts)} of {most:.0f}"


async def test_many_workers_hold_a_quota_together(postgres_url: str) -> None:
    with fresh_schema(postgres_url) as url:
        async with opened(PostgresLedger(url)) as one, opened(PostgresLedger(url)) as two:
            gates = [Gate(ledger, ManualClock(), shared=True) for ledger in (one, two)]
            await gates[0].administration.add_organisation(OURS)
            await gates[0].administration.set_limits(OURS, Limits(calls_per_day=100))
            principal = await gates[0].principal("reader")
            found = await asyncio.gather(*(admitted(gate, principal, 80) for gate in gates))
    assert sum(found) == 100
