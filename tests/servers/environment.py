"""An environment with packages of others, beside the one that the tests run in."""

from __future__ import annotations

import subprocess
import venv
from pathlib import Path

from tests.servers.base import ServerMissing

_INSTALL_S = 280


def environment_with(home: Path, *packages: str) -> Path:
    """The interpreter of a new environment; :class:`ServerMissing` where they cannot be had."""
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    install: list[str | Path] = [
        python,
        "-m",
        "pip",
        "install",
        "-q",
        "--disable-pip-version-check",
    ]
    done = subprocess.run(
        [*install, "--only-binary", ":all:", *packages],
        capture_output=True,
        text=True,
        timeout=_INSTALL_S,
        check=False,
    )
    if done.returncode:
        why = done.stderr.strip()[-300:]
        raise ServerMissing(f"{', '.join(packages)} cannot be installed here: {why}")
    return python
