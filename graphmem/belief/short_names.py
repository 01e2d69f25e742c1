"""What an end means that gives only a part of a name: "I've sold the Fiesta" is of the one Ford
Fiesta that somebody owns, "I left the choir" of the one Riverside Choir that they are in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from graphmem.belief.stated_ends import is_end
from graphmem.model import Fact, Statement
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


async def _held(
    subject_id: str, ledger: DecisionReads, tenant: str
) -> list[tuple[Fact, list[str]]]:
    """What holds of a subject, each with the words of its object's name."""
    of = (subject_id, None, None)
    facts = await ledger.facts(FactQuery(tenant, relation=of, newest_first=True, limit=_MOST))
    there = {f.object_id: f for f in facts if f.object_id and f.invalid_at is None}
    if not there:
        return []
    named = await ledger.entities(EntityQuery(tenant, ids=tuple(sorted(filter(None, there)))))
    words = {entity.id: name_key(entity.name).split() for entity in named}
    return [(f, words.get(str(f.object_id), [])) for f in facts if f.object_id in there]


def _with_whole_name(
    one: Statement, held: Sequence[tuple[Fact, list[str]]], new_names: Mapping[str, str]
) -> Statement:
    part = name_key(new_names[str(one.object_id)]).split()
    types = {one.type, *RelationTypes.go_with(str(one.type))}
    whole = {
        str(fact.object_id)
        for fact, words in held
        if fact.type in types and 0 < len(part) < len(words) and _is_part(part, words)
    }
    if len(whole) != 1:
        return one
    rest = [id for id in one.entity_ids if id != one.object_id]
    return replace(one, object_id=next(iter(whole)), entity_ids=(*rest, *whole))


def _is_part(part: list[str], words: list[str]) -> bool:
    return part in (words[: len(part)], words[-len(part) :])
