"""The part of a ledger that erases, and keeps receipts of it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from graphmem.adapters.ledger.sql import erasure_receipts
from graphmem.adapters.ledger.sql.database import LedgerPart
from graphmem.adapters.ledger.sql.erase import apply_erasure
from graphmem.adapters.ledger.sql.erasure_receipts import LEDGER
from graphmem.adapters.ledger.sql.forget_users import apply_forgetting, count_tenants
from graphmem.adapters.ledger.sql.ledger_reads import scope_values
from graphmem.clock import stamp, unstamp
from graphmem.model import Erased, ErasureReceipt, Removal, Scope, StoredEpisode, tenant_scope
from graphmem.ports.ledger import Erasure, Forgetting, NamedUser
from graphmem.text import erased_hash

_KEPT = "its pages keep what was erased until they are written anew"


class ErasingLedger(LedgerPart):
    """Part of a :class:`~graphmem.adapters.ledger.sql.ledger.SqlLedger`."""

    _grants_changed: int

    async def erase(self, erasure: Erasure) -> Removal:
        at = erasure.at or self._clock.now()
        receipt = self._receipt(erasure.what, at, erasure.pending)
        removal, _ = await self._db.write(lambda log: apply_erasure(log, erasure, receipt))
        await self.clean()
        return removal

    async def owners(self, id: str, project_id: str) -> list[Scope]:
        scopes = []
        for row in await self._rows("tenants_with", id=id):
            pseudonym, name = row["tenant"].rpartition(":")[2], row["user_name"]
            scopes.append(tenant_scope(row["tenant"], {} if name is None else {pseudonym: name}))
        return [scope for scope in scopes if scope.project_id == project_id]

    async def stored_before(self, scope: Scope, before: datetime) -> list[str]:
        found = await self._rows("stored_before", **scope_values(scope), before=stamp(before))
        return [row["id"] for row in found]

    async def stored_until(self, moment: datetime, after: int, limit: int) -> list[StoredEpisode]:
        found = await self._rows("stored_until", before=stamp(moment), after=after, limit=limit)
        read = [(dict(row), unstamp(row["recorded_at"]), json.loads(row["tags"])) for row in found]
        return [
            StoredEpisode(**{**row, "recorded_at": at, "tags": tuple(tags)})
            for row, at, tags in read
        ]

    async def names_of_users(self, pseudonyms: Collection[str]) -> Mapping[str, str]:
        found = await self._rows("names_of_users", ids=sorted(pseudonyms))
        return {row["pseudonym"]: row["name"] for row in found}

    async def forget(self, forgetting: Forgetting, *, dry_run: bool = False) -> ErasureReceipt:
        receipt = self._receipt(forgetting.what, forgetting.at, forgetting.pending)
        if dry_run:
            rows = await self._db.read(lambda: count_tenants(forgetting))
            return replace(receipt, id="", rows=rows, pending={}, finished_at=None)
        try:
            receipt, _ = await self._db.write(
                lambda log: apply_forgetting(log, forgetting, receipt)
            )
        finally:
            self._grants_changed += 1
        await self.clean()
        (receipt,) = await self.erasures(id=receipt.id)
        return receipt

    def _receipt(self, what: Erased, at: datetime, pending: Mapping[str, str]) -> ErasureReceipt:
        """The receipt of an erasure that is about to be done."""
        if self._db.keeps_erased:
            pending = {**pending, LEDGER: _KEPT}
        done_at = None if pending else at
        return ErasureReceipt(
            self._clock.new_id(), at, what, {}, pending=pending, finished_at=done_at
        )

    async def erased_found(self) -> list[str]:
        of = {hash: receipt for receipt in await self.erasures() for hash in receipt.hashes}
        every = await self._rows("every_id") if of else ()
        return [
            f"the ledger holds the {row['kind']} {row['id']}, which erasure {receipt.id} took"
            for row in every
            if (receipt := of.get(erased_hash(row["kind"], row["id"]))) is not None
        ]

    async def users(self, name: str, project_id: str | None = None) -> list[NamedUser]:
        found = await self._rows("users", name=name, project_id=project_id)
        return [NamedUser(row["pseudonym"], row["name"], row["project_id"]) for row in found]

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
            await self._db.write(lambda _: erasure_receipts.with_reason(LEDGER, kept))
        return why is None

    async def erasures(
        self, tenant: str | None = None, *, id: str | None = None, pending: bool = False
    ) -> list[ErasureReceipt]:
        if pending:
            found = await self._rows("erasures_pending")
        elif id is not None:
            found = await self._rows("erasure", id=id)
        elif tenant is not None:
            whose = {"first_tenant": tenant, "last_tenant": tenant}
            found = await self._rows("erasures_of_tenants", **whose)
        else:
            found = await self._rows("erasures")
        return erasure_receipts.receipts_of(found)

    async def erasures_done(self, ids: Sequence[str], part: str) -> None:
        if ids:
            now = self._clock.now()
            await self._db.write(lambda _: erasure_receipts.without_part(ids, part, now))
