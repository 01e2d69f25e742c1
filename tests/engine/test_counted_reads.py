"""Counts of reads: all but the last buffer of them outlive a process that is killed."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import threading
from pathlib import Path
from typing import cast

import pytest

from graphmem import Memory, open_memory
from graphmem.adapters.ledger.sql.ledger import SqlLedger
from graphmem.adapters.ledger.sqlite.database import SqliteDatabase
from graphmem.engine import counts_and_titles
from graphmem.engine.counts_and_titles import MOST_UNWRITTEN, UseCounter
from graphmem.errors import Unavailable
from graphmem.testing.faults import Fault, faulty
from tests.engine.helpers import child, child_environment

READ = MOST_UNWRITTEN + 44
_READING = """
import sys, time
from graphmem import Memory

memory = Memory(sys.argv[1], user_id="ada")
memory.add_many([f"Line {n} of the book." for n in range(int(sys.argv[2]))], infer=False)
ids = [fact.id for fact in memory.get_all(limit=1000).items]
for id in ids:
    memory.get(id)
until = time.monotonic() + 60
while not memory.get(ids[0]).access_count and time.monotonic() < until:
    time.sleep(0.05)
for id in ids[1:11]:
    memory.get(id)
print("ready", flush=True)
time.sleep(600)
"""


def test_all_but_the_last_buffer_survive_a_kill(tmp_path: Path) -> None:
    process = subprocess.Popen(
        child(_READING, str(tmp_path / "m"), str(READ)),
        stdout=subprocess.PIPE,
        env=child_environment(),
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    with Memory(tmp_path / "m", user_id="ada") as memory:
        counts = [
            memory.get(fact.id).access_count or 0 for fact in memory.get_all(limit=1000).items
        ]
        assert memory.verify().ok
    assert len(counts) == READ
    assert sum(counts) >= MOST_UNWRITTEN, "what was written is there"
    assert READ + 10 - sum(counts) <= MOST_UNWRITTEN, "no more than a buffer of them is lost"
    assert max(counts) <= 2


async def test_what_is_being_written_when_it_is_closed_counts_once(tmp_path: Path) -> None:
    """The ledger is busy with something else: the counts wait for it, then comes the closing."""
    busy = threading.Event()
    async with await open_memory(tmp_path / "m", user_id="ada") as memory:
        await memory.add_many([f"Line {n} of it." for n in range(MOST_UNWRITTEN)], infer=False)
        ids = [fact.id for fact in (await memory.get_all(limit=1000)).items]
        database = cast(SqlLedger, memory._parts.ledger)._db
        cast(SqliteDatabase, database)._writer.submit(busy.wait, 60)
        for id in ids:  # as many as are written at once
            await memory.get(id)
        for _ in range(20):
            await asyncio.sleep(0.01)
        closing = asyncio.create_task(memory.close())
        await asyncio.sleep(0.1)
        busy.set()
        await closing
    async with await open_memory(tmp_path / "m", user_id="ada") as memory:
        counts = [(await memory.get(id)).access_count for id in ids]
    assert counts == [1] * MOST_UNWRITTEN


async def test_a_ledger_that_never_answers_does_not_keep_it_from_closing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts_and_titles, "_PATIENCE_S", 0.1)
    async with await open_memory(tmp_path / "m", user_id="ada") as memory:
        await memory.add("Salt is white.", infer=False)
        (fact,) = (await memory.get_all()).items
        ledger, clock = memory._parts.ledger, memory._parts.clock
        fault = Fault("never", 1, Unavailable("the ledger does not answer"))
        counter = UseCounter(faulty(ledger, fault), clock, counting=True)
        counter.note([fact.id])
        fault.arm()
        writing = asyncio.create_task(counter.flush())
        await asyncio.sleep(0)
        writing.cancel()
        async with asyncio.timeout(10):
            with pytest.raises(asyncio.CancelledError):
                await writing
            await counter.close()  # what could not be written was kept
        assert (await memory.get(fact.id)).access_count == 1
