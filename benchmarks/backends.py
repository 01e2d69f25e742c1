"""The backends side by side: ``python -m benchmarks.backends``.

One corpus, one machine, one run: each combination of ledger, graph and vectors is filled with the
same items in a process of its own, then single adds, searches, neighbourhoods and paths are timed.
Every figure stands beside its ratio to the embedded default. Neo4j and PostgreSQL are started as
for the tests, or named by NEO4J_URI and POSTGRES_URL; Qdrant's server runs where QDRANT_URL names
one. What these servers hold for graphmem is replaced.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import lives
from benchmarks.sweep import timed
from graphmem import Memory, Settings
from tests.servers import Neo4jServer, PostgresServer, Server

USERS = 20
_ADDS = 200
_READS = 300
_MEASURES = ("add", "search", "neighbours", "paths")
_REPLACE = "replace=1"
_SCHEMA = "graphmem_bench"


def fill(memory: Memory, last: int) -> float:
    """Items a second, until graph and vectors have them too; a part of them as relations."""

    def show(done: int) -> None:
        if done % 6400 == 0:
            print(f"  {done:,} of {last:,} remembered", file=sys.stderr)

    items = list(lives.items(0, last, users=USERS, alike=True))
    start = time.perf_counter()
    memory.add_many((item.as_added() for item in items), infer=False, progress=show)
    memory.relate_many(row for item in items if (row := item.as_related()) is not None)
    memory.search("anything", user_id=user(0))
    return last / (time.perf_counter() - start)


def user(number: int) -> str:
    """One of those who made-up lives are of, in turns."""
    return f"user-{number % USERS:05}"


def combinations() -> dict[str, dict[str, str]]:
    """Settings by the name of a combination; ``$`` names are filled in when they are known."""
    postgres = {"ledger": f"$POSTGRES_URL?schema={_SCHEMA}"}
    neo4j = {"graph": f"$NEO4J_URI?{_REPLACE}"}
    found = {
        "SQLite + Kuzu + Qdrant Edge": {},
        "SQLite + ladybug + Qdrant Edge": {"graph": "ladybug:///$FOLDER/graph.ladybug"},
        "SQLite + Neo4j + Qdrant Edge": neo4j,
        "PostgreSQL + Kuzu + Qdrant Edge": postgres,
        "PostgreSQL + Neo4j + Qdrant Edge": {**postgres, **neo4j},
    }
    if os.environ.get("QDRANT_URL"):
        qdrant = {"vectors": f"$QDRANT_URL?prefix=graphmem_bench&{_REPLACE}"}
        found["PostgreSQL + Neo4j + Qdrant"] = {**postgres, **neo4j, **qdrant}
    return found


def measure(settings: dict[str, str], folder: str, facts: int) -> dict[str, Any]:
    """Fill one store and time single calls, one at a time, spread over all users."""
    rng = random.Random(facts)
    with Memory(folder, settings=Settings.load({}, **settings)) as memory:
        rate = fill(memory, facts)
        named = {
            one: [found.name for found in memory.entities(user_id=one, limit=40)]
            for one in map(user, range(USERS))
        }
        people = [(one, names) for one, names in named.items() if len(names) > 1]
        asked = [lives.question(n, facts, users=USERS, alike=True) for n in range(_READS)]

        def add(number: int) -> None:
            text = f"On the way I noted {rng.random()} and {number}"
            memory.add(text, infer=False, user_id=user(number))

        def search(number: int) -> None:
            whose, question, _ = asked[number]
            memory.search(question, user_id=whose)

        def neighbours(number: int) -> None:
            whose, names = people[number % len(people)]
            memory.neighbours(rng.choice(names), hops=1, user_id=whose)

        def paths(number: int) -> None:
            whose, names = people[number % len(people)]
            one, other = rng.sample(names, 2)
            memory.paths(one, other, max_hops=3, user_id=whose)

        result: dict[str, Any] = {"facts": memory.stats().facts, "add_many_per_s": rate}
        for call in (add, search, neighbours, paths):
            call(0)  # what was left to project is not this call's to pay for
            result[call.__name__] = timed(_ADDS if call is add else _READS, call)
    return result


@contextlib.contextmanager
def servers() -> Iterator[dict[str, str]]:
    """The addresses of Neo4j and PostgreSQL, started where no variable names them."""
    kinds: dict[str, type[Server]] = {"NEO4J_URI": Neo4jServer, "POSTGRES_URL": PostgresServer}
    with contextlib.ExitStack() as stack:
        addresses = {k: v for k, v in os.environ.items() if k in {*kinds, "QDRANT_URL"}}
        for variable, kind in kinds.items():
            if variable not in addresses:
                server = kind()
                stack.callback(server.stop)
                server.start()
                addresses[variable] = server.uri
        yield addresses


def run(facts: int, only: str | None) -> dict[str, Any]:
    """Every combination in a process of its own: kuzu and ladybug cannot share one."""
    results: dict[str, Any] = {}
    with servers() as addresses:
        for name, wanted in combinations().items():
            if only and only.lower() not in name.lower():
                continue
            _forget(addresses["POSTGRES_URL"])
            with tempfile.TemporaryDirectory() as folder:
                known = {**addresses, "FOLDER": folder}
                settings = {kind: _filled(url, known) for kind, url in wanted.items()}
                print(name, file=sys.stderr)
                done = subprocess.run(
                    [sys.executable, "-m", "benchmarks.backends", "--child", folder],
                    input=json.dumps({"settings": settings, "facts": facts}),
                    stdout=subprocess.PIPE,
                    text=True,
                    check=True,
                )
                results[name] = json.loads(done.stdout)
    return results


def _forget(postgres_url: str) -> None:
    """Each combination begins with an empty ledger."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {_SCHEMA} CASCADE")


def _filled(url: str, known: dict[str, str]) -> str:
    for name, value in known.items():
        url = url.replace(f"${name}", value)
    return url


def table(results: dict[str, Any]) -> str:
    """The result as Markdown, p50 and p95 in milliseconds, ratios of p50 to the first row."""
    first = next(iter(results.values()))
    lines = [
        "| ledger + graph + vectors | " + " | ".join(f"{m} ms (×)" for m in _MEASURES) + " | "
        "add_many /s |",
        "|---" * (len(_MEASURES) + 2) + "|",
    ]
    for name, row in results.items():
        columns = [name]
        for what in _MEASURES:
            p50, p95 = row[what]["p50_ms"], row[what]["p95_ms"]
            columns.append(f"{p50:.1f} / {p95:.1f} (×{p50 / first[what]['p50_ms']:.1f})")
        columns.append(f"{row['add_many_per_s']:,.0f}")
        lines.append("| " + " | ".join(columns) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.backends", description=__doc__)
    parser.add_argument("--facts", type=int, default=10_000)
    parser.add_argument("--only", help="combinations whose name contains this")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    parser.add_argument("--child", metavar="FOLDER", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        given = json.load(sys.stdin)
        folder = str(Path(options.child) / "memory")
        print(json.dumps(measure(given["settings"], folder, given["facts"])))
        return
    results = run(options.facts, options.only)
    print(table(results))
    if options.json:
        options.json.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
