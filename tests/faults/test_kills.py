"""Whenever a process is killed, nothing that was acknowledged is lost, and nothing is half done."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from tests.faults.kills import kill_at_random
from tests.faults.matrix import Faults
from tests.faults.sizes import FUZZ, SEED
from tests.faults.workload import model_server

_KILLS = 72


async def test_kills_at_random_moments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with model_server() as server:
        faults = Faults(tmp_path, server.base_url)
        await faults.prepare()
        found = await kill_at_random(faults, round(_KILLS * FUZZ), random.Random(SEED))
    with capsys.disabled():
        sys.stdout.write(f"\n{found} (seed {SEED})\n")
    assert found.lost == []
    assert found.differences == []
