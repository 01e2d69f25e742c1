"""Entities as they were at a moment: read from the events, which hold every state of each."""

from __future__ import annotations

from graphmem.adapters.ledger.sql import rows
from graphmem.adapters.ledger.sql.steps import Fetch, ResultRows
from graphmem.clock import stamp_or_none
from graphmem.filters import matches
from graphmem.filters.records import entity_record
from graphmem.model import Entity
from graphmem.ports.ledger import EntityQuery
from graphmem.text import alias_keys, name_key

_GONE = frozenset({"DELETE", "ERASE"})


def entities(query: EntityQuery) -> Fetch:
    """Asks for what :func:`entities_of` reads."""
    values = {"tenant": query.tenant, "known_at": stamp_or_none(query.known_at)}
    if query.ids is None:
        return Fetch("entities_then", values)
    return Fetch("entities_then_by_id", {**values, "ids": list(query.ids)})


def entities_of(query: EntityQuery, found: ResultRows) -> list[Entity]:
    """Those that the query is about, by the names that they had, in order of name then id."""
    last = {row["id"]: row for row in found}
    there = (
        rows.to_entity(row["after"])
        for row in last.values()
        if row["after"] is not None and row["action"] not in _GONE
    )
    wanted = sorted(
        (entity for entity in there if _asked(query, entity)), key=lambda e: (e.name, e.id)
    )
    return wanted[: query.limit]


def _asked(query: EntityQuery, entity: Entity) -> bool:
    if query.ids is not None:
        return True
    names = (entity.name, *entity.aliases)
    if query.keys is not None:
        return any(key in query.keys for name in names for key in alias_keys(name, entity.kind))
    name, _, id = (query.after or "").partition("\0")
    return (
        (entity.name, entity.id) > (name, id)
        and query.kind in {None, entity.kind}
        and (query.contains is None or query.contains in name_key(entity.name))
        and (query.where is None or matches(query.where, entity_record(entity)))
    )
