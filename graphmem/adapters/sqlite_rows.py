"""Rows of the SQLite ledger to values and back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from graphmem.clock import stamp, stamp_or_none, unstamp, unstamp_or_none
from graphmem.model import Change, Entity, Episode, Fact, Scope, Turn, to_json
from graphmem.ports.ledger import Event
from graphmem.text import text_key


def as_json(value: object) -> str:
    return json.dumps(to_json(value), ensure_ascii=False, separators=(",", ":"))


def place(scope: Scope) -> str:
    """The full scope as one text: what duplicates are looked for in."""
    return json.dumps(
        [scope.project_id, scope.user_id, scope.agent_id, scope.run_id], ensure_ascii=False
    )


def episode_row(episode: Episode) -> dict[str, Any]:
    scope = episode.scope
    return {
        "id": episode.id,
        "wall": scope.wall,
        "place": place(scope),
        "project_id": scope.project_id,
        "user_id": scope.user_id,
        "agent_id": scope.agent_id,
        "run_id": scope.run_id,
        "kind": episode.kind,
        "content": episode.content,
        "content_hash": episode.content_hash,
        "occurred_at": stamp(episode.occurred_at),
        "time_given": episode.time_given,
        "recorded_at": stamp(episode.recorded_at),
        "previous_id": episode.previous_id,
        "idempotency_key": episode.idempotency_key,
        "expires_at": stamp_or_none(episode.expires_at),
        "memory_type": episode.memory_type,
        "importance": episode.importance,
        "metadata": as_json(episode.metadata),
        "tags": as_json(episode.tags),
        "infer": episode.infer,
        "status": episode.status,
        "reason": episode.reason,
    }


def turn_row(turn: Turn, wall: str) -> dict[str, Any]:
    return {
        "id": turn.id,
        "episode_id": turn.episode_id,
        "ordinal": turn.ordinal,
        "wall": wall,
        "speaker": turn.speaker,
        "role": turn.role,
        "text": turn.text,
        "occurred_at": stamp_or_none(turn.occurred_at),
        "source_id": turn.source_id,
    }


def fact_row(fact: Fact) -> dict[str, Any]:
    ends = [end for end in (fact.invalid_at, fact.expires_at, fact.archived_at) if end is not None]
    return {
        "id": fact.id,
        "version": fact.version,
        "wall": fact.scope.wall,
        "text_key": text_key(fact.text),
        "subject_id": fact.subject_id,
        "type": fact.type,
        "object_id": fact.object_id,
        "recorded_at": stamp(fact.recorded_at),
        "retired_at": stamp_or_none(fact.retired_at),
        "ends_at": stamp(min(ends)) if ends else None,
        "body": as_json(fact),
    }


def to_turn(row: sqlite3.Row) -> Turn:
    return Turn(
        id=row["id"],
        episode_id=row["episode_id"],
        ordinal=row["ordinal"],
        text=row["text"],
        speaker=row["speaker"],
        role=row["role"],
        occurred_at=unstamp_or_none(row["occurred_at"]),
        source_id=row["source_id"],
    )


def to_episode(row: sqlite3.Row, turns: Sequence[Turn]) -> Episode:
    return Episode(
        id=row["id"],
        scope=Scope(row["project_id"], row["user_id"], row["agent_id"], row["run_id"]),
        content=row["content"],
        kind=row["kind"],
        content_hash=row["content_hash"],
        occurred_at=unstamp(row["occurred_at"]),
        recorded_at=unstamp(row["recorded_at"]),
        turns=tuple(turns),
        previous_id=row["previous_id"],
        idempotency_key=row["idempotency_key"],
        expires_at=unstamp_or_none(row["expires_at"]),
        memory_type=row["memory_type"],
        importance=row["importance"],
        metadata=json.loads(row["metadata"]),
        tags=tuple(json.loads(row["tags"])),
        infer=bool(row["infer"]),
        time_given=bool(row["time_given"]),
        status=row["status"],
        reason=row["reason"],
    )


def to_fact(body: str) -> Fact:
    return Fact.from_json(json.loads(body))


def to_entity(body: str) -> Entity:
    return Entity.from_json(json.loads(body))


def to_event(row: sqlite3.Row) -> Event:
    after: Mapping[str, Any] | None = json.loads(row["after"]) if row["after"] else None
    return Event(
        seq=row["seq"],
        at=unstamp(row["at"]),
        kind=row["kind"],
        id=row["id"],
        action=row["action"],
        wall=row["wall"],
        after=after,
    )


def to_changes(rows: Sequence[sqlite3.Row]) -> list[Change]:
    """History from events: what a change began from is what the one before it left."""
    changes: list[Change] = []
    before: Fact | None = None
    for row in rows:
        after = to_fact(row["after"]) if row["after"] else None
        changes.append(
            Change(
                seq=row["seq"],
                at=unstamp(row["at"]),
                action=row["action"],
                fact_id=row["id"],
                reason=row["reason"],
                actor=row["actor"],
                episode_id=row["episode_id"],
                before=before,
                after=after,
            )
        )
        before = after
    return changes
