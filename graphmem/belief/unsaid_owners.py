"""Finds the project that a value belongs to when a statement does not name it: "the deadline is
now 31 October" is attributed to the only project that has a deadline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from graphmem.model import Fact, Statement
from graphmem.ports.ledger import DecisionReads, EntityQuery, FactQuery

_KIND = "project"
_MOST = 50
"""At most so many projects are considered."""


def without_owner(one: Statement) -> bool:
    return one.type is not None and one.value is not None and one.subject_id is None


async def with_owners(
    statements: Sequence[Statement], ledger: DecisionReads, tenant: str
) -> list[Statement]:
    """Return the statements, each value without an owner assigned to the one project that has such
    a value. It is dropped if no project has one, or several have."""
    things = await ledger.entities(EntityQuery(tenant, kind=_KIND, limit=_MOST))
    ids = tuple(thing.id for thing in things)
    query = FactQuery(tenant, entity_ids=ids, newest_first=True)
    facts = await ledger.facts(query) if ids else []
    found = []
    for one in statements:
        if not without_owner(one):
            found.append(one)
            continue
        what = one.text.removeprefix("The ").partition(" is ")[0]
        owned = {fact.subject_id or fact.entity_ids[0]: fact for fact in facts if _is(fact, what)}
        if len(owned) == 1:
            (owner, fact), *_ = owned.items()
            text = f"{fact.text.partition(' is ')[0]} is {one.value}"
            found.append(replace(one, subject_id=owner, entity_ids=(owner,), text=text))
    return found


def _is(fact: Fact, what: str) -> bool:
    """Whether a fact gives the current ``what`` (a deadline, a budget) of some entity."""
    whose = fact.text.partition(" is ")[0].lower()
    held = fact.invalid_at is None and fact.retired_at is None and fact.modality == "stated"
    return (
        held and fact.type is None and bool(fact.entity_ids) and whose.endswith(f" {what.lower()}")
    )
