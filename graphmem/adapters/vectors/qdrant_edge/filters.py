"""Filters in the words of the embedded engine, and the indexes that they need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import qdrant_edge as edge

from graphmem.adapters.vectors import payload
from graphmem.filters import Where


def edge_index_params() -> dict[str, Any]:
    """All that filters ask for but ``recorded_at``: every point has that and few ask for it, so it
    is looked up in the payload of the tenant's points."""
    plain: dict[str, Any] = {"enable_hnsw": False, "on_disk": True}
    whole = edge.IntegerIndexParams(lookup=True, range=False, **plain)
    moment = edge.DatetimeIndexParams(**plain)
    number = edge.FloatIndexParams(**plain)
    inside = f"{payload.NUMBERS}[]"
    return {
        payload.LABELS: whole,
        "occurred_at": moment,
        # Few points have these, and an index costs nothing for those that do not.
        "begins_at": moment,
        "invalid_at": moment,
        payload.IMPORTANCE: number,
        f"{inside}.{payload.NUMBER_KEY}": whole,
        f"{inside}.{payload.NUMBER}": number,
    }


def edge_condition(where: Where) -> Any:
    return payload.condition(where, _EdgeConditions())


class _EdgeConditions:
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
