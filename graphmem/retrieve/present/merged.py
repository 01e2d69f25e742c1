"""What several projects of one owner answered, as one answer. Each was read by itself, in its own
scope; nothing of one counts in another's ranking."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from graphmem.model import Hit, Relation, SearchResult, Subgraph, Table

_T = TypeVar("_T")


def merged_search(
    query: str, found: Sequence[tuple[str, SearchResult]], limit: int
) -> SearchResult:
    """The results of projects, by name: each in its own order, among each other by how likely they
    answer."""
    ordered = [_falling([replace(hit, project_id=name) for hit in one]) for name, one in found]
    best = heapq.merge(*ordered, key=lambda pair: -pair[0])
    hits = [replace(hit, rank=n) for n, (_, hit) in enumerate(itertools.islice(best, limit), 1)]
    reasons = dict.fromkeys(one.reason for _, one in found if one.reason)
    return SearchResult(
        query,
        tuple(hits),
        tuple(seed for _, one in found for seed in one.seeds),
        "; ".join(reasons) or None,
        max(one.answerable for _, one in found),
    )


def merged_newest(found: Sequence[tuple[str, SearchResult]], limit: int) -> SearchResult:
    """The same of results that nothing was asked for: the newest first, whatever the project."""
    lists = [[replace(hit, project_id=name) for hit in one] for name, one in found]
    newest = heapq.merge(*lists, key=lambda hit: hit.id, reverse=True)
    hits = itertools.islice(newest, limit)
    return SearchResult("", tuple(replace(hit, rank=n) for n, hit in enumerate(hits, 1)))


def merged_lists(
    found: Sequence[Sequence[_T]], key: Callable[[_T], Any], *, limit: int, offset: int = 0
) -> list[_T]:
    """Lists in the order of ``key``, each from its beginning, as a part of one."""
    return list(itertools.islice(heapq.merge(*found, key=key), offset, offset + limit))


def merged_subgraphs(found: Sequence[Subgraph], limit: int) -> Subgraph:
    """What surrounds an entity of each project: in turns, the nearest of each first, and of the
    relations those among what is shown."""
    turns = itertools.chain(*itertools.zip_longest(*(one.entities for one in found)))
    entities = tuple(itertools.islice((one for one in turns if one is not None), limit))
    shown = {one.id for one in entities}
    relations = itertools.chain(*(one.relations for one in found))
    inside = tuple(one for one in relations if {one.subject_id, one.object_id} <= shown)
    return Subgraph(entities, inside)


def merged_tables(found: Sequence[Table], max_rows: int) -> Table:
    """What one query returned of each project, one after another."""
    rows = tuple(itertools.chain(*(one.rows for one in found)))
    cut = len(rows) > max_rows or any(one.truncated for one in found)
    return Table(found[0].columns, rows[:max_rows], cut)


def relation_begin(relation: Relation) -> tuple[datetime, str]:
    """The order of relations: by when they began, else (only that is known) ended."""
    stated_at = relation.stated_at or relation.recorded_at
    over = relation.invalid_at is not None and relation.invalid_at <= stated_at
    begins_at = relation.valid_at or (relation.invalid_at if over else stated_at)
    return begins_at or stated_at, relation.fact_id


def _falling(hits: Sequence[Hit]) -> list[tuple[float, Hit]]:
    """Hits in their order, each with the best score from there on: they are merged by it, and the
    order of none is changed."""
    best, pairs = 0.0, list[tuple[float, Hit]]()
    for hit in reversed(hits):
        best = max(best, hit.score)
        pairs.append((best, hit))
    return pairs[::-1]
