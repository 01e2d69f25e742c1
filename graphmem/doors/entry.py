"""Where the command ``graphmem`` begins: Ctrl-C is heard while its code is still being loaded."""

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
