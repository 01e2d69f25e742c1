"""One collection in Qdrant Edge: the engine's blocking calls, without files, checkpoints or
threads.

What the engine does, measured (release 0.9, 2 cores):

- Every call holds the interpreter's lock for its whole length, ``optimize`` too. So batches are
  written in slices, between which other threads run, and another process optimizes.
- ``IdfParams(corpus=…)`` counts N and n exactly, after replacements, deletions and optimizing too,
  and costs up to 0.5 ms at 100,000 points over 20 tenants. N includes points without any word.
- With ``m=0`` and ``payload_m`` only the tenants get HNSW graphs, and only those larger than the
  full-scan threshold: ``optimize`` at 100,000 points over 20 tenants took 2 s instead of 62 s.
- BM25: for each word asked for, the points of all tenants that have it are read: 22 ms for a tenant
  of 50,000 points among a million (7 ms if its points are scored one by one). So a word has another
  index in each tenant (:func:`.bm25.of_tenant`): 1.4 ms, the same scores. Up to
  ``_SPARSE_SCAN`` points that pass a filter are still scored one by one.
- Loading a million points takes 3.7 s and 1.6 GiB, of which payload indexes in memory take 2.2 s
  and 0.2 GiB, so only those that every search reads are in memory. Vectors on disk would save 0.8 s
  and 1 GiB more, but add 2 to 12 ms to the first search of a tenant.
- Below the threshold a search reads the tenant's vectors one by one: 5.4 ms at 50,000 vectors of
  256 numbers; 2.5 ms with a byte for each number, and the vectors of the best read whole: the same
  120 of 50,000 sentences, with the same scores. HNSW took 1.0 ms at 45,000 and found 26 % of the 50
  nearest among random vectors (72 % in 3.4 ms with ef 512).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Self

import qdrant_edge as edge

from graphmem.adapters.child_process import can_start, last_line, run_program
from graphmem.adapters.disk_space import scarce
from graphmem.adapters.forks import keep_in_children
from graphmem.adapters.vectors import bm25, comparison, validation
from graphmem.adapters.vectors import payload as point_fields
from graphmem.adapters.vectors.payload import BM25, DENSE, WINDOW
from graphmem.adapters.vectors.qdrant_edge import disk_space
from graphmem.errors import Damaged, Rejected, Unavailable, UsageError
from graphmem.files import check_open_files
from graphmem.ports.vectors import Point, Scored, VectorQuery

_SLICE = 64
"""Points per call: it holds the interpreter's lock for about 3 ms."""
_POINTS_AHEAD, _BYTES_AHEAD = 256, 1 << 18
"""Points, and bytes of their texts, that disk blocks are reserved for at a time."""
_PAGE = 2000
_FULL_SCAN_KIB = 131_072
_SPARSE_SCAN = 1_000
"""Points that pass a filter are scored one by one, up to so many of them."""
_MOST_TIES = 64
_RESCORED = edge.SearchParams(
    quantization=edge.QuantizationSearchParams(rescore=True, oversampling=4.0)
)
"""Of the nearest by numbers in one byte, four times as many as are asked for, the vectors
themselves are compared."""


def engine_config(size: int) -> Any:
    """The configuration of a new shard."""
    return edge.EdgeConfig(
        vectors={DENSE: edge.EdgeVectorParams(size=size, distance=edge.Distance.Cosine)},
        sparse_vectors={
            name: edge.EdgeSparseVectorParams(
                modifier=edge.Modifier.Idf, full_scan_threshold=_SPARSE_SCAN
            )
            for name in (BM25, WINDOW)
        },
        hnsw_config=edge.HnswIndexConfig(
            m=0, ef_construct=128, full_scan_threshold=_FULL_SCAN_KIB, payload_m=16
        ),
        quantization_config=edge.ScalarQuantizationConfig(type=edge.ScalarType.Int8),
    )


def _indexes() -> dict[str, Any]:
    """The payload indexes: all fields that searches and filters use, except ``recorded_at``. Every
    point has that and few filters use it, so it is read from the payload."""
    plain: dict[str, Any] = {"enable_hnsw": False, "on_disk": True}
    keyword = edge.KeywordIndexParams(**plain)
    whole = edge.IntegerIndexParams(lookup=True, range=False, **plain)
    moment, number = edge.DatetimeIndexParams(**plain), edge.FloatIndexParams(**plain)
    inside = f"{point_fields.NUMBERS}[]"
    return {
        "tenant": edge.KeywordIndexParams(is_tenant=True),
        "agent_ids": keyword,
        "run_ids": keyword,
        "ended_at": edge.DatetimeIndexParams(enable_hnsw=False),
        point_fields.LABELS: whole,
        "occurred_at": moment,
        # Few points have these, and an index costs nothing for those that do not.
        "begins_at": moment,
        "invalid_at": moment,
        point_fields.IMPORTANCE: number,
        f"{inside}.{point_fields.NUMBER_KEY}": whole,
        f"{inside}.{point_fields.NUMBER}": number,
    }


