"""One of several processes that write a ledger at once: ``writer URL NAME COUNT``.

Each text has a key that another process may use too. Every episode is committed with one fact,
decided again as long as somebody else was first. It opens, says so, waits for a line of
input (or its end) and begins. What was acknowledged is printed, a line each.
"""

from __future__ import annotations

import asyncio
import sys

from graphmem.adapters.ledger.postgres.ledger import PostgresLedger
from graphmem.clock import SystemClock
from graphmem.errors import Conflict, Unavailable
from graphmem.ingest.make_episode import build_episode
from graphmem.model import Decision, Fact, Scope, Source
from graphmem.ports.ledger import Commit

ADA = Scope(user_id="ada")


async def write(url: str, name: str, count: int) -> None:
    clock = SystemClock()
    ledger = PostgresLedger(url)
    await ledger.open()
    say("opened")
    sys.stdin.readline()
    for number in range(count):
        shared = number % 3 == 0
        key = f"shared {number}" if shared else f"{name} {number}"
        options = {"idempotency_key": key}
        episode = build_episode(f"{key}\n\nsecond part", options, ADA, clock, max_bytes=1000)
        (kept,) = await ledger.journal([episode], 0)
        say(f"journalled {kept.id} {key}")
        fact = Fact(
            id=clock.new_id(),
            scope=ADA,
            text=key,
            recorded_at=clock.now(),
            sources=(Source(kept.id, kept.turns[0].id),),
        )
        while True:
            state = await ledger.tenant_state(ADA.tenant, [kept.id])
            if state.statuses[kept.id] == "done":
                break
            commit = Commit(kept, (Decision("ADD", "new", after=fact),))
            try:
                await ledger.commit([commit], since={ADA.tenant: state.seq})
            except Conflict:
                continue
            except Unavailable as error:
                say(f"unavailable {error}")
                continue
            say(f"committed {kept.id} {fact.id}")
            break
    await ledger.close()


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1], sys.argv[2], int(sys.argv[3])))
