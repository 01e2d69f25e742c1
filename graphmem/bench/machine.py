"""What a figure was measured on: processor, memory, versions. No names of hosts or people."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from graphmem import __version__

_PACKAGES = ("kuzu", "qdrant-edge-py", "wordllama", "numpy")


def machine() -> dict[str, Any]:
    """Processor, cores, memory (GiB), system, Python."""
    return {
        "cpu": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def versions() -> dict[str, str]:
    """Versions of graphmem and of what its defaults depend on."""
    return {"graphmem": __version__, **{name: metadata.version(name) for name in _PACKAGES}}


def peak_memory_mib() -> float | None:
    """The most that this process held, so far; None where the system does not say."""
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def load_average() -> float | None:
    """How many processes wanted to run in the last minute; None where the system does not say."""
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None


def folder_mib(folder: Path) -> float:
    """What the files below a folder take on the disk: engines reserve more than they fill."""
    stats = [file.stat() for file in folder.rglob("*") if file.is_file()]
    return sum(getattr(s, "st_blocks", s.st_size / 512) * 512 for s in stats) / (1 << 20)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 30), 1)
