"""What Cypher returned, as a table for people, as CSV or as JSON."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType

from graphmem.doors.cli.output import counted, emit, note, print_table
from graphmem.model import Table, to_json


def show_rows(result: Table) -> None:
    """Rows for people; no table at all when there are none."""
    if result.rows:
        print_table(
            list(result.columns), [[value_text(value) for value in row] for row in result.rows]
        )


def show_csv(result: Table) -> None:
    """RFC 4180, but for line ends: a header, quotes where they are needed, nothing for NULL."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(result.columns)
    writer.writerows([value_text(value) for value in row] for row in result.rows)


def show_json_rows(result: Table) -> None:
    """A list with one object per row."""
    emit([dict(zip(result.columns, row, strict=True)) for row in result.rows])


OUTPUT_FORMATS: Mapping[str, Callable[[Table], None]] = MappingProxyType(
    {"table": show_rows, "csv": show_csv, "json": show_json_rows}
)


def print_result(result: Table, format: str) -> None:
    """Print in one of the :data:`FORMATS`, and say beside it how many rows there are."""
    OUTPUT_FORMATS[format](result)
    if format == "table":
        note(counted(len(result.rows), "row"))
    if result.truncated:
        note(f"cut off after {len(result.rows):,} rows; --max-rows shows more")


def value_text(value: object) -> str:
    """A value in one cell: text as it is, NULL as nothing, the rest as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(to_json(value), ensure_ascii=False, default=str)
