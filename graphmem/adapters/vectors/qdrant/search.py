"""Searches a Qdrant server: all queries of a collection in one request, BM25 inside the tenant.

How rare a word is (IDF) must be counted inside the tenant. Since 1.19 Qdrant does so itself
(``params.idf.corpus``), but shard by shard; an older server ignores that parameter and counts all
tenants together. With several shards or an older server, points carry their words as an indexed
payload, the sparse vector has no IDF modifier, and the query's weights are multiplied by the IDF
here, from exact counts: one more round of small requests, in parallel.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qdrant_client import models

from graphmem.adapters.vectors import bm25, payload, validation
from graphmem.adapters.vectors.qdrant import requests
from graphmem.adapters.vectors.qdrant.server import QdrantServer
from graphmem.ports.vectors import Collection, Scored, VectorQuery

_EXTRA = 8
_MOST_EXTRA = 64
_COUNTS_AT_ONCE = 16


@dataclass(slots=True)
class _Job:
    """One query in progress; ``hits`` is set when it is answered."""

    query: VectorQuery
    using: str
    vector: Any = None
    params: models.SearchParams | None = None
    extra: int = _EXTRA
    hits: list[Scored] | None = None

    def request(self) -> models.QueryRequest:
        return models.QueryRequest(
            query=self.vector,
            using=self.using,
            filter=requests.seen(self.query.only),
            params=self.params,
            limit=self.query.limit + self.extra,
            with_payload=False,
            with_vector=False,
        )

    def take(self, found: Sequence[models.ScoredPoint]) -> None:
        """Take an answer, or prepare to ask for more hits: the server breaks ties arbitrarily, so
        the last place must not be tied with hits that were cut."""
        limit, asked = self.query.limit, self.query.limit + self.extra
        complete = len(found) < asked or found[-1].score < found[limit - 1].score
        if complete or self.extra > _MOST_EXTRA:
            scored = (Scored(str(hit.id), float(hit.score)) for hit in found)
            self.hits = validation.best(scored, limit)
        else:
            self.extra *= 8


async def search(
    server: QdrantServer, queries: Sequence[VectorQuery], *, corpus_idf: bool
) -> list[list[Scored]]:
    """Hits for each query, best first, ties by id. More than 512 hits that tie at the limit are cut
    arbitrarily."""
    jobs = [_dense(server, query) if query.dense is not None else _text(query) for query in queries]
    texts = [job for job in jobs if job.using in requests.TERMS and job.hits is None]
    if corpus_idf:
        for job in texts:
            corpus = models.IdfCorpusParams(corpus=requests.inside(job.query.only.tenant))
            job.params = models.SearchParams(idf=corpus)
    else:
        await _weigh(server, texts)
    while waiting := [job for job in jobs if job.hits is None]:
        by_collection: dict[Collection, list[_Job]] = {}
        for job in waiting:
            by_collection.setdefault(job.query.collection, []).append(job)
        await asyncio.gather(*(_ask(server, kind, some) for kind, some in by_collection.items()))
    return [job.hits or [] for job in jobs]


async def _ask(server: QdrantServer, kind: Collection, jobs: Sequence[_Job]) -> None:
    answers = await server.query(kind, [job.request() for job in jobs])
    for job, answer in zip(jobs, answers, strict=True):
        job.take(answer.points)


def _dense(server: QdrantServer, query: VectorQuery) -> _Job:
    job = _Job(query, payload.DENSE, hits=[] if query.limit < 1 else None)
    if job.hits is None and query.dense is not None:
        job.vector = payload.numbers(query.dense)
        if server.options.quantization:
            # Scores come from the original vectors; quantized ones only choose which to score.
            rescored = models.QuantizationSearchParams(rescore=True, oversampling=2.0)
            job.params = models.SearchParams(quantization=rescored)
    return job


def _text(query: VectorQuery) -> _Job:
    words = bm25.query(query.text or "") if query.limit >= 1 else ([], [])
    indices, values = bm25.of_tenant(words, query.only.tenant)
    using = payload.WINDOW if query.around else payload.BM25
    job = _Job(query, using, hits=None if indices else [])
    job.vector = models.SparseVector(indices=indices, values=values)
    return job


async def _weigh(server: QdrantServer, jobs: Sequence[_Job]) -> None:
    """Multiply each query's weights by ``ln(1 + (N - n + 0.5) / (n + 0.5))``, N points of the
    tenant of which n have the word: Qdrant's formula. Words that no point has are left out."""
    wanted: set[tuple[Collection, str, str, int | None]] = set()
    for job in jobs:
        home = (job.query.collection, job.query.only.tenant)
        wanted.add((*home, job.using, None))
        wanted.update((*home, job.using, term) for term in job.vector.indices)
    turn = asyncio.Semaphore(_COUNTS_AT_ONCE)

    async def count(kind: Collection, tenant: str, using: str, term: int | None) -> int:
        counted = requests.holding(using, term)
        async with turn:
            return await server.count(kind, requests.inside(tenant, counted))

    asked = list(wanted)
    counts = dict(zip(asked, await asyncio.gather(*(count(*key) for key in asked)), strict=True))
    for job in jobs:
        kind, tenant = job.query.collection, job.query.only.tenant
        total = counts[kind, tenant, job.using, None]
        weights: dict[int, float] = {}
        for term, value in zip(job.vector.indices, job.vector.values, strict=True):
            holders = counts[kind, tenant, job.using, term]
            if holders:
                # A point may come or go between two counts.
                rest = max(total - holders, 0)
                weights[term] = value * math.log1p((rest + 0.5) / (holders + 0.5))
        job.vector = models.SparseVector(indices=list(weights), values=list(weights.values()))
        if not weights:
            job.hits = []
