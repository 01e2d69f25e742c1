"""Others' frameworks, the released ones, in an environment of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.servers import environment_with, had_or_skipped

PACKAGES = (
    "langchain-core==1.7.2",
    "langgraph==1.2.22",
    "llama-index-core==0.14.25",
    "openai-agents==0.24.0",
    "pydantic-ai-slim[openai]==2.68.0",
)
_ROOM = Path(__file__).parent
_ROOT = _ROOM.parents[1]


@pytest.fixture(scope="session")
def frameworks_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with the frameworks: FRAMEWORKS_PYTHON, or one that is made for these tests.
    What else is needed it finds where these tests do."""
    if given := os.environ.get("FRAMEWORKS_PYTHON"):
        return Path(given)
    home = tmp_path_factory.mktemp("frameworks")
    python = had_or_skipped(lambda: environment_with(home, *PACKAGES))
    (own,) = (home / "lib").glob("python*/site-packages")
    (own / "tests.pth").write_text(f"{sysconfig.get_path('purelib')}\n{_ROOT}\n")
    return python


@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform == "win32", reason="the environment's paths are POSIX's")
def test_with_the_real_packages(frameworks_python: Path, tmp_path: Path) -> None:
    environ = {
        **{key: os.environ[key] for key in ("PATH", "TMPDIR") if key in os.environ},
        "HOME": str(tmp_path),
        "OPENAI_AGENTS_DISABLE_TRACING": "1",
        "LANGSMITH_TRACING": "false",
    }
    files = sorted(_ROOM.glob("with_*.py"))
    command: list[str | Path] = [frameworks_python, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "--basetemp", tmp_path / "pytest", *files],
        capture_output=True,
        text=True,
        timeout=500,
        env=environ,
        cwd=_ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout
