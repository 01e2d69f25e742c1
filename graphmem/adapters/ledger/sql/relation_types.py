"""What a ledger keeps of relation types: their rules are events of no tenant, the last one
holds."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable

from graphmem.adapters.ledger.sql import rows
from graphmem.adapters.ledger.sql.read import scope_values
from graphmem.adapters.ledger.sql.steps import EventLog, Fetch, ResultRows, WriteContext
from graphmem.model import Scope, TypeRule
from graphmem.ports.ledger_relation_types import ALL_TENANTS, TypedSubject, TypeUse


def put_rules(log: EventLog, rules: Iterable[TypeRule], by: WriteContext) -> None:
    for rule in rules:
        log.append(
            by._replace(episode_id=None),
            kind="type",
            id=rule.type,
            action="UPDATE",
            tenant=ALL_TENANTS,
            after=rows.as_json(rule),
        )


def rules_of(found: ResultRows) -> tuple[int, list[TypeRule]]:
    """From the rows of ``type_rules``."""
    last = {row["id"]: row["after"] for row in found if row["after"]}
    rules = [TypeRule.from_json(json.loads(last[type])) for type in sorted(last)]
    return (found[-1]["seq"] if found else 0), rules


def uses(scope: Scope | None) -> Fetch:
    return Fetch("type_uses", scope_values(scope))


def uses_of(found: ResultRows) -> list[TypeUse]:
    return [TypeUse(row["type"], row["statements"], row["subjects"]) for row in found]


def typed_subjects(types: Collection[str], after: TypedSubject | None, limit: int) -> Fetch:
    tenant, subject_id, type = after or ("", "", "")
    values = {"after_tenant": tenant, "after_subject": subject_id, "after_type": type}
    return Fetch("typed_subjects", {"types": sorted(types), **values, "limit": limit})


def typed_subjects_of(found: ResultRows) -> list[TypedSubject]:
    return [TypedSubject(row["tenant"], row["subject_id"], row["type"]) for row in found]
