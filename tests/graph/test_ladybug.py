"""Runs the contract on ladybug in a process of its own, where nobody has loaded kuzu."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.timeout(400)
def test_the_contract_on_ladybug() -> None:
    file = Path(__file__).with_name("ladybug_contract.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)]
    done = subprocess.run(
        command,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=380,
    )
    passed = re.search(r"^(\d+) passed in", done.stdout, re.MULTILINE)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert passed is not None
    assert int(passed.group(1)) >= 60, done.stdout