class Shard:
    """One collection. Every method blocks; use it from one thread at a time."""

    def __init__(self, folder: Path, engine: Any) -> None:
        self.folder = folder
        self._engine = engine
        keep_in_children(self, "_engine")
        self._points_ahead = self._bytes_ahead = 0

    @classmethod
    def create(cls, folder: Path, size: int) -> Self:
        with engine_errors(folder):
            shard = cls(folder, edge.EdgeShard.create(str(folder), engine_config(size)))
            for name, params in _indexes().items():
                shard._engine.update(edge.UpdateOperation.create_field_index(name, params))
            shard._engine.flush()
        return shard

    @classmethod
    def load(cls, folder: Path) -> Self:
        if not folder.is_dir():
            raise damaged_vectors(folder, "the folder is missing")
        disk_space.hold_to_load(folder)
        with engine_errors(folder):
            return cls(folder, edge.EdgeShard.load(str(folder)))

    def put(self, batch: Sequence[Point]) -> None:
        """Insert or replace."""
        for made in self.made(batch):
            self.put_made(made)

    def made(self, batch: Sequence[Point]) -> Iterator[list[Any]]:
        """The engine's own points, a slice at a time. Making them takes as long as writing them,
        and does not touch anything that a search reads."""
        with engine_errors(self.folder):
            for some in _slices({point.id: point for point in batch}.values()):
                self._need_disk_space(some)
                yield [_engine_point(point) for point in some]

    def put_made(self, points: list[Any]) -> None:
        """Insert or replace a slice of :meth:`made`."""
        with engine_errors(self.folder):
            self._engine.update(edge.UpdateOperation.upsert_points(points))

    def _need_disk_space(self, points: Sequence[Point]) -> None:
        """Check for room before each slice; blocks are reserved for several slices at once."""
        disk_space.need_to_write(self.folder)
        size = sum(len(point.text) + len(point.window or "") for point in points)
        self._points_ahead -= len(points)
        self._bytes_ahead -= size
        if self._points_ahead < 0 or self._bytes_ahead < 0:
            disk_space.hold_to_write(self.folder)
            self._points_ahead, self._bytes_ahead = _POINTS_AHEAD, _BYTES_AHEAD

    def remove(self, ids: Sequence[str]) -> None:
        """Delete points; unknown ids are ignored."""
        with engine_errors(self.folder):
            for some in _slices(ids, _PAGE):
                disk_space.need_to_write(self.folder)
                self._engine.update(edge.UpdateOperation.delete_points(some))

    def search(self, queries: Sequence[VectorQuery]) -> list[list[Scored]]:
        """Hits for each query, best first, ties by id. More than 512 hits that tie at the limit are
        cut arbitrarily."""
        found: list[list[Scored]] = [[] for _ in queries]
        only = {id(query.only): query.only for query in queries}
        filters_of = {id: _CONDITIONS.seen(one) for id, one in only.items()}
        tenants = {one.tenant for one in only.values()}
        inside = {tenant: _CONDITIONS.inside(tenant) for tenant in tenants}
        asked = {
            place: one
            for place, query in enumerate(queries)
            if (one := _asked(query, filters_of[id(query.only)], inside[query.only.tenant]))
        }
        # The engine breaks ties arbitrarily: ask for more until the last place is not tied.
        extra = 8
        while asked:
            batch = [one(limit=queries[place].limit + extra) for place, one in asked.items()]
            with engine_errors(self.folder):
                answers = self._engine.query_batch(edge.QueryBatchRequest(batch))
            for place, hits in zip(list(asked), answers, strict=True):
                limit = queries[place].limit
                complete = len(hits) < limit + extra
                if complete or hits[-1].score < hits[limit - 1].score or extra > _MOST_TIES:
                    scored = [Scored(str(hit.id), hit.score) for hit in hits]
                    found[place] = validation.best(scored, limit)
                    del asked[place]
            extra *= 8
        return found

    def ids(self, tenant: str | None) -> set[str]:
        inside = None if tenant is None else _CONDITIONS.inside(tenant)
        found: set[str] = set()
        offset = None
        while True:
            request = edge.ScrollRequest(
                offset=offset, limit=_PAGE, filter=inside, with_payload=False, with_vector=False
            )
            with engine_errors(self.folder):
                page, offset = self._engine.scroll(request)
            found.update(str(record.id) for record in page)
            if offset is None:
                return found

    def differing(self, points: Sequence[Point]) -> set[str]:
        """The ids of points that are missing here, or different."""
        with engine_errors(self.folder):
            records = self._engine.retrieve([point.id for point in points], True, True)
        return comparison.differing_points(points, records, _payload)

    def flush(self) -> None:
        with engine_errors(self.folder):
            self._engine.flush()

    def optimize(self) -> None:
        with engine_errors(self.folder):
            self._engine.optimize()

    def close(self) -> None:
        with engine_errors(self.folder):
            self._engine.close()


_CREATE = """
import sys
from pathlib import Path
from graphmem.adapters.vectors.qdrant_edge.shard import Shard
for folder in sys.argv[2:]:
    Shard.create(Path(folder), int(sys.argv[1])).close()
"""


