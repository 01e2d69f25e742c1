"""The HTML page around an interactive picture: one file, no network, nothing from outside."""

from __future__ import annotations

import html
import json
from typing import Any

from graphmem.doors.drawing.vega import Drawing

# The policy makes the promise checkable: the browser itself refuses anything from elsewhere.
# Vega compiles its expressions, which is what 'unsafe-eval' allows; data is never compiled.
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; \
script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>%(title)s</title>
<style>
html, body { margin: 0; height: 100%%; overflow: hidden; background: #fff;
  font: 13px "Segoe UI", "Helvetica Neue", "DejaVu Sans", Arial, sans-serif; color: #23303d; }
#graph { position: fixed; inset: 0; touch-action: none; }
#graph.vega-embed { width: 100%%; padding: 0; }
#about { position: fixed; left: 16px; bottom: 12px; color: #66727f; pointer-events: none;
  background: rgba(255,255,255,.85); padding: 2px 6px; border-radius: 4px; }
#about strong { color: #23303d; }
#vg-tooltip-element { max-width: 340px; font: inherit; }
#vg-tooltip-element h2 { max-width: 320px; font-size: 13px; }
#vg-tooltip-element td.value { max-width: 260px; }
</style>
</head>
<body>
<div id="graph" role="img" aria-label="%(title)s"></div>
<div id="about"><strong>%(title)s</strong> · %(counts)s ·
drag an entity, drag the page, scroll to zoom, double-click to fit; dashed: has ended</div>
<script>%(script)s</script>
<script>
vegaEmbed("#graph", %(spec)s, {actions: false, renderer: "canvas", loader: {load: null}})
  .catch(function (error) { document.getElementById("about").textContent = String(error); });
</script>
</body>
</html>
"""


def html_page(drawing: Drawing, spec: dict[str, Any], script: str) -> str:
    """The page; ``script`` is the bundle of Vega and Vega-Embed."""
    nodes, links = len(drawing.nodes), len(drawing.links)
    return _PAGE % {
        "title": html.escape(drawing.title or "graphmem"),
        "counts": f"{nodes:,} {'entity' if nodes == 1 else 'entities'}, "
        f"{links:,} {'relation' if links == 1 else 'relations'}",
        "script": script.replace("</script", "<\\/script"),
        "spec": _inert(spec),
    }


def _inert(value: object) -> str:
    """JSON that cannot end the script it stands in, nor begin a comment there."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
