"""The command line on a real store: in this process, or as a child of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from graphmem.doors.cli import run_cli

TEXT = "Bo works at Acme. Bo lives in Paris. Cleo is married to Bo."


@dataclass(frozen=True)
class Ran:
    """What one command gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.err.strip().splitlines()[-1])["error"]
        return found


Run = Callable[..., Ran]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No setting of this machine; a folder of its own to run in."""
    for name in list(os.environ):
        if name.startswith(("GRAPHMEM_", "OPENAI_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def graphmem(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process."""

    def call(*arguments: str) -> Ran:
        capfd.readouterr()
        code = run_cli(arguments)
        out, err = capfd.readouterr()
        return Ran(code, out, err)

    return call


@pytest.fixture
def ada(graphmem: Run) -> Run:
    """Run a command as the user ada, on a store that knows a few things."""

    def call(*arguments: str) -> Ran:
        return graphmem("--user", "ada", *arguments)

    assert call("add", TEXT, "--at", "2024-03-01").code == 0
    assert call("add", "Bo moved to Rome.", "--at", "2025-06-01").code == 0
    return call


def child(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run a command as a process of its own."""
    command = [sys.executable, "-m", "graphmem.doors.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)
