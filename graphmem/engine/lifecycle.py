"""The methods that archive, restore and promote facts, and the sweep that does so by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Unpack

from graphmem.engine.checks import checked_flag
from graphmem.engine.corrections import Corrections
from graphmem.errors import NotFound, UsageError
from graphmem.lifecycle.sweep import PROMOTED_BY, SweepDecision, sweep_decision, was_reversed
from graphmem.model import Fact, Scope, Swept, tenant_scope
from graphmem.ports.api.arguments import WriteArgs
from graphmem.ports.ledger import FactQuery

_PAGE = 500
_REASONS: dict[SweepDecision, str] = {
    "promote": "promoted: it is read often and matters",
    "archive": "archived: it is old and hardly read",
    "expire": "expired",
}


class LifecycleCalls(Corrections):
    """Archiving, restoring and promoting facts."""

    async def archive(self, fact_id: str, **scope: Unpack[WriteArgs]) -> Fact:
        fact = await self._fact(fact_id, scope)
        if fact.archived_at is not None:
            raise UsageError(f"the fact {fact_id} is archived already")
        return await self._aged(fact, "archived by hand", archived_at=self._parts.clock.now())

    async def restore(self, fact_id: str, **scope: Unpack[WriteArgs]) -> Fact:
        fact = await self._fact(fact_id, scope)
        if fact.archived_at is None:
            raise UsageError(f"the fact {fact_id} is not archived")
        return await self._aged(fact, "restored by hand", cleared=("archived_at",))

    async def promote(self, fact_id: str, **scope: Unpack[WriteArgs]) -> Fact:
        fact = await self._fact(fact_id, scope)
        if fact.memory_type == "long_term" and fact.expires_at is None:
            raise UsageError(f"the fact {fact_id} is long_term already")
        return await self._aged(fact, "promoted by hand", **_promotion(fact))

    async def sweep(self, *, dry_run: bool = False, **scope: Unpack[WriteArgs]) -> Swept:
        self._check_writable()
        checked_flag(dry_run, "dry_run")
        await self._uses.flush()
        found: dict[SweepDecision, list[str]] = {"promote": [], "archive": [], "expire": []}
        for where in await self._swept_scopes(scope):
            async for decision, fact in self._due(where):
                if dry_run or await self._age(fact, decision):
                    found[decision].append(fact.id)
        await self._keep_lag_bounded()
        ids = {name: tuple(of) for name, of in found.items()}
        return Swept(ids["promote"], ids["archive"], ids["expire"], done=not dry_run)

    async def _swept_scopes(self, given: Any) -> list[Scope]:
        if not self._current.of_project(given):
            return [await self._scope(given)]
        project = self._current.project(given)
        return [tenant_scope(one) for one in await self._parts.ledger.tenants_of(project)]

    async def _due(self, where: Scope) -> AsyncIterator[tuple[SweepDecision, Fact]]:
        """The facts of a scope that a sweep changes, and how; oldest first."""
        ledger, settings = self._parts.ledger, self._parts.settings
        now, after = self._parts.clock.now(), None
        while True:
            query = FactQuery(
                where.tenant,
                agent_id=where.narrow_agent_id,
                run_id=where.run_id,
                after=after,
                limit=_PAGE,
            )
            facts = await ledger.facts(query)
            uses = await ledger.uses([fact.id for fact in facts]) if facts else {}
            for fact in facts:
                reads = uses[fact.id].count if fact.id in uses else 0
                decision = sweep_decision(
                    fact, reads, now, self._current.policies, settings.sweep_thresholds
                )
                if decision is None:
                    continue
                changes = await ledger.history(where.tenant, fact.id)
                if not changes or not was_reversed(decision, changes[-1]):
                    yield decision, fact
            if len(facts) < _PAGE:
                return
            after = facts[-1].id

    async def _age(self, fact: Fact, decision: SweepDecision) -> bool:
        """Carry out one decision of a sweep. False when the fact has changed since it was read; the
        next sweep looks at it again."""
        tenant, changes = fact.scope.tenant, _promotion(fact)
        if decision != "promote":
            changes = {"archived_at": self._parts.clock.now()}

        async def attempt() -> bool:
            now = await self._parts.ledger.facts(FactQuery(tenant, ids=(fact.id,)))
            if not now or now[0].version != fact.version:
                return False
            await self._edit(now[0], _REASONS[decision], **changes)
            return True

        return await self._ingest.decide_alone(tenant, attempt)

    async def _aged(self, fact: Fact, why: str, **changes: Any) -> Fact:
        tenant = fact.scope.tenant

        async def attempt() -> Fact:
            now = await self._parts.ledger.facts(FactQuery(tenant, ids=(fact.id,)))
            if not now:
                raise NotFound(f"no fact {fact.id!r} in this scope")
            await self._edit(now[0], why, **changes)
            (after,) = await self._parts.ledger.facts(FactQuery(tenant, ids=(fact.id,)))
            return after

        return await self._ingest.decide_alone(tenant, attempt)


def _promotion(fact: Fact) -> dict[str, Any]:
    importance = min(1.0, round(fact.importance + PROMOTED_BY, 6))
    return {"memory_type": "long_term", "importance": importance, "cleared": ("expires_at",)}
