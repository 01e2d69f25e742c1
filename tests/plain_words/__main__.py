"""What the rules find in texts as people write them: ``python -m tests.plain_words``."""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict

from tests.plain_words.measure import Measure, measure
from tests.plain_words.texts import HALVES, load_texts


def main() -> None:
    """Measure one half, and print a line for each kind of text and for all."""
    parser = argparse.ArgumentParser(prog="python -m tests.plain_words", description=__doc__)
    parser.add_argument("name", nargs="*", help="texts, or parts of their names")
    parser.add_argument("--half", choices=HALVES, default="given")
    parser.add_argument("--failures", action="store_true")
    given = parser.parse_args()
    kinds: dict[str, Measure] = defaultdict(Measure)
    for text in load_texts(given.half):
        if given.name and not any(part in text.name for part in given.name):
            continue
        found = measure(text)
        kinds[text.kind] += found
        kinds["all"] += found
        if given.failures:
            sys.stdout.write("\n".join([f"## {text.name}", *found.misses, ""]))
    head = (
        "",
        "stated",
        "recall",
        "changes",
        "right",
        "vacuous",
        "traps",
        "kept out",
        "stored",
        "wrong",
    )
    sys.stdout.write("".join(f"{word:>9}" for word in head) + "\n")
    for kind in sorted(kinds, key=lambda kind: (kind == "all", kind)):
        sys.stdout.write(_row(kind, kinds[kind]) + "\n")


def _row(kind: str, found: Measure) -> str:
    c = found.counts
    wrong = c["stored"] - c["stored right"]
    cells = [
        kind, c["stated"], f"{found.share('stated'):.2f}", c["changes"],
        f"{found.share('changes'):.2f}", c["vacuous"], c["traps"], f"{found.share('traps'):.2f}",
        c["stored"], wrong,
    ]  # fmt: skip
    return "".join(f"{cell!s:>9}" for cell in cells)


if __name__ == "__main__":
    main()
