"""Filters in the words of a ledger's database: one condition, its values as parameters."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from graphmem.filters import And, Not, Or, Test, Where
from graphmem.filters.tree import Scalar

Thing = Literal["fact", "entity"]
PLACE = "/*where*/"
"""Where a statement takes a filter."""
_PREFIX = "where_"


class Conditions:
    """Puts filters together from the pieces of a ``*_where.sql`` file."""

    def __init__(self, pieces: Mapping[str, str], path: Callable[[Sequence[str]], str]) -> None:
        """``path`` writes a way into a JSON document as the database does."""
        document = f"({pieces.get('document', '')})"
        self._pieces = {
            name: "\n".join(line for line in sql.splitlines() if not line.startswith("--")).replace(
                "{document}", document
            )
            for name, sql in pieces.items()
        }
        self._path = path

    def put(self, sql: str, thing: Thing, where: Where | None) -> tuple[str, dict[str, Any]]:
        """A statement with the filter in its place, and the filter's values."""
        if where is None:
            return sql, {}
        making = _Making(self._pieces, self._path, thing)
        return sql.replace(PLACE, f"AND {making.condition(where)}"), making.values


class _Making:
    def __init__(
        self, pieces: Mapping[str, str], path: Callable[[Sequence[str]], str], thing: Thing
    ) -> None:
        self._pieces = pieces
        self._path = path
        self._thing = thing
        self.values: dict[str, Any] = {}

    def condition(self, where: Where) -> str:
        if isinstance(where, Test):
            return self._test(where)
        if isinstance(where, Not):
            return f"NOT {self.condition(where.part)}"
        if not where.parts:
            return "(1 = 1)" if isinstance(where, And) else "(1 = 0)"
        word = " OR " if isinstance(where, Or) else " AND "
        return f"({word.join(self.condition(part) for part in where.parts)})"

    def _test(self, test: Test) -> str:
        piece = self._pieces[f"{self._thing}_{test.field}"]
        if test.path:
            inner = self._in_metadata(test)
            at = self._note(self._path(("metadata", *test.path)))
            return piece.replace("{path}", at).replace("{test}", inner)
        return piece.replace("{test}", self._plain(test))

    def _plain(self, test: Test) -> str:
        if test.op == "exists":
            return self._pieces["exists"]
        if test.op == "in":
            numbers = any(not isinstance(value, str) for value in test.values)
            kind = "in_numbers" if numbers else "in"
            return self._pieces[kind].replace("{values}", self._note(list(test.values)))
        value: Any = test.values[0]
        if test.op == "contains":
            escaped = str(value)
            for sign in "\\%_":
                escaped = escaped.replace(sign, f"\\{sign}")
            value = f"%{escaped}%"
        return self._pieces[test.op].replace("{value}", self._note(value))

    def _in_metadata(self, test: Test) -> str:
        if test.op == "exists":
            return self._pieces["metadata_exists"]
        if test.op != "in":
            return self._pieces["metadata_order"].replace("{test}", self._plain(test))
        piece = self._pieces["metadata_in"]
        for name, values in _sorted_by_kind(test.values).items():
            if name in piece:
                piece = piece.replace(name, self._note(values))
        return piece

    def _note(self, value: object) -> str:
        name = f"{_PREFIX}{len(self.values)}"
        self.values[name] = value
        return f":{name}"


def _sorted_by_kind(values: Sequence[Scalar]) -> dict[str, list[Any]]:
    """As JSON takes them: by kind, and all of them as JSON texts."""
    return {
        "{texts}": [v for v in values if isinstance(v, str)],
        "{numbers}": [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)],
        "{truths}": [str(v).lower() for v in values if isinstance(v, bool)],
        "{all}": [json.dumps(v, ensure_ascii=False) for v in values],
    }


def sqlite_path(keys: Sequence[str]) -> str:
    return "".join(("$", *(f'."{key}"' for key in keys)))


def postgres_path(keys: Sequence[str]) -> str:
    """Strict: a key does not look into the members of a list."""
    steps = (f".{json.dumps(key, ensure_ascii=False)}" for key in keys)
    return "".join(("strict $", *steps))