def create_shards(folders: Sequence[Path], size: int) -> list[Shard]:
    """Create and open empty shards for vectors of this size.
    :class:`~graphmem.errors.Unavailable` when the disk became full meanwhile.

    Where room is scarce, another process makes them: if another program takes the rest of the room
    meanwhile, only that process is killed (see
    :mod:`graphmem.adapters.vectors.qdrant_edge.disk_space`), and this one reports why."""
    if not (scarce(folders[0].parent) and can_start()):
        return [Shard.create(folder, size) for folder in folders]
    done = run_program(_CREATE, str(size), *map(os.fspath, folders))
    if done.returncode < 0 or b"os error 28" in done.stderr:
        raise Unavailable(
            f"the vectors in {folders[0].parent} could not be made: the disk became full; free "
            "some room, or move the store to a larger disk"
        )
    if done.returncode:
        why = last_line(done.stderr) or f"ended with {done.returncode}"
        check_open_files(OSError(why), f"the vectors in {folders[0].parent}")
        raise damaged_vectors(folders[0].parent, why)
    return [Shard.load(folder) for folder in folders]


def _asked(query: VectorQuery, filter: Any, inside: Any) -> Callable[..., Any] | None:
    """A query in the engine's form, to be called with a ``limit``; None where nothing can be found.
    ``filter`` is that of ``query.only``, ``inside`` that of its tenant."""
    if query.limit < 1:
        return None
    if query.dense is not None:
        near = edge.Query.Nearest(point_fields.numbers(query.dense), using=DENSE)
        return partial(edge.QueryRequest, query=near, filter=filter, params=_RESCORED)
    indices, values = bm25.of_tenant(bm25.query(query.text or ""), query.only.tenant)
    if not indices:
        return None
    words = WINDOW if query.around else BM25
    near = edge.Query.Nearest(edge.SparseVector(indices, values), using=words)
    params = edge.SearchParams(idf=edge.IdfParams(corpus=inside))
    return partial(edge.QueryRequest, query=near, filter=filter, params=params)


_DISK_FULL = f"(os error {errno.ENOSPC})"


@contextmanager
def engine_errors(folder: Path) -> Iterator[None]:
    """Convert the engine's errors. It raises bare ``Exception``, and panics for some damage, so
    they are distinguished by their text."""
    try:
        yield
    except (UsageError, Rejected, Unavailable):
        raise
    except ValueError as error:
        raise UsageError(f"the vector store cannot take this: {error}") from error
    except Exception as error:
        if "WouldBlock" in str(error):
            raise in_use(folder) from error
        check_open_files(error, f"the vectors in {folder}")
        if _DISK_FULL in str(error):
            raise Unavailable(
                f"the vectors in {folder} cannot be written: the disk is full"
            ) from error
        raise damaged_vectors(folder, str(error)) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        check_open_files(error, f"the vectors in {folder}")
        raise damaged_vectors(folder, str(error)) from error


def in_use(folder: Path) -> Unavailable:
    return Unavailable(
        f"the vectors in {folder} are in use by another process; close the other one (a server, "
        "a shell, a notebook), or give this one a folder of its own"
    )


def damaged_vectors(folder: Path, why: str) -> Damaged:
    return Damaged(
        f"the vectors in {folder} are damaged: {why}. They hold nothing that the ledger does not: "
        "`graphmem verify --repair` makes them anew"
    )


def _payload(point: Point) -> dict[str, Any]:
    return point_fields.payload(point, point_fields.one_or_many)


def _engine_point(point: Point) -> Any:
    words = point_fields.sparse_vectors(point)
    vectors: dict[str, Any] = {name: edge.SparseVector(*one) for name, one in words.items()}
    if point.dense is not None:
        vectors[DENSE] = point_fields.numbers(point.dense)
    return edge.Point(point.id, vectors, _payload(point))


def _slices(items: Any, size: int = _SLICE) -> Iterator[list[Any]]:
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some


class _EdgeConditions(point_fields.Conditions[Any]):
    def labelled(self, field: str, values: Sequence[Any]) -> Any:
        match = edge.MatchAny(list(values)) if len(values) > 1 else edge.MatchValue(values[0])
        return edge.FieldCondition(field, match=match)

    def time(self, field: str, bounds: dict[str, str]) -> Any:
        return edge.FieldCondition(field, range=edge.RangeDateTime(**bounds))

    def number(self, field: str, bounds: dict[str, float]) -> Any:
        return edge.FieldCondition(field, range=edge.RangeFloat(**bounds))

    def empty(self, field: str) -> Any:
        return edge.IsEmptyCondition(field)

    def nested(self, field: str, parts: Sequence[Any]) -> Any:
        return edge.NestedCondition(field, edge.Filter(must=list(parts)))

    def joined(
        self,
        must: Sequence[Any] = (),
        should: Sequence[Any] = (),
        must_not: Sequence[Any] = (),
    ) -> Any:
        return edge.Filter(
            must=list(must) or None, should=list(should) or None, must_not=list(must_not) or None
        )


_CONDITIONS = _EdgeConditions()
