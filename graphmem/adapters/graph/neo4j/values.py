"""Values as Neo4j gives them, made plain: what JSON can hold, without the server's own ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neo4j.graph import Node, Path, Relationship
from neo4j.spatial import Point
from neo4j.time import Date, DateTime, Duration, Time


def to_plain(value: Any) -> Any:
    """A node or an edge becomes its properties and its ``label`` (several joined by ``:``), a path
    ``nodes`` and ``edges``; times and durations become ISO text, a point its coordinates, bytes
    hexadecimal digits. What is unknown becomes its text."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Node | Relationship | Path):
        return _element(value)
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [to_plain(item) for item in value]
    return _other(value)


def _element(value: Node | Relationship | Path) -> dict[str, Any]:
    if isinstance(value, Path):
        return {"nodes": to_plain(list(value.nodes)), "edges": to_plain(list(value.relationships))}
    label = ":".join(sorted(value.labels)) if isinstance(value, Node) else value.type
    return {
        "label": label,
        **{key: to_plain(item) for key, item in public_properties(value).items()},
    }


def public_properties(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Properties without those that only an index of ours needs."""
    return {key: value for key, value in properties.items() if not key.startswith("_")}


def _other(value: object) -> Any:
    if isinstance(value, Date | DateTime | Time | Duration):
        return value.iso_format()
    if isinstance(value, Point):
        return {"srid": value.srid, "coordinates": [float(part) for part in value]}
    if isinstance(value, bytes | bytearray):
        return value.hex()
    return str(value)
