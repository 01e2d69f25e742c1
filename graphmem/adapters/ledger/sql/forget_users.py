"""Forgets whole tenants: what is in them, the names of their users, and rules of relation types
that nobody else uses."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from graphmem.adapters.ledger.sql.entities import erase_entities, log_erased
from graphmem.adapters.ledger.sql.erase import erase_rows
from graphmem.adapters.ledger.sql.erasure_receipts import hashes_of, put_erasure, rows_by_table
from graphmem.adapters.ledger.sql.ledger_access import forget_grants
from graphmem.adapters.ledger.sql.steps import (
    EventLog,
    Steps,
    WriteContext,
    execute,
    fetch,
)
from graphmem.model import ErasureReceipt, forgotten_tenant
from graphmem.ports.ledger import Erasure, Forgetting
from graphmem.ports.ledger.relation_types import ALL_TENANTS

_ACTOR = "user"


def count_tenants(forgetting: Forgetting) -> Steps[Mapping[str, int]]:
    """The number of rows that these tenants have, by table."""
    total: dict[str, int] = {}
    for scope in forgetting.scopes:
        found = rows_by_table((yield from fetch("count_tenant", tenant=scope.tenant)))
        for name, number in found.items():
            total[name] = total.get(name, 0) + number
    users = [scope for scope in forgetting.scopes if scope.user_id]
    return {**total, "users": len(users)} if users else total


def apply_forgetting(
    log: EventLog, forgetting: Forgetting, receipt: ErasureReceipt
) -> Steps[ErasureReceipt]:
    """Erase all that these tenants have; returns the receipt as it is stored, under no tenant."""
    rows = yield from count_tenants(forgetting)
    by = WriteContext(receipt.at, None, _ACTOR)
    gone: dict[str, set[str]] = {"episode": set(), "fact": set(), "entity": set()}
    used: set[str] = set()
    for scope in forgetting.scopes:
        tenant = scope.tenant
        used |= {row["type"] for row in (yield from fetch("types_in", tenant=tenant))}
        found = yield from erase_rows(log, Erasure(scope, at=receipt.at), receipt.at)
        for kind, ids in (found[1] if found else {}).items():
            gone[kind] |= set(ids)
        yield from _sweep(log, tenant, by, gone)
        forgotten = forgotten_tenant(scope.user_id or uuid.uuid4().hex)
        yield from execute("clear_rules", {"tenant": tenant})
        yield from execute("clear_events", {"tenant": tenant, "forgotten": forgotten})
        log.rename_tenant(tenant, forgotten)
    yield from _forget_rules(log, used, by)
    yield from _forget_users(forgetting, receipt.id, receipt.at)
    receipt = replace(receipt, rows=rows, hashes=hashes_of(gone))
    yield from put_erasure(receipt, "")
    return receipt


def _forget_users(forgetting: Forgetting, erasure_id: str, at: datetime) -> Steps[None]:
    """Forget the names of users: those of their pseudonyms, and those in grants."""
    projects = {one.user_id: one.project_id for one in forgetting.scopes if one.user_id}
    ids = sorted(projects)
    named = yield from fetch("names_of_users", ids=ids)
    yield from execute("forget_users", {"ids": ids})
    for row in named:
        yield from forget_grants(row["name"], projects[row["pseudonym"]], erasure_id, at)


def _sweep(log: EventLog, tenant: str, by: WriteContext, gone: dict[str, set[str]]) -> Steps[None]:
    """Erase what no episode leads to any more: what was undone, hidden or made by hand."""
    left: dict[str, set[str]] = {"entity": set(), "fact": set()}
    for row in (yield from fetch("left_in_tenant", tenant=tenant)):
        left[row["kind"]].add(row["id"])
    yield from erase_entities(log, left["entity"], by)
    for name in (
        "erase_fact_entities",
        "erase_sources",
        "erase_past_entities",
        "erase_uses",
        "erase_facts",
    ):
        yield from execute(name, {"ids": sorted(left["fact"])})
    for name in (
        "clear_statements",
        "clear_silences",
        "clear_edits",
        "clear_conversations",
        "clear_summaries",
    ):
        yield from execute(name, {"tenant": tenant})
    for kind, ids in left.items():
        log_erased(log, kind, dict.fromkeys(ids), tenant, by)
        gone[kind] |= ids


def _forget_rules(log: EventLog, used: set[str], by: WriteContext) -> Steps[None]:
    """Erase the rules for all tenants about types that only forgotten tenants used: a type's name
    may reveal as much as a sentence."""
    last: dict[str, Mapping[str, object]] = {}
    for row in (yield from fetch("type_rules", tenant=ALL_TENANTS)):
        if row["after"]:
            last[row["id"]] = json.loads(row["after"])
    theirs = {
        type: {type, str(rule.get("same_as") or type)}
        for type, rule in last.items()
        if type in used or rule.get("same_as") in used
    }
    names = sorted({name for both in theirs.values() for name in both})
    if not names:
        return
    still = {row["type"] for row in (yield from fetch("types_used", types=names))}
    unused = sorted(type for type, both in theirs.items() if not both & still)
    if unused:
        yield from execute("erase_rules", {"ids": unused})
        # With this event, whoever decides by the rules reads them again.
        log.append(by, "type", "", "ERASE", ALL_TENANTS)
