"""Speed, memory and disk as a store grows: ``python -m benchmarks.sweep --sizes 1000 … 1000000``.

One store is filled step by step with made-up lives (:mod:`benchmarks.lives`). Every step runs in a
process of its own, so that its memory use is not that of what came before, and at each size
another process opens the store and times single adds and searches, one at a time, over all users.

With ``--folder`` the store stays there, and so do the figures: the same command goes on where it
was stopped, also in the middle of a step. Without it, everything is made in a temporary folder and
removed. With ``--repair`` each size is verified by content, and its graph and vectors are made anew
from the ledger, with searches meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import lives
from graphmem import Memory, Settings
from graphmem.bench.machine import machine, versions
from graphmem.bench.tables import sweep_table

_ADDS = 200
_SEARCHES = 400
_NOTED_EVERY = 10_000
_RELATED_EVERY = 2
"""Of what says how people are related, one in so many is added as a relation."""
SIZES = (1_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is made, and where."""

    folder: Path
    seed: int
    users: int | None
    alike: bool = False
    repair: bool = False

    @property
    def store(self) -> Path:
        return self.folder / "memory"

    @property
    def figures(self) -> Path:
        return self.folder / "sweep.json"

    @property
    def command(self) -> str:
        users = f" --users {self.users}" if self.users else ""
        alike = " --alike" if self.alike else ""
        return f"python -m benchmarks.sweep --seed {self.seed}{users}{alike}"

    def as_json(self) -> dict[str, Any]:
        return {"seed": self.seed, "users": self.users, "alike": self.alike}


# In a process of its own


def fill(plan: Plan, first: int, last: int) -> dict[str, float]:
    """Add items ``first`` up to ``last`` and wait until graph and vectors have them; items that
    are there already are passed over. Says on the way how far it is."""
    began = noted = time.perf_counter()
    worked = spent = time.process_time()
    done = first

    def show(count: int) -> None:
        nonlocal noted, done, spent
        if (count + first) // _NOTED_EVERY > done // _NOTED_EVERY:
            now, cpu = time.perf_counter(), time.process_time()
            some = first + count - done
            each = {"per_s": some / (now - noted), "cpu_us": 1e6 * (cpu - spent) / some}
            print(json.dumps({"reached": first + count, **each}), flush=True)
            noted, spent, done = now, cpu, first + count

    items = (item.as_added() for item in lives.items(first, last, **plan.as_json()))
    with Memory(plan.store, settings=Settings.load({})) as memory:
        memory.add_many(items, infer=False, progress=show)
        added = time.perf_counter()
        memory.search("anything", user_id="user-00000")  # a read sees every write before it
        caught_up, worked = time.perf_counter(), time.process_time() - worked
        if behind := {part: lag for part, lag in memory.health().lag.items() if lag}:
            raise SystemExit(f"after a search these still lag behind the ledger: {behind}")
        _relate(memory, plan, first, last)
    return {
        "cpu_us_per_item": 1e6 * worked / (last - first),
        "add_many_per_s": (last - first) / (caught_up - began),
        "add_many_s": added - began,
        "caught_up_after_s": caught_up - added,
        "fill_peak_mib": _peak_mib(),
    }


def _relate(memory: Memory, plan: Plan, first: int, last: int) -> None:
    """A part of what was said, as relations too: so that a search has a graph to walk."""
    items = lives.items(first, last, **plan.as_json())
    rows = (item.as_related() for item in items if item.number % _RELATED_EVERY == 0)
    memory.relate_many(row for row in rows if row is not None)
    memory.search("anything", user_id="user-00000")


def measure(plan: Plan, size: int) -> dict[str, Any]:
    """Open a store of that size and time single calls."""
    began = time.perf_counter()
    memory = Memory(plan.store, settings=Settings.load({}))
    opened = time.perf_counter()
    with memory:
        user, question, _ = _question(plan, 0, size)
        memory.search(question, user_id=user)
        first_search = time.perf_counter()
        row: dict[str, Any] = {
            "open_s": opened - began,
            "first_search_s": first_search - opened,
            "opened_mib": _peak_mib(),
        }
        asked = [_question(plan, number, size) for number in range(1, _SEARCHES + 1)]
        right = [0]

        def search(number: int) -> None:
            user, question, answer = asked[number]
            found = memory.search(question, user_id=user, limit=10)
            right[0] += any(hit.text == answer for hit in found)

        row["search"] = timed(_SEARCHES, search)
        row["answered"] = right[0] / _SEARCHES
        rng = random.Random(size)

        def add(number: int) -> None:
            text = f"On the way I noted {rng.random()} and {number}"
            memory.add(text, infer=False, user_id=asked[number % 20][0], project_id="probe")

        row["add"] = timed(_ADDS, add)
        stats = memory.stats()
        row |= {"facts": stats.facts, "relations": stats.relations}
    row["read_peak_mib"] = _peak_mib()
    return row


