"""A ledger in any SQL database.

What to do is written as steps (:mod:`graphmem.adapters.ledger.sql.steps`); a :class:`Database` runs
them.
"""

from __future__ import annotations

import contextlib
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Literal, TypeVar

import numpy as np

from graphmem.adapters.ledger.sql import adopt, commit, rows, spend, statements, tables
from graphmem.adapters.ledger.sql.database import Database
from graphmem.adapters.ledger.sql.journal import journal
from graphmem.adapters.ledger.sql.ledger_access import AccessLedger
from graphmem.adapters.ledger.sql.ledger_erasures import ErasingLedger
from graphmem.adapters.ledger.sql.ledger_listings import ListingLedger
from graphmem.adapters.ledger.sql.ledger_reads import ReadingLedger, fetch_for_scope
from graphmem.adapters.ledger.sql.ledger_rules import RulesLedger
from graphmem.adapters.ledger.sql.steps import (
    EventLog,
    Fetch,
    ResultRows,
    Steps,
    execute,
    fetch,
)
from graphmem.clock import Clock, SystemClock, stamp, stamp_or_none
from graphmem.errors import Damaged
from graphmem.model import (
    Change,
    Episode,
    Merge,
    Scope,
    Stats,
)
from graphmem.off_loop import off_loop
from graphmem.ports.ledger import (
    RESUBMITTED,
    Ceiling,
    Charge,
    Commit,
    DocumentPart,
    Event,
    LedgerCheck,
    LedgerRows,
    LoadedStatements,
    ManualChange,
    ReferredKind,
    Row,
    StatementQuery,
)
from graphmem.ports.llm import Extraction
from graphmem.ports.part import Part
from graphmem.ports.vectors import Vector

_T = TypeVar("_T")
_FEW = 60
"""Up to so many rows are parsed on the event loop; more in a thread."""
_SHOWN = 5
_CHECKS = {
    "changed_facts": "facts that are not what their last event says",
    "lost_facts": "facts missing that events say are believed",
    "changed_entities": "entities that are not what their last event says",
    "lost_turns": "episodes whose turns are not all there",
    "stray_turns": "turns without their episode",
    "stray_mentions": "mentions of what is not there",
    "stray_sources": "sources of facts that are not there",
}
"""Checks that the rows are what was believed last: statements that find wrong rows, and what those
rows are."""
_ProjectedKind = Literal["episode", "turn", "session", "entity", "fact", "mention"]


