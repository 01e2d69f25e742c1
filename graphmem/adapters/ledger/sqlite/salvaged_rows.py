"""The new ledger that a salvage fills; and which row of which of its tables a record of a damaged
file is, by what it holds: where it lay may be known no more."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, get_args
from uuid import UUID

from graphmem.adapters.ledger.sql.adopt import row_of
from graphmem.adapters.ledger.sql.summaries import to_summary
from graphmem.adapters.ledger.sql.tables import TABLES
from graphmem.adapters.ledger.sqlite.damaged_file import FileRecord
from graphmem.adapters.named_statements import parse_statements
from graphmem.clock import stamp, unstamp, unstamp_or_none
from graphmem.errors import GraphmemError
from graphmem.model import Entity, ErasureReceipt, Fact
from graphmem.ports.access import GrantKind

THREE_IDS = "three_ids"
"""A mention, or an entry of an index with the same three ids in another order."""
FOLLOWING = frozenset({
    "settings", "aliases", "fact_entities", "sources", "past_entities", "past_sources", "supports",
    "mentions",
})  # fmt: skip
"""Tables that are made again, of other rows or by opening the store; all others are read."""
APPEND_ONLY = frozenset({"events", "turns", "users", "embeddings", "audit"})
"""Tables of which a row that is there is as it ever was, or erased."""

_NUMBERED = frozenset({"episodes", "turns", "events", "audit"})
_DOCUMENTS = frozenset({"metadata", "tags", "extraction", "body", "after"})
_PSEUDONYM = re.compile(r"[0-9a-f]{32}")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_WRONG = (GraphmemError, TypeError, KeyError, ValueError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class StoredColumns:
    """How the rows of a ledger are stored: columns that were added come last, and are not in rows
    from before; a key's come first where there are no numbers."""

    columns: Mapping[str, Sequence[str]]
    by_length: Mapping[tuple[bool, int], Sequence[str]]
    """For rows of (numbered) tables of so many values, the tables that they may be of."""


def layout_of(connection: sqlite3.Connection) -> StoredColumns:
    """As SQLite has it."""
    found: dict[str, Sequence[str]] = {}
    by_length: dict[tuple[bool, int], list[str]] = {}
    for table in TABLES.keys() - FOLLOWING - {"users", "embeddings"}:
        rows = connection.execute(f"PRAGMA table_info({table})").fetchall()
        needed = {row["name"] for row in rows if row["notnull"] or row["pk"]}
        names = [row["name"] for row in rows]
        if table not in _NUMBERED:
            key = [row["name"] for row in sorted(rows, key=lambda row: row["pk"]) if row["pk"]]
            names = [*key, *(name for name in names if name not in key)]
        found[table] = names
        least = max(at for at, name in enumerate(names, 1) if name in needed)
        for length in range(least, len(names) + 1):
            by_length.setdefault((table in _NUMBERED, length), []).append(table)
    for (_, length), tables in by_length.items():
        tables.sort(key=lambda table: (len(found[table]) - length, table))  # whole ones first
    return StoredColumns(found, by_length)


@lru_cache(maxsize=1)
def _statements() -> Mapping[str, str]:
    source = resources.files("graphmem.adapters.ledger.sqlite").joinpath("salvage.sql")
    found = parse_statements(source.read_text("utf-8"), "salvage.sql", "--")
    return {one.name: one.text for one in found}


class NewLedger:
    """The file that is being filled."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.layout = layout_of(connection)

    def ask(self, name: str, /, **values: Any) -> sqlite3.Cursor:
        return self._connection.execute(_statements()[name], values)

    def put(self, name: str, some: Sequence[Mapping[str, Any]]) -> int:
        """How many of these rows were new."""
        before = self._connection.total_changes
        self._connection.executemany(_statements()[name], some)
        return self._connection.total_changes - before

    def take(self, table: str, some: Sequence[Mapping[str, Any]]) -> None:
        """Rows as they were; what is there already counts. What they lack is NULL."""
        if table == THREE_IDS:
            self.put("take_three_ids", some)
            return
        columns = TABLES[table].columns
        some = [{**dict.fromkeys(columns), **row} for row in some]
        names, values = ", ".join(columns), ", ".join(f":{column}" for column in columns)
        self._connection.executemany(
            f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({values})",  # noqa: S608
            some,
        )

    def count(self, table: str) -> int:
        return int(self._connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608


def ledger_row(record: FileRecord, layout: StoredColumns) -> tuple[str, dict[str, Any]] | None:
    """The table and its row; None where it is none that is to be kept: of an index, of a table
    that follows from others, or rubbish."""
    values = record.values
    if not record.in_table and len(values) == 3:
        return _of_three(values)
    for name in layout.by_length.get((record.in_table, len(values)), ()):
        columns = layout.columns[name]
        row = dict.fromkeys(columns)
        row |= dict(zip(columns, values, strict=False))
        if record.in_table and name != "turns":
            if values[0] is not None:
                continue
            row[columns[0]] = record.number
        if _fits_together(name, row):
            return name, row
    return None


def _fits_together(name: str, row: Mapping[str, Any]) -> bool:
    """Whether what a row says is what a row of this table says."""
    try:
        if name in _SHAPES:
            return _SHAPES[name].fits(row)
        _check_documents(name, row)
    except _WRONG:
        return False
    return True


def _check_documents(name: str, row: Mapping[str, Any]) -> None:
    plain = {
        column: json.loads(value) if column in _DOCUMENTS and value is not None else value
        for column, value in row.items()
    }
    for column in ("time_given", "infer", "undone"):
        if column in plain:
            if plain[column] not in (0, 1):
                raise ValueError("it is true or false")
            plain[column] = bool(plain[column])
    if name == "events":
        if stamp(unstamp(row["at"])) != row["at"] or type(row["seq"]) is not int:
            raise ValueError("an event has a time and a number")
        if not all(type(row[column]) is str for column in ("id", "tenant", "actor", "reason")):
            raise ValueError("an event has names")
        _check_after(row, plain["after"])
    is_event = name == "events" and row["kind"] in ("episode", "fact")
    if (is_event or name in ("episodes", "facts")) and not _is_point(row["id"]):
        raise ValueError("a point of the vectors has no such id")
    row_of(name, plain)


def _check_after(row: Mapping[str, Any], after: Any) -> None:
    """What an event left is of the same tenant: else it would be somebody else's from then on."""
    if after is None or row["kind"] not in ("entity", "fact"):
        return
    left = Fact.from_json(after) if row["kind"] == "fact" else Entity.from_json(after)
    tenant = left.scope.tenant if isinstance(left, Fact) else left.tenant
    if (left.id, tenant) != (row["id"], row["tenant"]):
        raise ValueError("an event and what it left are of one tenant")


