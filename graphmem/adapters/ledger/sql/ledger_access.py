"""The part of a ledger that keeps grants (who may do what), usage, and the audit log."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import datetime
from typing import Any

from graphmem.adapters.ledger.sql import rows
from graphmem.adapters.ledger.sql.database import LedgerPart
from graphmem.adapters.ledger.sql.steps import Fetch, ResultRows, Steps, execute, fetch
from graphmem.clock import stamp, stamp_or_none, unstamp
from graphmem.model import Scope
from graphmem.ports.access import (
    AuditEntry,
    AuditQuery,
    Grant,
    GrantKind,
    KeyedRequest,
    KeyUse,
)
from graphmem.ports.ledger import Row

_NO_LIMIT = float(2**53)
_AGENT = "agent:"
_NOTED = tuple(one.name for one in fields(AuditEntry) if one.name not in {"agent_id", "n"})


class AccessLedger(LedgerPart):
    """Part of a :class:`~graphmem.adapters.ledger.sql.ledger.SqlLedger`."""

    _grants_changed = 0

    @property
    def grants_version(self) -> int | None:
        return None if self._db.shared else self._grants_changed

    async def grants(
        self,
        kind: GrantKind,
        *,
        organisation: str | None = None,
        id: str | None = None,
        about: str | None = None,
    ) -> list[Grant]:
        (found,) = await self._db.fetch(_asked(kind, organisation, id, about))
        return _grants(found)

    async def grants_of_key(self, id: str) -> list[Grant]:
        return _grants(await self._rows("grants_of_key", id=id))

    async def put_grants(self, *grants: Grant, new: bool = False) -> bool:
        def work(_: object) -> Steps[bool]:
            if new and (yield from _occupied(grants)):
                return False
            yield from execute("put_grant", *map(_row, grants))
            return True

        try:
            return (await self._db.write(work))[0]
        finally:
            self._grants_changed += 1

    async def drop_grant(self, grant: Grant) -> None:
        try:
            await self._db.write(lambda _: execute("drop_grant", _row(grant)))
        finally:
            self._grants_changed += 1

    async def add_access_records(
        self, uses: Sequence[KeyUse], entries: Sequence[AuditEntry]
    ) -> None:
        used = [{**asdict(use), "last_at": stamp(use.last_at)} for use in uses]
        noted = [_entry_row(entry) for entry in entries]

        def work(_: object) -> Steps[None]:
            yield from execute("add_key_use", *used)
            yield from execute("add_audit_entry", *noted)

        await self._db.write(work)

    async def key_uses(
        self, organisation: str | None, since: str, until: str, key_id: str | None = None
    ) -> list[KeyUse]:
        values = {"since": since, "until": until, "key_id": key_id, "organisation": organisation}
        found = await self._rows("key_uses" if organisation is None else "key_uses_of", **values)
        return [KeyUse(**{**dict(row), "last_at": unstamp(row["last_at"])}) for row in found]

    async def begin_request(self, keyed: KeyedRequest) -> KeyedRequest:
        row = _request_row(keyed)

        def work(_: object) -> Steps[KeyedRequest]:
            yield from execute("begin_request", row)
            (found,) = yield from fetch("reply", key_id=keyed.key_id, name=keyed.name)
            return KeyedRequest(**{**dict(found), "at": unstamp(found["at"])})

        return (await self._db.write(work))[0]

    async def finish_request(
        self, keyed: KeyedRequest, answer: str | None, scope: Mapping[str, str | None]
    ) -> None:
        row = _request_row(keyed)
        if answer is None:
            await self._db.write(lambda _: execute("drop_reply", row))
            return
        agent = scope.get("agent_id")
        row |= {name: scope.get(name) for name in ("project_id", "user_id")}
        row |= {"agent": None if agent is None else _AGENT + agent, "answer": answer}
        await self._db.write(lambda _: execute("finish_request", row))

    async def audit_entries(self, query: AuditQuery) -> list[AuditEntry]:
        values = asdict(query)
        values |= {"since": stamp_or_none(query.since), "until": stamp_or_none(query.until)}
        # As text: the statements compare only texts with NULL (see ``SqlDialect.given``).
        values["before"] = None if query.before is None else str(query.before)
        values["changed"] = None if query.changed is None else str(int(query.changed))
        name = "audit_entries" if query.organisation is None else "audit_entries_of"
        found = await self._rows(name, **values)
        return [_entry(row) for row in found]

    async def prune_access(
        self, *, audit: datetime, uses: datetime, replies: datetime, limit: int
    ) -> int:
        def work(_: object) -> Steps[int]:
            due = yield from fetch("audit_due", before=stamp(audit), limit=limit)
            yield from execute("prune_audit", *({"n": row["n"]} for row in due))
            yield from execute("prune_key_uses", {"day": uses.date().isoformat()})
            yield from execute("prune_replies", {"before": stamp(replies)})
            yield from execute("drop_old_counters", {"today": f"quota:{stamp(replies)[:10]}"})
            return len(due)

        return (await self._db.write(work))[0]

    async def take_rate(self, name: str, interval_s: float, tolerance_s: float) -> float:
        values = {"name": name, "interval_s": interval_s, "tolerance_s": tolerance_s}
        (row,) = await self._db.update(Fetch("take_rate", values))
        ahead = float(row["ahead"])
        return ahead if row["counted"] else max(ahead + interval_s, tolerance_s + 1e-6)

    async def take_quota(self, name: str, amount: int, most: int | None, begun: int) -> int:
        limit = _NO_LIMIT if most is None else float(most)
        values = {"name": name, "amount": amount, "most": limit, "begun": begun}
        (row,) = await self._db.update(Fetch("take_quota", values))
        return int(row["value"]) + (0 if row["counted"] else amount)


def forget_replies(scope: Scope) -> Steps[None]:
    """Drop the stored replies about an owner, which may contain what is erased. The requests stay
    known, so that none is done twice."""
    owner = scope.user_id or f"{_AGENT}{scope.agent_id}"
    yield from execute("forget_replies", {"project_id": scope.project_id, "owner": owner})
    yield from execute("forget_replies_of_nobody", {})


def forget_grants(name: str, project_id: str, erasure_id: str, at: datetime) -> Steps[None]:
    """After a user was forgotten in a project: leave notices for webhooks and, where no project of
    the organisation knows the user any more, drop the user's memberships and revoke their keys."""
    for project in (yield from fetch("grants_about", kind="project", about=project_id)):
        ours = project["organisation"]
        yield from _notice(ours, project["id"], erasure_id, at)
        found = yield from fetch("grants_of", kind="project", organisation=ours, about=None)
        users = yield from fetch("users", name=name, project_id=None)
        if {row["about"] for row in found} & {row["project_id"] for row in users}:
            continue
        members = yield from fetch("grants_of", kind="member", organisation=ours, about=name)
        yield from execute("drop_grant", *map(_row, _grants(members)))
        gone = {row["id"] for row in members}
        keys = yield from fetch("grants_of", kind="key", organisation=ours, about=None)
        for key in _grants(keys):
            if key.about == name or key.body.get("member_id") in gone:
                revoked_at = key.body.get("revoked_at") or stamp(at)
                body = {**key.body, "name": "", "revoked_at": revoked_at}
                yield from execute("put_grant", _row(replace(key, about=None, body=body)))


