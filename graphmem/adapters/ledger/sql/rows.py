"""Converts rows of a ledger to values and back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

import msgspec

from graphmem.adapters.ledger.sql.steps import ResultRows
from graphmem.clock import stamp, stamp_or_none, unstamp, unstamp_or_none
from graphmem.model import (
    Change,
    Edit,
    Entity,
    Episode,
    Fact,
    Merge,
    Scope,
    Statement,
    Turn,
    to_json,
    to_sparse,
)
from graphmem.ports.ledger import Event, Row
from graphmem.text import alias_keys, name_key, text_key

_encoder = msgspec.json.Encoder()
from_json = msgspec.json.Decoder().decode
"""Parse JSON of the ledger; ValueError for text that is no JSON."""
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def storable(text: str) -> str:
    """A text without NUL and lone surrogates, which not every database takes."""
    return _UNSTORABLE.sub("\ufffd", text)


def _encode(value: object) -> str:
    return _encoder.encode(value).decode()


def as_body(value: Fact | Statement | Entity) -> str:
    """As JSON, without the fields that have their default value."""
    return _encode(to_sparse(value))


def as_json(value: object) -> str:
    return _encode(to_json(value))


def as_array(values: Sequence[object]) -> str:
    """Plain values as a JSON array."""
    return _encode(values)


def _small(value: Sequence[object] | Mapping[str, Any], empty: str) -> str:
    """A value as JSON; ``empty``, without encoding, if it is empty, as most are."""
    return as_json(value) if value else empty


@lru_cache(maxsize=1024)
def scope_key(scope: Scope) -> str:
    """The full scope as one text; duplicates are looked for within it."""
    return json.dumps(
        [scope.project_id, scope.user_id, scope.agent_id, scope.run_id], ensure_ascii=False
    )


_EPISODE = (
    "id", "kind", "content", "content_hash", "time_given", "previous_id", "idempotency_key",
    "document", "memory_type", "importance", "infer", "status", "reason", "actor",
)  # fmt: skip
"""Columns that hold an episode's attribute of the same name, unchanged."""
_TURN = ("id", "episode_id", "ordinal", "speaker", "role", "text", "source_id")
_SCOPE = ("project_id", "user_id", "agent_id", "run_id")


def episode_row(episode: Episode) -> dict[str, Any]:
    scope = episode.scope
    return {
        **{name: getattr(episode, name) for name in _EPISODE},
        **{name: getattr(scope, name) for name in _SCOPE},
        "tenant": scope.tenant,
        "scope_key": scope_key(scope),
        "occurred_at": stamp(episode.occurred_at),
        "recorded_at": stamp(episode.recorded_at),
        "expires_at": stamp_or_none(episode.expires_at),
        "metadata": _small(episode.metadata, "{}"),
        "tags": _small(episode.tags, "[]"),
        "extraction": None if episode.extraction is None else as_json(episode.extraction),
    }


def turn_row(turn: Turn, tenant: str) -> dict[str, Any]:
    row = {name: getattr(turn, name) for name in _TURN}
    return {**row, "tenant": tenant, "occurred_at": stamp_or_none(turn.occurred_at)}


def entity_row(entity: Entity) -> dict[str, Any]:
    return {
        "id": entity.id,
        "tenant": entity.tenant,
        "name": entity.name,
        "key": name_key(entity.name),
        "kind": entity.kind,
        "body": as_body(entity),
    }


def alias_rows(entity: Entity) -> list[dict[str, Any]]:
    """A row for every key that an entity can be found by."""
    names = (entity.name, *entity.aliases)
    keys = {key for name in names for key in alias_keys(name, entity.kind)}
    return [{"tenant": entity.tenant, "key": key, "id": entity.id} for key in sorted(keys)]


def source_rows(fact: Fact) -> list[dict[str, Any]]:
    """A row for each source of a fact, without repetitions."""
    found = {(source.episode_id, source.turn_id or ""): source for source in reversed(fact.sources)}
    return [
        {
            "fact_id": fact.id,
            "episode_id": episode_id,
            "turn_id": turn_id,
            "agent_id": source.agent_id,
            "run_id": source.run_id,
        }
        for (episode_id, turn_id), source in found.items()
    ]


def fact_row(fact: Fact, *, key: str | None = None) -> dict[str, Any]:
    """The row of a fact. ``key`` is the key of its text, where that is known already."""
    ends = _ends(fact)
    return {
        "id": fact.id,
        "version": fact.version,
        "tenant": fact.scope.tenant,
        "text_key": text_key(fact.text) if key is None else key,
        "subject_id": fact.subject_id,
        "type": fact.type,
        "object_id": fact.object_id,
        "recorded_at": stamp(fact.recorded_at),
        "retired_at": stamp_or_none(fact.retired_at),
        "begins_at": stamp_or_none(fact.begins_at),
        "ends_at": stamp(min(ends)) if ends else None,
        "archived_at": stamp_or_none(fact.archived_at),
        "modality": fact.modality,
        "body": as_body(fact),
    }


def by_begin(fact: Fact) -> tuple[datetime, str]:
    """The sort key of relations, earliest first, as in the statements with ``_earliest``."""
    return fact.begins_at or min(_ends(fact)), fact.id


def _ends(fact: Fact) -> list[datetime]:
    return [end for end in (fact.invalid_at, fact.expires_at, fact.archived_at) if end is not None]


def statement_row(statement: Statement, tenant: str, *, key: str | None = None) -> dict[str, Any]:
    """The row of a statement. ``key`` is its ``sentence_key``, where that is known already."""
    return {
        "id": statement.id,
        "tenant": tenant,
        "episode_id": statement.episode_id,
        "subject_id": statement.subject_id,
        "type": statement.type,
        "object_id": statement.object_key,
        "text_key": statement.sentence_key if key is None else key,
        "body": as_body(statement),
    }


