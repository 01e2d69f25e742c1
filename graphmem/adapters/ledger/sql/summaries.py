"""Summaries and titles made by a model: stored while all that they were made of is unchanged."""

from __future__ import annotations

import json
from collections.abc import Collection

from graphmem.adapters.ledger.sql import rows
from graphmem.adapters.ledger.sql.steps import Steps, execute, fetch
from graphmem.model import KeptSummary, Summary
from graphmem.ports.ledger import Row

_WRONG = (ValueError, TypeError, KeyError, AttributeError, RecursionError)


def put_summary(tenant: str, kept: KeptSummary) -> Steps[None]:
    """Store a summary, unless something that it was made of was erased or changed meanwhile."""
    left = yield from fetch("sources_left", ids=sorted(kept.made_of))
    if not kept.made_of.items() <= {(row["id"], row["version"]) for row in left}:
        return
    row = {
        "tenant": tenant,
        "id": kept.id,
        "run_id": kept.run_id,
        "title": kept.title,
        "made_by": kept.by,
        "made_of": rows.as_json(kept.made_of),
        "body": None if kept.summary is None else rows.as_json(kept.summary),
    }
    yield from execute("put_summary", row)


def erase_summaries(tenant: str, sources: Collection[str]) -> Steps[None]:
    """Erase the summaries that were made of any of these facts or episodes."""
    found = yield from fetch("made_of_in", tenant=tenant)
    gone = [row["id"] for row in found if not set(sources).isdisjoint(json.loads(row["made_of"]))]
    if gone:
        yield from execute("erase_summaries", {"tenant": tenant, "ids": gone})


def to_summary(row: Row) -> KeptSummary | None:
    """A row as a value; None if it cannot be read, so that the summary is made again."""
    try:
        made_of = {str(id): int(version) for id, version in json.loads(row["made_of"]).items()}
        summary = None if row["body"] is None else Summary.from_json(json.loads(row["body"]))
    except _WRONG:
        return None
    return KeptSummary(row["id"], made_of, row["made_by"], summary, row["run_id"], row["title"])
