"""The Vega specification of a drawing: one for paper, one that answers to the pointer.

https://vega.github.io/vega/docs/: nodes and links are data sets; everything else follows from them
by expressions. Links are shaped after the nodes have been placed (post-encoding transforms), so
that arrowheads and labels follow when a node is dragged.
"""

from __future__ import annotations

from typing import Any

from graphmem.doors.drawing.interaction import signals
from graphmem.doors.drawing.scene import HEAD, MARGIN, Drawing

_FONT = "DejaVu Sans, Segoe UI, Helvetica Neue, Arial, sans-serif"
_INK = "#23303d"
_QUIET = "#66727f"
_LINE = "#8795a3"
_ENDED = "#b9c0c7"
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
_FIXED = {
    "person": 0,
    "place": 2,
    "organization": 1,
    "event": 3,
    "thing": 5,
    "other": 9,
}
_LABELS_ON_PAPER = 120
"""More links than this, and their labels would hide the graph."""


def vega_spec(drawing: Drawing, *, interactive: bool) -> dict[str, Any]:
    """The specification: of a still picture, or of one that can be dragged and zoomed."""
    nodes: dict[str, Any] = {"name": "nodes", "values": drawing.nodes}
    # The lookup runs again whenever a node moves: it must not overwrite the keys it reads.
    keyed = [{**link, "from": link["source"], "to": link["target"]} for link in drawing.links]
    links: dict[str, Any] = {"name": "links", "values": keyed}
    lookup = {
        "type": "lookup",
        "from": "nodes",
        "key": "id",
        "fields": ["from", "to"],
        "as": ["source", "target"],
    }
    links["transform"] = [lookup]
    spec: dict[str, Any] = {
        "$schema": "https://vega.github.io/schema/vega/v6.json",
        "background": "#ffffff",
        "padding": 0,
        "autosize": "none",
        "config": {"text": {"font": _FONT}, "legend": {"labelFont": _FONT}},
        "scales": [_colours(drawing.kinds)],
        "legends": [_legend(bool(drawing.title) and not interactive)],
        "data": [nodes, links],
        "marks": [_edges(), _heads(), _edge_labels(), *_node_marks()],
    }
    if interactive:
        spec["signals"] = signals(drawing)
        nodes["on"] = [{"trigger": "drag", "modify": "held", "values": "{x: drag[0], y: drag[1]}"}]
        return spec
    spec["width"] = max(drawing.width + 2 * MARGIN, 480)
    spec["height"] = drawing.height + 2 * MARGIN + HEAD
    left = (spec["width"] - drawing.width) / 2
    many = len(drawing.links) > _LABELS_ON_PAPER
    spec["signals"] = [
        {"name": "view", "value": [1, left, MARGIN + HEAD]},
        {"name": "over", "value": None},
        {"name": "link_labels", "value": not many},
        {"name": "moved", "value": 0},
    ]
    if drawing.title:
        spec["marks"].append(_title(drawing.title))
    return spec


def _title(text: str) -> dict[str, Any]:
    return {
        "type": "text",
        "encode": {
            "enter": {
                "x": {"value": 16},
                "y": {"value": 26},
                "text": {"value": text},
                "fontSize": {"value": 16},
                "fontWeight": {"value": "bold"},
                "fill": {"value": _INK},
            }
        },
    }


def _colours(kinds: list[str]) -> dict[str, Any]:
    """The usual kinds keep their colour from picture to picture; others take what is free."""
    taken = {_FIXED[kind] for kind in kinds if kind in _FIXED}
    free = [at for at in range(len(_COLOURS)) if at not in taken]
    chosen = []
    for kind in kinds:
        at = _FIXED[kind] if kind in _FIXED else (free.pop(0) if free else len(_COLOURS) - 1)
        chosen.append(_COLOURS[at])
    return {"name": "colour", "type": "ordinal", "domain": kinds, "range": chosen}


def _legend(titled: bool) -> dict[str, Any]:
    return {
        "fill": "colour",
        "orient": "none",
        "legendX": 16,
        "legendY": 38 if titled else 14,
        "direction": "horizontal",
        "columns": 10,
        "symbolType": "circle",
        "symbolSize": 110,
        "labelFontSize": 12,
        "labelColor": _QUIET,
        "columnPadding": 14,
    }


