"""24 threads and 200 tasks on one folder, killed again and again: nothing lost, nothing doubled.

``GRAPHMEM_FUZZ=50`` makes it five minutes; ``-s`` prints what was done and how long reads took.
"""

from __future__ import annotations

import json
import math
import random
import sqlite3
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from graphmem import Memory
from graphmem.settings import LEDGER_FILE
from tests.engine.helpers import child, child_environment
from tests.faults.sizes import FUZZ, SEED

_SECONDS = 6.0
_USERS = 20

_CROWD = """
import asyncio, itertools, json, os, sys, threading, time
from graphmem import Memory

folder, life = sys.argv[1:]
again = json.loads(sys.stdin.readline())  # what nobody answered in the life before
memory = Memory(folder)

def noted(line):
    os.write(1, (line + "\\n").encode())  # one write: lines of many threads stay whole

def told(key):
    number, user = int(key.rpartition("-")[2]), key.partition("-")[0]
    text = f"Person {key} lives in Oslo." if number % 3 else f"Note {key}."
    options = {"user_id": user, "idempotency_key": key, "infer": number % 3 != 0}
    return text, {**options, "wait": number % 2 == 0}

def keys(worker):
    yield from again[worker::224]
    for number in itertools.count():
        yield f"u{worker % 20}-{life}-{worker}-{number}"

async def task(worker, engine):
    for turn, key in enumerate(keys(worker)):
        text, options = told(key)
        noted(f"try {key}")
        receipt = await engine.add(text, **options)
        noted(f"ack {key} {receipt.status}")
        if turn % 4 == 1:
            began = time.perf_counter()
            found = await engine.search(text, user_id=options["user_id"], limit=3)
            noted(f"read {time.perf_counter() - began}")
            assert any(key in hit.text for hit in found), f"not read after it was written: {key}"

def thread(worker):
    for turn, key in enumerate(keys(worker)):
        text, options = told(key)
        noted(f"try {key}")
        receipt = memory.add(text, **options)
        noted(f"ack {key} {receipt.status}")
        if turn % 4 == 1:
            began = time.perf_counter()
            found = memory.search(text, user_id=options["user_id"], limit=3)
            noted(f"read {time.perf_counter() - began}")
            assert any(key in hit.text for hit in found), f"not read after it was written: {key}"

def guarded(work, *arguments):
    try:
        work(*arguments)
    except BaseException as error:
        noted(f"error {error!r}")
        os._exit(1)

async def tasks():
    await asyncio.gather(*(task(worker, memory._async) for worker in range(24, 224)))

noted("open")
for worker in range(24):
    threading.Thread(target=guarded, args=(thread, worker), daemon=True).start()
guarded(memory._loop_thread.call, tasks())
"""


@dataclass
class Noted:
    """What the crowds said."""

    tried: set[str] = field(default_factory=set)
    acknowledged: set[str] = field(default_factory=set)
    reads: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def take(self, line: str) -> None:
        what, _, rest = line.strip().partition(" ")
        if what == "try":
            self.tried.add(rest)
        elif what == "ack":
            self.acknowledged.add(rest.partition(" ")[0])
        elif what == "read":
            self.reads.append(float(rest))
        elif what == "error":
            self.errors.append(rest)


def live(folder: Path, life: int, seconds: float, noted: Noted) -> None:
    """One process, killed after so many seconds of work."""
    with subprocess.Popen(
        child(_CROWD, str(folder), str(life)),
        env=child_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(sorted(noted.tried - noted.acknowledged)) + "\n")
        process.stdin.flush()
        assert process.stdout.readline() == "open\n"
        timer = threading.Timer(seconds, process.kill)
        timer.start()
        for line in process.stdout:
            if line.endswith("\n"):
                noted.take(line)
        timer.cancel()
        process.kill()


def percentile(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, math.ceil(part * len(values)) - 1)]


@pytest.mark.timeout(1800)
def test_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    rng, noted, folder = random.Random(SEED), Noted(), tmp_path / "m"
    left, life = _SECONDS * FUZZ, 0
    while left > 0 or not noted.reads:
        # a machine that is too busy to read anything in this time is given longer lives
        seconds = rng.uniform(1, 3) if left > 0 and FUZZ <= 1 else rng.uniform(2, 15)
        live(folder, life, seconds, noted)
        left, life = left - seconds, life + 1
        assert not noted.errors, noted.errors[:3]
    with Memory(folder) as memory:
        for number in range(_USERS):
            memory.resume(user_id=f"u{number}")
        stats = memory.stats()
        assert stats.pending == 0
        found = memory.verify()
        assert found.ok, found.differences[:5]
    with sqlite3.connect(folder / LEDGER_FILE) as ledger:
        rows = ledger.execute(
            "SELECT idempotency_key, content, name FROM episodes JOIN users ON pseudonym = user_id"
        ).fetchall()
        twice = ledger.execute(
            "SELECT tenant, text_key FROM facts WHERE retired_at IS NULL "
            "GROUP BY tenant, text_key HAVING count(*) > 1"
        ).fetchall()
    ledger.close()
    stored = [key for key, _, _ in rows]
    assert noted.acknowledged <= set(stored), "nothing that was acknowledged is lost"
    assert len(set(stored)) == len(stored) == len({content for _, content, _ in rows})
    assert set(stored) <= noted.tried
    assert all(key.partition("-")[0] == name for key, _, name in rows)
    assert not twice, "no fact is believed twice"
    notes = [key for key in stored if int(key.rpartition("-")[2]) % 3 == 0]
    assert stats.facts >= len(notes) > 0
    sys.stdout.write(
        f"\n{life} kills, {len(noted.acknowledged):,} acknowledged, {len(stored):,} stored, "
        f"{stats.facts:,} facts; {len(noted.reads):,} reads: "
        f"p50 {percentile(noted.reads, 0.5):.3f} s, p99 {percentile(noted.reads, 0.99):.3f} s\n"
    )
