"""Which row of which table of a ledger a record of a damaged file is, by what it holds: where it
lay may be known no more."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from graphmem.adapters.ledger.sql.adopt import row_of
from graphmem.adapters.ledger.sql.tables import TABLES
from graphmem.adapters.ledger.sqlite.damaged_file import FileRecord
from graphmem.clock import stamp, unstamp, unstamp_or_none
from graphmem.errors import GraphmemError
from graphmem.model import ErasureReceipt

THREE_IDS = "three_ids"
"""A mention, or an entry of an index with the same three ids in another order."""
APPEND_ONLY = frozenset({"events", "turns", "users", "embeddings"})
"""Tables of which a row that is there is as it ever was, or erased."""

_NUMBERED = {27: "episodes", 26: "episodes", 25: "episodes", 9: "turns", 10: "events"}
"""By how many columns they have; an episode from before the last ones were added has fewer."""
_KEYED = {13: "facts", 9: "statements", 8: "entities", 7: "merges", 6: "edits"}
_DOCUMENTS = frozenset({"metadata", "tags", "extraction", "body", "after"})
_PSEUDONYM = re.compile(r"[0-9a-f]{32}")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_WRONG = (GraphmemError, TypeError, KeyError, ValueError, AttributeError, RecursionError)


StoredColumns: TypeAlias = Mapping[str, Sequence[str]]
"""For each table its columns in the order in which they are stored."""


def layout_of(connection: sqlite3.Connection) -> StoredColumns:
    """As SQLite has it: columns that were added come last, a key's first where there are no
    numbers."""
    found: dict[str, Sequence[str]] = {}
    for name in TABLES:
        columns = connection.execute(f"PRAGMA table_info({name})").fetchall()
        names = [row["name"] for row in columns]
        if name not in _NUMBERED.values():
            key = [r["name"] for r in sorted(columns, key=lambda row: row["pk"]) if r["pk"]]
            names = [*key, *(column for column in names if column not in key)]
        found[name] = names
    return found


def ledger_row(record: FileRecord, layout: StoredColumns) -> tuple[str, dict[str, Any]] | None:
    """The table and its row; None where it is none that is to be kept: of an index, of a table
    that follows from others, or rubbish."""
    values = record.values
    if record.in_table:
        return _numbered(record, layout)
    if len(values) == 3:
        return _of_three(values)
    for name, fits in _FITTING.get(len(values), ()):
        row = dict(zip(layout[name], values, strict=True))
        if fits(row):
            return name, row
    keyed = _KEYED.get(len(values))
    if keyed is None:
        return None
    return _checked(keyed, dict(zip(layout[keyed], values, strict=True)))


def _numbered(record: FileRecord, layout: StoredColumns) -> tuple[str, dict[str, Any]] | None:
    values = record.values
    name = _NUMBERED.get(len(values))
    if name is None or (name != "turns" and values[0] is not None):
        return None
    given = values if name == "turns" else (record.number, *values[1:])
    row = dict.fromkeys(layout[name])
    row |= dict(zip(layout[name], given, strict=False))
    return _checked(name, row)


def _checked(name: str, row: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """The row, when what it says fits together."""
    try:
        if name == "turns":
            _check_turn(row)
        else:
            _check_documents(name, row)
    except _WRONG:
        return None
    return name, row


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


_FITTING: Mapping[int, Sequence[tuple[str, Callable[[Mapping[str, Any]], bool]]]] = {
    5: (
        ("erasures", _is_erasure),
        ("silences", _is_silence),
        ("conversations", _is_conversation),
    ),
    7: (("spend", _is_spend), ("extractions", _is_extraction)),
}
