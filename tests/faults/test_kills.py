"""Whenever a process is killed, nothing that was acknowledged is lost, and nothing is half done."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from tests.faults.kills import KILLED_WRITES, kill_at_random
from tests.faults.matrix import Faults
from tests.faults.sizes import FUZZ, SEED
from tests.faults.workload import model_server

_KILLS = 100
_FEW = (
    "add, in conflict", "update", "delete a fact", "erase a fact", "delete_all", "forget", "undo",
    "merge", "declare_type", "rebuild", "backup", "migrate",
)  # fmt: skip
"""What ``make test`` kills: to know what to expect of each operation takes a second."""


@pytest.mark.timeout(0)
async def test_kills_at_random_moments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with model_server() as server:
        faults = Faults(tmp_path, server.base_url)
        await faults.prepare()
        names = KILLED_WRITES if FUZZ > 1 else _FEW
        found = await kill_at_random(faults, round(_KILLS * FUZZ), random.Random(SEED), names)
    with capsys.disabled():
        sys.stdout.write(f"\n{found} (seed {SEED})\n")
    assert found.lost == []
    assert found.differences == []