def _notice(organisation: str, project: str, erasure_id: str, at: datetime) -> Steps[None]:
    """Leave a notice of the erasure for each webhook; it does not say who was forgotten."""
    hooks = yield from fetch("grants_of", kind="webhook", organisation=organisation, about=None)
    body = {"project_id": project, "erasure_id": erasure_id, "at": stamp(at)}
    for hook in hooks:
        id = f"{hook['id']} {erasure_id} {project}"
        yield from execute("put_grant", _row(Grant("notice", organisation, id, hook["id"], body)))


def _request_row(keyed: KeyedRequest) -> dict[str, Any]:
    names = ("key_id", "name", "request", "holder")
    return {**{name: getattr(keyed, name) for name in names}, "at": stamp(keyed.at)}


def _asked(kind: GrantKind, organisation: str | None, id: str | None, about: str | None) -> Fetch:
    """The fetch for these conditions, by the statement whose index fits."""
    if id is not None:
        values = {"kind": kind, "id": id, "organisation": organisation, "about": about}
        return Fetch("grants", values)
    if organisation is not None:
        return Fetch("grants_of", {"kind": kind, "organisation": organisation, "about": about})
    if about is not None:
        return Fetch("grants_about", {"kind": kind, "about": about})
    return Fetch("grants_of_kind", {"kind": kind})


def _occupied(grants: Sequence[Grant]) -> Steps[bool]:
    for grant in grants:
        alike = _asked(grant.kind, grant.organisation, grant.id, None)
        if (yield from fetch(alike.name, **alike.values)):
            return True
        if grant.about is None or grant.kind == "key":
            continue
        whose = grant.organisation if grant.kind == "member" else None
        same = _asked(grant.kind, whose, None, grant.about)
        if (yield from fetch(same.name, **same.values)):
            return True
    return False


def _grants(found: ResultRows) -> list[Grant]:
    return [
        Grant(row["kind"], row["organisation"], row["id"], row["about"], json.loads(row["body"]))
        for row in found
    ]


def _row(grant: Grant) -> dict[str, Any]:
    names = ("kind", "organisation", "id", "about")
    return {**{name: getattr(grant, name) for name in names}, "body": rows.as_json(grant.body)}


def _entry_row(entry: AuditEntry) -> dict[str, Any]:
    row = {name: getattr(entry, name) for name in _NOTED} | {"at": stamp(entry.at)}
    agent = entry.agent_id
    texts = {name: rows.storable(value) for name, value in row.items() if isinstance(value, str)}
    return {**row, **texts, "agent": None if agent is None else rows.storable(_AGENT + agent)}


def _entry(row: Row) -> AuditEntry:
    owner = row["owner"]
    agent = owner is not None and owner.startswith(_AGENT)
    return AuditEntry(
        **{name: row[name] for name in (*_NOTED, "n") if name not in {"at", "changed", "user_id"}},
        at=unstamp(row["at"]),
        changed=bool(row["changed"]),
        user_id=None if agent else row["user_name"] or owner,
        agent_id=owner.removeprefix(_AGENT) if agent else None,
    )
