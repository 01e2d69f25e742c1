"""Values of the model as plain JSON data: whole, or without what is as it is by default."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any

from graphmem.clock import stamp
from graphmem.model.scope import Scope

_PLAIN = frozenset({str, int, float, bool, type(None)})


@cache
def _reader(kind: type) -> Callable[[Any], Iterable[tuple[str, Any]]] | None:
    """What gives the names and values of a dataclass's fields, None for any other type."""
    if not dataclasses.is_dataclass(kind):
        return None
    names = tuple(field.name for field in dataclasses.fields(kind))
    if len(names) < 2:
        return lambda value: ((name, getattr(value, name)) for name in names)
    # All of them in one step: a fact has 24, and a load turns two such values into text an item.
    values = attrgetter(*names)
    return lambda value: zip(names, values(value), strict=True)


def to_json(value: Any) -> Any:
    """A model value as plain JSON data: dataclasses become objects, times text."""
    kind: Any = type(value)
    if kind in _PLAIN:
        return value
    if kind is tuple or kind is list:
        return [item if type(item) in _PLAIN else to_json(item) for item in value]
    if isinstance(value, datetime):
        return stamp(value)
    read = _reader(kind)
    if read is not None:
        return {name: it if type(it) in _PLAIN else to_json(it) for name, it in read(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    several = isinstance(value, list | tuple | set | frozenset)  # a named tuple, too
    return [to_json(item) for item in value] if several else value


def to_sparse(value: Any) -> dict[str, Any]:
    """A dataclass as plain JSON data without what is None or an empty tuple or mapping: as its
    fields are by default. Inside the values of its fields nothing is left out."""
    kind: Any = type(value)
    read = _reader(kind)
    found: dict[str, Any] = {}
    for name, item in read(value) if read is not None else ():
        kind = type(item)
        if kind in _PLAIN:
            if item is not None:
                found[name] = item
        elif kind is datetime:
            found[name] = stamp(item)
        elif kind is Scope:
            found[name] = to_sparse(item)
        elif item or item not in ((), {}):
            found[name] = to_json(item)
    return found
