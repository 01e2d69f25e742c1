"""What a ledger keeps of how long to keep what: rules are events of the tenant that they are about,
or of none; the last one of each id holds."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from graphmem.adapters.ledger.sql import rows
from graphmem.adapters.ledger.sql.steps import EventLog, Fetch, ResultRows, WriteContext
from graphmem.clock import stamp, unstamp
from graphmem.model import RetentionRule, StoredEpisode, tenant_scope
from graphmem.ports.ledger import Commit
from graphmem.ports.ledger_relation_types import ALL_TENANTS


def put_retention(log: EventLog, commit: Commit, by: WriteContext) -> None:
    tenant = commit.tenant or ALL_TENANTS
    by = by._replace(episode_id=None)
    for rule in commit.retention:
        # Whose it is says the tenant: what is kept of a user goes with the user.
        project = None if tenant else rule.project_id
        kept = replace(rule, project_id=project, user_id=None, agent_id=None)
        log.append(by, "retention", rule.id, "UPDATE", tenant, after=rows.as_json(kept))
    for id in commit.dropped_retention:
        log.append(by, "retention", id, "DELETE", tenant)


def retention_of(found: ResultRows) -> list[RetentionRule]:
    """From the rows of ``retention_rules``."""
    last = {row["id"]: row for row in found}
    return [_rule(row["tenant"], row["after"]) for row in last.values() if row["after"]]


def _rule(tenant: str, after: str) -> RetentionRule:
    rule = RetentionRule.from_json(json.loads(after))
    if tenant == ALL_TENANTS:
        return replace(rule, user_id=None, agent_id=None)
    scope = tenant_scope(tenant)
    return replace(
        rule, project_id=scope.project_id, user_id=scope.user_id, agent_id=scope.agent_id
    )


def stored_until(moment: datetime, after: int, limit: int) -> Fetch:
    return Fetch("stored_until", {"before": stamp(moment), "after": after, "limit": limit})


def stored_episodes(found: ResultRows) -> Iterable[StoredEpisode]:
    """From the rows of ``stored_until``."""
    for row in found:
        values = {name: row[name] for name in row.keys()}  # noqa: SIM118 - not of every driver
        at, tags = unstamp(values.pop("recorded_at")), tuple(json.loads(values.pop("tags")))
        yield StoredEpisode(**values, recorded_at=at, tags=tags)
