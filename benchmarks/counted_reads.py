"""What counting reads costs a search: the same questions with counting and without, in turns.

``python -m benchmarks.counted_reads`` prints the 95th percentile of both and their ratio, of the
processor's time, that of what is written in the background included. Both stores stand in one
process and are asked in turns, so that whatever else the machine does slows both alike.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from graphmem import Memory, Settings

_FACTS, _ROUNDS, _QUESTIONS = 2_000, 200, 20


def _filled(folder: Path, *, counting: bool) -> Memory:
    settings = Settings.load({}, llm="none", count_reads=counting)
    memory = Memory(folder, user_id="ada", settings=settings)
    lines = (f"Person{n % 97} met Person{n % 89} in City{n % 31}, note {n}." for n in range(_FACTS))
    memory.add_many(lines, infer=False)
    return memory


def _asked(memory: Memory, question: str) -> float:
    begun = time.process_time()
    memory.search(question)
    return time.process_time() - begun


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        on = _filled(Path(folder) / "on", counting=True)
        off = _filled(Path(folder) / "off", counting=False)
        questions = [f"Who met Person{n} in City{n % 31}?" for n in range(_QUESTIONS)]
        taken: dict[str, list[float]] = {"on": [], "off": []}
        with on, off:
            for memory in (on, off):  # nothing is cold any more
                for question in questions:
                    memory.search(question)
            for number in range(_ROUNDS):
                for question in questions:
                    pair = [("on", on), ("off", off)]
                    for name, memory in pair if number % 2 else reversed(pair):
                        taken[name].append(_asked(memory, question))
        p95 = {name: statistics.quantiles(times, n=20)[-1] for name, times in taken.items()}
        middle = {name: statistics.median(times) for name, times in taken.items()}
        for name in taken:
            print(f"{name:4} median {middle[name] * 1e3:.2f} ms, p95 {p95[name] * 1e3:.2f} ms")
        print(f"ratio median {middle['on'] / middle['off']:.3f}, p95 {p95['on'] / p95['off']:.3f}")


if __name__ == "__main__":
    main()
