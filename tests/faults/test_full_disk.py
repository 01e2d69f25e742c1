"""A real disk, small, that another program fills between looking for room and writing."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from graphmem import Memory
from tests.engine.helpers import ROOT, child_environment
from tests.faults.sizes import FUZZ, SEED

_MOMENTS = 60
_TRIED = 4


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file system in memory, in which reading a hole fills it, too: the hardest case."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root may mount a small disk, and only on Linux is it known how")
    folder = tmp_path_factory.mktemp("disk")
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=900m", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"no disk can be mounted here: {made.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.timeout(0)
def test_it_fills_at_any_moment(disk: Path) -> None:
    """Whatever the engines do, the process goes on; what was acknowledged is there."""
    moments = list(range(1, _MOMENTS + 1))
    if FUZZ <= 1:
        moments = [1, *random.Random(SEED).sample(moments, _TRIED - 1)]
    refused = 0
    for at in moments:
        folder, filler = disk / "store", disk / "filler"
        command = [sys.executable, "-m", "tests.faults.filling", str(folder), str(filler), str(at)]
        done = subprocess.run(
            command, env=child_environment(), cwd=ROOT, capture_output=True, text=True, check=False
        )
        filler.unlink(missing_ok=True)
        refused += "nearly full" in done.stderr or "disk is full" in done.stderr
        assert done.returncode == 0, (at, done.returncode, done.stderr[-3000:])
        with Memory(folder, user_id="ada") as memory:
            assert memory.verify().ok
            for id in done.stdout.split():
                assert memory.episode(id).status == "done"
        subprocess.run(["rm", "-rf", str(folder)], check=True)
    assert refused >= len(moments) // 4, "the disk was full, and something said so"


def test_looking_for_holes_on_a_full_disk_is_survived(disk: Path) -> None:
    """Where there is no block for it, whoever reads a page is killed."""
    program = (
        "import sys; from pathlib import Path\n"
        "from tests.faults.filling import FillingDisk\n"
        "from graphmem.adapters.vectors.qdrant_edge.disk_space import fills_holes\n"
        "folder = Path(sys.argv[1])\n"
        "before = fills_holes(folder)\n"
        "full = FillingDisk(folder / 'filler', 1)\n"
        "full.after(lambda: None)()\n"
        "print(before, fills_holes(folder))\n"
        "full.empty()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(disk)],
        env=child_environment(), cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "True True\n"), done.stderr
