"""Points, filters and collections in the words of ``qdrant-client``: values only, no calls.

Heavy to import; only what has to talk to a server imports it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from qdrant_client import models

from graphmem.adapters.vectors import bm25, comparison, validation
from graphmem.adapters.vectors import payload as point_fields
from graphmem.adapters.vectors.qdrant import filters
from graphmem.adapters.vectors.qdrant.url import QdrantOptions
from graphmem.errors import UsageError
from graphmem.ports.vectors import Only, Point, Vector

DENSE = "dense"
BM25 = "bm25"
WINDOW = "window"
TERMS = {BM25: "terms", WINDOW: "window_terms"}
"""The payload that has the words of each sparse vector, where the server cannot count them."""
_FULL_SCAN_KIB = 131_072
"""As in the embedded store: below 128 MiB of vectors in a tenant, search is exact."""
_MOST_BYTES = 8 * 1024 * 1024
"""Of one request, estimated; a server takes 32 MiB."""
_MOST_POINTS = 500
_MOST_IDS = 5_000
_NUMBER_BYTES = 22
_TERM_BYTES = 36
_POINT_BYTES = 300

CORPUS_IDF_SINCE = (1, 19)
_INDEX_WITHOUT_HNSW_SINCE = (1, 17)


def collection(size: int, options: QdrantOptions, *, corpus_idf: bool) -> dict[str, Any]:
    """How a collection of points is made: arguments for ``create_collection``.

    Only the tenants get HNSW graphs (``m`` 0, ``payload_m``), as Qdrant advises for many tenants.
    """
    return {
        "vectors_config": {
            DENSE: models.VectorParams(
                size=size,
                distance=models.Distance.COSINE,
                on_disk=True if options.on_disk else None,
            )
        },
        "sparse_vectors_config": {
            name: models.SparseVectorParams(
                modifier=models.Modifier.IDF if corpus_idf else None,
                index=models.SparseIndexParams(on_disk=True) if options.on_disk else None,
            )
            for name in (BM25, WINDOW)
        },
        "hnsw_config": models.HnswConfigDiff(
            m=0,
            payload_m=16,
            ef_construct=128,
            full_scan_threshold=_FULL_SCAN_KIB,
            on_disk=True if options.on_disk else None,
        ),
        "quantization_config": _quantization(options),
        "on_disk_payload": True,
        "shard_number": options.shards,
        **copies(options),
    }


def copies(options: QdrantOptions) -> dict[str, Any]:
    return {
        "replication_factor": options.replication,
        "write_consistency_factor": options.write_consistency,
    }


def _quantization(options: QdrantOptions) -> models.QuantizationConfig | None:
    # Small vectors stay in memory even when the whole ones are on disk: that is their use.
    if options.quantization == "scalar":
        return models.ScalarQuantization(
            scalar=models.ScalarQuantizationConfig(
                type=models.ScalarType.INT8, quantile=0.99, always_ram=True
            )
        )
    if options.quantization == "binary":
        return models.BinaryQuantization(binary=models.BinaryQuantizationConfig(always_ram=True))
    return None


def index_requests(version: tuple[int, int], *, corpus_idf: bool) -> dict[str, Any]:
    """The payload indexes of a collection: every field that a filter names, since a server in
    strict mode filters by no other."""
    plain: dict[str, Any] = {}
    if version >= _INDEX_WITHOUT_HNSW_SINCE:
        plain["enable_hnsw"] = False
    keyword, moment = models.KeywordIndexType.KEYWORD, models.DatetimeIndexType.DATETIME
    made: dict[str, Any] = {
        "tenant": models.KeywordIndexParams(type=keyword, is_tenant=True),
        "agent_ids": models.KeywordIndexParams(type=keyword, **plain),
        "run_ids": models.KeywordIndexParams(type=keyword, **plain),
        "ended_at": models.DatetimeIndexParams(type=moment, **plain),
        **filters.payload_index_params(plain),
    }
    if not corpus_idf:
        for name in TERMS.values():
            made[name] = models.IntegerIndexParams(
                type=models.IntegerIndexType.INTEGER, lookup=True, range=False, **plain
            )
    return made


def operations(
    removed: Sequence[str], batch: Iterable[Point], *, with_terms: bool
) -> Iterator[list[Any]]:
    """A collection's changes as requests of bounded size, removals first."""
    pending: list[Any] = []
    for start in range(0, len(removed), _MOST_IDS):
        ids: list[models.ExtendedPointId] = list(removed[start : start + _MOST_IDS])
        pending.append(models.DeleteOperation(delete=models.PointIdsList(points=ids)))
    made: list[models.PointStruct] = []
    weight = 0
    for point in {point.id: point for point in batch}.values():
        terms = _terms(point)
        more = _weight(point, sum(len(indices) for indices, _ in terms.values()))
        if made and (weight + more > _MOST_BYTES or len(made) >= _MOST_POINTS):
            yield [*pending, _upsert(made)]
            pending, made, weight = [], [], 0
        made.append(_struct(point, terms, with_terms=with_terms))
        weight += more
    if made:
        pending.append(_upsert(made))
    if pending:
        yield pending