_K, _X, _Y = "view[0]", "view[1]", "view[2]"
# The geometry of a link, step by step; `moved` is named so that every drag shapes it anew.
_SHAPE = (
    ("sx", f"datum.datum.source.x * {_K} + {_X} + 0 * moved"),
    ("sy", f"datum.datum.source.y * {_K} + {_Y}"),
    ("tx", f"datum.datum.target.x * {_K} + {_X}"),
    ("ty", f"datum.datum.target.y * {_K} + {_Y}"),
    ("loop", "datum.datum.source.id === datum.datum.target.id"),
    ("size", "sqrt(clamp(view[0], 0.25, 2.5))"),
    ("far", "max(1, sqrt(pow(datum.tx - datum.sx, 2) + pow(datum.ty - datum.sy, 2)))"),
    ("off", f"datum.datum.bend * 44 * {_K}"),
    # The control point of the curve: beside the middle, or above a loop.
    (
        "cx",
        "datum.loop ? datum.sx : (datum.sx + datum.tx) / 2"
        " - (datum.ty - datum.sy) / datum.far * datum.off",
    ),
    (
        "cy",
        "datum.loop ? datum.sy - 60 : (datum.sy + datum.ty) / 2"
        " + (datum.tx - datum.sx) / datum.far * datum.off",
    ),
    ("sa", "datum.loop ? -2.2 : atan2(datum.cy - datum.sy, datum.cx - datum.sx)"),
    ("ta", "datum.loop ? -0.95 : atan2(datum.cy - datum.ty, datum.cx - datum.tx)"),
    ("sr", "datum.datum.source.r * datum.size + 1"),
    ("tr", "datum.datum.target.r * datum.size + 2"),
    ("x1", "datum.sx + cos(datum.sa) * datum.sr"),
    ("y1", "datum.sy + sin(datum.sa) * datum.sr"),
    ("hx", "datum.tx + cos(datum.ta) * datum.tr"),
    ("hy", "datum.ty + sin(datum.ta) * datum.tr"),
    ("x2", "datum.tx + cos(datum.ta) * (datum.tr + 7)"),
    ("y2", "datum.ty + sin(datum.ta) * (datum.tr + 7)"),
    (
        "path",
        "'M' + datum.x1 + ',' + datum.y1 + (datum.loop"
        " ? 'C' + (datum.sx - 46) + ',' + (datum.sy - 66) + ' ' + (datum.sx + 46) + ','"
        " + (datum.sy - 66) + ' ' : 'Q' + datum.cx + ',' + datum.cy + ' ')"
        " + datum.x2 + ',' + datum.y2",
    ),
    ("lx", "datum.loop ? datum.sx : (datum.x1 + 2 * datum.cx + datum.x2) / 4"),
    ("ly", "datum.loop ? datum.sy - 58 : (datum.y1 + 2 * datum.cy + datum.y2) / 4"),
    (
        "turn",
        "datum.loop ? 0 : 180 / PI * atan((datum.y2 - datum.y1) / (datum.x2 - datum.x1 || 1))",
    ),
)


def _edges() -> dict[str, Any]:
    """Curves from rim to rim, with the geometry that heads and labels need kept on each."""
    return {
        "type": "path",
        "name": "edges",
        "from": {"data": "links"},
        "encode": {
            "enter": {
                "strokeDash": {"signal": "datum.ended ? [5, 4] : [1, 0]"},
                "strokeCap": {"value": "butt"},
                "fill": {"value": None},
                "strokeWidth": {"value": 1.5},
                "tooltip": {"signal": "datum.info"},
            },
            "update": {
                "stroke": {
                    "signal": f"over && {_TOUCHED} ? '{_INK}'"
                    f" : datum.ended ? '{_ENDED}' : '{_LINE}'"
                },
                "opacity": {"signal": f"!over || {_TOUCHED} ? 1 : 0.12"},
            },
        },
        "transform": [{"type": "formula", "as": name, "expr": expr} for name, expr in _SHAPE],
    }


