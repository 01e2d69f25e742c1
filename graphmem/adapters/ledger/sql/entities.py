"""Entities: finding those that nothing refers to any more; hiding, renaming and erasing them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from graphmem.adapters.ledger.sql import rows
from graphmem.adapters.ledger.sql.steps import (
    EventLog,
    Fetch,
    ResultRows,
    Steps,
    WriteContext,
    execute,
    fetch,
    fetch_all,
)
from graphmem.clock import stamp
from graphmem.model import Entity
from graphmem.model.stored import without_names
from graphmem.ports.ledger import Row
from graphmem.text import digest

_UNREFERENCED = "undone: nothing else speaks of it"


def unreferenced(ids: Collection[str]) -> Steps[dict[str, str | None]]:
    """The ids, among these entities and all merged with them, that no mention and no fact refers
    to, each with the id that it was merged into, if any. An entity counts as referred to while one
    that was merged into it is."""
    kin = sorted(row["id"] for row in (yield from fetch("merged_group", ids=sorted(ids))))
    if not kin:
        return {}
    found, joined = yield from fetch_all(
        [Fetch("erase_orphans", {"ids": kin}), Fetch("merges_into", {"ids": kin})]
    )
    left: dict[str, str | None] = {row["id"]: row["merged_into"] for row in found}
    while staying := {
        row["kept_id"] for row in joined if row["kept_id"] in left and row["gone_id"] not in left
    }:
        left = {id: into for id, into in left.items() if id not in staying}
    return left


def hide_entities(
    log: EventLog, ids: Collection[str], tenant: str, by: WriteContext
) -> Steps[None]:
    """Hide entities that nothing refers to any more; their history stays."""
    yield from execute("hide_entity", *({"id": id, "gone_at": stamp(by.at)} for id in sorted(ids)))
    for id in sorted(ids):
        log.append(by, "entity", id, "DELETE", tenant, reason=_UNREFERENCED)


def erase_entities(log: EventLog, ids: Collection[str], by: WriteContext) -> Steps[None]:
    """Erase entities, and their names from every entity that they were ever merged into."""
    yield from _forget_merged(log, ids, by)
    for name in ("erase_merges", "erase_aliases", "erase_entities", "erase_event_contents"):
        yield from execute(name, {"ids": sorted(ids)})
    for row in log.rows:  # events of this transaction, which are not written yet
        if row["id"] in ids:
            row.update(after=None, reason="")


def remove_unreferenced(
    log: EventLog, ids: Collection[str], tenant: str, by: WriteContext
) -> Steps[None]:
    """After an undone merge, remove those of these entities that nothing refers to: hide what an
    undone episode brought, erase what only erased episodes referred to."""
    left = yield from unreferenced(ids)
    live = {row["id"] for row in (yield from fetch("entities_with_events", ids=sorted(left)))}
    aside, gone = set[str](), set[str]()
    for id in sorted(ids):
        if id in left and left[id] is None:
            one = {id, *(other for other, into in left.items() if into == id)}
            if one & live:
                aside.add(id)
            else:
                gone |= one
    yield from hide_entities(log, aside, tenant, by)
    if gone:
        yield from erase_entities(log, gone, by)
        log_erased(log, "entity", dict.fromkeys(gone), tenant, by)


def log_erased(
    log: EventLog, kind: str, erased: Mapping[str, str | None], tenant: str, by: WriteContext
) -> None:
    """Log the erasure of these ids for projections; ``erased`` has the body of each event, without
    any text."""
    for id, after in sorted(erased.items()):
        log.append(by, kind, id, "ERASE", tenant, after=after)


def forget_embeddings(texts: Collection[str], bodies: ResultRows) -> Steps[None]:
    """Drop the cached vectors of these texts, and of these bodies of facts."""
    every = {*texts, *(text for row in bodies for text in rows.body_texts(row["body"]))}
    yield from execute("erase_embeddings", {"digests": sorted(map(digest, every))})


@dataclass(slots=True)
class _Names:
    """The names that an entity got from entities about to be erased: ever (``once``) and now."""

    once: set[str] = field(default_factory=set)
    now: set[str] = field(default_factory=set)


def _forget_merged(log: EventLog, ids: Collection[str], by: WriteContext) -> Steps[None]:
    """Remove from entities the names of those about to be erased that were ever merged into them,
    directly or through others."""
    above = yield from _merges_above(ids)
    if not above:
        return
    into = {row["kept_id"] for rows_ in above.values() for row in rows_}
    below: dict[str, list[str]] = {}
    for row in (yield from fetch("merges_into", ids=sorted(into))):
        below.setdefault(row["kept_id"], []).append(row["gone_id"])
    everyone = sorted({*ids, *into, *(id for found in below.values() for id in found)})
    present = {e["id"]: e for e in (yield from fetch("entities_now", ids=everyone))}
    now = {id: rows.to_entity(row["body"]) for id, row in present.items()}
    inherited: dict[str, _Names] = {}
    for id in ids:
        for row, counts in _climb(above, id):
            before = rows.to_entity(row["body"])
            names = _names(now[id]) - _names(before)
            known = inherited.setdefault(row["kept_id"], _Names())
            known.once |= names
            known.now |= names if counts else set()

    def left(id: str) -> Entity:
        """The entity as it is to be; names that it has from others still merged into it stay."""
        others = [left(other) for other in below.get(id, ()) if other not in ids]
        gone = inherited.get(id, _Names()).now - {
            name for other in others for name in _names(other)
        }
        return _without(now[id], gone)

    for id in sorted(inherited.keys() - set(ids)):
        after = left(id)
        if after != now[id]:
            seen = present[id]["gone_at"] is None
            yield from update_entity(log, after, by, "one that it stood for was erased", seen=seen)
        yield from scrub_history(id, inherited[id].once - _names(after))


def _merges_above(ids: Collection[str]) -> Steps[dict[str, ResultRows]]:
    """The merges of these entities into others, and of those into others again, by the id of the
    one that was merged away."""
    found: dict[str, list[Row]] = {}
    seen: set[str] = set()
    todo = set(ids)
    while todo:
        merges = yield from fetch("merges_from", ids=sorted(todo))
        for row in merges:
            found.setdefault(row["gone_id"], []).append(row)
        seen |= todo
        todo = {row["kept_id"] for row in merges} - seen
    return dict(found)


def _climb(above: Mapping[str, ResultRows], first: str) -> Iterable[tuple[Row, bool]]:
    """The merges that lead up from an entity, each with whether it and all before it are in
    force."""
    todo, seen = [(first, True)], set[tuple[str, bool]]()
    while todo:
        id, counts = todo.pop()
        if (id, counts) in seen:
            continue
        seen.add((id, counts))
        for row in above.get(id, ()):
            yield row, counts and not row["undone"]
            todo.append((row["kept_id"], counts and not row["undone"]))


def _names(entity: Entity) -> set[str]:
    return {entity.name, *entity.aliases}


def forget_names(
    log: EventLog, episodes: Sequence[str], by: WriteContext, *, reason: str, erase: bool
) -> Steps[None]:
    """Remove from entities the aliases, kinds and spellings that these episodes brought; with
    ``erase``, from their history too."""
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
    """Remove names from an entity's history. Its events stay, as projections replay them."""
    for row in (yield from fetch("entity_events", id=id)):
        then = rows.to_entity(row["after"])
        body = rows.as_body(_without(then, names))
        if body != row["after"]:
            yield from execute("replace_event", {"seq": row["seq"], "after": body})
    for row in (yield from fetch("merges_bodies", id=id)):
        body = rows.as_body(_without(rows.to_entity(row["body"]), names))
        yield from execute("replace_merge", {"id": row["id"], "body": body})


def _without(entity: Entity, names: Collection[str]) -> Entity:
    return replace(entity, aliases=tuple(a for a in entity.aliases if a not in names))