class SqlLedger(ReadingLedger, ErasingLedger, ListingLedger, RulesLedger, AccessLedger):
    """:class:`~graphmem.ports.ledger.Ledger` on a :class:`Database`."""

    def __init__(self, db: Database, clock: Clock | None = None) -> None:
        self._db = db
        self._clock = clock or SystemClock()

    @property
    def shared(self) -> bool:
        return self._db.shared

    def named_lock(self, name: str) -> AbstractAsyncContextManager[Callable[[], Awaitable[None]]]:
        return self._db.named_lock(name)

    async def open(self) -> None:
        await self._db.open()

    async def close(self) -> None:
        await self._db.close()

    async def setting(self, name: str) -> str | None:
        found = await self._rows("setting", name=name)
        return found[0]["value"] if found else None

    async def remember_setting(self, name: str, value: str, *, once: bool = False) -> str:
        def work(_: EventLog) -> Steps[str]:
            yield from execute(
                "set_setting_once" if once else "set_setting", {"name": name, "value": value}
            )
            found = yield from fetch("setting", name=name)
            return str(found[0]["value"])

        return (await self._db.write(work))[0]

    # Writes

    async def journal(
        self, episodes: Sequence[Episode], window_s: float, *, commits: Sequence[Commit] = ()
    ) -> list[Episode]:
        if not episodes:
            return []
        at = [commit.at or self._clock.now() for commit in commits]
        stored, _ = await self._db.write(
            lambda log: journal(log, episodes, window_s, list(zip(commits, at, strict=True)))
        )
        return stored

    async def commit(
        self, commits: Sequence[Commit], *, since: Mapping[str, int] | None = None
    ) -> int:
        at = [commit.at or self._clock.now() for commit in commits]
        _, head = await self._db.write(lambda log: commit.commit(log, commits, since or {}, at))
        return head

    async def keep_extraction(self, episode_id: str, extraction: Extraction) -> None:
        before: list[ResultRows] = []

        def work(_: EventLog) -> Steps[None]:
            before.append((yield from fetch("extraction", episode_id=episode_id)))
            yield from commit.keep_extraction(episode_id, extraction)

        def was_committed() -> Steps[bool]:
            return (yield from fetch("extraction", episode_id=episode_id)) != before[-1]

        await self._db.write(work, was_committed)

    async def postpone(self, episode_id: str, reason: str, *, failed: bool = False) -> None:
        await self._db.write(lambda _: commit.postpone(episode_id, reason, failed=failed))

    # Reads

    async def statements(self, query: StatementQuery) -> LoadedStatements:
        return await self._db.read(lambda: statements.load_statements(query))

    async def merges(self, tenant: str, entity_id: str) -> list[Merge]:
        found = await self._rows("merges_of", tenant=tenant, id=entity_id)
        return [rows.to_merge(row) for row in found]

    async def manual_change(self, tenant: str, seq: int) -> tuple[Change, ManualChange] | None:
        found = await self._db.read(lambda: statements.manual_change(tenant, seq))
        if found is None:
            return None
        event, before, hand = found
        return rows.to_change(event, rows.to_fact_or_none(event, before)), hand

    async def history(self, tenant: str, fact_id: str) -> list[Change]:
        return rows.to_changes(await self._rows("history", tenant=tenant, id=fact_id))

    async def extraction(self, episode_id: str) -> Extraction | None:
        found = await self._rows("extraction", episode_id=episode_id)
        return Extraction(entities=(), facts=(), **dict(found[0])) if found else None

    async def stats(self, scope: Scope | None = None, project_id: str | None = None) -> Stats:
        (found,) = await self._db.fetch(fetch_for_scope("stats", scope, project_id))
        return Stats(**dict(found[0]))

    async def pending_reason(self) -> str | None:
        found = await self._rows("pending_reason", resubmitted=RESUBMITTED)
        return found[0]["reason"] if found else None

    async def known_keys(self, scope: Scope, keys: Collection[str]) -> set[str]:
        if not keys:
            return set()
        found = await self._rows("known_keys", scope_key=rows.scope_key(scope), keys=list(keys))
        return {row["key"] for row in found}

    async def document_parts(self, scope: Scope, document: str | None = None) -> list[DocumentPart]:
        scope_key = rows.scope_key(scope)
        if document is None:
            found = await self._rows("parts_of_documents", scope_key=scope_key)
        else:
            found = await self._rows("document_parts", scope_key=scope_key, document=document)
        return [DocumentPart(row["document"], row["id"], row["key"]) for row in found]

    # The log

    async def head(self) -> int:
        return await self._db.head()

    async def events(
        self, after: int, limit: int, *, tenant: str | None = None, until: datetime | None = None
    ) -> list[Event]:
        if tenant is None or until is None:
            found = await self._rows("events", after=after, limit=limit)
        else:
            found = await self._rows(
                "events_of_tenant", after=after, limit=limit, tenant=tenant, until=stamp(until)
            )
        if len(found) <= _FEW:
            return [rows.to_event(row) for row in found]
        return await off_loop(lambda: [rows.to_event(row) for row in found])

    async def erased(self, tenant: str, after: int) -> bool:
        return bool(await self._rows("erased", tenant=tenant, after=after))

    def recent_events(self, after: int, limit: int) -> list[Event]:
        return self._db.recent_events(after, limit)

    async def silenced(self, turn_ids: Sequence[str], known_at: datetime | None = None) -> set[str]:
        values = {"ids": list(turn_ids), "known_at": stamp_or_none(known_at)}
        return {row["id"] for row in await self._rows("silenced_at", **values)}

    async def existing(self, ids: Mapping[ReferredKind, Sequence[str]]) -> set[str]:
        asked = [
            Fetch(f"existing_{kind}", {"ids": list(some)}) for kind, some in ids.items() if some
        ]
        found = await self._db.fetch(*asked) if asked else []
        return {row["id"] for answer in found for row in answer}

    async def present(self, kind: _ProjectedKind) -> set[str]:
        return {row["id"] for row in await self._rows(f"present_{kind}")}

    async def present_state(
        self, kind: Literal["episode", "entity", "fact", "mention"], ids: Sequence[str]
    ) -> list[Event]:
        if not ids:
            return []
        if kind == "episode":
            there = await self.existing({"episode": ids})
            found = await self.episodes_by_id([id for id in ids if id in there])
            return [rows.present_event(kind, one.id, one.scope.tenant, value=one) for one in found]
        return rows.present_events(kind, await self._rows(f"state_{kind}", ids=list(ids)))

    async def check(self, part: Part | None = None) -> LedgerCheck:
        by_itself = await self._db.check(part)
        if part is not None:
            return by_itself
        rows_right = await self._check_rows()
        return LedgerCheck(
            {**by_itself.checked, **rows_right.checked},
            (*by_itself.differences, *rows_right.differences),
        )

    async def _check_rows(self) -> LedgerCheck:
        """Check the rows against the events that made them. If one check fails to read, the others
        go on."""
        checked: dict[str, int] = {}
        differences: list[str] = []
        for name, what in _CHECKS.items():
            try:
                found = await self._rows(name)
            except Damaged as error:
                differences.append(f"ledger: {what} cannot be looked for: {error}")
                continue
            if found:
                ids = ", ".join(str(row["id"]) for row in found[:_SHOWN])
                more = ", …" if len(found) > _SHOWN else ""
                differences.append(f"ledger: {len(found):,} {what}: {ids}{more}")
        try:
            (count,) = await self._rows("count_rows")
            checked = {f"ledger {name}": count[name] for name in ("episodes", "events", "facts")}
        except Damaged as error:
            differences.append(f"ledger: rows cannot be counted: {error}")
        return LedgerCheck(checked, tuple(differences))

    # The embedding cache

    async def cached(self, model: str, digests: Sequence[str]) -> dict[str, Vector]:
        found = await self._rows("cached", model=model, digests=list(digests))
        return {row["digest"]: np.frombuffer(row["vector"], dtype=np.float32) for row in found}

    async def cache(self, model: str, vectors: Mapping[str, Vector]) -> None:
        new = [
            {"model": model, "digest": digest, "vector": vector.astype(np.float32).tobytes()}
            for digest, vector in vectors.items()
        ]
        if new:
            await self._db.write(lambda _: execute("cache", *new))

    # What models cost

    async def charge(self, charge: Charge, ceilings: Sequence[Ceiling] = ()) -> Ceiling | None:
        return (await self._db.write(lambda _: spend.charge(charge, ceilings)))[0]

    async def charges(self, tenant: str | None = None) -> list[Charge]:
        return [Charge(**dict(row)) for row in await self._rows("spend", tenant=tenant)]

    # Copying

    @property
    def tables(self) -> tuple[str, ...]:
        return tuple(tables.TABLES)

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[LedgerRows]:
        async with self._db.snapshot() as moment:
            yield SqlLedger(moment, self._clock)

    async def rows(self, table: str, after: str | None, limit: int) -> tuple[list[Row], str | None]:
        named = tables.table_named(table)
        if after is None:
            found = await self._rows(f"first_{table}", limit=limit)
        else:
            place = tables.key_after(named, after)
            found = await self._rows(f"next_{table}", **place, limit=limit)
        return tables.row_page(named, found, limit)

    async def load(self, table: str, rows: Sequence[Row], after: str | None) -> None:
        named = tables.table_named(table)
        await self._db.write(lambda log: tables.load_rows(log, named, rows, after))

    def row_of(self, table: str, values: Mapping[str, Any]) -> Row:
        return adopt.row_of(table, values)

    async def adopt(
        self, tenants: Sequence[str], batches: Callable[[], Iterable[tuple[str, Sequence[Row]]]]
    ) -> None:
        await self._db.write(lambda log: adopt.adopt(log, tenants, batches))

    async def loaded(self, table: str) -> str | None:
        found = await self._rows("loaded", name=tables.table_named(table).name)
        return found[0]["after"] if found else None
