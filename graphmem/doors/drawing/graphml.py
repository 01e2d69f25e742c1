"""A graph as GraphML, for Gephi, yEd, Cytoscape and whatever else reads it."""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import networkx as nx

_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def graphml_of(graph: nx.MultiDiGraph[str]) -> bytes:
    """Entities as nodes and relations as edges, each by its id, with their data; what is not known
    is left out. A character that XML cannot hold becomes U+FFFD."""
    import networkx
    from networkx.readwrite.graphml import write_graphml_xml

    made: nx.MultiDiGraph[str] = networkx.MultiDiGraph()
    for node, data in graph.nodes(data=True):
        made.add_node(node, label=_text(data.get("name", node)), **_plain(data))
    for source, target, key, data in graph.edges(keys=True, data=True):
        made.add_edge(source, target, key=key, label=_text(data.get("type", "")), **_plain(data))
    stream = io.BytesIO()
    write_graphml_xml(made, stream)
    return stream.getvalue()


def _plain(data: dict[str, Any]) -> dict[str, Any]:
    return {name: _value(value) for name, value in data.items() if value is not None}


def _value(value: Any) -> Any:
    """A number or a truth as it is; a list as JSON, which has its commas and quotes."""
    if isinstance(value, bool | int | float):
        return value
    return _text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _text(text: str) -> str:
    return _NO_XML.sub("\ufffd", text)
