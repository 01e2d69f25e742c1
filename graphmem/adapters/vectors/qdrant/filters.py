"""Filters in the words of a Qdrant server, and the indexes that they need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qdrant_client import models

from graphmem.adapters.vectors import payload
from graphmem.filters import Where


def payload_index_params(plain: dict[str, Any]) -> dict[str, Any]:
    """Every field that a filter can name: a server in strict mode filters by no other. ``plain``
    are the parameters that all of them have."""
    number = models.FloatIndexType.FLOAT
    moment = models.DatetimeIndexType.DATETIME
    whole = models.IntegerIndexParams(
        type=models.IntegerIndexType.INTEGER, lookup=True, range=False, **plain
    )
    inside = f"{payload.NUMBERS}[]"
    return {
        payload.LABELS: whole,
        **{name: models.DatetimeIndexParams(type=moment, **plain) for name in payload.TIMES},
        payload.IMPORTANCE: models.FloatIndexParams(type=number, **plain),
        f"{inside}.{payload.NUMBER_KEY}": whole,
        f"{inside}.{payload.NUMBER}": models.FloatIndexParams(type=number, **plain),
    }


def qdrant_condition(where: Where) -> models.Condition:
    return payload.condition(where, _QdrantConditions())


class _QdrantConditions:
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
