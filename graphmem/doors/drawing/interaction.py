"""What moves in an interactive picture: the window, the pointer and the wheel, as Vega signals."""

from __future__ import annotations

from typing import Any

from graphmem.doors.drawing.scene import HEAD, MARGIN, Drawing


def signals(drawing: Drawing) -> list[dict[str, Any]]:
    """The window, pointer and wheel: dragging a node, moving the page, zooming."""
    return [*_window(drawing), *_POINTER, _view(drawing)]


def _view(drawing: Drawing) -> dict[str, Any]:
    """Scale and offset of the page: fitted at first, then moved, or zoomed about the pointer."""
    wide, high = drawing.width + 2 * MARGIN, drawing.height + 2 * MARGIN
    scale = f"clamp(min(width / {wide}, (height - {HEAD}) / {high}), 0.05, 1.6)"
    fitted = (
        f"[{scale}, (width - {drawing.width} * {scale}) / 2,"
        f" {HEAD} + (height - {HEAD} - {drawing.height} * {scale}) / 2]"
    )
    factor = "clamp(pow(1.0015, -event.deltaY * pow(16, event.deltaMode)), 0.5, 2)"
    zoomed = f"clamp(view[0] * {factor}, 0.05, 8)"
    return {
        "name": "view",
        "init": fitted,
        "on": [
            {"events": "window:resize, dblclick", "update": fitted},
            {
                "events": "[pointerdown, window:pointerup] > window:pointermove!",
                "update": "down ? [view[0], down[2][1] + x() - down[0],"
                " down[2][2] + y() - down[1]] : view",
            },
            {
                "events": "wheel!",
                "update": f"[{zoomed}, x() - (x() - view[1]) * {zoomed} / view[0],"
                f" y() - (y() - view[2]) * {zoomed} / view[0]]",
            },
        ],
    }


def _window(drawing: Drawing) -> list[dict[str, Any]]:
    return [
        {
            "name": "width",
            "init": "windowSize()[0]",
            "on": [{"events": "window:resize", "update": "windowSize()[0]"}],
        },
        {
            "name": "height",
            "init": "windowSize()[1]",
            "on": [{"events": "window:resize", "update": "windowSize()[1]"}],
        },
        {"name": "link_labels", "update": f"view[0] > {0.7 if len(drawing.links) > 60 else 0.45}"},
    ]


_POINTER: tuple[dict[str, Any], ...] = (
    {
        "name": "held",
        "value": None,
        "on": [
            {"events": "@circles:pointerdown", "update": "datum"},
            {"events": "window:pointerup", "update": "null"},
        ],
    },
    {
        "name": "over",
        "value": None,
        "on": [
            {"events": "@circles:pointerover", "update": "held || datum"},
            {"events": "@circles:pointerout", "update": "held"},
            {"events": "window:pointerup", "update": "null"},
        ],
    },
    {
        "name": "drag",
        "value": None,
        "on": [
            {
                "events": "[@circles:pointerdown, window:pointerup] > window:pointermove!",
                "update": "[(x() - view[1]) / view[0], (y() - view[2]) / view[0]]",
            }
        ],
    },
    {
        "name": "moved",
        "value": 0,
        "on": [{"events": {"signal": "drag"}, "update": "moved + 1"}],
    },
    {
        "name": "down",
        "value": None,
        "on": [
            {"events": "pointerdown", "update": "held ? null : [x(), y(), view]"},
            {"events": "window:pointerup", "update": "null"},
        ],
    },
)
