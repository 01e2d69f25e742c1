"""The named statements of one database, from ``sql/`` and, for copying, from the tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import resources
from typing import Any

from graphmem.adapters.ledger.sql.filters import Conditions, Thing, postgres_path, sqlite_path
from graphmem.adapters.ledger.sql.steps import Ask
from graphmem.adapters.ledger.sql.tables import TABLES, Table

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


_NOW = {
    "believed": "f.retired_at IS NULL",
    "then": "",
    "about": "fact_entities",
    "sources": "sources",
}
_BEGUN = {"": "", "_earliest": "coalesce(f.begins_at, f.ends_at), "}
_THEN = {
    "believed": "f.retired_at IS NOT NULL AND f.retired_at > :known_at",
    "then": "_past",
    "about": "past_entities",
    "sources": "past_sources",
}


def sql_file(name: str) -> str:
    return resources.files("graphmem.adapters.ledger.sql").joinpath(name).read_text("utf-8")


def migrations(database: str) -> list[str]:
    """The files of a database's schema, in the order of their numbers."""
    return sorted(
        entry.name
        for entry in resources.files("graphmem.adapters.ledger.sql").iterdir()
        if re.fullmatch(rf"{database}_\d{{3}}\.sql", entry.name)
    )


def load_statements(text: str) -> dict[str, str]:
    """Statements by the name above each (``-- name: x``)."""
    parts = _NAME.split(text)
    return {
        name: body.strip().removesuffix(";")
        for name, body in zip(parts[1::2], parts[2::2], strict=True)
    }


class Statements:
    """A ledger's statements by name and direction; parameters are written ``:name``.

    The queries of facts are filled in both directions and, with ``_then`` to the name, for what is
    believed no more, those of relations also with ``_earliest``; those that copy for each table.
    """

    def __init__(self, file: str) -> None:
        loaded = load_statements(sql_file(file))
        filters = loaded.pop("fact_filters").partition("\n")[2]
        self._copies = {name: loaded.pop(name) for name in ("first", "next", "load")}
        self._by_name: dict[tuple[str, bool], str] = {}
        for name, sql in loaded.items():
            for newest in (False, True) if "{" in sql else (False,):
                order, past = ("DESC", "<") if newest else ("ASC", ">")
                self._by_name[name, newest] = sql
                if "{" not in sql:
                    continue
                for suffix, words in (("", _NOW), ("_then", _THEN)):
                    found = filters.format(past=past, **words)
                    for first, begun in _BEGUN.items() if "{begun}" in sql else (("", ""),):
                        filled = sql.format(
                            filters=found, order=order, past=past, begun=begun, **words
                        )
                        self._by_name[name + first + suffix, newest] = filled
        for table in TABLES.values():
            self._add_copying(table)
        dialect = file.removesuffix(".sql")
        pieces = load_statements(sql_file(f"{dialect}_where.sql"))
        path = sqlite_path if dialect == "sqlite" else postgres_path
        self._conditions = Conditions(pieces, path)

    def filtered(self, ask: Ask) -> tuple[str, dict[str, Any]]:
        """The statement that is asked for with its filter in place, and the filter's values."""
        thing: Thing = "entity" if ask.name.startswith("entities") else "fact"
        return self._conditions.put(self._by_name[ask.name, ask.newest_first], thing, ask.where)

    def _add_copying(self, table: Table) -> None:
        others = [column for column in table.columns if column not in table.key]
        if others:
            replaced = ", ".join(f"{column} = excluded.{column}" for column in others)
            conflict = f"({', '.join(table.key)}) DO UPDATE SET {replaced}"
        else:
            conflict = "DO NOTHING"
        parts = {
            "table": table.name,
            "columns": ", ".join(table.columns),
            "key": ", ".join(table.key),
            "after": ", ".join(f":after_{column}" for column in table.key),
            "values": ", ".join(f":{column}" for column in table.columns),
            "conflict": conflict,
        }
        for name, sql in self._copies.items():
            self._by_name[f"{name}_{table.name}", False] = sql.format(**parts)

    @property
    def names(self) -> set[str]:
        return {name for name, _ in self._by_name}

    def items(self) -> Iterator[tuple[tuple[str, bool], str]]:
        """Each statement with its name and whether it is the one for newest first."""
        yield from self._by_name.items()

    def __contains__(self, key: tuple[str, bool]) -> bool:
        return key in self._by_name

    def __getitem__(self, key: tuple[str, bool]) -> str:
        return self._by_name[key]
