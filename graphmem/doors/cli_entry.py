"""The entry point of the command ``graphmem``: handles Ctrl-C while its code is being loaded."""

from __future__ import annotations

import sys


def main() -> None:
    """Load the command line and run it."""
    try:
        from graphmem.doors.cli import run_and_exit as run
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)
    run()
