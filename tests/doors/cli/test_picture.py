"""The picture: what is drawn, that it is always the same, and that names stay data."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import networkx as nx
import numpy as np
import pytest

from graphmem.doors.drawing import (
    PICTURE_FORMATS,
    PictureFormat,
    bend_around,
    drawing,
    from_networkx,
    picture_format,
    render,
    trimmed,
)
from graphmem.doors.drawing.layout import arrange
from graphmem.errors import UsageError
from graphmem.model import Entity, Relation, Subgraph

EARLY = datetime(2023, 1, 1, tzinfo=UTC)
LATE = datetime(2024, 1, 1, tzinfo=UTC)
NASTY = '</script><script>alert("x")</script> & <img src=x onerror=alert(1)> {{x}} \u2028'


def entity(id: str, name: str | None = None, kind: str = "person") -> Entity:
    return Entity(id, "w", name or id.upper(), kind)


def relation(source: str, target: str, type: str = "knows", **times: Any) -> Relation:
    return Relation(
        fact_id=f"{source}{type}{target}",
        subject_id=source,
        subject=source.upper(),
        type=type,
        object_id=target,
        object=target.upper(),
        fact=f"{source.upper()} {type} {target.upper()}",
        recorded_at=LATE,
        **times,
    )


def ring(size: int) -> Subgraph:
    """A ring with a chord from everything to the first."""
    entities = tuple(entity(f"e{n}", kind=f"kind{n % 14}") for n in range(size))
    links = [(n, (n + 1) % size) for n in range(size)] + [(n, 0) for n in range(2, size - 1, 3)]
    return Subgraph(entities, tuple(relation(f"e{a}", f"e{b}") for a, b in links))


SMALL = Subgraph(
    (entity("a"), entity("b"), entity("c", kind="place")),
    (
        relation("a", "b"),
        relation("b", "a", "likes"),
        relation("a", "c", "lives_in", valid_at=EARLY, invalid_at=LATE),
        relation("a", "a", "admires"),
    ),
)


@pytest.mark.parametrize("format", PICTURE_FORMATS)
def test_the_same_graph_gives_the_same_bytes(format: PictureFormat) -> None:
    assert render(ring(12), format, title="ring") == render(ring(12), format, title="ring")


def test_formats_are_what_they_say() -> None:
    assert render(SMALL, "png").startswith(b"\x89PNG\r\n")
    assert ElementTree.fromstring(render(SMALL, "svg")).tag.endswith("svg")
    assert render(SMALL, "html").startswith(b"<!DOCTYPE html>")
    with pytest.raises(UsageError, match="unknown picture format 'gif'"):
        render(SMALL, "gif")  # type: ignore[arg-type]


def test_svg_shows_names_types_and_kinds() -> None:
    texts = "".join(ElementTree.fromstring(render(SMALL, "svg", title="Who")).itertext())
    for word in ("A", "B", "C", "knows", "lives in", "person", "place", "Who"):
        assert word in texts


def test_what_has_ended_is_dashed() -> None:
    found = drawing(SMALL)
    assert [link["ended"] for link in found.links] == [False, False, True, False]
    assert [link["ended"] for link in drawing(SMALL, now=EARLY).links] == [False] * 4
    assert b'stroke-dasharray="5,4"' in render(SMALL, "svg")


def test_links_show_their_fact_and_dates() -> None:
    info = drawing(SMALL).links[2]["info"]
    assert info == {"title": "A lives_in C", "since": "2023-01-01", "until": "2024-01-01"}


def test_links_between_the_same_two_do_not_lie_on_one_another() -> None:
    first, second = drawing(SMALL).links[:2]
    # Seen from one side: the way of the second is the reverse of the first's.
    assert first["bend"] != -second["bend"]
    three = Subgraph(SMALL.entities, tuple(relation("a", "b", f"t{n}") for n in range(3)))
    assert len({link["bend"] for link in drawing(three).links}) == 3


def test_no_arrow_ends_and_no_type_stands_under_a_name() -> None:
    nodes = tuple(entity(f"e{n}", f"Name {n}") for n in range(9))
    spokes = (relation(*(("e0", f"e{n}") if n % 2 else (f"e{n}", "e0"))) for n in range(1, 9))
    svg = render(Subgraph(nodes, tuple(spokes)), "svg").decode()
    at = r'transform="translate\(([-\d.]+),([-\d.]+)\)'
    names = {(float(x), float(y)) for x, y in re.findall(rf"{at}[^>]*>Name \d<", svg)}
    tips = [(float(x), float(y)) for x, y in re.findall(rf"<path {at} rotate", svg)]
    types = [(float(x), float(y)) for x, y in re.findall(rf"{at} rotate[^>]*>knows<", svg)]
    assert (len(names), len(tips), len(types)) == (9, 8, 16)  # a type is drawn on a white one
    for x, y in names:
        under = [p for p in (*tips, *types) if abs(p[0] - x) < 20 and y - 14 < p[1] < y + 3]
        assert under == []


class Tags(HTMLParser):
    """Every tag with its attributes, and the texts of scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] == "script" and data.strip():
            self.scripts.append(data)


