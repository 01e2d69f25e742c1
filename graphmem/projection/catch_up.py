"""Keeps a store in step with the ledger: missing events are applied in batches; it can start over.

What cannot be projected (a value that no store takes, from an older version or past all checks) is
set aside: it would fail each time and so stop every read of everybody. It is distinguished from a
store that is down by trial: everything else is applied, a batch of harmless things is too, and the
event fails a second time by itself. The list is kept in the ledger; a rebuild starts without it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence, Set
from datetime import UTC, datetime
from functools import partial
from typing import Protocol, TypeAlias

from graphmem.errors import BackendError, BudgetExceeded, Damaged, GraphmemError, Rejected
from graphmem.model import Entity, Episode, Fact, Scope, SetAside, Source, Turn
from graphmem.model.scope import is_forgotten
from graphmem.off_loop import long_work, off_loop, run_off_loop, to_its_end
from graphmem.ports.graph import Checkpoint
from graphmem.ports.ledger import Event, Ledger
from graphmem.ports.ledger.off_loop import ReadsOffLoop
from graphmem.projection.apply import MUCH, ApplyBatch, ProjectionBatch, batch_of

_log = logging.getLogger(__name__)

_AT = datetime(2000, 1, 1, tzinfo=UTC)
_SCOPE = Scope(project_id="graphmem", agent_id="harmless")
_EPISODE, _TURN, _FACT, _ENTITY = (f"00000000-0000-7000-8000-00000000000{n}" for n in range(1, 5))


SetAsideRow: TypeAlias = tuple[int, str, str, str]
"""The event's seq, the kind and the id of what it is about, and the reason."""


class Notes(Protocol):
    """Where a projection stores the list of what it has set aside."""

    async def setting(self, name: str) -> str | None: ...

    async def remember_setting(self, name: str, value: str, *, once: bool = False) -> str: ...


class SetAsideList:
    """What one projection has set aside, as stored in its notes (by default in the ledger)."""

    def __init__(self, projection: str, notes: Notes) -> None:
        self._projection = projection
        self._notes = notes
        self._known: dict[tuple[str, str], SetAside] | None = None

    async def read(self) -> tuple[SetAside, ...]:
        """Read the whole list, in order of the events, from the notes: another process may have
        added to it."""
        text = await self._notes.setting(self._name)
        try:
            found = json.loads(text or "[]")
            rows = [(int(seq), str(kind), str(id), str(why)) for seq, kind, id, why in found]
        except (RecursionError, TypeError, ValueError):
            # Nothing is lost by it: verify finds what is missing, and repair tries it again.
            _log.warning("the list of what %s set aside is damaged", self._projection)
            rows = []
        self._known = {(row[1], row[2]): SetAside(self._projection, *row) for row in rows}
        return tuple(self._known.values())

    async def note(self, applied: Sequence[Event], failed: Iterable[SetAside] = ()) -> None:
        """Record the outcome of these events. A thing whose last event failed is set aside; any
        other that they are about no longer is, as a later event of it was applied. Costs nothing
        while nothing was ever set aside."""
        last: dict[tuple[str, str], int] = {(one.kind, one.id): one.seq for one in applied}
        new = {
            (one.kind, one.id): one
            for one in failed
            if last.get((one.kind, one.id), one.seq) == one.seq
        }
        if self._known is None or new:
            await self.read()
        known = self._known or {}
        touched: set[tuple[str, str]] = {(event.kind, event.id) for event in applied}
        erased = (e for e in applied if e.kind == "episode" and e.action == "ERASE")
        touched.update(("mention", event.id) for event in erased)
        if new or not touched.isdisjoint(known):
            left = {thing: one for thing, one in known.items() if thing not in touched}
            await self._write({**left, **new})

    async def clear(self) -> None:
        """Empty the list: everything is tried again."""
        if await self.read():
            await self._write({})

    @property
    def _name(self) -> str:
        return f"set_aside {self._projection}"

    async def _write(self, known: dict[tuple[str, str], SetAside]) -> None:
        await self.replace([(one.seq, one.kind, one.id, one.why) for one in known.values()])

    async def replace(self, rows: Iterable[SetAsideRow]) -> None:
        """Store these rows as the whole list."""
        await self._notes.remember_setting(self._name, json.dumps(sorted(rows)))
        await self.read()


def may_be_the_value(error: Exception) -> bool:
    """Whether the error may be due to the value that was written, and not to the store or the
    model."""
    if isinstance(error, OSError | MemoryError | BudgetExceeded):
        return False
    if isinstance(error, BackendError):
        return isinstance(error, Rejected)
    return not (isinstance(error, GraphmemError) and error.retryable)


