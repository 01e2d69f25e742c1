"""How one decision is written to the SQLite ledger: a version, its indexes, its event."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from graphmem.adapters import sqlite_rows as rows
from graphmem.adapters.sqlite_db import Cursor
from graphmem.clock import stamp
from graphmem.errors import Unavailable
from graphmem.model import Decision, Fact


def append_event(
    cur: Cursor,
    *,
    at: datetime,
    kind: str,
    id: str,
    action: str,
    wall: str,
    episode_id: str | None,
    actor: str,
    reason: str = "",
    after: object = None,
) -> None:
    cur.run(
        "add_event",
        {
            "at": stamp(at),
            "kind": kind,
            "id": id,
            "action": action,
            "wall": wall,
            "episode_id": episode_id,
            "actor": actor,
            "reason": reason,
            "after": None if after is None else rows.as_json(after),
        },
    )


def write_fact(
    cur: Cursor, decision: Decision, *, at: datetime, episode_id: str | None, actor: str
) -> None:
    """Write a decision. NONE notes a new source, and writes nothing when there is none."""
    before, after = decision.before, decision.after
    if decision.action == "NONE" and after == before:
        return
    if before is not None:
        _check_present(cur, before)
    if decision.action == "NONE" and after is not None:
        values: dict[str, Any] = {"id": after.id, "version": after.version}
        cur.run("replace_fact", {**values, "body": rows.as_json(after)})
        index_fact(cur, after)
    elif decision.action == "DELETE" and before is not None:
        cur.run("retire_fact", {"id": before.id, "retired_at": stamp(at)})
        _clear_indexes(cur, before.id)
    elif after is not None:
        if before is not None:
            cur.run("retire_fact", {"id": before.id, "retired_at": stamp(at)})
            after = replace(after, version=before.version + 1)
        after = replace(after, recorded_at=at, retired_at=None)
        cur.run("add_fact", rows.fact_row(after))
        index_fact(cur, after)
    fact = after or before
    if fact is None:
        return
    append_event(
        cur,
        at=at,
        kind="fact",
        id=fact.id,
        action=decision.action,
        wall=fact.scope.wall,
        episode_id=episode_id,
        actor=actor,
        reason=decision.reason,
        after=after,
    )


def index_fact(cur: Cursor, fact: Fact) -> None:
    """Bring the lookups by entity and by source in line with the present version."""
    _clear_indexes(cur, fact.id)
    cur.run_many(
        "add_fact_entity", [{"entity_id": id, "fact_id": fact.id} for id in fact.entity_ids]
    )
    cur.run_many(
        "add_source",
        [
            {
                "fact_id": fact.id,
                "episode_id": source.episode_id,
                "turn_id": source.turn_id or "",
                "agent_id": source.agent_id,
                "run_id": source.run_id,
            }
            for source in fact.sources
        ],
    )


def _clear_indexes(cur: Cursor, fact_id: str) -> None:
    cur.run("clear_fact_entities", {"id": fact_id})
    cur.run("clear_sources", {"id": fact_id})


def _check_present(cur: Cursor, fact: Fact) -> None:
    found = cur.run("version_now", {"wall": fact.scope.wall, "id": fact.id})
    if not found or found[0]["version"] != fact.version:
        raise Unavailable(f"fact {fact.id} changed meanwhile; decide again")
