"""The part of a ledger that lists scopes, conversations, summaries and uses of facts."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from graphmem.adapters.ledger.sql import rows
from graphmem.adapters.ledger.sql.database import LedgerPart
from graphmem.adapters.ledger.sql.ledger_reads import tenants_within
from graphmem.adapters.ledger.sql.steps import ResultRows, execute
from graphmem.adapters.ledger.sql.summaries import put_summary, to_summary
from graphmem.clock import stamp, stamp_or_none, unstamp, unstamp_or_none
from graphmem.model import (
    ConversationState,
    FactUse,
    KeptSummary,
    Listing,
    Scope,
    ScopeCount,
)
from graphmem.ports.ledger import Row
from graphmem.text import beginning

_TITLE = 60


class ListingLedger(LedgerPart):
    """Part of a :class:`~graphmem.adapters.ledger.sql.ledger.SqlLedger`."""

    async def counted(
        self, what: str, project_id: str | None, scope: Scope | None, limit: int, offset: int
    ) -> Listing[ScopeCount]:
        values = tenants_within(project_id, scope)
        found, total = await self._part(f"count_{what}", values, limit, offset)
        return Listing(tuple(map(_count, found)), total, offset)

    async def conversations(
        self, project_id: str, scope: Scope | None, limit: int, offset: int
    ) -> Listing[ConversationState]:
        values = tenants_within(project_id, scope)
        found, total = await self._part("count_runs", values, limit, offset)
        made_of = {
            (row["tenant"], row["id"]): json.loads(row["made_of"])
            for row in found
            if row["made_of"]
        }
        left: set[tuple[str, int]] = set()
        if made_of:
            ids = sorted({id for one in made_of.values() for id in one})
            left = {
                (row["id"], row["version"]) for row in await self._rows("sources_left", ids=ids)
            }
        worded = {run for run, one in made_of.items() if one.items() <= left}
        return Listing(tuple(_conversation(row, worded) for row in found), total, offset)

    async def put_conversation(self, scope: Scope, conversation: ConversationState) -> None:
        row = {
            "tenant": scope.tenant,
            "run_id": conversation.id,
            "title": conversation.title if conversation.titled else None,
            "closed_at": stamp_or_none(conversation.closed_at),
            "metadata": rows.as_json(conversation.metadata),
        }
        await self._db.write(lambda _: execute("put_conversation", row))

    async def keep_summary(self, tenant: str, kept: KeptSummary) -> None:
        await self._db.write(lambda _: put_summary(tenant, kept))

    async def summaries(self, tenant: str, ids: Sequence[str]) -> dict[str, KeptSummary]:
        found = await self._rows("summaries", tenant=tenant, ids=list(ids))
        read = ((row["id"], to_summary(row)) for row in found)
        return {id: kept for id, kept in read if kept is not None}

    async def episodes_summing_up(self, tenant: str) -> list[str]:
        found = await self._rows("episodes_summing_up", tenant=tenant)
        return [row["id"] for row in found]

    async def add_uses(self, uses: Sequence[FactUse]) -> None:
        put = [
            {"fact_id": one.fact_id, "count": one.count, "last_at": stamp(one.last_at)}
            for one in uses
        ]
        if put:
            await self._db.write(lambda _: execute("add_use", *put))

    async def uses(self, fact_ids: Sequence[str]) -> dict[str, FactUse]:
        found = await self._rows("uses_of_facts", ids=list(fact_ids))
        return {
            row["fact_id"]: FactUse(row["fact_id"], row["count"], unstamp(row["last_at"]))
            for row in found
        }

    async def pending_episodes(
        self, after: int, before: datetime | None, limit: int
    ) -> dict[int, str]:
        found = await self._rows(
            "pending_episodes", after=after, before=stamp_or_none(before), limit=limit
        )
        return {row["n"]: row["id"] for row in found}

    async def pending_state(self) -> tuple[int, datetime | None]:
        found = await self._rows("pending_state")
        return found[0]["number"], unstamp_or_none(found[0]["since"])

    async def tenants_of(self, project_id: str) -> list[str]:
        found = await self._rows("tenants_of", project_id=project_id)
        return [row["tenant"] for row in found]

    async def _part(
        self, name: str, values: Mapping[str, Any], limit: int, offset: int
    ) -> tuple[ResultRows, int]:
        """A page of rows, and the total number of rows."""
        found = await self._rows(name, **values, limit=limit, offset=offset)
        if found or not offset:
            return found, found[0]["total"] if found else 0
        first = await self._rows(name, **values, limit=1, offset=0)
        return (), first[0]["total"] if first else 0


def _count(row: Row) -> ScopeCount:
    return ScopeCount(
        row["name"] or row["id"],
        row["episodes"],
        row["facts"],
        unstamp(row["first_at"]),
        unstamp(row["last_at"]),
    )


def _conversation(row: Row, worded: Collection[tuple[str, str]]) -> ConversationState:
    """``worded``: the (tenant, run) pairs whose title by a model still has all its sources."""
    made = (
        row["made_title"] if row["title"] is None and (row["tenant"], row["id"]) in worded else None
    )
    return ConversationState(
        id=row["id"],
        owner=row["name"] or row["tenant"].rpartition(":")[2],
        title=row["title"] or made or beginning(row["beginning"] or "", _TITLE) or row["id"],
        titled=row["title"] is not None,
        title_by=row["made_by"] if made else None,
        episodes=row["episodes"],
        turns=row["turns"],
        facts=row["facts"],
        first_at=unstamp(row["first_at"]),
        last_at=unstamp(row["last_at"]),
        closed_at=unstamp_or_none(row["closed_at"]),
        metadata=json.loads(row["metadata"] or "{}"),
    )
