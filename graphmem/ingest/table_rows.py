"""Rows of a table, whichever library made it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from graphmem.errors import UsageError

_MISSING = frozenset({"nan", "nat", "<na>"})


def rows_of(rows: object) -> Iterator[Any]:
    """The rows of a table, or of any iterable, one by one."""
    for method in ("to_pylist", "to_dicts"):  # Arrow, polars
        if callable(make := getattr(rows, method, None)):
            return iter(make())
    if hasattr(rows, "columns") and callable(make := getattr(rows, "to_dict", None)):  # pandas
        return iter(make("records"))
    if isinstance(rows, str | bytes | Mapping) or not isinstance(rows, Iterable):
        raise UsageError(
            "relate_many takes a table or an iterable of rows (subject, type, object); "
            f"got {type(rows).__name__}: for one relation, use relate"
        )
    return iter(rows)


def is_empty(value: object) -> bool:
    """Whether a row does not give this: an empty cell, or one that is not a number."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return True
    if isinstance(value, float) and math.isnan(value):
        return True
    # Of a list within lists there may be no text at all.
    return not isinstance(value, str | int | Collection) and str(value).lower() in _MISSING
