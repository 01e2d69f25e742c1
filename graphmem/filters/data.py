"""Filters as data, so that programs need not build text.

``{"tag": "work", "occurred_at": {"gte": "2024-05"}}``: all of it must hold. ``and``, ``or`` and
``not`` stand where a field would, with a list of such (``not``: one, or a list of which none may
hold). A list of values means any of them; None means that there is no value. A comparison is a
mapping from ``eq``, ``ne``, ``lt``, ``lte``, ``gt``, ``gte``, ``in``, ``nin``, ``any``, ``all``,
``contains`` or ``exists`` (or the sign) to a value; several of them must all hold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from itertools import islice
from typing import Any

from graphmem.errors import UsageError, shown
from graphmem.filters.fields import Field, ReadKind, field_named, near
from graphmem.filters.reading import checked_path
from graphmem.filters.tree import (
    FALSE,
    TRUE,
    And,
    Not,
    Op,
    Or,
    Scalar,
    Where,
    all_of,
    any_of,
    none_of,
)
from graphmem.filters.values import RawValue, Sign, compared, exists
from graphmem.limits import FILTER_DEPTH, FILTER_VALUES

_SIGNS: dict[str, Sign] = {
    "eq": "=", "=": "=", "==": "=", "ne": "!=", "!=": "!=", "lt": "<", "<": "<", "lte": "<=",
    "<=": "<=", "gt": ">", ">": ">", "gte": ">=", ">=": ">=", "in": "in", "nin": "not in",
    "not in": "not in", "not_in": "not in", "contains": "contains", "any": "in", "all": "all",
}  # fmt: skip
_OPS = (*_SIGNS, "exists")
_WORDS: dict[Op, str] = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">=", "contains": "contains"}
_PLAIN = re.compile(r"[\w.@+/-]+(:[\w.@+/-]+)*\Z")
_PLAIN_KEY = re.compile(r"[\w-]+\Z")
_SPECIAL = re.compile(r"(true|false|null|-?\d+(\.\d+)?([eE][-+]?\d+)?)\Z", re.IGNORECASE)


def parse_data(data: Mapping[Any, Any], read: ReadKind, depth: int = 0) -> Where:
    """The filter of its data form; :class:`~graphmem.errors.UsageError` names the wrong key."""
    if depth > FILTER_DEPTH:
        raise UsageError(f"where: more than {FILTER_DEPTH} filters inside each other")
    parts: list[Where] = []
    for key, value in data.items():
        if not isinstance(key, str):
            raise UsageError(f"where: a key is the name of a field, got {shown(key)}")
        word = key.lower().removeprefix("$")
        if word in {"and", "or", "not"}:
            inner = [parse_data(one, read, depth + 1) for one in _filters(word, value)]
            joined = all_of(inner) if word == "and" else any_of(inner)
            parts.append(none_of(joined) if word == "not" else joined)
            continue
        try:
            parts.append(_field(key, value, read))
        except UsageError as error:
            raise UsageError(f"where: {error} (at {shown(key)})") from error
    return all_of(parts)


def _filters(word: str, value: object) -> list[Mapping[Any, Any]]:
    given = [value] if isinstance(value, Mapping) and word == "not" else value
    if (
        isinstance(given, str | Mapping)
        or not isinstance(given, Sequence)
        or not given
        or not all(isinstance(one, Mapping) and one for one in given)
    ):
        raise UsageError(f"where: {word} takes a list of filters, got {shown(value)}")
    return list(given)


def _field(key: str, value: object, read: ReadKind) -> Where:
    name, *path = _split(key)
    field = field_named(name, read)
    if field.holds == "any" and isinstance(value, Mapping) and not path:
        return all_of([_tests(field, tuple(_split(k)), v) for k, v in value.items()])
    return _tests(field, tuple(path), value)


def _split(key: object) -> list[str]:
    """``metadata.a."b.c"`` by its dots."""
    found = re.findall(r'"[^"]*"|[^."]+', str(key))
    return [part.strip('"') for part in found] or [str(key)]


def _tests(field: Field, path: tuple[str, ...], value: object) -> Where:
    keys = checked_path(field, path)
    if value is None:
        return none_of(exists(field, keys))
    if not isinstance(value, Mapping):
        return _compared(field, keys, "=", value)
    if not value:
        raise UsageError("a comparison is needed, for example {'eq': …}")
    return all_of([_test(field, keys, str(op).lower(), one) for op, one in value.items()])


def _test(field: Field, path: tuple[str, ...], op: str, value: object) -> Where:
    op = op.removeprefix("$")
    if op == "exists":
        if not isinstance(value, bool):
            raise UsageError(f"exists is True or False, got {shown(value)}")
        return exists(field, path) if value else none_of(exists(field, path))
    if op not in _SIGNS:
        raise UsageError(f"there is no comparison {shown(op)}{near(op, _OPS)}; there are: eq, ne, "
                         "lt, lte, gt, gte, in, nin, any, all, contains, exists")  # fmt: skip
    return _compared(field, path, _SIGNS[op], value)


def _compared(field: Field, path: tuple[str, ...], sign: Sign, value: object) -> Where:
    many = isinstance(value, Sequence | set | frozenset) and not isinstance(value, str)
    # No more of it than is refused: a range of 10**12 is a sequence, too.
    values: list[Any] = list(islice(value, FILTER_VALUES + 1)) if many else [value]  # type: ignore[call-overload]
    if not values:
        raise UsageError(f"{field.name} needs at least one value")
    if many and sign in {"=", "!="}:
        sign = "in" if sign == "=" else "not in"
    if many and sign not in {"in", "not in", "all", "contains"}:
        raise UsageError(f"{sign} compares with one value, not with a list")
    for one in values:
        if not isinstance(one, str | int | float | bool | datetime | date):
            raise UsageError(f"{field.name}: {shown(one)} is no value that can be compared")
    given: list[RawValue] = values
    return compared(field, path, sign, given)


def as_data(where: Where) -> dict[str, Any]:
    """The filter as data: the inverse of :func:`parse_data`."""
    if isinstance(where, Not):
        return {"not": as_data(where.part)}
    if isinstance(where, And | Or):
        return {"and" if isinstance(where, And) else "or": [as_data(part) for part in where.parts]}
    key = ".".join((where.field, *(f'"{part}"' for part in where.path)))
    if where.op == "exists":
        return {key: {"exists": True}}
    if where.op == "in":
        return {key: {"in": list(where.values)}}
    return {key: {where.op: where.values[0]}}


def as_text(where: Where) -> str:
    """The filter as text: the inverse of :func:`~graphmem.filters.reading.parse_text`."""
    if where in (TRUE, FALSE):
        return "everything" if where == TRUE else "nothing"
    if isinstance(where, Not):
        return f"not {_grouped(where.part)}"
    if isinstance(where, And | Or):
        word = " and " if isinstance(where, And) else " or "
        return word.join(_grouped(part) for part in where.parts)
    name = ".".join((where.field, *(_key(part) for part in where.path)))
    if where.op == "exists":
        return f"{name} exists"
    shown = [_shown(value) for value in where.values]
    if where.op == "in":
        return f"{name} = {shown[0]}" if len(shown) == 1 else f"{name} in ({', '.join(shown)})"
    return f"{name} {_WORDS[where.op]} {shown[0]}"


def _grouped(where: Where) -> str:
    text = as_text(where)
    return f"({text})" if isinstance(where, And | Or) else text


def _key(part: str) -> str:
    return part if _PLAIN_KEY.match(part) else f'"{part}"'


def _shown(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if _PLAIN.match(value) and not _SPECIAL.match(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
