"""Speed as a store grows: ``make bench``, or ``python -m benchmarks --sizes 1000 10000``.

One store is filled step by step; at each size single adds and searches are timed, one at a time,
spread over all users. Every figure stands beside its ratio to the smallest size of the same run.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import corpus
from graphmem import Memory, Settings

_ADDS = 300
_SEARCHES = 400


def timed(calls: int, call: Callable[[int], object]) -> dict[str, float]:
    """Median and 95th percentile of single calls, in milliseconds."""
    took = []
    for number in range(calls):
        start = time.perf_counter()
        call(number)
        took.append((time.perf_counter() - start) * 1000)
    cuts = statistics.quantiles(took, n=100)
    return {"p50_ms": cuts[49], "p95_ms": cuts[94], "max_ms": max(took)}


def fill(memory: Memory, first: int, last: int) -> float:
    """Items a second, until graph and vectors have them too."""

    def show(done: int) -> None:
        if done % 6400 == 0:
            print(f"  {first + done:,} of {last:,} remembered", file=sys.stderr)

    start = time.perf_counter()
    memory.add_many(corpus.items(first, last, seed=first), progress=show)
    memory.search("anything", user_id=corpus.user(0))
    return (last - first) / (time.perf_counter() - start)


def _measure(memory: Memory, size: int) -> dict[str, Any]:
    rng = random.Random(size)

    def add(number: int) -> None:
        text = corpus.note(rng, (size * 10 + number) * corpus.STATED_EVERY)
        memory.add(text, infer=False, user_id=corpus.user(size * 10 + number))

    def search(number: int) -> None:
        memory.search(corpus.question(rng, number), user_id=corpus.user(number))

    def write_and_read(number: int) -> None:
        add(_ADDS + number)
        search(number)

    adds = timed(_ADDS, add)
    search(0)  # what the adds left to project is not this search's to pay for
    timed(corpus.USERS, search)
    return {
        "facts": memory.stats().facts,
        "add": adds,
        "search": timed(_SEARCHES, search),
        "add_then_search": timed(100, write_and_read),
    }


def _start_up(code: str) -> float:
    """Seconds that a statement takes in a fresh interpreter, the interpreter's own left out."""

    def run(what: str) -> float:
        took = []
        for _ in range(5):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", what], check=True)
            took.append(time.perf_counter() - start)
        return statistics.median(took)

    return run(code) - run("pass")


def _open_time(folder: Path) -> float:
    took = []
    for _ in range(3):
        start = time.perf_counter()
        Memory(folder, settings=Settings.load({})).close()
        took.append(time.perf_counter() - start)
    return statistics.median(took)


def run(sizes: list[int], folder: Path) -> dict[str, Any]:
    """Fill one store through all sizes and measure at each."""
    rows = []
    reached = 0
    for size in sizes:
        with Memory(folder, settings=Settings.load({})) as memory:
            rate = fill(memory, reached, size)
            row = {**_measure(memory, size), "add_many_per_s": rate}
        row["open_and_close_s"] = _open_time(folder)
        row["peak_memory_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rows.append(row)
        reached = size
    return {
        "rows": rows,
        "import_graphmem_s": _start_up("import graphmem"),
        "import_memory_s": _start_up("from graphmem import Memory"),
    }


def table(result: dict[str, Any]) -> str:
    """The result as Markdown, with ratios to the first row."""
    lines = [
        "| facts | add p50 / p95 ms (× smallest) | search p50 / p95 ms (× smallest) | "
        "add+search p95 ms | add_many /s | open s | peak MiB |",
        "|---|---|---|---|---|---|---|",
    ]
    first = result["rows"][0]
    for row in result["rows"]:
        cells = [f"{row['facts']:,}"]
        for name in ("add", "search"):
            p50, p95 = row[name]["p50_ms"], row[name]["p95_ms"]
            times50, times95 = p50 / first[name]["p50_ms"], p95 / first[name]["p95_ms"]
            cells.append(f"{p50:.2f} / {p95:.2f} (×{times50:.2f} / ×{times95:.2f})")
        cells.append(f"{row['add_then_search']['p95_ms']:.2f}")
        cells.append(f"{row['add_many_per_s']:,.0f}")
        cells.append(f"{row['open_and_close_s']:.3f}")
        cells.append(f"{row['peak_memory_mib']:.0f}")
        lines.append("| " + " | ".join(cells) + " |")
    lines.append("")
    lines.append(
        f"`import graphmem` {result['import_graphmem_s']:.3f} s; "
        f"`from graphmem import Memory` {result['import_memory_s']:.3f} s"
    )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = run(sorted(options.sizes), Path(folder) / "memory")
    print(table(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