_TOUCHED = "(over.id === datum.source.id || over.id === datum.target.id)"


def _heads() -> dict[str, Any]:
    """Arrowheads: their tip at the rim of the target."""
    return {
        "type": "symbol",
        "from": {"data": "edges"},
        "interactive": False,
        "encode": {
            "update": {
                "shape": {"value": "M0,0L-8.5,3.6L-6.6,0L-8.5,-3.6Z"},
                "size": {"value": 4},
                "x": {"field": "hx"},
                "y": {"field": "hy"},
                "angle": {"signal": "datum.ta * 180 / PI + 180"},
                "fill": {"field": "stroke"},
                "opacity": {"field": "opacity"},
            }
        },
    }


def _edge_labels() -> dict[str, Any]:
    touched = "(over && (over.id === datum.datum.source.id || over.id === datum.datum.target.id))"
    # A label longer than its line would lie on the nodes.
    fits = "length(datum.datum.label) * 5.4 < datum.far - datum.sr - datum.tr - 8 || datum.loop"
    return _haloed(
        {
            "from": {"data": "edges"},
            "text": {"signal": "datum.datum.label"},
            "x": {"field": "lx"},
            "y": {"field": "ly"},
            "angle": {"field": "turn"},
            "fontSize": {"value": 10},
            "fill": {"signal": f"datum.datum.ended ? '#9aa3ab' : '{_QUIET}'"},
            "opacity": {"signal": f"{touched} ? 1 : over || !link_labels || !({fits}) ? 0 : 1"},
        },
        baseline="middle",
    )


def _node_marks() -> list[dict[str, Any]]:
    near = "(!over || indexof(over.near, datum.id) >= 0)"
    circle = {
        "type": "symbol",
        "name": "circles",
        "from": {"data": "nodes"},
        "encode": {
            "enter": {
                "fill": {"scale": "colour", "field": "kind"},
                "stroke": {"value": "#ffffff"},
                "strokeWidth": {"value": 1.5},
                "tooltip": {"signal": "datum.info"},
                "cursor": {"value": "grab"},
            },
            "update": {
                "size": {
                    "signal": "4 * pow(datum.r, 2) * clamp(view[0], 0.25, 2.5)",
                },
                "x": {"signal": f"datum.x * {_K} + {_X} + 0 * moved"},
                "y": {"signal": f"datum.y * {_K} + {_Y}"},
                "opacity": {"signal": f"{near} ? 1 : 0.18"},
            },
        },
    }
    # Zoomed out, only the best connected keep their names, so that they can be read.
    named = "(datum.datum.rank < 24 + 90 * pow(view[0], 2) || view[0] >= 0.95)"
    label = _haloed(
        {
            "from": {"data": "circles"},
            "text": {"signal": "datum.datum.label"},
            "x": {"field": "x"},
            "y": {"signal": "datum.y + datum.datum.r * sqrt(clamp(view[0], 0.25, 2.5)) + 3"},
            "fontSize": {"signal": "datum.datum.rank < 3 ? 13 : 12"},
            "fill": {"value": _INK},
            "opacity": {
                "signal": "over ? (indexof(over.near, datum.datum.id) >= 0 ? 1 : 0)"
                f" : {named} ? 1 : 0"
            },
        },
        baseline="top",
    )
    return [circle, label]


def _haloed(mark: dict[str, Any], *, baseline: str) -> dict[str, Any]:
    """Text readable on anything: drawn twice, first as a thick white outline."""
    source = mark.pop("from")
    fill = mark.pop("fill")
    shared = {**mark, "align": {"value": "center"}, "baseline": {"value": baseline}}
    halo = {
        "stroke": {"value": "#ffffff"},
        "strokeWidth": {"value": 5},
        "strokeJoin": {"value": "round"},
    }
    return {
        "type": "group",
        "interactive": False,
        "marks": [
            {
                "type": "text",
                "from": source,
                "interactive": False,
                "encode": {"update": {**shared, **halo, "fill": {"value": "#ffffff"}}},
            },
            {
                "type": "text",
                "from": source,
                "interactive": False,
                "encode": {"update": {**shared, "fill": fill}},
            },
        ],
    }