def _is_point(id: str) -> bool:
    """Whether the vectors take it as the id of a point; ValueError for most that they do not."""
    return str(UUID(id)) == id


def _of_three(values: tuple[Any, ...]) -> tuple[str, dict[str, Any]] | None:
    one, two, three = values
    if type(one) is not str or type(two) is not str:
        return None
    if type(three) is not str:
        vector = isinstance(three, bytes) and _DIGEST.fullmatch(two) and not len(three) % 2
        return ("embeddings", {"model": one, "digest": two, "vector": three}) if vector else None
    if _PSEUDONYM.fullmatch(one):
        return "users", {"pseudonym": one, "name": two, "project_id": three}
    if _PSEUDONYM.fullmatch(three):  # of the index by name, which has all of it, too
        return "users", {"pseudonym": three, "name": one, "project_id": two}
    if any("/" in value for value in values):
        return None
    return THREE_IDS, {"one": one, "two": two, "three": three}


@dataclass(frozen=True, slots=True)
class _Shape:
    """What the columns of a table hold: their names, with a space between."""

    texts: str
    maybe_texts: str = ""
    """Text, or nothing."""
    numbers: str = ""
    times: str = ""
    """Of those columns, the ones that hold a time."""
    also: Callable[[Mapping[str, Any]], bool] = lambda _: True

    def fits(self, row: Mapping[str, Any]) -> bool:
        """False, or one of the errors ``_WRONG``, where a column holds something else."""
        for name in self.times.split():
            unstamp_or_none(row[name])
        return (
            all(type(row[name]) is str for name in self.texts.split())
            and all(type(row[name]) in (str, type(None)) for name in self.maybe_texts.split())
            and all(type(row[name]) is int for name in self.numbers.split())
            and self.also(row)
        )


def _has_object(column: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda row: isinstance(json.loads(row[column]), dict)


def _has_tenant(row: Mapping[str, Any]) -> bool:
    return "/" in row["tenant"]


def _is_grant(row: Mapping[str, Any]) -> bool:
    return row["kind"] in get_args(GrantKind) and isinstance(json.loads(row["body"]), dict)


def _is_audited(row: Mapping[str, Any]) -> bool:
    return stamp(unstamp(row["at"])) == row["at"] and row["changed"] in (0, 1)


def _is_receipt(row: Mapping[str, Any]) -> bool:
    return bool(ErasureReceipt.from_json(json.loads(row["body"])).id == row["id"])


_COUNTS = "calls tokens_in tokens_out"
_SHAPES = {
    "access": _Shape("id organisation", "about", also=_is_grant),
    "audit": _Shape(
        "at organisation key_id address method outcome",
        "project_id owner target",
        also=_is_audited,
    ),
    "conversations": _Shape(
        "tenant run_id", "title closed_at", times="closed_at", also=_has_object("metadata")
    ),
    "erasures": _Shape("id", also=_is_receipt),
    "extractions": _Shape("episode_id extractor version", "raw", _COUNTS),
    "fact_uses": _Shape("fact_id tenant last_at", numbers="count", times="last_at"),
    "key_uses": _Shape(
        "day key_id method organisation last_at", "", f"refused {_COUNTS}", times="last_at"
    ),
    "silences": _Shape("turn_id edit_id tenant at", "until", times="at until", also=_has_tenant),
    "spend": _Shape(
        "day model tenant",
        numbers=f"micros {_COUNTS}",
        also=lambda row: bool(_DAY.fullmatch(row["day"])),
    ),
    "summaries": _Shape("tenant id made_by", also=lambda row: to_summary(row) is not None),
    "turns": _Shape(
        "id episode_id tenant role text",
        "speaker occurred_at source_id",
        "ordinal",
        times="occurred_at",
        also=lambda row: (
            _has_tenant(row)
            and row["ordinal"] >= 0
            and _is_point(row["id"])
            and _is_point(row["episode_id"])
        ),
    ),
}
"""Of the tables whose rows say nothing twice; in the others columns must be as the body says."""
