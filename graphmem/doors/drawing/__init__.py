"""A graph as a picture: one Vega specification, drawn as HTML, SVG or PNG by ``vl-convert``.

Entities are circles, coloured by kind and sized by how many relations they have; relations are
arrows with their type, dashed and grey once they have ended. The layout is computed here, from a
fixed seed, so that the same graph always gives the same picture. In HTML (one file that needs no
network) entities can be dragged, the page zoomed and moved, and pointing at an entity shows what
it is connected to. Names are data throughout: nothing that an entity is called becomes markup.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from graphmem.clock import unstamp
from graphmem.doors.drawing.layout import arrange
from graphmem.doors.drawing.page import html_page
from graphmem.doors.drawing.vega import Drawing, vega_spec
from graphmem.errors import UsageError
from graphmem.model import Entity, Relation, Subgraph
from graphmem.model.printing import day, printed_date
from graphmem.text import printable

if TYPE_CHECKING:
    import networkx as nx

__all__ = [
    "PICTURE_FORMATS",
    "PictureFormat",
    "bend_around",
    "drawing",
    "from_networkx",
    "picture_format",
    "render",
    "trimmed",
]

PictureFormat: TypeAlias = Literal["html", "svg", "png"]
PICTURE_FORMATS: tuple[PictureFormat, ...] = ("html", "svg", "png")

_LONGEST_LABEL = 26
_KINDS_NAMED = 9
_WIDEST_PNG = 4000
"""Pixels; beyond that a picture is drawn at its plain size, as text stays readable there."""


def render(
    graph: Subgraph | nx.MultiDiGraph[str],
    format: PictureFormat,
    *,
    title: str = "",
    now: datetime | None = None,
) -> bytes:
    """Draw a graph; the bytes are the whole file.

    Relations that had ended by ``now`` (always those that have ended at all, when it is None) are
    dashed. :class:`UsageError` when there is nothing to draw, and when the ``viz`` extra is not
    installed.
    """
    if format not in PICTURE_FORMATS:
        raise UsageError(f"unknown picture format {format!r}; known: {', '.join(PICTURE_FORMATS)}")
    try:
        import vl_convert
    except ImportError as error:
        raise UsageError("drawing needs vl-convert-python: pip install 'graphmem[viz]'") from error
    picture = drawing(graph, title=title, now=now)
    spec = vega_spec(picture, interactive=format == "html")
    if format == "html":
        script = vl_convert.javascript_bundle()  # type: ignore[call-arg] # its stub lacks the default
        return html_page(picture, spec, script).encode()
    if format == "svg":
        return str(vl_convert.vega_to_svg(json.dumps(spec), allowed_base_urls=[])).encode()
    scale = min(2.0, max(1.0, _WIDEST_PNG / max(spec["width"], spec["height"])))
    return bytes(vl_convert.vega_to_png(json.dumps(spec), scale=scale, allowed_base_urls=[]))


def picture_format(path: Path) -> PictureFormat:
    """The format that a file's name asks for; :class:`UsageError` when it is none of them."""
    for format in PICTURE_FORMATS:
        if path.suffix.lower() == f".{format}":
            return format
    known = ", ".join(f".{format}" for format in PICTURE_FORMATS)
    raise UsageError(f"{path}: a picture's name must end in one of {known}")


def trimmed(graph: Subgraph | nx.MultiDiGraph[str], limit: int) -> Subgraph:
    """The part worth drawing: what has relations (all, when nothing has any), and of that the
    best connected ``limit``."""
    whole = graph if isinstance(graph, Subgraph) else from_networkx(graph)
    degree = _degrees(whole.relations)
    ordered = sorted(whole.entities, key=lambda e: (-degree[e.id], e.name, e.id))
    connected = [entity for entity in ordered if degree[entity.id]]
    kept = (connected or ordered)[:limit]
    ids = {entity.id for entity in kept}
    return Subgraph(
        tuple(kept),
        tuple(r for r in whole.relations if r.subject_id in ids and r.object_id in ids),
    )


def drawing(
    graph: Subgraph | nx.MultiDiGraph[str], *, title: str = "", now: datetime | None = None
) -> Drawing:
    """What is drawn, as data: nodes with places and sizes, links with curves and labels."""
    graph = graph if isinstance(graph, Subgraph) else from_networkx(graph)
    entities = {entity.id: entity for entity in graph.entities}
    if not entities:
        raise UsageError("nothing to draw: there are no entities in this scope yet")
    relations = [r for r in graph.relations if r.subject_id in entities and r.object_id in entities]
    degree = _degrees(relations)
    kinds = _kinds(entities)
    ids = sorted(entities, key=lambda id: (-degree[id], entities[id].name, id))
    index = {id: at for at, id in enumerate(ids)}
    nodes = [_node(at, entities[id], degree[id], kinds) for at, id in enumerate(ids)]
    links = _links(relations, index, now)
    boxes = [(max(2 * n["r"], 6.6 * len(n["label"])) + 8, 2 * n["r"] + 22) for n in nodes]
    layout = arrange(boxes, [(link["source"], link["target"]) for link in links])
    for node, (x, y) in zip(nodes, layout.points, strict=True):
        node["x"], node["y"] = round(float(x), 1), round(float(y) - 9, 1)
    bend_around(nodes, links)
    for node in nodes:
        at = node["id"]
        near = {k["target"] for k in links if k["source"] == at}
        near |= {k["source"] for k in links if k["target"] == at}
        node["near"] = sorted(near | {at})
    shown = [kind for kind in dict.fromkeys(kinds.values()) if kind]
    size = round(layout.width), round(layout.height)
    return Drawing(_visible(nodes), _visible(links), _visible(shown), printable(title), *size)


