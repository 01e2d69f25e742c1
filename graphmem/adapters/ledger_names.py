"""Names that entities have from episodes that count no more."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from graphmem.adapters import ledger_rows as rows
from graphmem.adapters.ledger_steps import By, Log, Steps, ask, tell
from graphmem.model import Entity
from graphmem.model.naming import without_names


def forget_names(
    log: Log, episodes: Sequence[str], wall: str, by: By, *, reason: str, erase: bool
) -> Steps[None]:
    """Take from entities the aliases, kinds and spellings that these episodes brought; with
    ``erase`` from their history too."""
    brought = yield from ask("named_by", ids=list(episodes))
    ids = sorted({row["id"] for row in brought})
    now = {e["id"]: rows.to_entity(e["body"]) for e in (yield from ask("entities_now", ids=ids))}
    for id, entity in now.items():
        after = entity
        for row in (row for row in brought if row["id"] == id):
            before = rows.to_entity(row["before"]) if row["before"] else None
            after = without_names(after, before, rows.to_entity(row["after"]))
        if after == entity:
            continue
        yield from put_anew(log, after, wall, by, reason)
        if erase:
            gone = {entity.name, *entity.aliases} - {after.name, *after.aliases}
            yield from _scrub(id, gone)


def forget_merged(log: Log, ids: Collection[str], wall: str, by: By) -> Steps[None]:
    """Take from entities the names of those, about to be erased, that were merged into them."""
    for row in (yield from ask("merges_away", ids=sorted(ids))):
        if row["kept_id"] in ids:
            continue
        before, gone = rows.to_entity(row["body"]), rows.to_entity(row["gone"])
        kept = rows.to_entity(row["kept"])
        own = {before.name, *before.aliases}
        theirs = {gone.name, *gone.aliases} - own
        after = replace(kept, aliases=tuple(a for a in kept.aliases if a not in theirs))
        if after != kept:
            yield from put_anew(log, after, wall, by, "one that it stood for was erased")
            yield from _scrub(kept.id, theirs)


def put_anew(log: Log, entity: Entity, wall: str, by: By, reason: str) -> Steps[None]:
    """An entity as it is now, with its names filed and its event."""
    row = rows.entity_row(entity)
    yield from tell("put_entity", row)
    yield from tell("clear_aliases", {"id": entity.id})
    yield from tell("add_alias", *rows.alias_rows(entity))
    log.append(
        at=by.at,
        kind="entity",
        id=entity.id,
        action="UPDATE",
        wall=wall,
        episode_id=by.episode_id,
        actor=by.actor,
        reason=reason,
        after=row["body"],
    )


def _scrub(id: str, names: Collection[str]) -> Steps[None]:
    """Take names out of an entity's history, which keeps its shape: projections replay it."""
    for row in (yield from ask("entity_events", id=id)):
        then = rows.to_entity(row["after"])
        body = rows.as_json(_without(then, names))
        if body != row["after"]:
            yield from tell("replace_event", {"seq": row["seq"], "after": body})
    for row in (yield from ask("merges_bodies", id=id)):
        body = rows.as_json(_without(rows.to_entity(row["body"]), names))
        yield from tell("replace_merge", {"id": row["id"], "body": body})


def _without(entity: Entity, names: Collection[str]) -> Entity:
    return replace(entity, aliases=tuple(a for a in entity.aliases if a not in names))
