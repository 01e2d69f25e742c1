"""Prints where tests may keep their stores in memory, nothing where they may not: ``make test``.

Thousands of stores of 30 MB and more are made and removed; on a disk that takes twice as long.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")
_ENOUGH = 8 << 30  # bytes


def scratch() -> str | None:
    """Where there is one; None where temporary files are kept."""
    return str(_MEMORY) if fits(_MEMORY) else None


def main() -> None:
    sys.stdout.write(scratch() or "")


def fits(folder: Path) -> bool:
    """Whether there is room, and programs may be run from there: a server of the tests is."""
    try:
        if not os.access(folder, os.W_OK) or shutil.disk_usage(folder).free < _ENOUGH:
            return False
        with tempfile.TemporaryDirectory(dir=folder) as made:
            program = Path(made) / "program"
            program.write_text("#!/bin/sh\nexit 0\n")
            program.chmod(0o700)
            return subprocess.run([program], check=False).returncode == 0
    except OSError:
        return False


if __name__ == "__main__":
    main()
