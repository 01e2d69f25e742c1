"""The explorer: one page that shows a memory, as files that a browser reads as they are, and what
it knows of this version: the tour, what each signal means.

Nothing is built and nothing is fetched from elsewhere; what it shows comes from the methods of the
API over HTTP. Who serves it is :mod:`graphmem.doors.http`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from graphmem import __version__
from graphmem.adapters.graph.cypher_files import statements
from graphmem.retrieve.signals.registry import SIGNALS
from graphmem.text import digest

_PAGE: Final = Path(__file__).parent / "page"
_TYPES: Final[Mapping[str, str]] = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".json": "application/json",
}


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file as it is sent: its text, its type, and a tag that changes with it."""

    content: str
    type: str
    tag: str


def page_files() -> Mapping[str, PageFile]:
    """Every file by its place in the page: ``index.html``, ``vendor/d3-force.min.js``, …"""
    found = {
        path.relative_to(_PAGE).as_posix(): (path.read_text(encoding="utf-8"), _TYPES[path.suffix])
        for path in sorted(_PAGE.rglob("*"))
        if path.is_file()
    }
    found["known.json"] = _known(), _TYPES[".json"]
    return {name: PageFile(text, kind, digest(text)) for name, (text, kind) in found.items()}


def _known() -> str:
    tour = [asdict(query) for query in statements("inspect.cypher").values()]
    signals = {signal.name: signal.explanation for signal in SIGNALS.values()}
    return json.dumps({"version": __version__, "tour": tour, "signals": signals})
