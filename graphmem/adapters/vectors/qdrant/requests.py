"""Points, filters and collections as values of ``qdrant-client``; nothing is sent here.

Slow to import; only code that talks to a server imports it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from qdrant_client import models

from graphmem.adapters.vectors import bm25, comparison
from graphmem.adapters.vectors import payload as point_fields
from graphmem.adapters.vectors.payload import BM25, DENSE, WINDOW
from graphmem.adapters.vectors.qdrant.url import QdrantOptions
from graphmem.errors import UsageError
from graphmem.ports.vectors import Only, Point

TERMS = {BM25: "terms", WINDOW: "window_terms"}
"""The payload fields with the words of each sparse vector, where the server cannot count them
inside a tenant."""
_FULL_SCAN_KIB = 131_072
"""As in the embedded store: a tenant with less than 128 MiB of vectors is searched exactly."""
_MOST_BYTES = 8 * 1024 * 1024
"""The estimated size of one request; a server takes 32 MiB."""
_MOST_POINTS = 500
_MOST_IDS = 5_000
_NUMBER_BYTES = 22
_TERM_BYTES = 36
_POINT_BYTES = 300

CORPUS_IDF_SINCE = (1, 19)
_INDEX_WITHOUT_HNSW_SINCE = (1, 17)


def collection(size: int, options: QdrantOptions, *, corpus_idf: bool) -> dict[str, Any]:
    """The arguments of ``create_collection`` for a collection of points.

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
    # Quantized vectors stay in memory even when the originals are on disk: that is their purpose.
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
    """The payload indexes of a collection: one for every field that a filter names, since a server
    in strict mode filters by no other."""
    plain: dict[str, Any] = {}
    if version >= _INDEX_WITHOUT_HNSW_SINCE:
        plain["enable_hnsw"] = False
    keyword, moment = models.KeywordIndexType.KEYWORD, models.DatetimeIndexType.DATETIME
    number = models.FloatIndexParams(type=models.FloatIndexType.FLOAT, **plain)
    whole = models.IntegerIndexParams(
        type=models.IntegerIndexType.INTEGER, lookup=True, range=False, **plain
    )
    inside_list = f"{point_fields.NUMBERS}[]"
    made: dict[str, Any] = {
        "tenant": models.KeywordIndexParams(type=keyword, is_tenant=True),
        "agent_ids": models.KeywordIndexParams(type=keyword, **plain),
        "run_ids": models.KeywordIndexParams(type=keyword, **plain),
        point_fields.LABELS: whole,
        point_fields.IMPORTANCE: number,
        f"{inside_list}.{point_fields.NUMBER_KEY}": whole,
        f"{inside_list}.{point_fields.NUMBER}": number,
    }
    for name in ("ended_at", *point_fields.TIMES):
        made[name] = models.DatetimeIndexParams(type=moment, **plain)
    if not corpus_idf:
        made |= dict.fromkeys(TERMS.values(), whole)
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
        terms = point_fields.sparse_vectors(point)
        more = _weight(point, sum(len(indices) for indices, _ in terms.values()))
        if made and (weight + more > _MOST_BYTES or len(made) >= _MOST_POINTS):
            yield [*pending, _upsert(made)]
            pending, made, weight = [], [], 0
        vector: dict[str, Any] = {
            name: models.SparseVector(indices=indices, values=values)
            for name, (indices, values) in terms.items()
        }
        if point.dense is not None:
            vector[DENSE] = point_fields.numbers(point.dense)
        payload = _payload(point, terms if with_terms else {})
        made.append(models.PointStruct(id=point.id, vector=vector, payload=payload))
        weight += more
    if made:
        pending.append(_upsert(made))
    if pending:
        yield pending


def differing(
    points: Sequence[Point], records: Iterable[models.Record], *, with_terms: bool
) -> set[str]:
    """The ids of points that are missing among these records, or different there."""

    def payload_of(point: Point) -> dict[str, Any]:
        return _payload(point, point_fields.sparse_vectors(point) if with_terms else {})

    return comparison.differing_points(points, records, payload_of)


def _weight(point: Point, terms: int) -> int:
    names = len(point.tenant) + sum(map(len, (*point.agent_ids, *point.run_ids)))
    size = 0 if point.dense is None else point.dense.size
    return _POINT_BYTES + size * _NUMBER_BYTES + terms * _TERM_BYTES + 6 * names


def _upsert(made: list[models.PointStruct]) -> models.UpsertOperation:
    return models.UpsertOperation(upsert=models.PointsList(points=made))


def _payload(point: Point, terms: Mapping[str, bm25.Sparse]) -> dict[str, Any]:
    """A point's payload, with the words (``terms``) that the server cannot count."""
    counted = {TERMS[name]: list(indices) for name, (indices, _) in terms.items() if indices}
    return {**point_fields.payload(point), **counted}


def is_value(key: str, value: str | int) -> models.FieldCondition:
    return models.FieldCondition(key=key, match=models.MatchValue(value=value))


def holding(using: str, term: int | None) -> models.Condition:
    """The condition for points with this sparse vector or, given a ``term``, with that word in
    it."""
    if term is None:
        return models.HasVectorCondition(has_vector=using)
    return is_value(TERMS[using], term)


def inside(tenant: str, *more: models.Condition) -> models.Filter:
    return cast(models.Filter, _CONDITIONS.inside(tenant, *more))


def seen(only: Only) -> models.Filter:
    """The filter for points that a search may see."""
    try:
        return cast(models.Filter, _CONDITIONS.seen(only))
    except ValueError as error:
        raise UsageError(f"ended_by is not a time: {only.ended_by!r}") from error


class _QdrantConditions(point_fields.Conditions[models.Condition]):
    def labelled(self, field: str, values: Sequence[Any]) -> models.Condition:
        match: models.Match = (
            models.MatchAny(any=list(values))
            if len(values) > 1
            else models.MatchValue(value=values[0])
        )
        return models.FieldCondition(key=field, match=match)

    def time(self, field: str, bounds: dict[str, str]) -> models.Condition:
        within = models.DatetimeRange(**bounds)  # type: ignore[arg-type]
        return models.FieldCondition(key=field, range=within)

    def number(self, field: str, bounds: dict[str, float]) -> models.Condition:
        return models.FieldCondition(key=field, range=models.Range(**bounds))

    def empty(self, field: str) -> models.Condition:
        return models.IsEmptyCondition(is_empty=models.PayloadField(key=field))

    def nested(self, field: str, parts: Sequence[models.Condition]) -> models.Condition:
        inner = models.Filter(must=list(parts))
        return models.NestedCondition(nested=models.Nested(key=field, filter=inner))

    def joined(
        self,
        must: Sequence[models.Condition] = (),
        should: Sequence[models.Condition] = (),
        must_not: Sequence[models.Condition] = (),
    ) -> models.Condition:
        return models.Filter(
            must=list(must) or None, should=list(should) or None, must_not=list(must_not) or None
        )


_CONDITIONS = _QdrantConditions()
