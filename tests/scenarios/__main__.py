"""The pass rate of each category in each mode: ``python -m tests.scenarios``.

With ``--failures`` each failure is printed, with ``--present`` only what is believed at the end
counts. Names of categories, or parts of them, narrow it down; ``--mode`` names one mode.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import defaultdict

from graphmem.errors import GraphmemError
from tests.scenarios.data import load
from tests.scenarios.run import MODES, Mode, check, runs_in

_WIDTH = 30


def main() -> int:
    """Run, print the table, and return 1 when something failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.scenarios", description=__doc__)
    parser.add_argument("category", nargs="*")
    parser.add_argument("--mode", choices=MODES)
    parser.add_argument("--present", action="store_true")
    parser.add_argument("--failures", action="store_true")
    given = parser.parse_args()
    for name in [name for name in os.environ if name.startswith(("GRAPHMEM_", "OPENAI_"))]:
        del os.environ[name]
    counts: dict[tuple[str, Mode], list[bool]] = defaultdict(list)
    modes: tuple[Mode, ...] = (given.mode,) if given.mode else MODES
    for scenario in load():
        if given.category and not any(part in scenario.category for part in given.category):
            continue
        for mode in modes:
            if not runs_in(scenario, mode):
                continue
            problem = None
            try:
                check(scenario, mode, present_only=given.present)
            except (AssertionError, AttributeError, GraphmemError, TypeError) as error:
                problem = f"{type(error).__name__}: {error}"
            counts[scenario.category, mode].append(problem is None)
            if problem is not None and given.failures:
                _write(f"[{mode}] {scenario.id}\n{problem}\n")
    _print(counts, modes)
    return 0 if all(all(passed) for passed in counts.values()) else 1


def _write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _print(counts: dict[tuple[str, Mode], list[bool]], modes: tuple[Mode, ...]) -> None:
    categories = sorted({category for category, _ in counts})
    _write(f"{'category':{_WIDTH}}" + "".join(f"{mode:>16}" for mode in modes))
    for category in [*categories, "all"]:
        columns = []
        for mode in modes:
            found = [
                passed
                for (name, counted_mode), each in counts.items()
                if counted_mode == mode and category in {name, "all"}
                for passed in each
            ]
            rate = f"{sum(found) / len(found):6.1%}" if found else ""
            columns.append(f"{sum(found):>4}/{len(found):<3} {rate:>7}")
        _write(f"{category:{_WIDTH}}" + "".join(f"{column:>16}" for column in columns))


if __name__ == "__main__":
    sys.exit(main())
