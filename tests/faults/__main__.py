"""``python -m tests.faults``: the fault matrix, case by case, and the table of what became of them.

python -m tests.faults --results faults.jsonl --seconds 500   # goes on where it stopped
python -m tests.faults --results faults.jsonl --page docs/faults.md
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tests.faults.matrix import Broken, Case, Faults
from tests.faults.page import page
from tests.faults.workload import OPERATIONS, model_server
from tests.scratch import scratch


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("faults.jsonl"))
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so many")
    parser.add_argument("--share", default="1/1", help="such as 2/3: the second third of them")
    parser.add_argument("--most", type=int, help="so many cases of each operation, at random")
    parser.add_argument("--page", type=Path, help="write the table there, and run nothing")
    chosen = parser.parse_args(arguments)
    if chosen.page is not None:
        chosen.page.write_text(page(_results(chosen.results)))
        return 0
    return asyncio.run(_run(chosen.results, chosen.share, chosen.seconds, chosen.most))


def _results(path: Path) -> list[tuple[Case, str]]:
    lines = path.read_text().splitlines() if path.exists() else []
    found = [json.loads(line) for line in lines]
    return [(Case(**one["case"]), one["outcome"]) for one in found]


async def _run(results: Path, share: str, seconds: float, most: int | None) -> int:
    begun = time.monotonic()
    done = {case for case, outcome in _results(results) if outcome != "broken"}
    part, _, parts = share.partition("/")
    broken = ran = 0
    with (
        tempfile.TemporaryDirectory(dir=scratch()) as folder,
        model_server() as server,
        results.open("a") as file,
    ):
        faults = Faults(Path(folder), server.base_url)
        await faults.prepare()
        for operation in OPERATIONS[int(part) - 1 :: int(parts)]:
            if time.monotonic() - begun > seconds:
                break
            cases = [case for case in await faults.cases(operation) if case not in done]
            random.shuffle(cases)
            for case in cases[:most]:
                if time.monotonic() - begun > seconds:
                    break
                ran += 1
                try:
                    outcome: str = await faults.run(case)
                except Broken as error:
                    outcome, broken = "broken", broken + 1
                    sys.stdout.write(f"{str(error)[:2000]}\n")
                file.write(json.dumps({"case": asdict(case), "outcome": outcome}) + "\n")
                file.flush()
    sys.stdout.write(f"{ran} cases run, {broken} broken; {len(done)} done before\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