def _terms(point: Point) -> dict[str, bm25.Sparse]:
    texts = {BM25: point.text, WINDOW: point.window}
    return {name: bm25.document(text) for name, text in texts.items() if text is not None}


def differing(
    points: Sequence[Point], stored: Mapping[str, models.Record], *, with_terms: bool
) -> set[str]:
    """The ids of points that are not among these records, or not as they should be."""
    found: set[str] = set()
    dense: list[Point] = []
    for point in points:
        record, terms = stored.get(point.id), _terms(point)
        made = _struct(point, terms, with_terms=with_terms)
        if (
            record is None
            or not comparison.same_payload(record.payload, made.payload or {})
            or not all(
                comparison.same_words(_words(record, name), terms.get(name))
                for name in (BM25, WINDOW)
            )
        ):
            found.add(point.id)
        elif point.dense is not None:
            dense.append(point)
    apart = comparison.differing_vectors(
        [_vectors(stored[point.id]).get(DENSE) for point in dense],
        [point.dense for point in dense if point.dense is not None],
    )
    return found | {point.id for point, other in zip(dense, apart, strict=True) if other}


def _vectors(record: models.Record) -> Mapping[str, Any]:
    return record.vector if isinstance(record.vector, dict) else {}


def _words(record: models.Record, name: str) -> tuple[list[int], list[float]] | None:
    one = _vectors(record).get(name)
    return None if one is None else (one.indices, one.values)


def _weight(point: Point, terms: int) -> int:
    names = len(point.tenant) + sum(map(len, (*point.agent_ids, *point.run_ids)))
    size = 0 if point.dense is None else point.dense.size
    return _POINT_BYTES + size * _NUMBER_BYTES + terms * _TERM_BYTES + 6 * names


def _upsert(made: list[models.PointStruct]) -> models.UpsertOperation:
    return models.UpsertOperation(upsert=models.PointsList(points=made))


def _struct(
    point: Point, terms: Mapping[str, bm25.Sparse], *, with_terms: bool
) -> models.PointStruct:
    payload: dict[str, Any] = {"tenant": point.tenant, **point_fields.payload(point.fields)}
    if point.agent_ids:
        payload["agent_ids"] = list(point.agent_ids)
    if point.run_ids:
        payload["run_ids"] = list(point.run_ids)
    if (end := validation.ended_at(point)) is not None:
        payload["ended_at"] = end
    vector: dict[str, Any] = {}
    if point.dense is not None:
        vector[DENSE] = numbers(point.dense)
    for name, (indices, values) in terms.items():
        vector[name] = models.SparseVector(indices=indices, values=values)
        if with_terms and indices:
            payload[TERMS[name]] = list(indices)
    return models.PointStruct(id=point.id, vector=vector, payload=payload)


def numbers(dense: Vector) -> list[float]:
    made: list[float] = np.asarray(dense, dtype=np.float32).tolist()
    return made


def is_value(key: str, value: str | int) -> models.FieldCondition:
    return models.FieldCondition(key=key, match=models.MatchValue(value=value))


def holding(using: str, term: int | None) -> models.Condition:
    """The points that have such a sparse vector, or such a word in it."""
    if term is None:
        return models.HasVectorCondition(has_vector=using)
    return is_value(TERMS[using], term)


def inside(tenant: str, *more: models.Condition) -> models.Filter:
    return models.Filter(must=[is_value("tenant", tenant), *more])


def narrowed(only: Only) -> models.Filter:
    """The points that a search may see."""
    more: list[models.Condition] = []
    if only.agent_id is not None:
        more.append(is_value("agent_ids", only.agent_id))
    if only.run_id is not None:
        more.append(is_value("run_ids", only.run_id))
    if only.where is not None:
        more.append(filters.qdrant_condition(only.where))
    if only.ended_by is None:
        return inside(only.tenant, *more)
    try:
        by_then = models.DatetimeRange(lte=only.ended_by)  # type: ignore[arg-type]
    except ValueError as error:
        raise UsageError(f"ended_by is not a time: {only.ended_by!r}") from error
    ended = models.FieldCondition(key="ended_at", range=by_then)
    if only.past:
        return inside(only.tenant, *more, ended)
    seen = inside(only.tenant, *more)
    seen.must_not = [ended]
    return seen
