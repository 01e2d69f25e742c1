"""What an end means that gives a part of a name, or only what it is: "I've sold the Fiesta" and "I
sold my car" are of the one Ford Fiesta that somebody owns, "I left the choir" of the one Riverside
Choir that they are in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from graphmem.belief.stated_ends import is_end
from graphmem.model import Entity, Fact, Statement
from graphmem.ports.ledger import DecisionReads, EntityQuery, FactQuery
from graphmem.relation_types.types import RelationTypes
from graphmem.text import name_key

_MOST = 200
"""Facts of one subject, of which one may be meant; the newest."""


async def with_whole_names(
    statements: Sequence[Statement],
    new_names: Mapping[str, str],
    ledger: DecisionReads,
    tenant: str,
) -> list[Statement]:
    """Statements; an end of something that was never told of, as one of what its subject has by a
    longer name, where that is one thing. ``new_names``: of entities that the ledger does not know,
    by id."""
    subjects = {one.subject_id for one in statements if _is_new(one, new_names)}
    held = {id: await _held(id, ledger, tenant) for id in sorted(filter(None, subjects))}
    return [
        _with_whole_name(one, held[one.subject_id], new_names)
        if one.subject_id in held and _is_new(one, new_names)
        else one
        for one in statements
    ]


def _is_new(one: Statement, new_names: Mapping[str, str]) -> bool:
    return is_end(one) and one.type is not None and one.object_id in new_names


async def _held(subject_id: str, ledger: DecisionReads, tenant: str) -> list[tuple[Fact, Entity]]:
    """What holds of a subject, each with its object."""
    of = (subject_id, None, None)
    facts = await ledger.facts(FactQuery(tenant, relation=of, newest_first=True, limit=_MOST))
    there = {f.object_id: f for f in facts if f.object_id and f.invalid_at is None}
    if not there:
        return []
    named = await ledger.entities(EntityQuery(tenant, ids=tuple(sorted(filter(None, there)))))
    objects = {entity.id: entity for entity in named}
    return [(f, objects[str(f.object_id)]) for f in facts if f.object_id in objects]


def _with_whole_name(
    one: Statement, held: Sequence[tuple[Fact, Entity]], new_names: Mapping[str, str]
) -> Statement:
    name = new_names[str(one.object_id)]
    types = {one.type, *RelationTypes.go_with(str(one.type))}
    whole = {
        str(fact.object_id)
        for fact, object in held
        if fact.type in types
        and (name.endswith(f"'s {object.kind}") or _is_part(name, object.name))
    }
    if len(whole) != 1:
        return one
    rest = [id for id in one.entity_ids if id != one.object_id]
    return replace(one, object_id=next(iter(whole)), entity_ids=(*rest, *whole))


def _is_part(name: str, whole: str) -> bool:
    """Whether some, and not all, of the words of a name are its first or its last."""
    part, words = name_key(name).split(), name_key(whole).split()
    size = len(part)
    return 0 < size < len(words) and part in (words[:size], words[-size:])
