"""Checks and derived values that all vector adapters share, so that all behave alike."""

from __future__ import annotations

import re
from collections.abc import Iterable
from operator import itemgetter

import numpy as np

from graphmem.errors import UsageError
from graphmem.ports.vectors import (
    COLLECTIONS,
    Only,
    Point,
    Scored,
    Vector,
    VectorChanges,
    VectorQuery,
)

LARGEST_SIZE = 65_536
"""The most numbers in a vector: the limit of a Qdrant server, applied by all adapters."""


_CANONICAL = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def check_embedding(embedder: str, size: int) -> None:
    if not embedder or not 1 <= size <= LARGEST_SIZE:
        raise UsageError(
            f"an embedder needs a name, and vectors of 1 to {LARGEST_SIZE} numbers; "
            f"got {embedder!r} and {size}"
        )


def other_embedder(place: str, stored: tuple[str, int], given: tuple[str, int]) -> UsageError:
    """The error for vectors ``stored`` by another model, or with another size, than the one now
    ``given``."""
    (before, before_size), (now, now_size) = stored, given
    return UsageError(
        f"the vectors in {place} were made with {before} ({before_size} numbers each); the "
        f"embedder is now {now} ({now_size}). Open with {before} again, or re-embed everything: "
        "rebuild with the new one (open once with GRAPHMEM_REEMBED=1); nothing is lost, the ledger "
        "has every text"
    )


def check_collection(name: str) -> None:
    if name not in COLLECTIONS:
        raise UsageError(f"no collection {name!r}; there are {', '.join(COLLECTIONS)}")


def check_changes(changes: VectorChanges, size: int) -> None:
    """Raise :class:`UsageError` for the first thing that a store could not hold unchanged."""
    for collection in (*changes.points, *changes.removed):
        check_collection(collection)
    for removed in changes.removed.values():
        for point_id in removed:
            check_id(point_id)
    for batch in changes.points.values():
        scopes = {t for point in batch for t in (point.tenant, *point.agent_ids, *point.run_ids)}
        for text in scopes:
            check_scope(text)
        for point in batch:
            check_id(point.id)
        vectors = [point.dense for point in batch if point.dense is not None]
        if not all(vector.shape == (size,) for vector in vectors) or (
            vectors and not np.isfinite(np.stack(vectors)).all()
        ):
            for point in batch:
                if point.dense is not None:
                    check_dense(point.dense, size, point.id)


def check_id(value: str) -> None:
    """Ids must be UUIDs in canonical form, so that stores return them unchanged."""
    if not _CANONICAL.fullmatch(value):
        raise UsageError(f"a point's id must be a UUID in lower case with hyphens, got {value!r}")


def check_scope(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{text!r} holds a lone surrogate and cannot name a scope") from error


def check_dense(dense: Vector, size: int, what: str) -> None:
    if dense.shape != (size,):
        raise UsageError(f"{what}: the vector has shape {dense.shape}, the store holds ({size},)")
    if not np.isfinite(dense).all():
        raise UsageError(f"{what}: the vector holds infinite numbers or none at all (NaN)")


def check_query(query: VectorQuery, size: int) -> None:
    if query.collection not in COLLECTIONS:
        check_collection(query.collection)
    check_only(query.only)
    if (query.dense is None) == (query.text is None):
        raise UsageError("a vector query is by a dense vector or by text: give exactly one")
    if query.around and query.text is None:
        raise UsageError("what stands around a point is asked for by text")
    if query.dense is not None:
        check_dense(query.dense, size, "the query")


def check_only(only: Only) -> None:
    try:
        f"{only.tenant}{only.agent_id}{only.run_id}".encode()
    except UnicodeEncodeError:
        for text in (only.tenant, only.agent_id, only.run_id):
            check_scope(text or "")
    if only.past and only.ended_by is None:
        raise UsageError("what is past is told by ended_by: give a time")


def ended_at(point: Point) -> str | None:
    """The earliest time at which it ended, expired or was archived; the stored form sorts as
    text."""
    ends = (point.invalid_at, point.expires_at, point.archived_at)
    return min((end for end in ends if end is not None), default=None)


def best(found: Iterable[Scored], limit: int) -> list[Scored]:
    """The ``limit`` best by falling score, ties by id."""
    # Two stable sorts by one column each are faster than one by a combined key.
    by_id = sorted(found, key=itemgetter(0))
    return sorted(by_id, key=itemgetter(1), reverse=True)[: max(limit, 0)]
