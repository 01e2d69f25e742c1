"""Triples: relations in rows of CSV, TSV or JSON Lines, one statement each.

The first row names the columns, in any order and case:

============ ==============================================================================
subject      also ``source``, ``from``, ``head``
type         also ``relation``, ``predicate``, ``edge``
object       also ``target``, ``to``, ``tail``
fact         the sentence to keep; also ``sentence``, ``text``
valid_at     since when it holds; also ``since``, ``start``
invalid_at   until when it held; also ``until``, ``end``
occurred_at  when it was said; also ``said_at``, ``date``, ``timestamp``
modality     ``stated`` (unless given), ``planned``, ``hearsay``, ``hypothetical``, ``negated``
============ ==============================================================================

and ``subject_kind``, ``object_kind``, ``importance``, ``tags`` (with commas), ``idempotency_key``,
``user_id``, ``agent_id``, ``run_id``. Every other column is kept as metadata. A file of CSV without
such a row has subject, type and object first, then, if need be, ``valid_at`` and ``invalid_at``;
it is read so only when its format is named. An empty cell says nothing.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from graphmem.clock import stamp
from graphmem.errors import UsageError
from graphmem.importers.items import Item, date_in, message_time
from graphmem.importers.jsonl import records
from graphmem.importers.streams import Unreadable, numbered_lines
from graphmem.text import digest

ENDS = ("subject", "type", "object")
_POSITIONS = (*ENDS, "valid_at", "invalid_at")
_DATES = ("valid_at", "invalid_at")
_CALLED = {
    "subject": "source from head",
    "type": "relation predicate edge",
    "object": "target to tail",
    "fact": "sentence text",
    "valid_at": "since start",
    "invalid_at": "until end",
    "occurred_at": "said_at date timestamp",
}
_COLUMNS = {alias: name for name, others in _CALLED.items() for alias in (name, *others.split())}
_OPTIONS = frozenset(
    {"fact", *_DATES, "occurred_at", "modality", "subject_kind", "object_kind", "metadata", "tags"}
    | {"importance", "idempotency_key", "user_id", "agent_id", "run_id", "project_id"}
)
_DELIMITERS = (",", "\t", ";")
_LONGEST_FIELD = 1 << 20


def read_triples(chunks: Iterator[str], name: str, at: datetime | None) -> Iterator[Item]:
    """A row at a time; :class:`~graphmem.errors.UsageError` names the line of one that is bad."""
    first = next(chunks, "")
    while "\n" not in first and (more := next(chunks, None)) is not None:
        first += more
    again = chain([first], chunks)
    if first.lstrip().startswith(("{", "[")):
        for where, record in records(again, name):
            yield _item(dict(record), where, name, at)
        return
    for where, row in _rows(first, again, name):
        yield _item(row, where, name, at)


def is_header(line: str) -> bool:
    """Whether a line of CSV or TSV names the three columns that are needed."""
    # A carriage return may stand in a field only where that is quoted.
    fields = next(csv.reader([line.replace("\r", " ")], delimiter=_delimiter(line)), [])
    return set(ENDS) <= set(_named(fields))


def is_triple(record: Mapping[str, Any]) -> bool:
    """Whether a JSON object has what is needed."""
    return set(ENDS) <= set(_named(list(record)))


def _rows(first: str, chunks: Iterator[str], name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    line = first.partition("\n")[0]
    header = is_header(line)
    numbered = (text + "\n" for _, text in numbered_lines(chunks))
    reader = csv.reader(numbered, delimiter=_delimiter(line), strict=True)
    csv.field_size_limit(_LONGEST_FIELD)
    columns: Sequence[str] = _POSITIONS
    began = 1
    try:
        for number, fields in enumerate(reader):
            where, began = f"{name}, line {began}", reader.line_num + 1
            if number == 0 and header:
                columns = _named(fields)
                _check_header(columns, where)
            elif any(field.strip() for field in fields):
                if len(fields) > len(columns):
                    raise UsageError(
                        f"{where}: {len(fields)} cells, and {len(columns)} columns: "
                        f"{', '.join(columns)}"
                    )
                yield where, dict(zip(columns, fields, strict=False))
    except csv.Error as error:
        why = str(error).partition(" - ")[0]  # what Python's reader says next is for programmers
        raise UsageError(f"{name}, line {reader.line_num}: {why}") from error


def _check_header(columns: Sequence[str], where: str) -> None:
    twice = sorted({column for column in columns if column and columns.count(column) > 1})
    if twice:
        raise UsageError(f"{where}: two columns mean {twice[0]}")


def _named(fields: Sequence[str]) -> list[str]:
    """The columns by their own names; one that is not known keeps its name."""
    plain = ["_".join(field.replace("\ufeff", "").strip().lower().split()) for field in fields]
    return [_COLUMNS.get(field, field) for field in plain]


def _delimiter(line: str) -> str:
    return max(_DELIMITERS, key=line.count)


def _item(record: dict[str, Any], where: str, name: str, at: datetime | None) -> Item:
    named = dict(zip(_named(list(record)), record.values(), strict=True))
    row = {column: value for column, value in named.items() if _says_something(value)}
    missing = [end for end in ENDS if end not in row]
    if missing:
        kind = UsageError if set(ENDS) & set(row) else Unreadable
        raise kind(f"{where}: no {missing[0]}; a triple has {', '.join(ENDS)}")
    extra = {column: row.pop(column) for column in list(row) if column not in {*ENDS, *_OPTIONS}}
    for time in _DATES:
        if time in row:
            date = date_in(row[time], f"{where}: {time}")
            row[time] = date and date.iso()
    if "occurred_at" in row:
        row["occurred_at"] = message_time(row["occurred_at"], f"{where}: occurred_at")
    if "occurred_at" not in row and at is not None:
        row["occurred_at"] = at
    given = row.get("metadata", {})
    if not isinstance(given, Mapping):
        raise UsageError(f"{where}: metadata must be an object")
    row["metadata"] = {"source": name, "format": "triples", **extra, **given}
    subject, type_, object_ = (str(row[end]) for end in ENDS)
    from graphmem.ingest.given_relations import checked  # not for `--help`

    try:
        statement = checked(
            subject, type_, object_, {k: v for k, v in row.items() if k in _OPTIONS}
        )
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error
    occurred_at = row.get("occurred_at")
    body = json.dumps(
        [statement.subject, statement.type, statement.object, statement.fact, statement.modality]
    )
    dates = [date.iso() if date else "" for date in (statement.valid_at, statement.invalid_at)]
    dates.append(stamp(occurred_at) if occurred_at else "")
    row.setdefault("idempotency_key", f"triples:{digest(body, *dates)[:40]}")
    return {**row, "subject": subject, "type": type_, "object": object_}


def _says_something(value: object) -> bool:
    return value is not None and (not isinstance(value, str) or bool(value.strip()))
