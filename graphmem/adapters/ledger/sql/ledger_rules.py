"""Rules that a ledger stores as events: of relation types, and of retention. A rule is an event of
the tenant that it applies to or (for all tenants) of none; the last event of a rule counts."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import replace

from graphmem.adapters.ledger.sql import rows
from graphmem.adapters.ledger.sql.database import LedgerPart
from graphmem.adapters.ledger.sql.ledger_reads import LAST_OF_ALL, fetch_for_scope
from graphmem.adapters.ledger.sql.steps import EventLog, WriteContext
from graphmem.model import RetentionRule, Scope, TypeRule, tenant_scope
from graphmem.ports.ledger import Commit
from graphmem.ports.ledger.relation_types import ALL_TENANTS, TypedSubject, TypeRules, TypeUse


class RulesLedger(LedgerPart):
    """Part of a :class:`~graphmem.adapters.ledger.sql.ledger.SqlLedger`."""

    async def type_rules(self, tenant: str = ALL_TENANTS) -> TypeRules:
        found = await self._rows("type_rules", tenant=tenant)
        last = {(row["tenant"] != ALL_TENANTS, row["id"]): row["after"] for row in found}
        everybodys, own = (
            [
                TypeRule.from_json(json.loads(after))
                for (is_own, _), after in sorted(last.items(), key=lambda one: one[0])
                if is_own == which and after
            ]
            for which in (False, True)
        )
        return TypeRules(found[-1]["seq"] if found else 0, everybodys, own)

    async def ruling_tenants(self) -> list[str]:
        return [row["tenant"] for row in await self._rows("ruling_tenants")]

    async def type_uses(self, scope: Scope | None = None) -> list[TypeUse]:
        (found,) = await self._db.fetch(fetch_for_scope("type_uses", scope))
        return [TypeUse(row["type"], row["statements"], row["subjects"]) for row in found]

    async def typed_subjects(
        self,
        types: Collection[str],
        after: TypedSubject | None,
        limit: int,
        tenant: str | None = None,
    ) -> list[TypedSubject]:
        place = after or TypedSubject(tenant or "", "", "")
        found = await self._rows(
            "typed_subjects",
            types=sorted(types),
            after_tenant=place.tenant,
            after_subject=place.subject_id,
            after_type=place.type,
            last_tenant=tenant or LAST_OF_ALL,
            limit=limit,
        )
        return [TypedSubject(row["tenant"], row["subject_id"], row["type"]) for row in found]

    async def count_typed_subjects(self, types: Collection[str], tenant: str | None = None) -> int:
        within = {"first_tenant": tenant or "", "last_tenant": tenant or LAST_OF_ALL}
        found = await self._rows("count_typed_subjects", types=sorted(types), **within)
        return int(found[0]["count"])

    async def retention_rules(self) -> list[RetentionRule]:
        last = {row["id"]: row for row in await self._rows("retention_rules")}
        return [
            _retention_rule(row["tenant"], row["after"]) for row in last.values() if row["after"]
        ]


def put_rules(
    log: EventLog, rules: Iterable[TypeRule], by: WriteContext, tenant: str | None
) -> None:
    by = by._replace(episode_id=None)
    for rule in rules:
        log.append(by, "type", rule.type, "UPDATE", tenant or ALL_TENANTS, after=rows.as_json(rule))


def put_retention(log: EventLog, commit: Commit, by: WriteContext) -> None:
    tenant = commit.tenant or ALL_TENANTS
    by = by._replace(episode_id=None)
    for rule in commit.retention:
        # Only the tenant says whose rule it is, so that it is forgotten with the user.
        project = None if tenant else rule.project_id
        kept = replace(rule, project_id=project, user_id=None, agent_id=None)
        log.append(by, "retention", rule.id, "UPDATE", tenant, after=rows.as_json(kept))
    for id in commit.dropped_retention:
        log.append(by, "retention", id, "DELETE", tenant)


def _retention_rule(tenant: str, after: str) -> RetentionRule:
    rule = RetentionRule.from_json(json.loads(after))
    if tenant == ALL_TENANTS:
        return replace(rule, user_id=None, agent_id=None)
    scope = tenant_scope(tenant)
    return replace(
        rule, project_id=scope.project_id, user_id=scope.user_id, agent_id=scope.agent_id
    )
