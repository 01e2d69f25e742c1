"""One engine, in its own virtual environment: filled, asked and timed. Beside what it is about,
it needs the standard library and the client that all of them need.

Reads the job as JSON from standard input; writes a line of JSON for each size it reaches.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import resource
import statistics
import sys
import time
import urllib.request
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.peers.engines import ENGINES

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1", "", None})
_ENTRY = re.compile(r"entry (\d+)\b")
_LIMIT = 10
_PROBES = 50
reached_out: set[str] = set()


def guard(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse, and note, every attempt to reach beyond this machine."""
    host: Any = None
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    host = host.decode() if isinstance(host, bytes) else host
    if host not in _LOOPBACK:
        reached_out.add(str(host))
        raise ConnectionRefusedError(f"{host}: nothing beyond this machine is to be reached")


def counts(base_url: str) -> dict[str, float]:
    with urllib.request.urlopen(f"{base_url}/stats") as answer:
        found: dict[str, float] = json.load(answer)
        return found


async def embedding_ms(base_url: str) -> float:
    """What one text costs to be embedded over there by the client that all engines use: the median
    of a few texts that nobody else asks for."""
    from openai import AsyncOpenAI

    took = []
    async with AsyncOpenAI(base_url=base_url, api_key="none") as client:
        for number in range(_PROBES):
            start = time.perf_counter()
            await client.embeddings.create(model="wordllama", input=f"probe {number}")
            took.append((time.perf_counter() - start) * 1000)
    return statistics.median(took)


async def run(job: dict[str, Any]) -> None:
    kind = ENGINES[job["engine"]]
    engine = kind(Path(job["folder"]), job["base_url"])
    await engine.open()
    version = metadata.version(kind.package) if job["version"] is None else job["version"]
    added = facts = 0
    before_now: set[str] = set()
    deadline = time.monotonic() + job["budget_s"]
    for size in job["sizes"]:
        before, began, start = counts(job["base_url"]), time.monotonic(), added
        for episode in job["episodes"][added:]:
            if time.monotonic() > deadline or episode["facts"] > size:
                break
            await engine.add(episode["sentences"], episode["user"])
            added, facts = added + 1, episode["facts"]
        await engine.settle()
        seconds, after = time.monotonic() - began, counts(job["base_url"])
        if added == start:
            break
        # None that was asked at a smaller size: an engine may remember its vector.
        fresh = [q for q in job["questions"] if q["entry"] < facts and q["text"] not in before_now]
        asked = fresh[: job["searches"]]
        before_now |= {q["text"] for q in asked}
        done = added - start
        row = {
            "engine": job["engine"],
            "version": version,
            "facts": facts,
            "episodes": added,
            "episodes_per_s": done / seconds,
            "model_calls_per_episode": (after["calls"] - before["calls"]) / done,
            "tokens_per_episode": (after["tokens"] - before["tokens"]) / done,
            **await asked_of(engine, asked, job["base_url"]),
            "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "reached_out": sorted(reached_out),
        }
        print(json.dumps(row), flush=True)
        if facts < size:
            break
    await engine.close()


async def asked_of(engine: Any, asked: list[dict[str, Any]], base_url: str) -> dict[str, Any]:
    # Warmed up with other words: a question that was asked before may be remembered.
    for question in asked[:5]:
        await engine.search(f"First of all: {question['text']}", question["user"], _LIMIT)
    took, hits, before = [], 0, counts(base_url)
    for question in asked:
        start = time.perf_counter()
        texts = await engine.search(question["text"], question["user"], _LIMIT)
        took.append((time.perf_counter() - start) * 1000)
        entries = {int(n) for text in texts[:_LIMIT] for n in _ENTRY.findall(text)}
        hits += question["entry"] in entries
    after = counts(base_url)
    cuts = statistics.quantiles(took, n=20)
    embedded = (after["embedded"] - before["embedded"]) / len(asked)
    return {
        "search_ms": {"p50": statistics.median(took), "p95": cuts[18]},
        "embedded_per_search": embedded,
        "embedding_ms": await embedding_ms(base_url) * embedded,
        "recall@10": hits / len(asked),
        "questions": len(asked),
    }


def main() -> None:
    sys.addaudithook(guard)
    logging.disable(logging.WARNING)
    asyncio.run(run(json.load(sys.stdin)))


if __name__ == "__main__":
    main()