def set_aside(projection: str, event: Event, error: Exception) -> SetAside:
    """The entry for an event that failed. Of the errors only their types are kept: messages may
    quote the value."""
    kinds = [type(error).__name__]
    while (cause := error.__cause__) is not None and isinstance(cause, Exception):
        error = cause
        kinds.append(type(error).__name__)
    why = " from ".join(dict.fromkeys(kinds))
    return SetAside(projection, event.seq, event.kind, event.id, why)


def harmless() -> tuple[ProjectionBatch, ProjectionBatch]:
    """A batch with one of everything, in a tenant of its own, and the batch that removes it."""
    # A new text each time, so that the embedder is called and not its cache.
    turn = Turn(_TURN, _EPISODE, 0, f"All is well, {uuid.uuid4().hex}.", occurred_at=_AT)
    episode = Episode(_EPISODE, _SCOPE, turn.text, "text", "", _AT, _AT, turns=(turn,))
    entity = Entity(_ENTITY, _SCOPE.tenant, "All", "thing", recorded_at=_AT)
    fact = Fact(
        id=_FACT,
        scope=_SCOPE,
        text=turn.text,
        recorded_at=_AT,
        stated_at=_AT,
        sources=(Source(_EPISODE, _TURN),),
        entity_ids=(_ENTITY,),
    )
    there = ProjectionBatch(
        (episode,), (entity,), (fact,), ((_EPISODE, _ENTITY),), with_turns=(episode,)
    )
    gone = ProjectionBatch(
        removed_episodes=(_EPISODE,),
        removed_turns=(_TURN,),
        removed_entities=(_ENTITY,),
        removed_facts=(_FACT,),
    )
    return there, gone


BATCH_EVENTS = 5000
_PATIENCE_S = 10.0  # how long a cancelled call waits for a store that is being cleared


