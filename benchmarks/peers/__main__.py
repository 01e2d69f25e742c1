"""Run the engines one after the other and write the result: ``python -m benchmarks.peers``."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import venv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from benchmarks.peers.engines import ENGINES
from benchmarks.peers.material import episodes, questions
from benchmarks.peers.script import ScriptedServer
from graphmem import __version__
from graphmem.bench.machine import load_average, machine, versions
from graphmem.bench.tables import peers_table

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[1]
_LOOKED_S = 0.05
_QUIET = {
    "MEM0_TELEMETRY": "False",
    "GRAPHITI_TELEMETRY_ENABLED": "false",
    "ANONYMIZED_TELEMETRY": "False",
    "DO_NOT_TRACK": "1",
    "OPENAI_API_KEY": "none",
    "NO_PROXY": "*",
}


def python_for(engine: str, folder: Path) -> Path:
    """The interpreter of an engine's virtual environment, made when it is not there yet."""
    wanted = _HERE / f"{engine}.txt"
    if not wanted.is_file():
        return Path(sys.executable)
    home = folder / engine
    python, ready = home / "bin" / "python", home / "installed.txt"
    if not ready.is_file() or ready.read_text() != wanted.read_text():
        print(f"{engine}: making its virtual environment", file=sys.stderr)
        shutil.rmtree(home, ignore_errors=True)
        venv.create(home, with_pip=True)
        quiet = ["-q", "--disable-pip-version-check"]
        subprocess.run([python, "-m", "pip", "install", *quiet, "-r", wanted], check=True)
        ready.write_text(wanted.read_text())
    return python


def watch(process: subprocess.Popen[str], seen: set[str]) -> None:
    """Note what a child is connected to beyond this machine, by whatever code."""
    try:
        child = psutil.Process(process.pid)
        while process.poll() is None:
            for one in child.net_connections():
                if one.raddr and not one.raddr.ip.startswith(("127.", "::1")):
                    seen.add(one.raddr.ip)
            try:
                process.wait(_LOOKED_S)
            except subprocess.TimeoutExpired:
                continue
    except psutil.NoSuchProcess:
        return


def measure(engine: str, job: dict[str, Any], python: Path) -> list[dict[str, Any]]:
    """One engine through all sizes; a row for each that it reached."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, **_QUIET, "PYTHONPATH": str(_ROOT), "MEM0_DIR": folder}
        process = subprocess.Popen(
            [python, "-m", "benchmarks.peers.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        seen: set[str] = set()
        watching = threading.Thread(target=watch, args=(process, seen))
        watching.start()
        own = __version__ if engine.startswith("graphmem") else None
        with process.stdin as stream:
            json.dump({**job, "engine": engine, "folder": folder, "version": own}, stream)
        for line in process.stdout:
            row = json.loads(line)
            rows.append({**row, "load_average": load_average()})
            print(f"{engine}: {row['facts']:,} facts", file=sys.stderr)
        failed = process.wait()
        watching.join()
        if failed:
            print(f"{engine}: ended with code {failed}", file=sys.stderr)
    for row in rows:
        row["reached_out"] = sorted({*row["reached_out"], *seen})
    return rows


def run(options: argparse.Namespace) -> dict[str, Any]:
    material = list(episodes(max(options.sizes), options.facts_per_episode))
    asked = [
        question
        for size in sorted(options.sizes, reverse=True)
        for question in questions([t for t in material if t["facts"] <= size], options.searches)
    ]
    rows = []
    with ScriptedServer() as server:
        job = {
            "base_url": server.base_url,
            "sizes": sorted(options.sizes),
            "budget_s": options.budget_s,
            "searches": options.searches,
            "episodes": material,
            "questions": asked,
        }
        for engine in options.engines:
            rows += measure(engine, job, python_for(engine, options.venvs))
    return {
        "command": command(options),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "versions": versions(),
        "peers": rows,
        "notes": notes(rows, options),
    }


def command(options: argparse.Namespace) -> str:
    sizes = " ".join(map(str, sorted(options.sizes)))
    per_episode = f"--facts-per-episode {options.facts_per_episode}"
    return (
        f"python -m benchmarks.peers --sizes {sizes} {per_episode} --budget-s {options.budget_s:g}"
    )


def notes(rows: list[dict[str, Any]], options: argparse.Namespace) -> list[str]:
    """What must be known to read the table."""
    found = [
        f"One episode is {options.facts_per_episode} messages with a fact each, over 20 users; a "
        "question names a person, what was done and two of five words. It counts as found when its "
        "sentence is among ten hits (for graphmem, facts and turns together).",
        "All engines ask the same local endpoint for embeddings (wordllama, 256 numbers) and for "
        "the model, which answers at once from a script; `graphmem, as it comes` asks neither: "
        "rules, and the embedder in its own process.",
        "A search is timed from the call to the answer, the request for the question's vector "
        "included; `of it embedding` is what such a request takes from the same process by "
        "OpenAI's client, which all of them use, times the vectors asked for. Before it is timed "
        "an engine has finished what its adds left to do, which counts as telling.",
        "mem0 keeps its vectors in its embedded Qdrant, without its optional language extra; "
        "graphiti its graph in embedded Kuzu, searched by its default hybrid search. graphiti's "
        "driver for Kuzu lacked two things in this release, which were put in here (see "
        "`benchmarks/peers/engines.py`).",
    ]
    for engine in options.engines:
        mine = [row for row in rows if row["engine"] == engine]
        if not mine:
            found.append(f"{engine} ended before the first size.")
        elif mine[-1]["facts"] < max(options.sizes):
            found.append(
                f"{engine} was stopped after {options.budget_s:g} s of telling, at "
                f"{mine[-1]['facts']:,} facts."
            )
        hosts = sorted({host for row in mine for host in row["reached_out"]})
        if hosts:
            found.append(f"{engine} tried to reach {', '.join(hosts)}; that was refused.")
    if not any(row["reached_out"] for row in rows):
        found.append("No engine tried to reach anything beyond this machine.")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 50_000])
    parser.add_argument("--facts-per-episode", type=int, default=10)
    parser.add_argument("--engines", nargs="+", default=list(ENGINES), choices=list(ENGINES))
    parser.add_argument("--searches", type=int, default=200, help="questions at each size")
    parser.add_argument(
        "--budget-s", type=float, default=3600, help="seconds after which an engine is stopped"
    )
    parser.add_argument("--venvs", type=Path, default=Path(".venv-peers"))
    parser.add_argument("--json", type=Path, help="write the result here too")
    options = parser.parse_args()
    result = run(options)
    print(peers_table(result))
    print("\n".join(f"- {note}" for note in result["notes"]))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
