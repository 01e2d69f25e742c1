"""Many rows to SQLite in few statements.

Python's driver lets go of the interpreter at every step of a statement. While another thread works,
each step then waits its turn, up to 5 ms, and ``executemany`` has a step for every row. One
``INSERT`` with many rows has one step for all of them.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

_INSERT = re.compile(
    r"\A(?P<head>(?:--[^\n]*\n)*\s*INSERT\b.*?\bVALUES\s*)(?P<row>\([^()]*\))", re.DOTALL
)
_NAME = re.compile(r":(\w+)")
_SIZES = (1024, 128, 16)
"""Rows a statement. Few sizes, so that the prepared statements are found again."""
FEWEST_TOGETHER = _SIZES[-1]
_MOST_VALUES = 32_000
"""Values a statement: SQLite takes 32,766."""


class _Insert(NamedTuple):
    by_size: Mapping[int, str]
    pick: Callable[[Mapping[str, Any]], tuple[Any, ...]]


def insert_many(
    connection: sqlite3.Connection, statement: str, rows: Sequence[Mapping[str, Any]]
) -> int:
    """Run an ``INSERT`` of plain values for as many of these rows as go together; give how many
    of them are done. What is left, or a statement of another kind, is for ``executemany``."""
    done = 0
    insert = _insert(statement)
    if insert is None:
        return done
    for size in insert.by_size:
        while len(rows) - done >= size:
            some = rows[done : done + size]
            values = tuple(chain.from_iterable(map(insert.pick, some)))
            connection.execute(insert.by_size[size], values)
            done += size
    return done


@lru_cache(maxsize=512)
def _insert(statement: str) -> _Insert | None:
    found = _INSERT.match(statement)
    if found is None:
        return None
    names = _NAME.findall(found["row"])
    tail = statement[found.end() :]
    if len(names) < 2 or _NAME.search(tail):
        return None
    row = _NAME.sub("?", found["row"])
    sizes = (min(size, _MOST_VALUES // len(names)) for size in _SIZES)
    by_size = {size: found["head"] + ", ".join([row] * size) + tail for size in sizes}
    return _Insert(by_size, itemgetter(*names))
