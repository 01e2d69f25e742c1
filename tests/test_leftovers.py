"""A test run that is killed leaves no server running, and no folder for long."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.servers import remove_stale

ROOT = Path(__file__).parents[1]
_LONG_S = 60

_HANGS = """
import time
from pathlib import Path

def test_hangs({fixture}: str, capfd) -> None:
    with capfd.disabled():
        print("ready", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Where another user may run programs, as PostgreSQL is: pytest closes its own folders to all
    others, some levels up, and again with each run that begins."""
    with tempfile.TemporaryDirectory(prefix="leftovers-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.server
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
@pytest.mark.parametrize(
    ("fixture", "how"),
    [
        ("postgres_url", signal.SIGKILL),
        ("postgres_url", signal.SIGINT),
        ("neo4j_uri", signal.SIGKILL),
    ],
)
def test_a_killed_run_leaves_nothing(
    tmp_path: Path, open_folder: Path, fixture: str, how: signal.Signals
) -> None:
    scratch = open_folder
    test = tmp_path / "test_hangs.py"
    test.write_text(_HANGS.format(fixture=fixture))
    clean = {k: v for k, v in os.environ.items() if k not in {"NEO4J_URI", "POSTGRES_URL"}}
    options = ["-p", "tests.conftest", "-p", "no:cacheprovider", "-n", "0", "-c", os.devnull]
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", *options, "--rootdir", str(tmp_path), str(test)],
        cwd=ROOT,
        env={**clean, "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as run:
        assert run.stdout is not None
        lines: list[str] = []
        while not lines or not lines[-1].endswith("ready\n"):
            lines.append(run.stdout.readline())
            if "1 skipped" in lines[-1]:
                pytest.skip("such a server cannot be had here")
            assert lines[-1], "".join(lines)
        started = psutil.Process(run.pid).children(recursive=True)
        assert started, "a server runs"
        (folder,) = scratch.glob("graphmem-*-*")
        run.send_signal(how)
        _, alive = psutil.wait_procs(started, timeout=_LONG_S)
        assert not alive
        run.stdout.read()
    assert folder.exists() == (how == signal.SIGKILL), "an interrupt lets the fixtures end"
    remove_stale(scratch)
    assert not list(scratch.glob("graphmem-*-*"))


def test_what_is_in_use_stays(tmp_path: Path) -> None:
    from filelock import FileLock

    for name in ("graphmem-neo4j-a", "graphmem-neo4j-b", "graphmem-other", "mine"):
        (tmp_path / name).mkdir()
    for name in ("graphmem-neo4j-a", "graphmem-neo4j-b", "mine"):
        (tmp_path / name / "in-use.lock").touch()
    with FileLock(tmp_path / "graphmem-neo4j-a" / "in-use.lock"):
        remove_stale(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"graphmem-neo4j-a", "graphmem-other", "mine"}
