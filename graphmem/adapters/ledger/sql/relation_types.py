"""What a ledger keeps of relation types: their rules are events of the tenant that they hold in, or
(for everybody) of none; the last one of each type holds."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable

from graphmem.adapters.ledger.sql import rows
from graphmem.adapters.ledger.sql.database import Database
from graphmem.adapters.ledger.sql.read import LAST_OF_ALL, of_whom
from graphmem.adapters.ledger.sql.steps import EventLog, Fetch, ResultRows, WriteContext
from graphmem.model import Scope, TypeRule
from graphmem.ports.ledger_relation_types import ALL_TENANTS, TypedSubject, TypeRules, TypeUse


class TypesLedger:
    """Part of a :class:`~graphmem.adapters.ledger.sql.ledger.SqlLedger`."""

    _db: Database

    async def type_rules(self, tenant: str = ALL_TENANTS) -> TypeRules:
        return _rules_of((await self._db.fetch(Fetch("type_rules", {"tenant": tenant})))[0])

    async def ruling_tenants(self) -> list[str]:
        return [row["tenant"] for row in (await self._db.fetch(Fetch("ruling_tenants", {})))[0]]

    async def type_uses(self, scope: Scope | None = None) -> list[TypeUse]:
        (found,) = await self._db.fetch(of_whom("type_uses", scope))
        return _uses_of(found)

    async def typed_subjects(
        self,
        types: Collection[str],
        after: TypedSubject | None,
        limit: int,
        tenant: str | None = None,
    ) -> list[TypedSubject]:
        (found,) = await self._db.fetch(_subjects(types, after, limit, tenant))
        return _subjects_of(found)

    async def count_typed_subjects(self, types: Collection[str], tenant: str | None = None) -> int:
        (found,) = await self._db.fetch(_count(types, tenant))
        return int(found[0]["count"])


def put_rules(
    log: EventLog, rules: Iterable[TypeRule], by: WriteContext, tenant: str | None
) -> None:
    by = by._replace(episode_id=None)
    for rule in rules:
        log.append(by, "type", rule.type, "UPDATE", tenant or ALL_TENANTS, after=rows.as_json(rule))


def _rules_of(found: ResultRows) -> TypeRules:
    """From the rows of ``type_rules``."""
    last = {(row["tenant"] != ALL_TENANTS, row["id"]): row["after"] for row in found}
    everybodys, own = (
        [
            TypeRule.from_json(json.loads(after))
            for (own, _), after in sorted(last.items(), key=lambda one: one[0])
            if own == which and after
        ]
        for which in (False, True)
    )
    return TypeRules(found[-1]["seq"] if found else 0, everybodys, own)


def _uses_of(found: ResultRows) -> list[TypeUse]:
    return [TypeUse(row["type"], row["statements"], row["subjects"]) for row in found]


def _subjects(
    types: Collection[str], after: TypedSubject | None, limit: int, tenant: str | None
) -> Fetch:
    place = after or (tenant or "", "", "")
    values = dict(zip(("after_tenant", "after_subject", "after_type"), place, strict=True))
    last = {"last_tenant": tenant or LAST_OF_ALL}
    return Fetch("typed_subjects", {"types": sorted(types), **values, **last, "limit": limit})


def _count(types: Collection[str], tenant: str | None) -> Fetch:
    within = {"first_tenant": tenant or "", "last_tenant": tenant or LAST_OF_ALL}
    return Fetch("count_typed_subjects", {"types": sorted(types), **within})


def _subjects_of(found: ResultRows) -> list[TypedSubject]:
    return [TypedSubject(row["tenant"], row["subject_id"], row["type"]) for row in found]