class Projection:
    """Keeps one store in step with the ledger.

    Where several processes share a ledger, one of them projects at a time, and each reads how far
    the others have come before it continues.
    """

    def __init__(
        self,
        name: str,
        ledger: Ledger,
        target: ApplyBatch,
        changed: Callable[[Set[str] | None], None] | None = None,
        notes: Notes | None = None,
    ) -> None:
        """``changed`` is called with the tenants whose part of the store has changed; None: any.
        ``notes`` stores what is set aside; by default the ledger does."""
        self.name = name
        self._changed = changed or (lambda _: None)
        self.applied_seq = 0
        self._ledger = ledger
        self._target = target
        self._reread: Callable[[], Awaitable[Checkpoint]] | None = None
        self._unsure = False
        """Whether the store has failed: it may be closed, or lack what was written to it."""
        self._empty_first: Callable[[], Awaitable[None]] | None = None
        """How to clear the store, if starting over was begun and has not succeeded yet."""
        self.damage: Damaged | None = None
        self._lock = asyncio.Lock()
        self._aside = SetAsideList(name, notes or ledger)

    def begin(
        self, checkpoint: Checkpoint | Damaged, reread: Callable[[], Awaitable[Checkpoint]]
    ) -> None:
        """Continue from ``checkpoint``; ``reread`` reads it from the store again. With a damaged
        store :meth:`catch_up` raises that damage, until the store is made anew."""
        self.damage = checkpoint if isinstance(checkpoint, Damaged) else None
        self.applied_seq = -1 if isinstance(checkpoint, Damaged) else checkpoint.applied_seq
        self._reread = reread

    async def catch_up(self, progress: Callable[[int], None] | None = None) -> None:
        """Apply every event up to the ledger's head; cheap if there is none. Events that fail by
        themselves are set aside (see :mod:`graphmem.projection.catch_up`)."""
        if self.applied_seq >= await self._ledger.head():
            return
        if self.damage is not None:
            raise type(self.damage)(str(self.damage)) from self.damage
        if self._empty_first is not None:
            await self.start_over(self._empty_first)
        async with self._alone() as still_alone:
            if self._reread is not None and (self._unsure or self._ledger.shared):
                self.applied_seq = (await self._reread()).applied_seq
                await self._aside.read()
                # Others may have written to the store, or rebuilt it, which need not change the
                # checkpoint.
                self._changed(None)
            self._unsure = True
            await self._go_on(still_alone, progress)
            self._unsure = False

    async def _go_on(
        self, still_alone: Callable[[], Awaitable[None]], progress: Callable[[int], None] | None
    ) -> None:
        if not self.applied_seq:
            await self._aside.clear()
        while (head := await self._ledger.head()) > self.applied_seq:
            recent = partial(self._ledger.recent_events, self.applied_seq, BATCH_EVENTS)
            events = await off_loop(recent) if head - self.applied_seq > MUCH else recent()
            events = events or await self._ledger.events(self.applied_seq, BATCH_EVENTS)
            with long_work() if len(events) > MUCH else contextlib.nullcontext():
                await self._take(events, still_alone)
            self.applied_seq = events[-1].seq
            self._changed(_tenants(events))
            if progress is not None:
                progress(self.applied_seq)

    async def _batch(self, events: Sequence[Event]) -> ProjectionBatch:
        if len(events) <= MUCH:
            return await batch_of(events, self._ledger)
        return await run_off_loop(partial(batch_of, events, ReadsOffLoop(self._ledger)))

    async def _take(
        self, events: Sequence[Event], still_alone: Callable[[], Awaitable[None]]
    ) -> None:
        """Apply these events, and set aside those that fail. The checkpoint is moved last."""
        try:
            batch = await self._batch(events)
            await still_alone()
            await self._target(batch, events[-1].seq)
        except Exception as error:
            if not may_be_the_value(error):
                raise
            await self._check_works(error)
            failed = await self._one_by_one(events, still_alone)
            if failed:
                await self._check_works(error)
                _log.warning("%s: %d events set aside", self.name, len(failed))
            await self._aside.note(events, failed)
            await still_alone()
            await self._target(ProjectionBatch(), events[-1].seq)
        else:
            await self._aside.note(events)

    async def _one_by_one(
        self, events: Sequence[Event], still_alone: Callable[[], Awaitable[None]]
    ) -> list[SetAside]:
        """Apply all of these events that can be applied, halving what fails; returns those that
        fail by themselves."""
        failed: list[SetAside] = []
        waiting = [events]
        while waiting:
            part = waiting.pop()
            try:
                batch = await self._batch(part)
                await still_alone()
                await self._target(batch, self.applied_seq)
            except Exception as error:
                if not may_be_the_value(error):
                    raise
                if len(part) > 1:
                    middle = len(part) // 2
                    waiting += [part[middle:], part[:middle]]
                else:
                    failed.append(set_aside(self.name, part[0], error))
        return failed

    async def _check_works(self, error: Exception) -> None:
        """Check that the store takes harmless batches. If not, it is the store that fails:
        ``error`` is raised, and nothing is set aside."""
        for batch in harmless():
            try:
                await self._target(batch, self.applied_seq)
            except Exception as other:
                raise error from other

    async def set_aside(self) -> tuple[SetAside, ...]:
        """What could not be applied, read from the notes."""
        return await self._aside.read()

    async def repair(self, batch: ProjectionBatch) -> None:
        """Write what should be in the store already; the checkpoint stays as it is."""
        async with self._alone() as still_alone:
            await still_alone()
            await self._target(batch, self.applied_seq)
            self._changed(None)

    async def start_over(self, clear: Callable[[], Awaitable[None]]) -> None:
        """Clear the store and reset its checkpoint, also if the call is cancelled: clearing goes on
        in a thread, and the next writer has to know that the store is empty. If clearing fails, the
        next :meth:`catch_up` tries it again."""
        async with self._alone():
            self.applied_seq, self._empty_first = 0, clear
            clearing = asyncio.ensure_future(clear())
            try:
                await to_its_end(clearing, patience_s=_PATIENCE_S)
            finally:
                if clearing.done() and not clearing.cancelled() and clearing.exception() is None:
                    self._empty_first = None
                self._changed(None)

    async def switch_to(
        self,
        take_over: Callable[[], Awaitable[None]],
        reread: Callable[[], Awaitable[Checkpoint]],
        aside: Sequence[SetAsideRow],
    ) -> None:
        """Put another store in the place of this one, which is ``paused`` and has not advanced
        since; ``aside`` is what the other could not take. After a failure or a cancellation, the
        next :meth:`catch_up` reads how far the store has come."""
        if self.damage is None:
            self.applied_seq, self._unsure = 0, True
        try:
            await to_its_end(asyncio.ensure_future(take_over()), patience_s=_PATIENCE_S)
            self.begin(await reread(), reread)
            self._unsure, self._empty_first = False, None
            await self._aside.replace(aside)
        finally:
            self._changed(None)

    @contextlib.asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Nothing is written to the store within this context."""
        async with self._alone():
            yield

    @contextlib.asynccontextmanager
    async def _alone(self) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        async with self._lock, self._ledger.named_lock(f"project {self.name}") as still_alone:
            yield still_alone


def _tenants(events: Sequence[Event]) -> Set[str] | None:
    """The tenants of these events; None (any) if one of them has been forgotten since: events no
    longer name it."""
    tenants = {event.tenant for event in events}
    return None if any(map(is_forgotten, tenants)) else tenants
