"""The ledger after power cuts between and within its writes: it opens, is whole, and has all that
was acknowledged and nothing that was erased."""

from __future__ import annotations

import random
import shutil
import sqlite3
import sys
from pathlib import Path

import pytest

from graphmem import Memory, Settings
from graphmem.errors import BackendError
from tests.faults.power_cuts import Recording
from tests.faults.sizes import FUZZ, SEED

_CUTS = 12


@pytest.mark.timeout(0)
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace records what a process writes")
def test_power_cuts_lose_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording = Recording(tmp_path / "store")
    rng = random.Random(SEED)
    settings = Settings.load(graph="memory://", vectors="memory://")
    began, acknowledged = 0, 0
    for number, at in enumerate(recording.places(round(_CUTS * FUZZ), rng)):
        folder = tmp_path / f"cut{number}"
        there, gone = recording.cut(at, rng, folder)
        acknowledged += len(there)
        with Memory(folder, user_id="ada", settings=settings) as memory:
            found = memory.verify()
            assert found.ok, (at, found.differences)
            memory.add("Written after the cut.")
            began += 1
        with sqlite3.connect(folder / "ledger.sqlite") as connection:
            ids = {row[0] for row in connection.execute("SELECT id FROM episodes")}
        connection.close()
        assert there <= ids, (at, there - ids)
        assert not gone & ids, (at, gone & ids)
        shutil.rmtree(folder)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{began} power cuts survived, {acknowledged} acknowledged episodes found (seed "
            f"{SEED}; recorded: {recording})\n"
        )


def test_a_flush_that_never_came_is_noticed(tmp_path: Path) -> None:
    """The check itself: without its flushes the same process loses what it acknowledged."""
    if shutil.which("strace") is None:
        pytest.skip("strace records what a process writes")
    recording = Recording(tmp_path / "store")
    recording.acts = [act for act in recording.acts if act.what != "flush"]
    lost = 0
    settings = Settings.load(graph="memory://", vectors="memory://")
    for seed in range(6):
        rng = random.Random(seed)
        folder = tmp_path / f"cut{seed}"
        there, _ = recording.cut(recording.writes[-1], rng, folder)
        try:
            with Memory(folder, user_id="ada", settings=settings) as memory:
                whole = memory.verify().ok
                lost += not whole or memory.stats().episodes < len(there)
        except BackendError:
            lost += 1
    assert lost
