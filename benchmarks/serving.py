"""How a server holds up: many clients at once, three reads to one write, and a kill in the middle.

``python -m benchmarks.serving --clients 50 --seconds 60`` starts ``graphmem serve`` on a folder of
its own, asks it for so long, kills it, opens the folder and looks for everything that was
acknowledged. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graphmem import Memory
from graphmem.client import AsyncRemoteMemory
from graphmem.errors import GraphmemError
from graphmem.wiring.places import ServerAt, server_at

_NAMES = ("Ada", "Bob", "Carol", "Dora", "Eve", "Frank", "Grace", "Hana")
_PLACES = ("Oslo", "Lisbon", "Rome", "Paris", "Acme", "Bolt", "Kyoto", "Quito")


@dataclass
class Seen:
    """What the clients saw: how long each call took, what was acknowledged, what failed."""

    reads_s: list[float] = field(default_factory=list)
    writes_s: list[float] = field(default_factory=list)
    episodes: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)


async def client(server: ServerAt, number: int, ends: float, seen: Seen) -> None:
    """One caller: three reads, one write, until the time is over."""
    pick = random.Random(number)
    options: dict[str, Any] = {"api_key": server.key, "user_id": f"user-{number}", "attempts": 1}
    async with AsyncRemoteMemory(server.url, **options) as memory:
        done = 0
        while time.monotonic() < ends:
            name, place = pick.choice(_NAMES), pick.choice(_PLACES)
            began = time.monotonic()
            try:
                if done % 4 == 3:
                    receipt = await memory.add(f"{name} Stone{done} likes {place}.")
                    seen.episodes.add(receipt.episode_id)
                    seen.writes_s.append(time.monotonic() - began)
                else:
                    await memory.search(f"What does {name} like?", limit=5)
                    seen.reads_s.append(time.monotonic() - began)
            except GraphmemError as error:
                if time.monotonic() < ends:
                    seen.errors.append(f"{type(error).__name__}: {error}"[:200])
                return
            done += 1


def start(folder: Path) -> tuple[subprocess.Popen[bytes], ServerAt]:
    """A server on a folder, once it answers."""
    program = [sys.executable, "-m", "graphmem.doors.cli", "--store", str(folder)]
    quiet = ["--log-level", "error"]
    process = subprocess.Popen([*program, "serve", "--port", "0", *quiet])
    while (server := server_at(folder)) is None:
        if process.poll() is not None:
            raise SystemExit("the server did not start")
        time.sleep(0.05)
    return process, server


async def load(server: ServerAt, clients: int, seconds: float) -> Seen:
    """All clients at once."""
    seen = Seen()
    ends = time.monotonic() + seconds
    await asyncio.gather(*(client(server, number, ends, seen) for number in range(clients)))
    return seen


def milliseconds(times: list[float]) -> dict[str, float]:
    """The middle, and what one in a hundred took longer than."""
    if len(times) < 2:
        return {}
    cuts = statistics.quantiles(times, n=100)
    return {"p50_ms": round(cuts[49] * 1000, 1), "p99_ms": round(cuts[98] * 1000, 1)}


def lost_of(folder: Path, episodes: set[str]) -> int:
    """How many of these a folder does not hold."""
    lost = 0
    with Memory(folder) as memory:
        for id in episodes:
            try:
                memory.episode(id)
            except GraphmemError:
                lost += 1
        if not memory.verify().ok:
            raise SystemExit("the store is not whole")
    return lost


def main() -> None:
    """Load, kill, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "store"
        process, server = start(folder)
        try:
            seen = asyncio.run(load(server, given.clients, given.seconds))
            killed = asyncio.run(_killed(process, server, given.clients))
        finally:
            process.kill()
            process.wait()
        calls = len(seen.reads_s) + len(seen.writes_s)
        found = {
            "clients": given.clients,
            "seconds": given.seconds,
            "calls_per_s": round(calls / given.seconds, 1),
            "reads": milliseconds(seen.reads_s),
            "writes": milliseconds(seen.writes_s),
            "errors": len(seen.errors),
            "acknowledged": len(seen.episodes | killed.episodes),
            "lost": lost_of(folder, seen.episodes | killed.episodes),
        }
    print(json.dumps(found))
    if seen.errors or found["lost"]:
        raise SystemExit("\n".join(seen.errors[:5]) or "something acknowledged was lost")


async def _killed(process: subprocess.Popen[bytes], server: ServerAt, clients: int) -> Seen:
    """Half a second of the same, and the end without a word."""
    running = asyncio.ensure_future(load(server, clients, 5.0))
    await asyncio.sleep(1.5)
    process.kill()
    return await running


if __name__ == "__main__":
    main()
