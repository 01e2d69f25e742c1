"""Vectors in memory (``memory://``): exact, simple, and the reference for the other stores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from graphmem.adapters.vectors import bm25, validation
from graphmem.errors import UsageError
from graphmem.filters import matches
from graphmem.ports.graph import Checkpoint
from graphmem.ports.vectors import (
    COLLECTIONS,
    Collection,
    Only,
    Point,
    Scored,
    Vector,
    VectorChanges,
    VectorQuery,
)


@dataclass(slots=True)
class _Words:
    """An inverted index: for each word the points that have it, with its weight there."""

    postings: dict[int, dict[str, float]] = field(default_factory=dict)
    terms: dict[str, list[int]] = field(default_factory=dict)

    def put(self, point_id: str, text: str) -> None:
        indices, weights = bm25.document(text)
        self.terms[point_id] = indices
        for index, weight in zip(indices, weights, strict=True):
            self.postings.setdefault(index, {})[point_id] = weight

    def remove(self, point_id: str) -> None:
        for index in self.terms.pop(point_id, ()):
            weights = self.postings[index]
            del weights[point_id]
            if not weights:
                del self.postings[index]


@dataclass(slots=True)
class _Tenant:
    """One tenant's points in one collection, with what is derived from them on demand."""

    points: dict[str, Point] = field(default_factory=dict)
    words: _Words = field(default_factory=_Words)
    windows: _Words = field(default_factory=_Words)
    matrix: tuple[list[str], NDArray[np.float32]] | None = None

    def put(self, point: Point) -> None:
        self.remove(point.id)
        self.points[point.id] = point
        self.words.put(point.id, point.text)
        if point.window is not None:
            self.windows.put(point.id, point.window)

    def remove(self, point_id: str) -> None:
        self.matrix = None
        if self.points.pop(point_id, None) is not None:
            self.words.remove(point_id)
            self.windows.remove(point_id)

    def by_vector(self, dense: Vector) -> list[Scored]:
        if self.matrix is None:
            by_id = {p.id: _unit(p.dense) for p in self.points.values() if p.dense is not None}
            none = np.empty((0, len(dense)), dtype=np.float32)
            self.matrix = list(by_id), np.stack(list(by_id.values())) if by_id else none
        ids, rows = self.matrix
        scores: list[float] = (rows @ _unit(dense)).tolist()
        return [Scored(*pair) for pair in zip(ids, scores, strict=True)]

    def by_text(self, text: str, *, around: bool) -> list[Scored]:
        """BM25 with Qdrant's IDF: ``ln(1 + (N - n + 0.5) / (n + 0.5))``, N and n in the tenant."""
        totals: dict[str, float] = {}
        words = self.windows if around else self.words
        for index, asked in zip(*bm25.query(text), strict=True):
            weights = words.postings.get(index, {})
            count = len(weights)
            idf = math.log1p((len(words.terms) - count + 0.5) / (count + 0.5))
            for point_id, weight in weights.items():
                totals[point_id] = totals.get(point_id, 0.0) + asked * weight * idf
        return [Scored(*pair) for pair in totals.items()]


