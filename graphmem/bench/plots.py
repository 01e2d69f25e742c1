"""Results as plots; none without the package that draws them (``graphmem[viz]``)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from graphmem.bench.runs import FULL_SEARCH
from graphmem.bench.tables import main_variant

_WIDTH, _HEIGHT = 460, 280

Series = Mapping[str, Sequence[tuple[float, float]]]


def plots(result: Mapping[str, Any], folder: Path) -> list[Path]:
    """The pictures of a run as files in a folder."""
    written = []
    for name, picture in pictures(result).items():
        written.append(folder / f"{name}.svg")
        written[-1].write_text(picture, encoding="utf-8")
    return written


def pictures(result: Mapping[str, Any]) -> dict[str, str]:
    """Quality against k, and latency against size, as SVG by name."""
    curves: dict[str, list[tuple[float, float]]] = {}
    for variant, found in result["variants"].items():
        for kind, values in found["curve"].items():
            name = f"{result['plan']['unit']}s" if kind == "units" else kind
            label = name if variant == FULL_SEARCH else f"{name}, {variant}"
            if variant == FULL_SEARCH or kind == "units":
                curves[label] = [(k + 1, value) for k, value in enumerate(values)]
    drawn = {"quality": line_chart(curves, "k", "recall@k") if curves else None}
    sizes = main_variant(result)[1]["by_size"]
    if len(sizes) > 1:
        latency = {p: [(row["turns"], row[p]) for row in sizes] for p in ("p50", "p95")}
        of, ms = "turns of one owner", "search, ms"
        drawn["latency"] = line_chart(latency, of, ms, logarithmic=True)
    return {name: picture for name, picture in drawn.items() if picture is not None}


def line_chart(series: Series, x: str, y: str, *, logarithmic: bool = False) -> str | None:
    """Lines over a common x as SVG; None without the package that draws."""
    try:
        import vl_convert
    except ModuleNotFoundError:
        return None
    values = [{"x": a, "y": b, "line": name} for name, points in series.items() for a, b in points]
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": {"values": values},
        "width": _WIDTH,
        "height": _HEIGHT,
        "mark": {"type": "line", "point": True, "clip": True},
        "encoding": {
            "x": {
                "field": "x",
                "type": "quantitative",
                "title": x,
                "scale": {"type": "log" if logarithmic else "linear", "zero": False},
            },
            "y": {"field": "y", "type": "quantitative", "title": y},
            "color": {"field": "line", "type": "nominal", "title": None, "sort": list(series)},
        },
    }
    return str(vl_convert.vegalite_to_svg(json.dumps(spec), allowed_base_urls=[]))
