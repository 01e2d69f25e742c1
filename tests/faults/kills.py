"""Processes killed at random moments of an operation; what is there when the store is opened."""

from __future__ import annotations

import asyncio
import random
import shutil
import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.faults.matrix import Broken, Case, Child, Faults
from tests.faults.workload import MOVES, OPERATIONS, Operation, named

_READS = frozenset({"search, context", "paths, cypher", "as_of, diff", "verify"})
KILLED_WRITES = tuple(one.name for one in (*OPERATIONS, *MOVES) if one.name not in _READS)
_OPENING_S = 0.25
_MOST_IN_A_ROW = 3
"""Kills before somebody looks: what the first left is being put right when the next comes."""


@dataclass(slots=True)
class Kills:
    """What became of them."""

    survived: Counter[str] = field(default_factory=Counter)
    """By operation."""
    lost: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.survived.total()} kills survived, lost={len(self.lost)}, "
            f"differences={len(self.differences)}"
        )


async def kill_at_random(
    faults: Faults, count: int, rng: random.Random, names: Sequence[str] = KILLED_WRITES
) -> Kills:
    """At least so many processes killed, each in the middle of an operation on a copy of the store,
    or while it opens what the one before left."""
    found = Kills()
    turn = 0
    while found.survived.total() + len(found.lost) + len(found.differences) < count:
        operation = named(names[turn % len(names)])
        turn += 1
        try:
            found.survived[operation.name] += await _one(faults, operation, rng)
        except Broken as error:
            (found.lost if error.lost else found.differences).append(f"{operation.name}: {error}")
    return found


async def _one(faults: Faults, operation: Operation, rng: random.Random) -> int:
    """How many processes were killed: now and then one is done before. The caller makes the call
    again after each, until it is acknowledged. :class:`Broken` when what is there in the end is not
    what should be."""
    took_s = (await faults.expected(operation)).took_s
    folder = faults.copied()
    failed: str | None = "never begun"
    kills = 0
    try:
        for _ in range(rng.randint(1, _MOST_IN_A_ROW)):
            what = operation if failed is not None else named("open and close")
            child = Child(folder, faults.server_url, Case(what.name, "ledger", "kill", 0))
            await _kill(child, took_s, rng)
            said = await asyncio.to_thread(child.end)
            kills += child.process.exitcode == -signal.SIGKILL
            failed = said if failed is not None else None
            if failed is None and operation.model:
                break  # opened without its model, the rest would be done by rules
        await faults.outcome(operation, folder, failed)
    except Broken:
        raise
    except Exception as error:
        raise Broken(f"{type(error).__name__}: {error}") from error
    finally:
        shutil.rmtree(folder)
    return kills


async def _kill(child: Child, took_s: float, rng: random.Random) -> None:
    if rng.random() < 0.9:
        # "open" or, where it cannot be opened, the end of the pipe.
        await asyncio.to_thread(child.pipe.poll, 30)
        # Most of it is over soon: graph and vectors, and closing, take the rest.
        most = took_s if rng.random() < 0.5 else took_s / 10
    else:
        most = _OPENING_S
    await asyncio.sleep(rng.random() * most)
    child.process.kill()
