"""A process that holds a name of a store until it is killed: ``holder URL``."""

from __future__ import annotations

import asyncio
import sys

from graphmem.adapters.ledger.postgres.ledger import PostgresLedger


async def hold(url: str) -> None:
    ledger = PostgresLedger(url)
    await ledger.open()
    async with ledger.named_lock("projector"):
        sys.stdout.write("held\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(hold(sys.argv[1]))
