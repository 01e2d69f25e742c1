"""The tables of a ledger and their rows as they are stored, for copying."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphmem.adapters.ledger.sql.steps import EventLog, ResultRows, Steps, execute
from graphmem.errors import UsageError, shown
from graphmem.ports.ledger import Row

PAGE_SUMS = "page_sums"
"""The setting that names the state of a file to which the checksums of its pages belong."""
LOG_OF = "log_of"
"""The setting that names the states of a file to which its write-ahead log may be applied."""
SETTINGS_OF_FILES = frozenset({PAGE_SUMS, LOG_OF})
"""Settings that describe one file of a ledger: they are not copied with the rows."""
_TRUTHS = frozenset({"time_given", "infer", "undone", "changed"})


@dataclass(frozen=True, slots=True)
class TableSpec:
    """A table's columns, and those of them (``key``) that identify and order its rows."""

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]


def _table(name: str, key: str, columns: str) -> TableSpec:
    return TableSpec(name, tuple(key.split()), tuple(columns.split()))


TABLES: Mapping[str, TableSpec] = {
    table.name: table
    for table in (
        _table("settings", "name", "name value"),
        _table("users", "pseudonym", "pseudonym name project_id"),
        _table(
            "episodes",
            "n",
            "n id tenant scope_key project_id user_id agent_id run_id kind content content_hash "
            "occurred_at time_given recorded_at previous_id idempotency_key expires_at "
            "memory_type importance metadata tags infer status reason extraction actor document",
        ),
        _table("conversations", "tenant run_id", "tenant run_id title closed_at metadata"),
        _table(
            "turns",
            "id",
            "id episode_id ordinal tenant speaker role text occurred_at source_id",
        ),
        _table(
            "extractions",
            "episode_id",
            "episode_id extractor version raw calls tokens_in tokens_out",
        ),
        _table("entities", "id", "id tenant name key kind body merged_into gone_at"),
        _table("aliases", "entity_id key tenant", "tenant key entity_id"),
        _table("mentions", "turn_id entity_id", "turn_id entity_id episode_id"),
        _table(
            "facts",
            "id version",
            "id version tenant text_key subject_id type object_id recorded_at retired_at begins_at "
            "ends_at modality body archived_at",
        ),
        _table("fact_uses", "fact_id", "fact_id tenant count last_at"),
        _table("summaries", "tenant id", "tenant id run_id title made_by made_of body"),
        _table("fact_entities", "entity_id fact_id", "entity_id fact_id"),
        _table(
            "sources",
            "fact_id episode_id turn_id",
            "fact_id episode_id turn_id agent_id run_id",
        ),
        _table("past_entities", "entity_id fact_id", "entity_id fact_id"),
        _table(
            "past_sources",
            "fact_id episode_id turn_id",
            "fact_id episode_id turn_id agent_id run_id",
        ),
        _table(
            "statements",
            "id",
            "id tenant episode_id subject_id type object_id text_key undone body",
        ),
        _table("supports", "statement_id fact_id", "statement_id fact_id"),
        _table("edits", "id", "id tenant fact_id at undone body"),
        _table("silences", "turn_id edit_id", "turn_id edit_id tenant at until"),
        _table("merges", "id", "id tenant kept_id gone_id at undone body"),
        _table("events", "seq", "seq at kind id action tenant episode_id actor reason after"),
        _table("embeddings", "model digest", "model digest vector"),
        _table("erasures", "id", "id tenant at pending body"),
        _table("spend", "day model tenant", "day model tenant calls tokens_in tokens_out micros"),
        _table("access", "kind id organisation", "kind id organisation about body"),
        _table(
            "key_uses",
            "day key_id method",
            "day key_id method organisation calls refused tokens_in tokens_out last_at",
        ),
        _table(
            "audit",
            "n",
            "n at organisation key_id address method changed outcome project_id owner target",
        ),
    )
}


def table_named(name: str) -> TableSpec:
    if name not in TABLES:
        raise UsageError(f"a ledger has no table {name!r}; it has: {', '.join(TABLES)}")
    return TABLES[name]


def row_page(table: TableSpec, found: ResultRows, limit: int) -> tuple[list[Row], str | None]:
    """A page of rows in the form common to all ledgers, and the position after it; None after the
    last page."""
    plain = [
        {
            column: bool(row[column]) if column in _TRUTHS else row[column]
            for column in table.columns
        }
        for row in found
    ]
    kept: list[Row] = [
        row for row in plain if table.name != "settings" or row["name"] not in SETTINGS_OF_FILES
    ]
    if len(plain) < limit:
        return kept, None
    return kept, json.dumps([plain[-1][column] for column in table.key])


def key_after(table: TableSpec, after: str) -> dict[str, Any]:
    """The parameters of ``next_…`` from a position that :func:`row_page` returned."""
    try:
        values = json.loads(after)
        return {f"after_{column}": value for column, value in zip(table.key, values, strict=True)}
    except (TypeError, ValueError) as error:
        raise UsageError(f"{shown(after)} is no position in the table {table.name}") from error


def load_rows(
    log: EventLog, table: TableSpec, rows: Sequence[Row], after: str | None
) -> Steps[None]:
    yield from execute(f"load_{table.name}", *rows)
    if table.name == "events" and rows:
        log.seq = max(row["seq"] for row in rows)
    yield from execute("note_loaded", {"name": table.name, "after": after or ""})
