"""Others' frameworks, the released ones, in an environment of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

import pytest

from tests.servers import ServerMissing, environment_with, had_or_skipped

PACKAGES = (
    "autogen-agentchat==0.7.5",
    "autogen-ext[openai]==0.7.5",
    "langchain-core==1.7.2",
    "langgraph==1.2.22",
    "langgraph-checkpoint==4.3.2",
    "llama-index-core==0.14.25",
    "openai-agents==0.24.0",
    "pydantic-ai-slim[openai]==2.68.0",
    "pytest-mock==3.15.1",  # LangGraph's own tests use it
)
CREWAI = "crewai==1.15.30"
"""By itself: it needs older packages of others than the rest, and a gigabyte."""
_ROOM = Path(__file__).parent
_ROOT = _ROOM.parents[1]


_NIGHTLY = pytest.mark.skipif(
    float(os.environ.get("GRAPHMEM_FUZZ", "1")) <= 1, reason="minutes to install: make nightly"
)
_POSIX = pytest.mark.skipif(sys.platform == "win32", reason="the environment's paths are POSIX's")


def _python_with(home: Path, *packages: str) -> Path:
    """An interpreter with these; what else is needed it finds where these tests do."""
    python = had_or_skipped(lambda: environment_with(home, *packages))
    (own,) = (home / "lib").glob("python*/site-packages")
    (own / "tests.pth").write_text(f"{sysconfig.get_path('purelib')}\n{_ROOT}\n")
    return python


@pytest.fixture(scope="session")
def frameworks_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with the frameworks: FRAMEWORKS_PYTHON, or one that is made here."""
    if given := os.environ.get("FRAMEWORKS_PYTHON"):
        return Path(given)
    return _python_with(tmp_path_factory.mktemp("frameworks"), *PACKAGES)


def _passed(python: Path, place: Path, home: Path, *arguments: str | Path) -> None:
    """Run pytest there; nothing fails, and nothing is skipped."""
    environ = {
        **{key: os.environ[key] for key in ("PATH", "TMPDIR") if key in os.environ},
        "HOME": str(home),
        "CREWAI_DISABLE_TELEMETRY": "true",
        "OPENAI_AGENTS_DISABLE_TRACING": "1",
        "OTEL_SDK_DISABLED": "true",
        "LANGSMITH_TRACING": "false",
    }
    command: list[str | Path] = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "--basetemp", home / "pytest", *arguments],
        capture_output=True,
        text=True,
        timeout=500,
        env=environ,
        cwd=place,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


@_POSIX
@pytest.mark.timeout(600)
def test_with_the_real_packages(frameworks_python: Path, tmp_path: Path) -> None:
    files = sorted(set(_ROOM.glob("with_*.py")) - {_ROOM / "with_crewai.py"})
    _passed(frameworks_python, _ROOT, tmp_path, *files)


@_POSIX
@_NIGHTLY
@pytest.mark.timeout(600)
def test_langgraphs_own_tests_of_stores_pass(frameworks_python: Path, tmp_path: Path) -> None:
    """Those that its sources have, over our store instead of theirs."""
    (version,) = (one for one in PACKAGES if one.startswith("langgraph-checkpoint"))
    had_or_skipped(lambda: _sources_of(frameworks_python, version, tmp_path))
    (sources,) = tmp_path.glob("langgraph_checkpoint-*/")
    shutil.copy(_ROOM / "langgraph_own.py", sources / "conftest.py")
    options = ("--rootdir", sources, "-c", os.devnull, "-o", "asyncio_mode=auto")
    _passed(frameworks_python, sources, tmp_path, *options, "tests/test_store.py")


def _sources_of(python: Path, package: str, place: Path) -> None:
    download = ("pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-d", place, package)
    done = subprocess.run(
        [python, "-m", *download], capture_output=True, text=True, timeout=280, check=False
    )
    if done.returncode:
        raise ServerMissing(f"the sources of {package} cannot be had: {done.stderr[-300:]}")
    (packed,) = place.glob("*.tar.gz")
    with tarfile.open(packed) as archive:
        # As the documents of tarfile say; Python 3.11.2 has no filters yet.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(place)


@_POSIX
@pytest.mark.timeout(900)
@_NIGHTLY
def test_with_crewai(tmp_path: Path) -> None:
    given = os.environ.get("CREWAI_PYTHON")
    python = Path(given) if given else _python_with(tmp_path / "crewai", CREWAI)
    # It warns of its own ways in passing.
    _passed(python, _ROOT, tmp_path, "-W", "default", _ROOM / "with_crewai.py")
