"""Where each entity goes: a layout by distances in the graph, the same for the same graph.

Every connected part is laid out by itself by stress majorization (Gansner, Koren and North, "Graph
drawing by stress majorization", 2004, section 2), boxes that overlap are pushed apart, and the
parts are packed in rows, the largest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.typing import NDArray

_SEED = 20230508
_ASPECT = 1.5
_GAP = 46.0
_SPACING = 100.0

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Layout:
    """The centre of each box, and the size of the whole."""

    points: Points
    width: float
    height: float


def arrange(boxes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]]) -> Layout:
    """Place boxes (width, height) that edges connect, without overlap where that can be had."""
    sizes = np.array(boxes, dtype=np.float64).reshape(-1, 2)
    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(range(len(boxes)))
    graph.add_edges_from((a, b) for a, b in edges if a != b)
    points = np.zeros((len(boxes), 2))
    corners: list[tuple[list[int], Points]] = []
    for part in sorted(nx.connected_components(graph), key=lambda part: (-len(part), min(part))):
        members = sorted(part)
        placed = _part(graph.subgraph(members), members, sizes[members])
        corners.append((members, placed))
    width, height = _pack(corners, sizes, points)
    return Layout(points, width, height)


def _part(graph: nx.Graph[int], members: list[int], sizes: Points) -> Points:
    """Positions of one connected part, its box beginning at (0, 0)."""
    if len(members) == 1:
        return sizes / 2
    index = {node: at for at, node in enumerate(members)}
    pairs = np.array(sorted(tuple(sorted((index[a], index[b]))) for a, b in graph.edges))
    points = _spread(graph, members)
    points = _flattened(points)
    ends = points[pairs]
    # Half of the edges are at least as long as the labels of both their ends need.
    lengths = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1)
    wanted = _SPACING + float(np.median(sizes[:, 0])) * 0.8
    points *= wanted / max(float(np.median(lengths)), 1e-9)
    points = _apart(points, sizes)
    return np.asarray(points - (points - sizes / 2).min(axis=0))


def _spread(graph: nx.Graph[int], members: list[int]) -> Points:
    """Stress majorization from a seeded start: distances on the page follow those in the graph."""
    count = len(members)
    wanted = _distances(graph, members)
    weights = 1.0 / wanted**2
    np.fill_diagonal(weights, 0.0)
    laplacian = np.diag(weights.sum(axis=1)) - weights
    inverse = np.linalg.inv(laplacian + 1.0 / count)
    points = np.random.default_rng(_SEED).standard_normal((count, 2)) * np.sqrt(count)
    for _ in range(int(np.clip(40_000 / count, 40, 300))):
        apart = points[:, None, :] - points[None, :, :]
        distance = np.sqrt(np.einsum("ijk,ijk->ij", apart, apart)) + 1e-9
        ratio = weights * wanted / distance
        pull = np.diag(ratio.sum(axis=1)) - ratio
        points = inverse @ (pull @ points)
    return np.asarray(points)


def _distances(graph: nx.Graph[int], members: list[int]) -> NDArray[np.float64]:
    """Lengths of shortest paths; a link of a much connected entity is longer, to make room."""
    index = {node: at for at, node in enumerate(members)}
    degree = dict(graph.degree)
    weighted: nx.Graph[int] = nx.Graph()
    weighted.add_nodes_from(members)
    for a, b in graph.edges:
        most, least = max(degree[a], degree[b]), min(degree[a], degree[b])
        weighted.add_edge(a, b, weight=1.0 + 0.16 * max(most - 6, 0) ** 0.7 * (2.0 / (1 + least)))
    wanted = np.ones((len(members), len(members)))
    for node, lengths in nx.all_pairs_dijkstra_path_length(weighted):
        for other, length in lengths.items():
            wanted[index[node], index[other]] = length or 1.0
    return wanted


def _flattened(points: Points) -> Points:
    """Turned so that the longer way lies across the page."""
    centred = points - points.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    turned = centred @ axes.T
    # The sign of an axis is arbitrary; fix it, so that the picture is.
    turned *= np.where(turned[np.argmax(np.abs(turned), axis=0), [0, 1]] < 0, -1.0, 1.0)
    return np.asarray(turned * np.array([1.0, 0.9]))


def _apart(points: Points, sizes: Points) -> Points:
    """Push overlapping boxes apart along the way that is shorter."""
    points = points.copy()
    half = (sizes[:, None, :] + sizes[None, :, :]) / 2 + 6.0
    for _ in range(int(np.clip(60_000 / len(points), 60, 300))):
        apart = points[:, None, :] - points[None, :, :]
        over = half - np.abs(apart)
        hit: NDArray[np.bool_] = np.all(over > 0, axis=2)
        np.fill_diagonal(hit, False)
        if not hit.any():
            break
        sideways = over[:, :, 0] < over[:, :, 1]
        sign = np.where(apart >= 0, 1.0, -1.0)
        order = np.arange(len(points))
        same = apart == 0
        sign[same] = np.broadcast_to(
            np.where(order[:, None] < order[None, :], -1.0, 1.0)[:, :, None], sign.shape
        )[same]
        push = np.zeros_like(apart)
        push[:, :, 0] = np.where(hit & sideways, over[:, :, 0] * sign[:, :, 0], 0.0)
        push[:, :, 1] = np.where(hit & ~sideways, over[:, :, 1] * sign[:, :, 1], 0.0)
        points += push.sum(axis=1) * 0.3
    return points


def _pack(
    parts: Sequence[tuple[list[int], Points]], sizes: Points, points: Points
) -> tuple[float, float]:
    """Put the parts in rows, write their positions into ``points``, and return the whole size."""
    spans = [(placed + sizes[members] / 2).max(axis=0) for members, placed in parts]
    area = sum((span[0] + _GAP) * (span[1] + _GAP) for span in spans)
    page = max([float(np.sqrt(area * _ASPECT)), *(float(span[0]) for span in spans)])
    x = y = row = width = 0.0
    for (members, placed), span in zip(parts, spans, strict=True):
        if x and x + span[0] > page:
            x, y, row = 0.0, y + row + _GAP, 0.0
        points[members] = placed + np.array([x, y])
        width = max(width, x + float(span[0]))
        x += float(span[0]) + _GAP
        row = max(row, float(span[1]))
    return width, y + row
