"""What is drawn: nodes and links in their places, and the room around them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MARGIN = 36
HEAD = 58
"""Room for title and legend above the graph."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Nodes and links with places and sizes, in a frame of ``width`` by ``height``."""

    nodes: list[dict[str, Any]]
    links: list[dict[str, Any]]
    kinds: list[str]
    title: str
    width: int
    height: int
