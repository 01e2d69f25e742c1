"""Filters as SQL: a condition assembled from ``filters.sql``, with its values as parameters."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

from graphmem.adapters.ledger.sql.dialects import SqlDialect
from graphmem.filters import And, Not, Or, Test, Where
from graphmem.filters.tree import Scalar

FilteredKind = Literal["fact", "entity"]
_FILTER_PLACE = "/*where*/"
"""Marks the place for a filter in a statement."""
_PREFIX = "where_"
_OPEN = ("test", "path", "value", "values", "texts", "numbers", "truths", "all")
"""The placeholders of a condition that are filled with the filter's own tests and values."""


class FilterSql:
    """Inserts filters into statements, in the dialect of one database."""

    def __init__(self, dialect: SqlDialect) -> None:
        later = {word: f"{{{word}}}" for word in _OPEN}
        self._pieces = {
            name: dialect.spell(text, **later) for name, text in dialect.load("filters.sql").items()
        }
        self._dialect = dialect

    def insert(self, sql: str, kind: FilteredKind, where: Where) -> tuple[str, dict[str, Any]]:
        """A statement with the filter inserted, and the filter's values by parameter."""
        builder = _ConditionBuilder(self._pieces, self._dialect, kind)
        return sql.replace(_FILTER_PLACE, f"AND {builder.condition(where)}"), builder.values


class _ConditionBuilder:
    def __init__(self, pieces: dict[str, str], dialect: SqlDialect, kind: FilteredKind) -> None:
        self._pieces = pieces
        self._dialect = dialect
        self._kind = kind
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
        piece = self._pieces[f"{self._kind}_{test.field}"]
        if test.path:
            inner = self._metadata_test(test)
            path = self._parameter(self._dialect.json_path(("metadata", *test.path)))
            return piece.replace("{path}", path).replace("{test}", inner)
        return piece.replace("{test}", self._plain_test(test))

    def _plain_test(self, test: Test) -> str:
        if test.op == "exists":
            return self._pieces["exists"]
        if test.op == "in":
            numbers = any(not isinstance(value, str) for value in test.values)
            name = "in_numbers" if numbers else "in"
            return self._pieces[name].replace("{values}", self._parameter(list(test.values)))
        value: Any = test.values[0]
        if test.op == "contains":
            escaped = str(value)
            for sign in "\\%_":
                escaped = escaped.replace(sign, f"\\{sign}")
            value = f"%{escaped}%"
        return self._pieces[test.op].replace("{value}", self._parameter(value))

    def _metadata_test(self, test: Test) -> str:
        if test.op == "exists":
            return self._pieces["metadata_exists"]
        if test.op != "in":
            return self._pieces["metadata_order"].replace("{test}", self._plain_test(test))
        piece = self._pieces["metadata_in"]
        for name, values in _by_json_type(test.values).items():
            if name in piece:
                piece = piece.replace(name, self._parameter(values))
        return piece

    def _parameter(self, value: object) -> str:
        name = f"{_PREFIX}{len(self.values)}"
        self.values[name] = value
        return f":{name}"


def _by_json_type(values: Sequence[Scalar]) -> dict[str, list[Any]]:
    """Values by their JSON type, under the placeholders for each; and all of them as JSON texts."""
    return {
        "{texts}": [v for v in values if isinstance(v, str)],
        "{numbers}": [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)],
        "{truths}": [str(v).lower() for v in values if isinstance(v, bool)],
        "{all}": [json.dumps(v, ensure_ascii=False) for v in values],
    }