class MemoryVectors:
    """A :class:`~graphmem.ports.vectors.VectorStore` that lives as long as the instance does.

    Closing keeps what it holds; opening again gives the checkpoint it had reached.
    """

    def __init__(self) -> None:
        self._store_id: str | None = None
        self._embedder = ""
        self._size = 0
        self._applied_seq = 0
        self._is_open = False
        self._homes: dict[Collection, dict[str, str]] = {}
        self._tenants: dict[Collection, dict[str, _Tenant]] = {}
        self._empty()

    def __repr__(self) -> str:
        return "MemoryVectors()"

    def _empty(self) -> None:
        self._applied_seq = 0
        self._homes = {name: {} for name in COLLECTIONS}
        self._tenants = {name: {} for name in COLLECTIONS}

    @property
    def successor(self) -> None:
        return None

    async def open(self, store_id: str, embedder: str, size: int) -> Checkpoint:
        validation.check_embedding(embedder, size)
        if store_id != self._store_id or not self._applied_seq:
            self._empty()
        elif (embedder, size) != (self._embedder, self._size):
            stored = (self._embedder, self._size)
            raise validation.other_embedder("memory", stored, (embedder, size))
        self._store_id, self._embedder, self._size = store_id, embedder, size
        self._is_open = True
        return Checkpoint(store_id, self._applied_seq)

    def _check_open(self) -> None:
        if not self._is_open:
            raise UsageError("the vector store is not open")

    async def apply(self, changes: VectorChanges, applied_seq: int) -> None:
        self._check_open()
        validation.check_changes(changes, self._size)
        for collection, ids in changes.removed.items():
            for point_id in ids:
                self._remove(collection, point_id)
        for collection, batch in changes.points.items():
            for point in batch:
                self._remove(collection, point.id)
                self._homes[collection][point.id] = point.tenant
                self._tenants[collection].setdefault(point.tenant, _Tenant()).put(point)
        self._applied_seq = applied_seq

    def _remove(self, collection: Collection, point_id: str) -> None:
        tenant = self._homes[collection].pop(point_id, None)
        if tenant is not None:
            tenant_points = self._tenants[collection][tenant]
            tenant_points.remove(point_id)
            if not tenant_points.points:
                del self._tenants[collection][tenant]

    async def search(self, queries: Sequence[VectorQuery]) -> list[list[Scored]]:
        self._check_open()
        for query in queries:
            validation.check_query(query, self._size)
        return [self._answer(query) for query in queries]

    def _answer(self, query: VectorQuery) -> list[Scored]:
        tenant = self._tenants[query.collection].get(query.only.tenant)
        if tenant is None:
            return []
        if query.dense is not None:
            hits = tenant.by_vector(query.dense)
        else:
            hits = tenant.by_text(query.text or "", around=query.around)
        seen = (hit for hit in hits if _seen(tenant.points[hit.id], query.only))
        return validation.best(seen, query.limit)

    async def ids(self, collection: Collection, tenant: str | None = None) -> set[str]:
        self._check_open()
        validation.check_collection(collection)
        if tenant is None:
            return set(self._homes[collection])
        validation.check_scope(tenant)
        tenant_points = self._tenants[collection].get(tenant)
        return set(tenant_points.points) if tenant_points else set()

    async def differing(self, collection: Collection, points: Sequence[Point]) -> set[str]:
        self._check_open()
        validation.check_collection(collection)
        return {point.id for point in points if not self._holds(collection, point)}

    def _holds(self, collection: Collection, point: Point) -> bool:
        tenant = self._homes[collection].get(point.id)
        stored = None if tenant is None else self._tenants[collection][tenant].points[point.id]
        if stored is None or replace(stored, dense=None) != replace(point, dense=None):
            return False
        if point.dense is None:
            return True
        return stored.dense is not None and bool(np.allclose(stored.dense, point.dense, atol=1e-4))

    async def optimize(self) -> bool:
        """Nothing to do: every search is exact."""
        self._check_open()
        return True

    async def clear(self) -> None:
        self._empty()

    async def close(self) -> None:
        self._is_open = False


def _seen(point: Point, only: Only) -> bool:
    end = validation.ended_at(point)
    return (
        (only.agent_id is None or only.agent_id in point.agent_ids)
        and (only.run_id is None or only.run_id in point.run_ids)
        and (only.ended_by is None or (end is None or end > only.ended_by) != only.past)
        and (only.where is None or matches(only.where, point.fields))
    )


def _unit(vector: Vector) -> NDArray[np.float32]:
    """A vector of length 1, so that a dot product is the cosine; zero stays zero."""
    dense = np.asarray(vector, dtype=np.float32)
    length = float(np.linalg.norm(dense))
    return dense / np.float32(length) if length else dense
