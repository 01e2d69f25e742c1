"""What is drawn, as a Vega specification: the template ``vega.json`` with data, colours, sizes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from typing import Any

_COLOURS = (
    "#3b76b3",  # blue
    "#e0862e",  # orange
    "#3f9c68",  # green
    "#c04f4f",  # red
    "#8465b0",  # violet
    "#b0894f",  # ochre
    "#d276a8",  # pink
    "#4fa3a8",  # teal
    "#8a9a3a",  # olive
    "#7c8894",  # grey, for the rest
)
_FIXED = {"person": 0, "place": 2, "organization": 1, "event": 3, "thing": 5, "other": 9}
_LABELS_ON_PAPER = 120
"""More links than this, and their labels would hide the graph."""
_NARROWEST_PAPER = 480

_MARGIN = 36
_HEAD = 58
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


def vega_spec(drawing: Drawing, *, interactive: bool) -> dict[str, Any]:
    """The specification: of a still picture, or of one that can be dragged and zoomed."""
    template = json.loads(resources.files(__package__).joinpath("vega.json").read_text("utf-8"))
    spec: dict[str, Any] = template["picture"]
    spec["scales"] = [_colour_scale(drawing.kinds)]
    nodes, links = spec["data"]
    nodes["values"] = drawing.nodes
    # The lookup runs again whenever a node moves: it must not overwrite the keys it reads.
    links["values"] = [
        {**link, "from": link["source"], "to": link["target"]} for link in drawing.links
    ]
    if interactive:
        nodes["on"] = [{"trigger": "drag", "modify": "held", "values": "{x: drag[0], y: drag[1]}"}]
        spec["legends"][0]["legendY"] = 14
        sizes = {
            "graph_width": drawing.width,
            "graph_height": drawing.height,
            "graph_links": len(drawing.links),
        }
        spec["signals"] = [*_constants(sizes), *template["interactive"]]
        return spec
    spec["width"] = max(drawing.width + 2 * _MARGIN, _NARROWEST_PAPER)
    spec["height"] = drawing.height + 2 * _MARGIN + _HEAD
    left = (spec["width"] - drawing.width) / 2
    spec["signals"] = _constants(
        {
            "view": [1, left, _MARGIN + _HEAD],
            "over": None,
            "link_labels": len(drawing.links) <= _LABELS_ON_PAPER,
            "moved": 0,
        }
    )
    if drawing.title:
        template["title"]["encode"]["enter"]["text"]["value"] = drawing.title
        spec["marks"].append(template["title"])
    else:
        spec["legends"][0]["legendY"] = 14
    return spec


def _constants(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def _colour_scale(kinds: list[str]) -> dict[str, Any]:
    """The usual kinds keep their colour from picture to picture; others take what is free."""
    used = {_FIXED[kind] for kind in kinds if kind in _FIXED}
    free = [at for at in range(len(_COLOURS)) if at not in used]
    chosen = []
    for kind in kinds:
        at = _FIXED[kind] if kind in _FIXED else (free.pop(0) if free else len(_COLOURS) - 1)
        chosen.append(_COLOURS[at])
    return {"name": "colour", "type": "ordinal", "domain": kinds, "range": chosen}
