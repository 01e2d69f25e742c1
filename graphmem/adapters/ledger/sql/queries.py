"""The named statements of one database: from ``queries.sql`` and, for copying, for each table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from graphmem.adapters.ledger.sql.dialects import SqlDialect
from graphmem.adapters.ledger.sql.filters import FilteredKind, FilterSql
from graphmem.adapters.ledger.sql.steps import Fetch
from graphmem.adapters.ledger.sql.tables import TABLES, TableSpec

_PRESENT = {
    "believed": "f.retired_at IS NULL",
    "then": "",
    "about": "fact_entities",
    "sources": "sources",
}
_PAST = {
    "believed": "f.retired_at IS NOT NULL AND f.retired_at > :known_at",
    "then": "_past",
    "about": "past_entities",
    "sources": "past_sources",
}
_SOME_OR_ALL = {
    "whose": {"": "1 = 1", "_of_tenants": r"\2 BETWEEN :first_tenant AND :last_tenant"},
    "ours": {"": "1 = 1", "_of": r"\2 = :organisation"},
}
"""Suffix and condition of the two statements that each of these placeholders yields: one for all
tenants (or organisations), one for some. A single statement with a parameter for which of the two
is meant would make the database scan all of them each time."""
_WORD = re.compile(r"\{(whose|ours):([\w.]+)\}")
RELATION_WAYS = {
    "subject_id": ("facts_by_subject", "subject"),
    "subject_id type": ("facts_by_subject_type", "subject"),
    "subject_id object_id": ("facts_by_subject_object", "object"),
    "subject_id type object_id": ("facts_by_triple", "subject"),
    "object_id": ("facts_by_object", "object"),
    "type object_id": ("facts_by_object_type", "object"),
    "type": ("facts_by_type", "type"),
    "": ("facts_related", "type"),
}
"""By the columns of a relation that are given: the statement that finds it, and its index."""
_BEGUN = {"": "", "_earliest": "coalesce(f.begins_at, f.ends_at), "}
_COPYING = ("first", "next", "load", "adopt")


class Queries:
    """A ledger's statements by name and direction; parameters are written ``:name``.

    One text in ``queries.sql`` may yield several statements. Those of facts exist in both
    directions and, with the suffix ``_then``, for what was believed earlier; that of relations for
    each combination of given columns, and with ``_earliest``; those with ``{whose}`` or ``{ours}``
    also with ``_of_tenants`` or ``_of``; those for copying once for each table.
    """

    def __init__(self, dialect: SqlDialect) -> None:
        self._dialect = dialect
        self._filters = FilterSql(dialect)
        self._by_name: dict[tuple[str, bool], str] = {}
        loaded = dialect.load("queries.sql")
        fact_filters = loaded.pop("fact_filters").removesuffix(";")
        copying = {name: loaded.pop(name) for name in _COPYING}
        for template, text in loaded.items():
            for name, sql in _spread(template, text.replace("{filters}", fact_filters)):
                if "{order}" in sql:
                    self._add_both_ways(name, sql)
                else:
                    self._by_name[name, False] = dialect.spell(sql).removesuffix(";")
        for table in TABLES.values():
            for name, sql in copying.items():
                self._by_name[f"{name}_{table.name}", False] = _for_table(sql, table)

    def filtered(self, fetch: Fetch) -> tuple[str, dict[str, Any]]:
        """The statement of a fetch with its filter inserted, and the filter's values."""
        sql = self._by_name[fetch.name, fetch.newest_first]
        if fetch.where is None:
            return sql, {}
        kind: FilteredKind = "entity" if fetch.name.startswith("entities") else "fact"
        return self._filters.insert(sql, kind, fetch.where)

    def _add_both_ways(self, name: str, sql: str) -> None:
        for newest in (False, True):
            order, past = ("DESC", "<") if newest else ("ASC", ">")
            for suffix, words in (("", _PRESENT), ("_then", _PAST)):
                for first, begun in _BEGUN.items() if "{begun}" in sql else (("", ""),):
                    filled = self._dialect.spell(sql, order=order, past=past, begun=begun, **words)
                    self._by_name[name + first + suffix, newest] = filled.removesuffix(";")

    @property
    def names(self) -> set[str]:
        return {name for name, _ in self._by_name}

    def items(self) -> Iterator[tuple[tuple[str, bool], str]]:
        """Each statement, by its name and whether it is the one for newest first."""
        yield from self._by_name.items()

    def __contains__(self, key: tuple[str, bool]) -> bool:
        return key in self._by_name

    def __getitem__(self, key: tuple[str, bool]) -> str:
        return self._by_name[key]


def _spread(name: str, sql: str) -> Iterator[tuple[str, str]]:
    """The statements that one text yields, with their names."""
    if name == "facts_related":
        for columns, (way, index) in RELATION_WAYS.items():
            given = "".join(f" AND {one} = :{one}" for one in columns.split())
            yield way, sql.replace("{index}", index).replace("{given}", given)
    elif name == "count_owners":
        for owner in ("project", "user", "agent"):
            yield f"count_{owner}s", sql.replace("{owner}", f"{owner}_id")
    elif found := _WORD.search(sql):
        for suffix, condition in _SOME_OR_ALL[found[1]].items():
            yield name + suffix, _WORD.sub(condition, sql)
    else:
        yield name, sql


def _for_table(sql: str, table: TableSpec) -> str:
    """A statement for copying rows, filled in for one table."""
    others = [column for column in table.columns if column not in table.key]
    if others:
        replaced = ", ".join(f"{column} = excluded.{column}" for column in others)
        conflict = f"({', '.join(table.key)}) DO UPDATE SET {replaced}"
    else:
        conflict = "DO NOTHING"
    return sql.format(
        table=table.name,
        columns=", ".join(table.columns),
        key=", ".join(table.key),
        after=", ".join(f":after_{column}" for column in table.key),
        values=", ".join(f":{column}" for column in table.columns),
        conflict=conflict,
    ).removesuffix(";")
