"""Runs the contract on ladybug in a process of its own, where nobody has loaded kuzu."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest


def _run(which: str, **variables: str) -> int:
    """How many tests of ``ladybug_contract.py`` passed, as all must."""
    file = Path(__file__).with_name("ladybug_contract.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", which]
    done = subprocess.run(
        [*command, str(file)],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=380,
    )
    passed = re.search(r"^(\d+) passed.* in", done.stdout, re.MULTILINE)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert passed is not None
    return int(passed.group(1))


@pytest.mark.timeout(400)
def test_the_contract_on_ladybug() -> None:
    assert _run("not neo4j") >= 50


@pytest.mark.timeout(400)
def test_ladybug_and_neo4j_agree(neo4j_uri: str) -> None:
    assert _run("neo4j", NEO4J_URI=neo4j_uri) == 1
