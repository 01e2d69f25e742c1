"""The entry point of the command ``graphmem``: handles Ctrl-C while its code is being loaded."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Load the command line and run it."""
    # What a search multiplies is small: threads that wait for one another for it took a seventh of
    # a server's calls (``python -m benchmarks.serving``, 180 calls a second against 207).
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        from graphmem.doors.cli import run_and_exit as run
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)
    run()