def test_the_page_loads_nothing_and_names_are_data() -> None:
    graph = Subgraph(
        (entity("a", NASTY, NASTY), entity("b")), (relation("a", "b", NASTY.replace(" ", "_")),)
    )
    tags = Tags()
    tags.feed(render(graph, "html", title=NASTY).decode())
    names = [tag for tag, _ in tags.tags]
    assert names.count("script") == 2
    assert "img" not in names
    for tag, attributes in tags.tags:
        assert not attributes.keys() & {"src", "href", "onerror"}, tag
    policy = next(a for _, a in tags.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert (policy["content"] or "").startswith("default-src 'none'")
    call = tags.scripts[-1]
    assert "<" not in call.replace("<=", "")
    spec = re.search(r'vegaEmbed\("#graph", (\{.*\}), \{actions', call, re.DOTALL)
    assert spec is not None
    data = json.loads(spec[1])["data"][0]["values"]
    assert {node["info"]["title"] for node in data} == {NASTY, "B"}


def test_a_name_of_markup_is_text_in_svg() -> None:
    graph = Subgraph((entity("a", "<script>x</script>"),), ())
    root = ElementTree.fromstring(render(graph, "svg"))
    assert not [e for e in root.iter() if e.tag.endswith("script")]
    assert "<script>x</script>" in "".join(root.itertext())


def test_names_and_titles_with_signs_of_formatting_survive() -> None:
    assert b"100% %(title)s" in render(SMALL, "html", title="100% %(title)s")


@pytest.mark.parametrize("size", [1, 2, 10, 60, 300])
def test_nodes_do_not_lie_on_one_another(size: int) -> None:
    graph = ring(size)
    found = drawing(graph)
    points = np.array([(node["x"], node["y"]) for node in found.nodes])
    assert np.isfinite(points).all()
    assert (points >= 0).all()
    assert (points <= (found.width, found.height)).all()
    apart = np.linalg.norm(points[:, None] - points[None, :], axis=2)
    np.fill_diagonal(apart, np.inf)
    assert apart.min() > 20


def test_parts_that_are_not_connected_stand_apart() -> None:
    layout = arrange([(40.0, 40.0)] * 6, [(0, 1), (1, 2), (3, 4)])
    boxes = [(x - 20, y - 20, x + 20, y + 20) for x, y in layout.points]
    assert all(
        a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        for n, a in enumerate(boxes)
        for b in boxes[n + 1 :]
    )
    assert arrange([], []).width == 0


def test_entities_in_one_place_are_moved_apart() -> None:
    star = [(0, n) for n in range(1, 80)]
    points = arrange([(60.0, 30.0)] * 80, star).points
    apart = np.abs(points[:, None] - points[None, :])
    over = (apart[:, :, 0] < 50) & (apart[:, :, 1] < 25)
    assert over.sum() - 80 < 10


def test_many_kinds_are_named_as_other() -> None:
    kinds = drawing(ring(30)).kinds
    assert len(kinds) == 10
    assert "other" in kinds
    assert drawing(SMALL).kinds == ["person", "place"]


def test_long_names_are_shortened_only_in_the_label() -> None:
    (node,) = drawing(Subgraph((entity("a", "x" * 90),), ())).nodes
    assert len(node["label"]) == 26
    assert node["info"]["title"] == "x" * 90


def test_a_networkx_graph_is_drawn_like_a_subgraph() -> None:
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    graph.add_node("a", name="A", kind="person", aliases=["Al"])
    graph.add_node("b", name="B", kind="place")
    graph.add_edge("a", "b", key="f", type="lives_in", invalid_at="2024-01-01T00:00:00.000000Z")
    found = from_networkx(graph)
    assert found.entities[0].aliases == ("Al",)
    assert found.relations[0].invalid_at == LATE
    assert render(graph, "svg") == render(found, "svg")


def test_trimming_keeps_what_is_best_connected() -> None:
    lonely = Subgraph((*SMALL.entities, entity("z")), SMALL.relations)
    assert [e.id for e in trimmed(lonely, 10).entities] == ["a", "b", "c"]
    assert [e.id for e in trimmed(lonely, 2).entities] == ["a", "b"]
    assert all(r.object_id != "c" for r in trimmed(lonely, 2).relations)
    assert len(trimmed(Subgraph(lonely.entities, ()), 10).entities) == 4


def test_nothing_to_draw_and_bad_names() -> None:
    for graph in (Subgraph((), ()), nx.MultiDiGraph()):
        with pytest.raises(UsageError, match="nothing to draw"):
            render(graph, "svg")
    assert [picture_format(Path(f"x.{end}")) for end in ("HTML", "svg", "png")] == list(
        PICTURE_FORMATS
    )
    with pytest.raises(UsageError, match="must end in one of"):
        picture_format(Path("x"))


def test_a_relation_to_an_entity_that_is_not_there_is_left_out() -> None:
    assert drawing(Subgraph((entity("a"),), (relation("a", "b"),))).links == []


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(UsageError, match=r"pip install 'graphmem\[viz\]'"):
        render(SMALL, "svg")


def test_a_link_that_would_run_through_an_entity_bends() -> None:
    nodes = [{"x": 100.0 * n, "y": 0.0, "r": 10} for n in range(3)]
    links = [{"source": a, "target": b, "bend": 0.0} for a, b in ((0, 1), (0, 2), (1, 1))]
    bend_around(nodes, links)
    assert [abs(link["bend"]) for link in links] == [0, 1, 0]


@pytest.mark.parametrize("format", PICTURE_FORMATS)
def test_control_characters_are_made_visible(format: PictureFormat) -> None:
    """No picture can hold them: one in a name stopped the drawing of all."""
    found = Subgraph((entity("a", "Z\x1b[31moë \x00\x9b\ud800\ufffe"), entity("b", "B\x07")), ())
    data = render(found, format=format, title="T\x1b]0;x\x07")
    assert data
    if format == "svg":
        ElementTree.fromstring(data)
        assert b"Z\\x1b[31mo" in data
