"""Which row of which table of a ledger a record of a damaged file is, by what it holds: where it
lay may be known no more."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, get_args

from graphmem.adapters.ledger.sql.adopt import row_of
from graphmem.adapters.ledger.sql.summaries import is_summary_row
from graphmem.adapters.ledger.sql.tables import TABLES
from graphmem.adapters.ledger.sqlite.damaged_file import FileRecord
from graphmem.clock import stamp, unstamp, unstamp_or_none
from graphmem.errors import GraphmemError
from graphmem.model import ErasureReceipt
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
        if _FITTING.get(name, partial(_checked, name))(row):
            return name, row
    return None


def _checked(name: str, row: Mapping[str, Any]) -> bool:
    """Whether what a row says fits together."""
    try:
        if name == "turns":
            _check_turn(row)
        else:
            _check_documents(name, row)
    except _WRONG:
        return False
    return True


def _check_turn(row: Mapping[str, Any]) -> None:
    texts = [row[name] for name in ("id", "episode_id", "tenant", "role", "text")]
    others = [row[name] for name in ("speaker", "occurred_at", "source_id")]
    if not all(type(text) is str for text in texts) or "/" not in row["tenant"]:
        raise ValueError("a turn is text")
    if not all(other is None or type(other) is str for other in others):
        raise ValueError("a turn's names are text")
    if type(row["ordinal"]) is not int or row["ordinal"] < 0:
        raise ValueError("a turn has a place")
    if row["occurred_at"] is not None:
        unstamp(row["occurred_at"])


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
    row_of(name, plain)


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


def _is_spend(row: Mapping[str, Any]) -> bool:
    counts = [row[name] for name in ("calls", "tokens_in", "tokens_out", "micros")]
    texts = [row[name] for name in ("day", "model", "tenant")]
    return _texts(texts) and bool(_DAY.fullmatch(row["day"])) and _numbers(counts)


def _is_extraction(row: Mapping[str, Any]) -> bool:
    counts = [row[name] for name in ("calls", "tokens_in", "tokens_out")]
    texts = [row[name] for name in ("episode_id", "extractor", "version")]
    return _texts([*texts, row["raw"] or ""]) and _numbers(counts)


def _is_erasure(row: Mapping[str, Any]) -> bool:
    try:
        return bool(ErasureReceipt.from_json(json.loads(row["body"])).id == row["id"])
    except _WRONG:
        return False


def _is_conversation(row: Mapping[str, Any]) -> bool:
    try:
        known = isinstance(json.loads(row["metadata"]), dict)
        unstamp_or_none(row["closed_at"])
    except _WRONG:
        return False
    return known and _texts([row["tenant"], row["run_id"], row["title"] or ""])


def _is_silence(row: Mapping[str, Any]) -> bool:
    try:
        unstamp(row["at"])
        unstamp_or_none(row["until"])
    except _WRONG:
        return False
    return _texts([row["turn_id"], row["edit_id"], row["tenant"]]) and "/" in row["tenant"]


def _texts(values: Sequence[Any]) -> bool:
    return all(type(value) is str for value in values)


def _numbers(values: Sequence[Any]) -> bool:
    return all(type(value) is int for value in values)


def _is_use(row: Mapping[str, Any]) -> bool:
    try:
        unstamp(row["last_at"])
    except _WRONG:
        return False
    return _texts([row["fact_id"], row["tenant"]]) and _numbers([row["count"]])


def _is_grant(row: Mapping[str, Any]) -> bool:
    try:
        known = isinstance(json.loads(row["body"]), dict)
    except _WRONG:
        return False
    texts = [row["id"], row["organisation"], row["about"] or ""]
    return known and row["kind"] in get_args(GrantKind) and _texts(texts)


def _is_key_use(row: Mapping[str, Any]) -> bool:
    try:
        unstamp(row["last_at"])
    except _WRONG:
        return False
    counts = [row[name] for name in ("calls", "refused", "tokens_in", "tokens_out")]
    texts = [row[name] for name in ("day", "key_id", "method", "organisation")]
    return _texts(texts) and bool(_DAY.fullmatch(row["day"])) and _numbers(counts)


def _is_audit_entry(row: Mapping[str, Any]) -> bool:
    try:
        known = stamp(unstamp(row["at"])) == row["at"]
    except _WRONG:
        return False
    texts = [row[name] for name in ("organisation", "key_id", "address", "method", "outcome")]
    others = [row[name] or "" for name in ("project_id", "owner", "target")]
    return known and row["changed"] in (0, 1) and _texts([*texts, *others])


_FITTING: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "access": _is_grant,
    "audit": _is_audit_entry,
    "conversations": _is_conversation,
    "erasures": _is_erasure,
    "extractions": _is_extraction,
    "fact_uses": _is_use,
    "key_uses": _is_key_use,
    "silences": _is_silence,
    "spend": _is_spend,
    "summaries": is_summary_row,
}
