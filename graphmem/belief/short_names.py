"""Resolves the object of an end that is named by part of its name or by its kind: "I've sold the
Fiesta" and "I sold my car" mean the one Ford Fiesta that the subject owns, "I left the choir" the
one Riverside Choir that they are in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from graphmem.belief.stated_ends import is_end
from graphmem.model import Entity, Fact, Statement
from graphmem.ports.ledger import DecisionReads, EntityQuery, FactQuery
from graphmem.relation_types.types import RelationTypes
from graphmem.text import name_key

_MOST = 200
"""At most so many facts of one subject are considered, newest first."""


async def with_whole_names(
    statements: Sequence[Statement],
    new_names: Mapping[str, str],
    ledger: DecisionReads,
    tenant: str,
) -> list[Statement]:
    """Return the statements. An end whose object is a new entity gets instead the object its
    subject is known to have under a longer name, if exactly one fits. ``new_names``: by id, the
    names of entities that the ledger does not know."""
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
    """The facts about what a subject still has, each with its object."""
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
    """Whether ``name`` is the first or the last words of the longer name ``whole``."""
    part, words = name_key(name).split(), name_key(whole).split()
    size = len(part)
    return 0 < size < len(words) and part in (words[:size], words[-size:])
