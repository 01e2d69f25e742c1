"""The page of the fault matrix, from what became of its cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from graphmem.testing.faults import FAULT_KINDS, FaultKind
from tests.faults.matrix import OUTCOMES, PORTS, Case
from tests.faults.workload import OPERATIONS

_KINDS: dict[FaultKind, str] = {
    "before": "fails, and nothing was done",
    "after": "is done, and fails all the same: the answer was lost (calls that write)",
    "slow": "takes a while (each call of the port, at once)",
    "never": "is never answered; the caller gives up after a while",
    "twice": "is done twice, as if it had been sent again (calls that write)",
    "cut": "is done, the answer is lost, and every later call fails",
    "kill": "the process is killed while it is being done (calls that write)",
}
_SHORT = {
    "as without": "=", "after all": "≡", "again": "↻", "finished again": "⟳", "broken": "✗",
}  # fmt: skip
_HEAD = """\
# Faults

What becomes of a call when one of the calls that it makes goes wrong. Each operation was run on a
copy of one store (SQLite, Kuzu, Qdrant Edge, wordllama, a local model server), once for every call
that it makes of every port, for each way in which that call can go wrong; then the store was closed
and opened again without the fault. What can be seen of it (facts, entities, relations, history,
searches; `verify`; the ledger replayed) must be what a run without a fault leaves, or, where the
caller was told of the failure, must become so when the same call is made again.

This page is made by `python -m tests.faults`, which `make nightly` runs to the end; the numbers say
how many cases of each kind had been run when it was made. A test holds its rows against the
workload, and `make test` runs a few cases.
"""


def page(results: Sequence[tuple[Case, str]]) -> str:
    last = dict(results)
    lines = [_HEAD, "A call that goes wrong:", ""]
    lines += [f"- **{kind}**: {_KINDS[kind]}" for kind in FAULT_KINDS]
    lines += ["", "What became of it, with the number of calls:", ""]
    lines += [f"- {_SHORT[outcome]} {text}" for outcome, text in OUTCOMES.items()]
    lines += ["", f"{_totals(last)}", ""]
    lines += [
        f"| operation | port | {' | '.join(FAULT_KINDS)} |",
        "|---" * (len(FAULT_KINDS) + 2) + "|",
    ]
    for operation in OPERATIONS:
        for port in PORTS:
            cells = [
                _cell([o for c, o in last.items() if (c.operation, c.port, c.kind) == place])
                for kind in FAULT_KINDS
                for place in [(operation.name, port, kind)]
            ]
            if any(cells):
                lines.append(f"| {operation.name} | {port} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _totals(last: dict[Case, str]) -> str:
    counts = Counter(last.values())
    parts = [f"{counts[outcome]:,} {_SHORT[outcome]}" for outcome in _SHORT]
    return f"In all {len(last):,} cases: {', '.join(parts)}."


def _cell(outcomes: Sequence[str]) -> str:
    counts = Counter(outcomes)
    return " ".join(f"{counts[one]}{sign}" for one, sign in _SHORT.items() if counts[one])