def repair(plan: Plan, size: int) -> dict[str, Any]:
    """Verify a store of that size, make its graph and vectors anew, and search meanwhile."""
    asked = [_question(plan, number, size) for number in range(1, _SEARCHES + 1)]
    with Memory(plan.store, settings=Settings.load({})) as memory:

        def search(number: int) -> None:
            user, question, _ = asked[number % _SEARCHES]
            memory.search(question, user_id=user, limit=10)

        search(0)
        before = timed(_SEARCHES, search)
        began = time.perf_counter()
        if not (report := memory.verify()).ok:
            raise SystemExit(f"the store of {size:,} items is not as its ledger: {report}")
        verified = time.perf_counter()
        rebuilding = threading.Thread(target=memory.rebuild)
        rebuilding.start()
        took: list[float] = []
        while rebuilding.is_alive():
            start = time.perf_counter()
            search(len(took))
            took.append((time.perf_counter() - start) * 1000)
        rebuilt = time.perf_counter()
        if not (report := memory.verify()).ok:
            raise SystemExit(f"rebuilt, the store of {size:,} items is not as its ledger: {report}")
    return {
        "verify_s": verified - began,
        "rebuild_s": rebuilt - verified,
        "search_before": before,
        "search_meanwhile": _spread(took),
    }


def timed(calls: int, call: Callable[[int], object]) -> dict[str, float]:
    """Median, 95th percentile and longest of single calls, in milliseconds."""
    took = []
    for number in range(calls):
        start = time.perf_counter()
        call(number)
        took.append((time.perf_counter() - start) * 1000)
    return _spread(took)


def _spread(took: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(took, n=100)
    return {"p50_ms": cuts[49], "p95_ms": cuts[94], "max_ms": max(took)}


def _question(plan: Plan, number: int, size: int) -> tuple[str, str, str]:
    return lives.question(number, size, **plan.as_json())


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# The sweep


def run(plan: Plan, sizes: list[int]) -> dict[str, Any]:
    """Fill the store through all sizes and measure at each; what is measured already is kept."""
    state = _state(plan)
    for size in sorted(sizes):
        rows = {row["size"]: row for row in state["rows"]}
        if size in rows or state["reached"] > size:
            continue
        row: dict[str, Any] = {"size": size, "load": os.getloadavg()[0]}
        steps = state.setdefault("steps", [])
        begun = state["reached"]
        for report in _child(plan, "fill", begun, size):
            if "reached" in report:
                state["reached"] = report["reached"]
                _keep(plan, state)
                steps.append(report)
                _show(report, size)
            else:
                row |= report
        for report in _child(plan, "measure", begun, size):
            row |= report
        if plan.repair:
            (row["repair"],) = _child(plan, "repair", begun, size)
        row |= {"disk_mib": _disk_mib(plan.store)}
        state["rows"].append(row)
        state["reached"] = size
        _keep(plan, state)
        print(sweep_table(state).splitlines()[-1], file=sys.stderr)
    return state


def _show(report: dict[str, Any], size: int) -> None:
    reached, rate, cpu = report["reached"], report["per_s"], report["cpu_us"]
    print(
        f"  {reached:,} of {size:,}: {rate:,.0f} a second, {cpu:,.0f} µs of processor each",
        file=sys.stderr,
    )


def _state(plan: Plan) -> dict[str, Any]:
    """What was measured before in this folder."""
    if plan.figures.exists():
        state: dict[str, Any] = json.loads(plan.figures.read_text("utf-8"))
        if state["plan"] != plan.as_json():
            raise SystemExit(
                f"{plan.figures} is of another sweep ({state['plan']}): name another folder, or "
                "the same --seed and --users"
            )
        return state
    return {
        "command": plan.command,
        "plan": plan.as_json(),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "versions": versions(),
        "reached": 0,
        "rows": [],
        "steps": [],
    }


def _keep(plan: Plan, state: dict[str, Any]) -> None:
    plan.folder.mkdir(parents=True, exist_ok=True)
    part = plan.figures.with_suffix(".part")
    part.write_text(json.dumps(state, indent=2), "utf-8")
    part.replace(plan.figures)


def _child(plan: Plan, what: str, first: int, last: int) -> Iterator[dict[str, Any]]:
    """What a process of its own says, line by line."""
    work = {**plan.as_json(), "folder": str(plan.folder), "first": first, "last": last}
    command = [sys.executable, "-m", "benchmarks.sweep", "--child", what, json.dumps(work)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is not None:
            yield from map(json.loads, process.stdout)
    if process.returncode:
        raise SystemExit(f"{what} of {last:,} items ended with {process.returncode}")


def _disk_mib(store: Path) -> dict[str, float]:
    """What each part takes on the disk; holes in files do not count."""
    sizes: dict[str, float] = {}
    for path in store.rglob("*"):
        if path.is_file():
            part = path.relative_to(store).parts[0].split(".")[0]
            sizes[part] = sizes.get(part, 0) + path.stat().st_blocks * 512 / (1 << 20)
    return {part: round(size, 1) for part, size in sorted(sizes.items())}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="items")
    parser.add_argument("--folder", type=Path, help="keep the store and the figures here")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--users", type=int, help="so many; else more and more as it grows")
    parser.add_argument("--alike", action="store_true", help="users who all say about as much")
    parser.add_argument("--repair", action="store_true", help="time verify and rebuild as well")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        _as_child(*options.child)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        plan = Plan(folder, options.seed, options.users, options.alike, options.repair)
        state = run(plan, options.sizes)
    print(sweep_table(state))
    if options.json:
        options.json.write_text(json.dumps(state, indent=2), "utf-8")


def _as_child(what: str, work: str) -> None:
    given = json.loads(work)
    plan = Plan(Path(given["folder"]), given["seed"], given["users"], given["alike"])
    if what == "fill":
        print(json.dumps(fill(plan, given["first"], given["last"])), flush=True)
    else:
        done = {"measure": measure, "repair": repair}[what](plan, given["last"])
        print(json.dumps(done), flush=True)


if __name__ == "__main__":
    main()
