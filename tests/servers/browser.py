"""A real Chromium, driven by Playwright: Debian's package, installed where that is allowed.

Playwright's own build is fetched from elsewhere, and is not needed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from filelock import FileLock

from tests.servers.base import ServerMissing

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_WANTED = "the explorer's tests need Chromium: apt-get install -y chromium, or CHROMIUM=/its/path"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium() -> str:
    """Where Chromium is; :class:`ServerMissing` says how to get it where this may not do so."""
    if given := os.environ.get("CHROMIUM"):
        return given
    with FileLock(Path(tempfile.gettempdir()) / "graphmem-chromium.lock"):
        return _installed() or _install()


def _installed() -> str | None:
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


def _install() -> str:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise ServerMissing(_WANTED)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
        done = subprocess.run(
            ["apt-get", "-qq", *command], env=quiet, capture_output=True, text=True, check=False
        )
    found = _installed()
    if found is None:
        raise ServerMissing(f"{_WANTED}; apt-get said: {done.stderr.strip()[-300:]}")
    return found
