"""The methods that look after the stores: counts, health, verification, rebuilding; backups,
exports and imports; closing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Unpack

from graphmem.budget.governor import spend_of, tenant_digest
from graphmem.clock import stamp
from graphmem.engine.checks import checked_flag, checked_parts, checked_place, checked_progress
from graphmem.engine.erasing import Erasing
from graphmem.errors import Damaged, GraphmemError, LedgerLost, Rejected, UsageError
from graphmem.model import (
    Backup,
    Episode,
    Exported,
    Health,
    Imported,
    Receipt,
    Scope,
    SetAside,
    Stats,
    Verification,
)
from graphmem.portability.backup import make_backup
from graphmem.portability.export import write_export
from graphmem.portability.imports import read_import
from graphmem.ports.api.arguments import ScopeArgs
from graphmem.ports.ledger import LedgerCheck
from graphmem.ports.ledger.values import kept_numbers
from graphmem.ports.part import Part
from graphmem.ports.vectors import Only, VectorQuery
from graphmem.projection.catch_up import Projection
from graphmem.projection.fill import Filled, Report
from graphmem.projection.verify import (
    TOO_MANY_TO_MEND,
    Mismatches,
    changed_since,
    compare_stores,
    repair_differences,
)

_VERIFIED = "verified_parts"
"""The setting of a ledger that says up to which event, and which part of how many is next."""
_NOBODY = Scope("health-check", None, "nobody")


@dataclass(slots=True)
class Compared:
    """The differences between the ledger and the graph and vectors; ``unreadable`` says which of
    them could not be read, and why."""

    graph: Mismatches = field(default_factory=Mismatches)
    vectors: Mismatches = field(default_factory=Mismatches)
    unreadable: dict[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return not (self.unreadable or self.graph.found or self.vectors.found)

    def checked(self) -> dict[str, int]:
        return {**self.graph.checked, **self.vectors.checked}

    def described(self) -> list[str]:
        unreadable = [f"{name}: {why}" for name, why in self.unreadable.items()]
        return [*unreadable, *self.graph.described(), *self.vectors.described()]


class MaintenanceCalls(Erasing):
    """Looking after the stores: counts, health, verification, copies, closing."""

    async def stats(self, **scope: Unpack[ScopeArgs]) -> Stats:
        self._check_open()
        everybodys = self._current.of_project(scope)
        if everybodys:
            self._current.note_wide("everybody's counts")
        where = None if everybodys else await self._scope(scope)
        one_project = everybodys and self._current.any_given(scope)
        project = self._current.project(scope) if one_project else None
        found = await self._parts.ledger.stats(where, project)
        if where is not None and (where.narrow_agent_id or where.run_id):
            return found
        charges = await self._parts.ledger.charges(tenant_digest(where.tenant) if where else None)
        if project is not None:
            of = {tenant_digest(one) for one in await self._parts.ledger.tenants_of(project)}
            charges = [c for digest in sorted(of) for c in await self._parts.ledger.charges(digest)]
        # What was booked for a call that never came to be is given back, and leaves an empty line.
        spent = [c for c in charges if c.calls or c.tokens_in or c.tokens_out or c.micros]
        return replace(found, spend=tuple(map(spend_of, spent)))

    async def get_user_stats(self, **scope: Unpack[ScopeArgs]) -> Stats:
        if scope.get("user_id") is None and self._defaults.get("user_id") is None:
            raise UsageError("get_user_stats needs a user_id, here or on opening")
        return await self.stats(**scope)

    async def health(self, *, deep: bool = False) -> Health:
        self._check_writable()
        checked_flag(deep, "deep")
        head = await self._parts.ledger.head()
        lag = {p.name: head - p.applied_seq for p in (self._graph, self._vectors)}
        parts = {"ledger": "ok"}
        for projection in (self._graph, self._vectors):
            try:
                await projection.catch_up()
                parts[projection.name] = "ok"
            except GraphmemError as error:
                parts[projection.name] = str(error)
        settings = self._parts.settings
        parts["extraction"] = self._parts.extractor.name
        parts["embedder"] = self._parts.embedder.name
        if self._parts.reranker is not None:
            parts["reranker"] = self._parts.reranker.name
        if unfinished := await self._parts.ledger.erasures(pending=True):
            parts["erasures"] = f"{len(unfinished):,} pending, the first: {unfinished[0]}"
        if deep:
            parts |= await self._asked(parts)
        pending, since = await self._parts.ledger.pending_state()
        parts["queue"] = _queue_state(len(self._queue), self._queue.unfinished())
        why = await self._parts.ledger.pending_reason() if pending else None
        late = since is not None and (
            (self._parts.clock.now() - since).total_seconds() > settings.pending_alarm_s
        )
        waits = f", since {stamp(since)}" if late and since else ""
        parts["pending"] = f"{pending}{waits}" if why is None else f"{pending}{waits}: {why}"
        aside = await self._set_aside()
        ok = all(parts[p.name] == "ok" for p in (self._graph, self._vectors))
        ok = ok and not late and not self._failing_since
        ok = ok and why is None and not aside and max(lag.values()) <= 2 * settings.max_lag
        return Health(ok=ok, parts=parts, lag=lag, set_aside=aside)

    async def _asked(self, parts: Mapping[str, str]) -> dict[str, str]:
        """Ask each part something small. The result adds to ``parts`` what is failing, and since
        when."""
        store, moment = self._parts, self._parts.clock.now()
        episode = Episode("", _NOBODY, "Hello.", "text", "", moment, moment)
        query = VectorQuery("facts", Only(_NOBODY.tenant), 1, text="hello")
        asks: dict[str, Callable[[], Awaitable[object]]] = {
            "ledger": lambda: store.ledger.setting("store_id"),
            "graph": lambda: store.graph.expand(_NOBODY.tenant, ["nobody"], limit=1),
            "vectors": lambda: store.vectors.search([query]),
            "embedder": lambda: store.embedder.embed(["hello"], "query"),
            "extraction": lambda: store.extractor.extract(episode, ()),
        }
        if (reranker := store.reranker) is not None:
            tenant = _NOBODY.tenant
            asks["reranker"] = lambda: reranker.scores("hello", ["Hello."], tenant=tenant)
        found = {}
        for name, ask in asks.items():
            try:
                await ask()
            except Exception as error:  # noqa: BLE001 - what a part raises is what is asked for
                since = self._failing_since.setdefault(name, moment)
                found[name] = f"{parts[name]}: failing since {stamp(since)}: {error}"
            else:
                self._failing_since.pop(name, None)
        return found

    async def verify(self, *, repair: bool = False, part_of: int | None = None) -> Verification:
        self._check_writable()
        checked_flag(repair, "repair")
        parts = checked_parts(part_of)
        head = await self._parts.ledger.head()
        part = None if parts is None else await self._next_part(parts)
        checking = asyncio.create_task(self._parts.ledger.check(part))
        try:
            found = first = await self._compared(checking, part)
            ledger = await checking
        finally:
            checking.cancel()
        # What is not whole itself is no measure of anything else.
        for recreate in (False, False, True) if repair and not ledger.differences else ():
            if found.ok:
                break
            await self._mend(found, recreate=recreate)
            found = await self._compared(checking, part)
        again = await self._erased_found(ledger)
        differences = (*ledger.differences, *found.described(), *again)
        repaired = (
            tuple(one for one in first.described() if one not in differences) if repair else ()
        )
        aside = await self._set_aside()
        checked = {**ledger.checked, **found.checked()}
        if parts is not None and not differences:
            following = Part(0 if part is None else (part.number + 1) % parts, parts)
            kept = f"{head} {following.number} {following.of}"
            await self._parts.ledger.remember_setting(_VERIFIED, kept)
        return Verification(
            not (differences or aside),
            checked,
            differences,
            aside,
            repaired,
            None if part is None else (part.number + 1, part.of),
        )

    async def _next_part(self, of: int) -> Part | None:
        """The part to verify next, with the ids that have changed since the last verification. None
        means everything: nothing has been verified in parts before, or the ledger's note is
        unreadable."""
        kept = await self._parts.ledger.setting(_VERIFIED)
        numbers = kept_numbers(kept, 3)
        if numbers is None or not numbers[1] < numbers[2]:
            return None
        seq, number, last_of = numbers
        changed = await changed_since(self._parts.ledger, seq)
        return Part(number if of == last_of else 0, of, changed)

    async def _erased_found(self, ledger: LedgerCheck) -> Sequence[str]:
        try:
            return await self._parts.ledger.erased_found()
        except Damaged:
            if not ledger.differences:
                raise
            return ()  # the ledger's own check has told why

    async def _set_aside(self) -> tuple[SetAside, ...]:
        return (*await self._graph.set_aside(), *await self._vectors.set_aside())

    async def _compared(self, checking: asyncio.Task[LedgerCheck], part: Part | None) -> Compared:
        """Compare graph and vectors with the ledger while the ledger itself is being checked. A
        store that cannot be read is reported as unreadable."""
        found = Compared()
        stores = [self._graph, self._vectors]
        for projection in tuple(stores):
            try:
                await projection.catch_up()
            except Rejected as error:
                stores.remove(projection)
                found.unreadable[projection.name] = str(error)
        try:
            await self._compare(found, stores, part)
        except Rejected as error:
            if (await checking).differences:
                found.unreadable["graph and vectors"] = f"not compared: {error}"
                return found
            for projection in stores:
                try:
                    await self._compare(found, [projection], part)
                except Rejected as one:
                    found.unreadable[projection.name] = str(one)
        return found

    async def _compare(
        self, found: Compared, stores: Sequence[Projection], part: Part | None
    ) -> None:
        parts = self._parts
        found.graph, found.vectors = await compare_stores(
            parts.ledger,
            parts.graph if self._graph in stores else None,
            parts.vectors if self._vectors in stores else None,
            self._current.embedder,
            frozenset(one.id for one in await self._set_aside()),
            since=min((one.applied_seq for one in stores), default=0),
            part=part,
        )

    async def _mend(self, found: Compared, *, recreate: bool) -> None:
        """Repair the differences. A store that cannot be read, or that has too many differences, is
        rebuilt."""
        for projection, differences in (
            (self._graph, found.graph),
            (self._vectors, found.vectors),
        ):
            if isinstance(projection.damage, LedgerLost):
                continue  # who knows more than the ledger is kept until somebody decides
            many = len(differences.found) > TOO_MANY_TO_MEND and self._rebuilder.beside(projection)
            if projection.name in found.unreadable or (differences.found and (recreate or many)):
                await self._renew(projection)
            elif differences.found:
                await repair_differences(self._parts.ledger, projection, differences)

    async def rebuild(self, *, progress: Callable[[int, int], None] | None = None) -> Verification:
        self._check_writable()
        checked_progress(progress, 2)
        head = await self._parts.ledger.head()
        both = 2 * head

        def reporter(already: int) -> Callable[[int], None] | None:
            return None if progress is None else lambda done: progress(already + done, both)

        filled = [
            await self._rebuilt(self._graph, reporter(0)),
            await self._rebuilt(self._vectors, reporter(head)),
        ]
        await self._end_load()
        await self._finish_erasures()
        if None in filled:
            return await self.verify(repair=True)
        ledger = await self._parts.ledger.check()
        checked, differences = dict(ledger.checked), [*ledger.differences]
        for one in filter(None, filled):  # compared where they were filled
            checked |= one.checked
            differences += one.differences
        differences += await self._erased_found(ledger)
        aside = await self._set_aside()
        return Verification(not (differences or aside), checked, tuple(differences), aside)

    async def _rebuilt(self, projection: Projection, report: Report | None) -> Filled | None:
        """Rebuild one store beside the one that serves, and compare it with the ledger. None when
        the store cannot be built beside itself (a server): it is then repaired in place while it
        serves, unless it is damaged or lacks what was set aside, which needs a fresh start."""
        whole = projection.damage is None and not await projection.set_aside()
        if whole and not self._rebuilder.beside(projection):
            return None
        return await self._renew(projection, report, compare=True)

    # Taking what is stored out, and in

    async def backup(
        self, folder: str | Path, *, progress: Callable[[str, int, int], None] | None = None
    ) -> Backup:
        self._check_open()
        checked_progress(progress, 3)
        place = checked_place(folder, "folder")
        parts = self._parts
        async with parts.ledger.snapshot() as moment:
            return await make_backup(moment, place, parts.ledger_file, parts.clock.now(), progress)

    async def export(
        self,
        file: str | Path,
        *,
        all_scopes: bool = False,
        progress: Callable[[str, int, int], None] | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> Exported:
        self._check_open()
        checked_progress(progress, 3)
        place, parts = checked_place(file, "file"), self._parts
        where = await self._whole_tenant(scope, all_scopes=all_scopes)
        async with parts.ledger.snapshot() as moment:
            return await write_export(moment, place, where, parts.clock.now(), progress)

    async def import_(
        self,
        file: str | Path,
        *,
        all_scopes: bool = False,
        progress: Callable[[str, int, int], None] | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> Imported:
        self._check_open()
        checked_progress(progress, 3)
        place = checked_place(file, "file")
        where = await self._whole_tenant(scope, all_scopes=all_scopes)
        found = await read_import(self._parts.ledger, place, where, progress)
        self._current.forget_users()
        await self._keep_lag_bounded()
        return found

    # The end

    async def close(self) -> None:
        if self._current.closed:
            return
        loop = self._current.loop
        loop_ended = loop is not None and loop.is_closed()
        if not loop_ended:
            self._check_open()  # elsewhere its tasks go on
        self._current.closed = True
        try:
            if not loop_ended:
                await self._uses.close()
                await self._queue.close()
                if self._titles is not None:
                    await self._titles.close()
            ends = (self._indexing, self._cleaning, self._retaining, self._resuming)
            for passing in ends:
                if passing:
                    passing.cancel()
            tasks = (self._background, *ends)
            # Those of a loop that has ended have ended with it.
            running = [task for task in tasks if task and not task.done()]
            # What the background could not do, the next opening does.
            await asyncio.gather(*running, return_exceptions=True)
            if not loop_ended:
                await self._finish_on_closing()
                await self._rebuilder.close()
        finally:
            await self._close_parts(loop_ended=loop_ended)


def _queue_state(waiting: int, unfinished: Sequence[Receipt]) -> str:
    """The queue of background adds in words, with the reason of the last one that failed."""
    if not unfinished:
        return f"{waiting:,} waiting"
    last = unfinished[-1].reason
    return f"{waiting:,} waiting, {len(unfinished):,} left unfinished: {last}"
