"""Filters as mem0's clients write them, as a scope and a filter of ours."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from typing import Any, Final

from graphmem.errors import UsageError, shown

_IDS: Final = {
    "user_id": "user_id",
    "agent_id": "agent_id",
    "run_id": "run_id",
    "app_id": "project_id",
}
_JOINS: Final = {"AND": "and", "OR": "or", "NOT": "not"}
_FIELDS: Final = {
    "created_at": "occurred_at",  # as a memory here shows it: when it was said
    "updated_at": "recorded_at",
    "timestamp": "occurred_at",
    "categories": "tag",
    "tags": "tag",
    "metadata": "metadata",
    "memory_type": "memory_type",
}
_SIGNS: Final = frozenset({"eq", "ne", "lt", "lte", "gt", "gte", "in", "nin", "contains"})
_DEEPEST = 20
_LONGEST = 100_000


def read_filters(given: object) -> tuple[dict[str, str], dict[str, Any] | None]:
    """The ids that filters name, and the rest of them as a filter; UsageError for what cannot be
    one. ``app_id`` is our project. An id has to hold for the whole: under OR and NOT it cannot."""
    if isinstance(given, str):
        given = filters_of_text(given)
    if given is None:
        return {}, None
    scope: dict[str, str] = {}
    rest = _read(given, scope, outermost=True, depth=0)
    return scope, rest or None


def filters_of_text(text: str) -> object:
    """Filters in a query: JSON, or as Python writes a mapping."""
    if len(text) > _LONGEST:
        raise UsageError(f"filters have up to {_LONGEST:,} characters, these {len(text):,}")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            raise UsageError(f"filters cannot be read: {shown(text)}") from None


def _read(
    given: object, scope: dict[str, str], *, outermost: bool, depth: int
) -> dict[str, Any] | None:
    if not isinstance(given, Mapping) or depth > _DEEPEST:
        raise UsageError(f"filters are an object, got {shown(given)}")
    found: list[dict[str, Any]] = []
    for key, value in given.items():
        name = str(key)
        if name.upper() in _JOINS:
            found += _joined(name.upper(), value, scope, outermost=outermost, depth=depth)
        elif name in _IDS:
            _take_id(name, value, scope, outermost=outermost)
        else:
            found.append(_test(name, value))
    return found[0] if len(found) == 1 else ({"and": found} if found else None)


def _joined(
    join: str, value: object, scope: dict[str, str], *, outermost: bool, depth: int
) -> list[dict[str, Any]]:
    parts = value if isinstance(value, list) else [value]
    inside = outermost and (join == "AND" or (join == "OR" and len(parts) == 1))
    read = [_read(part, scope, outermost=inside, depth=depth + 1) for part in parts]
    kept = [part for part in read if part]
    if not kept:
        return []
    return kept if join == "AND" else [{_JOINS[join]: kept}]


def _take_id(name: str, value: object, scope: dict[str, str], *, outermost: bool) -> None:
    if isinstance(value, Mapping) and len(value) == 1:
        (sign, value), *_ = value.items()
        if sign not in {"eq", "in"}:
            raise UsageError(f"{name} can only be equal to something")
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value == "*":
        return
    if not isinstance(value, str) or not outermost:
        raise UsageError(
            f"{name} is one id, which holds for the whole filter: ask for one after the other"
        )
    ours = _IDS[name]
    if scope.setdefault(ours, value) != value:
        raise UsageError(f"{name} is given twice, as {shown(scope[ours])} and {shown(value)}")


def _test(name: str, value: object) -> dict[str, Any]:
    ours = name if name.startswith("metadata.") else _FIELDS.get(name)
    if ours is None:
        known = ", ".join([*_IDS, *_FIELDS, *_JOINS])
        raise UsageError(f"there is no filter {shown(name)}; known are {known}")
    if ours == "metadata":
        if not isinstance(value, Mapping):
            raise UsageError("metadata in a filter is an object")
        tests = [{f"metadata.{json.dumps(key)}": _value(item)} for key, item in value.items()]
        return tests[0] if len(tests) == 1 else {"and": tests}
    return {ours: _value(value)}


def _value(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    signs = {"icontains": "contains"}
    named = {signs.get(str(sign), str(sign)): item for sign, item in value.items()}
    if unknown := named.keys() - _SIGNS:
        raise UsageError(f"there is no comparison {min(unknown)!r}")
    return named
