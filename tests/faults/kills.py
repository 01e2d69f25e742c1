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
    """So many processes killed, each in the middle of an operation on a copy of the store."""
    found = Kills()
    turn = 0
    while found.survived.total() + len(found.lost) + len(found.differences) < count:
        operation = named(names[turn % len(names)])
        turn += 1
        try:
            if await _one(faults, operation, rng):
                found.survived[operation.name] += 1
        except Broken as error:
            (found.lost if error.lost else found.differences).append(f"{operation.name}: {error}")
    return found


async def _one(faults: Faults, operation: Operation, rng: random.Random) -> bool:
    """Whether the process was killed: now and then it is done before. :class:`Broken` when what is
    there is not what should be."""
    expected = await faults.expected(operation)
    folder = faults.copied()
    try:
        child = Child(folder, faults.server_url, Case(operation.name, "ledger", "kill", 0))
        if rng.random() < 0.9:
            # "open" or, where it cannot be opened, the end of the pipe.
            await asyncio.to_thread(child.pipe.poll, 30)
            # Most of it is over soon: graph and vectors, and closing, take the rest.
            most = expected.took_s if rng.random() < 0.5 else expected.took_s / 10
        else:
            most = _OPENING_S
        await asyncio.sleep(rng.random() * most)
        child.process.kill()
        failed = await asyncio.to_thread(child.end)
        await faults.outcome(operation, folder, failed)
    except Broken:
        raise
    except Exception as error:
        raise Broken(f"{type(error).__name__}: {error}") from error
    finally:
        shutil.rmtree(folder)
    return child.process.exitcode == -signal.SIGKILL