def edit_row(edit: Edit, tenant: str) -> dict[str, Any]:
    return {
        "id": edit.id,
        "tenant": tenant,
        "fact_id": edit.fact_id,
        "at": stamp(edit.at),
        "body": as_json(replace(edit, statement_ids=tuple(sorted(edit.statement_ids)))),
    }


def to_statement(row: Row) -> Statement:
    return Statement.from_json(from_json(row["body"]))


def to_edit(body: str) -> Edit:
    return Edit.from_json(from_json(body))


def to_merge(row: Row) -> Merge:
    before, gone = to_entity(row["body"]), to_entity(row["gone"])
    return Merge(row["id"], row["kept_id"], row["gone_id"], unstamp(row["at"]), before, gone)


def to_turn(row: Row) -> Turn:
    return Turn(
        **{name: row[name] for name in _TURN},
        occurred_at=unstamp_or_none(row["occurred_at"]),
        silenced=bool(row["silenced"]),
    )


def to_episode(row: Row, turns: Sequence[Turn]) -> Episode:
    plain = {name: row[name] for name in _EPISODE}
    plain |= {name: bool(row[name]) for name in ("time_given", "infer")}
    return Episode(
        **plain,
        scope=_known_scope(*(row[name] for name in _SCOPE), row["user_name"]),
        occurred_at=unstamp(row["occurred_at"]),
        recorded_at=unstamp(row["recorded_at"]),
        turns=tuple(turns),
        expires_at=unstamp_or_none(row["expires_at"]),
        metadata=from_json(row["metadata"]),
        tags=tuple(from_json(row["tags"])),
        extraction=None if row["extraction"] is None else from_json(row["extraction"]),
    )


@lru_cache(maxsize=1024)
def _known_scope(
    project_id: str, user_id: str | None, agent_id: str | None, run_id: str | None, name: str | None
) -> Scope:
    """A scope with the name of its user, where that is known."""
    if name is None or user_id is None:
        return Scope(project_id, user_id, agent_id, run_id)
    return Scope(project_id, name, agent_id, run_id).under(user_id)


def mention_body(entity_ids: Iterable[str]) -> str:
    """The body of an event about the entities that an episode mentions."""
    return as_json({"entity_ids": sorted(entity_ids)})


def retired(body: str, retired_at: str) -> str:
    """A fact's body with ``retired_at`` set."""
    return as_json({**from_json(body), "retired_at": retired_at})


def turn_texts(row: Row) -> set[str]:
    """The texts by which a turn may have been embedded: alone, and with its speaker."""
    return {row["text"], f"{row['speaker']}: {row['text']}"}


def body_texts(body: str) -> set[str]:
    """The texts by which a fact may have been embedded: alone, and with its relation type."""
    data = from_json(body)
    relation = (data.get("type") or "").replace("_", " ")
    return {data["text"], f"{data['text']} ({relation})"}


def to_fact(body: str) -> Fact:
    return Fact.from_json(from_json(body))


def to_entity(body: str) -> Entity:
    return Entity.from_json(from_json(body))


def to_event(row: Row) -> Event:
    after: Mapping[str, Any] | None = None
    damaged = False
    try:
        if row["after"]:
            after = from_json(row["after"])
            damaged = not isinstance(after, dict)
    except (ValueError, RecursionError):  # one such event must not stop the reading of the others
        damaged = True
    plain = {name: row[name] for name in ("seq", "kind", "id", "action", "tenant")}
    after = None if damaged else after
    return Event(**plain, at=unstamp(row["at"]), after=after, damaged=damaged)


_NEVER = datetime(1, 1, 1, tzinfo=UTC)


def present_event(
    kind: Literal["episode", "entity", "fact", "mention"],
    id: str,
    tenant: str,
    *,
    value: Episode | None = None,
    after: Mapping[str, Any] | None = None,
) -> Event:
    """What is stored now, as an event that would add it."""
    return Event(0, _NEVER, kind, id, "ADD", tenant, after, value)


def present_events(kind: Literal["entity", "fact", "mention"], found: ResultRows) -> list[Event]:
    if kind != "mention":
        return [
            present_event(kind, row["id"], row["tenant"], after=from_json(row["body"]))
            for row in found
        ]
    mentioned: dict[tuple[str, str], list[str]] = {}
    for row in found:
        mentioned.setdefault((row["id"], row["tenant"]), []).append(row["body"])
    return [
        present_event(kind, id, tenant, after={"entity_ids": ids})
        for (id, tenant), ids in mentioned.items()
    ]


def to_changes(rows: Sequence[Row]) -> list[Change]:
    """History from events in order: ``before`` of each change is ``after`` of the previous one."""
    changes: list[Change] = []
    before: Fact | None = None
    for row in rows:
        changes.append(to_change(row, before))
        before = changes[-1].after
    return changes


def to_change(row: Row, before: Fact | None) -> Change:
    """An event as a change; ``before`` and ``after`` are set only for events of facts."""
    return Change(
        **{name: row[name] for name in ("seq", "action", "reason", "actor", "episode_id")},
        at=unstamp(row["at"]),
        fact_id=row["id"],
        before=before,
        after=to_fact_or_none(row, row["after"]),
    )


def to_fact_or_none(row: Row, body: str | None) -> Fact | None:
    """The fact in an event's body; None without a body, and for events of other kinds."""
    return to_fact(body) if body and row["kind"] == "fact" else None