def _degrees(relations: Iterable[Relation]) -> Counter[str]:
    """How many relations each entity has; one with itself counts once."""
    return Counter(id for r in relations for id in {r.subject_id, r.object_id})


def _visible(data: Any) -> Any:
    """The same data with control characters in its texts made visible: no picture can hold them."""
    if isinstance(data, dict):
        return {key: _visible(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_visible(value) for value in data]
    return printable(data) if isinstance(data, str) else data


def _kinds(entities: Mapping[str, Entity]) -> dict[str, str]:
    """The kind each kind is drawn as: the most frequent ones, and ``other``."""
    counted = Counter(entity.kind for entity in entities.values())
    ordered = sorted(counted, key=lambda kind: (-counted[kind], kind))
    if len(ordered) <= _KINDS_NAMED + 1:
        return {kind: kind for kind in ordered}
    return {kind: kind if at < _KINDS_NAMED else "other" for at, kind in enumerate(ordered)}


def _node(at: int, entity: Entity, degree: int, kinds: Mapping[str, str]) -> dict[str, Any]:
    name = entity.name
    info = {"title": name, "kind": entity.kind, "relations": degree}
    if entity.aliases:
        info["also called"] = ", ".join(entity.aliases)
    if entity.summary:
        info["about"] = entity.summary
    return {
        "id": at,
        "label": name if len(name) <= _LONGEST_LABEL else f"{name[: _LONGEST_LABEL - 1]}…",
        "kind": kinds[entity.kind],
        "r": round(7 + 3.2 * min(degree, 40) ** 0.55, 1),
        "rank": at,
        "info": info,
    }


def _links(
    relations: list[Relation], index: Mapping[str, int], now: datetime | None
) -> list[dict[str, Any]]:
    """Links of the drawing; several between the same two bend away from each other."""
    ends = [(index[r.subject_id], index[r.object_id]) for r in relations]
    between = Counter((min(pair), max(pair)) for pair in ends)
    placed: Counter[tuple[int, int]] = Counter()
    links: list[dict[str, Any]] = []
    for relation, (source, target) in zip(relations, ends, strict=True):
        pair = (min(source, target), max(source, target))
        # A fan around the straight line, measured the same way whichever way a link points.
        side = placed[pair] - (between[pair] - 1) / 2
        placed[pair] += 1
        over = relation.invalid_at
        links.append(
            {
                "source": source,
                "target": target,
                "label": relation.type.replace("_", " "),
                "ended": over is not None and (now is None or over <= now),
                "bend": side if source <= target else -side,
                "info": _link_info(relation),
            }
        )
    return links


def _link_info(relation: Relation) -> dict[str, Any]:
    info: dict[str, Any] = {
        "title": relation.fact or f"{relation.subject} {relation.type} {relation.object}"
    }
    if relation.valid_at:
        info["since"] = printed_date(relation.valid_at, relation.valid_precision)
    elif relation.stated_at:
        info["stated"] = day(relation.stated_at)
    if relation.invalid_at:
        info["until"] = printed_date(relation.invalid_at, relation.invalid_precision)
    return info


def bend_around(nodes: list[dict[str, Any]], links: list[dict[str, Any]]) -> None:
    """Bend a straight link that would run through an entity which it has nothing to do with."""
    places = np.array([(node["x"], node["y"]) for node in nodes])
    reach = np.array([node["r"] + 5 for node in nodes])
    for link in links:
        source, target = link["source"], link["target"]
        if link["bend"] or source == target:
            continue
        way = places[target] - places[source]
        along = (places - places[source]) @ way / max(float(way @ way), 1e-9)
        off = (places - places[source]) @ np.array([-way[1], way[0]]) / np.hypot(*way)
        blocked = (along > 0) & (along < 1) & (np.abs(off) < reach)
        blocked[[source, target]] = False
        if blocked.any():
            link["bend"] = -1.0 if float(off[blocked][0]) > 0 else 1.0


def from_networkx(graph: nx.MultiDiGraph[str]) -> Subgraph:
    """Entities and relations of a graph as ``to_networkx`` gives it (or one much like it)."""
    entities = tuple(
        Entity(
            id=id,
            tenant="",
            name=str(data.get("name", id)),
            kind=str(data.get("kind") or "thing"),
            aliases=tuple(data.get("aliases") or ()),
            summary=data.get("summary"),
        )
        for id, data in graph.nodes(data=True)
    )
    names = {entity.id: entity.name for entity in entities}
    relations = tuple(
        Relation(
            fact_id=str(data.get("fact_id") or ""),
            subject_id=source,
            subject=names[source],
            type=str(data.get("type") or ""),
            object_id=target,
            object=names[target],
            fact=str(data.get("fact") or ""),
            recorded_at=_EPOCH,
            stated_at=_moment(data.get("stated_at")),
            valid_at=_moment(data.get("valid_at")),
            valid_precision=data.get("valid_precision"),
            invalid_at=_moment(data.get("invalid_at")),
            invalid_precision=data.get("invalid_precision"),
        )
        for source, target, data in graph.edges(data=True)
    )
    return Subgraph(entities, relations)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # not drawn


def _moment(value: datetime | str | None) -> datetime | None:
    return unstamp(value) if isinstance(value, str) else value
