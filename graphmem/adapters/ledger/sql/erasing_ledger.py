"""The part of a ledger that erases, and keeps receipts of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from graphmem.adapters.ledger.sql import erasure_receipts as receipts
from graphmem.adapters.ledger.sql import forget_tenants, retention, users
from graphmem.adapters.ledger.sql.database import Database
from graphmem.adapters.ledger.sql.erase import apply_erasure
from graphmem.adapters.ledger.sql.erasure_receipts import LEDGER
from graphmem.adapters.ledger.sql.read import scope_values
from graphmem.adapters.ledger.sql.steps import Fetch
from graphmem.clock import Clock, stamp
from graphmem.model import Erased, ErasureReceipt, Removal, RetentionRule, Scope, StoredEpisode
from graphmem.ports.ledger import Erasure, Forgetting, NamedUser

_KEPT = "its pages keep what was erased until they are written anew"


class ErasingLedger:
    """Part of a :class:`~graphmem.adapters.ledger.sql.ledger.SqlLedger`."""

    _db: Database
    _clock: Clock
    _grants_changed: int

    async def erase(self, erasure: Erasure) -> Removal:
        at = erasure.at or self._clock.now()
        receipt = self._receipt(erasure.what, at, erasure.pending)
        removal, _ = await self._db.write(lambda log: apply_erasure(log, erasure, receipt))
        await self.clean()
        return removal

    async def owners(self, id: str, project_id: str) -> list[Scope]:
        (found,) = await self._db.fetch(Fetch("tenants_with", {"id": id}))
        scopes = [users.owner(row) for row in found]
        return [scope for scope in scopes if scope.project_id == project_id]

    async def stored_before(self, scope: Scope, before: datetime) -> list[str]:
        values = {**scope_values(scope), "before": stamp(before)}
        (found,) = await self._db.fetch(Fetch("stored_before", values))
        return [row["id"] for row in found]

    async def retention_rules(self) -> list[RetentionRule]:
        (found,) = await self._db.fetch(Fetch("retention_rules", {}))
        return retention.retention_of(found)

    async def stored_until(self, moment: datetime, after: int, limit: int) -> list[StoredEpisode]:
        (found,) = await self._db.fetch(retention.stored_until(moment, after, limit))
        return list(retention.stored_episodes(found))

    async def names_of_users(self, pseudonyms: Collection[str]) -> Mapping[str, str]:
        (found,) = await self._db.fetch(Fetch("names_of_users", {"ids": sorted(pseudonyms)}))
        return {row["pseudonym"]: row["name"] for row in found}

    async def forget(self, forgetting: Forgetting, *, dry_run: bool = False) -> ErasureReceipt:
        receipt = self._receipt(forgetting.what, forgetting.at, forgetting.pending)
        if dry_run:
            rows = await self._db.read(lambda: forget_tenants.count_tenants(forgetting))
            return replace(receipt, id="", rows=rows, pending={}, finished_at=None)
        try:
            receipt, _ = await self._db.write(
                lambda log: forget_tenants.apply_forgetting(log, forgetting, receipt)
            )
        finally:
            self._grants_changed += 1
        await self.clean()
        (receipt,) = await self.erasures(id=receipt.id)
        return receipt

    def _receipt(self, what: Erased, at: datetime, pending: Mapping[str, str]) -> ErasureReceipt:
        """Of an erasure that is still to be done."""
        if self._db.keeps_erased:
            pending = {**pending, LEDGER: _KEPT}
        done_at = None if pending else at
        return ErasureReceipt(
            self._clock.new_id(), at, what, {}, pending=pending, finished_at=done_at
        )

    async def erased_found(self) -> list[str]:
        kept = await self.erasures()
        if not any(receipt.hashes for receipt in kept):
            return []
        (every,) = await self._db.fetch(forget_tenants.every_id())
        return forget_tenants.found_again(kept, every)

    async def users(self, name: str, project_id: str | None = None) -> list[NamedUser]:
        (found,) = await self._db.fetch(users.users(name, project_id))
        return users.named_users(found)

    async def clean(self, *, remake: bool = False) -> bool:
        why = await self._db.erased()
        if why is None and remake:
            await self._db.remake()
            why = await self._db.erased()
        done, kept = remake and why is None, why or _KEPT
        ours = {
            one.id: one.pending[LEDGER]
            for one in await self.erasures(pending=True)
            if LEDGER in one.pending
        }
        if done:
            await self.erasures_done(list(ours), LEDGER)
        elif any(noted != kept for noted in ours.values()):
            await self._db.write(lambda _: receipts.with_reason(LEDGER, kept))
        return why is None

    async def erasures(
        self, tenant: str | None = None, *, id: str | None = None, pending: bool = False
    ) -> list[ErasureReceipt]:
        (found,) = await self._db.fetch(receipts.erasures(tenant, id, pending=pending))
        return receipts.receipts_of(found)

    async def erasures_done(self, ids: Sequence[str], part: str) -> None:
        if ids:
            now = self._clock.now()
            await self._db.write(lambda _: receipts.without_part(ids, part, now))
