"""Taking from entities the names that undone or erased episodes brought."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from graphmem.adapters.ledger.sql import rows
from graphmem.adapters.ledger.sql.steps import EventLog, Steps, WriteContext, execute, fetch
from graphmem.model import Entity
from graphmem.model.stored import without_names


def forget_names(
    log: EventLog, episodes: Sequence[str], by: WriteContext, *, reason: str, erase: bool
) -> Steps[None]:
    """Take from entities the aliases, kinds and spellings that these episodes brought; with
    ``erase`` from their history too."""
    brought = yield from fetch("entity_states_by_episodes", ids=list(episodes))
    ids = sorted({row["id"] for row in brought})
    for row in (yield from fetch("entities_now", ids=ids)):
        id, entity = row["id"], rows.to_entity(row["body"])
        after = entity
        for one in (one for one in brought if one["id"] == id):
            before = rows.to_entity(one["before"]) if one["before"] else None
            after = without_names(after, before, rows.to_entity(one["after"]))
        if after == entity:
            continue
        yield from update_entity(log, after, by, reason, seen=row["gone_at"] is None)
        if erase:
            gone = {entity.name, *entity.aliases} - {after.name, *after.aliases}
            yield from scrub_history(id, gone)


def update_entity(
    log: EventLog, entity: Entity, by: WriteContext, reason: str, *, seen: bool
) -> Steps[None]:
    """Write an entity with its aliases and, unless it is hidden, its event."""
    row = rows.entity_row(entity)
    yield from execute("put_entity", row)
    yield from execute("clear_aliases", {"id": entity.id})
    yield from execute("add_alias", *rows.alias_rows(entity))
    if seen:
        log.append(
            by, "entity", entity.id, "UPDATE", entity.tenant, reason=reason, after=row["body"]
        )


def scrub_history(id: str, names: Collection[str]) -> Steps[None]:
    """Take names out of an entity's history, which keeps its shape: projections replay it."""
    for row in (yield from fetch("entity_events", id=id)):
        then = rows.to_entity(row["after"])
        body = rows.as_json(_without(then, names))
        if body != row["after"]:
            yield from execute("replace_event", {"seq": row["seq"], "after": body})
    for row in (yield from fetch("merges_bodies", id=id)):
        body = rows.as_json(_without(rows.to_entity(row["body"]), names))
        yield from execute("replace_merge", {"id": row["id"], "body": body})


def _without(entity: Entity, names: Collection[str]) -> Entity:
    return replace(entity, aliases=tuple(a for a in entity.aliases if a not in names))
