"""Events that a store could not take, set aside so that they hold up nothing else.

What cannot be projected (a value that no store holds, from an older version, or one that slipped
through) fails again each time: without this it would stop every read of everybody. It is told from
a store that is down by trial: everything else goes in, a batch of harmless things does, and the
event alone fails a second time. The list is kept in the ledger; a rebuild begins without it.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Protocol, TypeAlias

from graphmem.errors import BackendError, BudgetExceeded, GraphmemError, Rejected
from graphmem.model import Entity, Episode, Fact, Scope, SetAside, Source, Turn
from graphmem.ports.ledger import Event
from graphmem.projection.batch import ProjectionBatch

_log = logging.getLogger("graphmem")
EMPTY_BATCH = ProjectionBatch((), (), (), (), (), (), (), ())
"""A batch that moves the checkpoint and nothing else."""

_AT = datetime(2000, 1, 1, tzinfo=UTC)
_SCOPE = Scope(project_id="graphmem", agent_id="harmless")
_EPISODE, _TURN, _FACT, _ENTITY = (f"00000000-0000-7000-8000-00000000000{n}" for n in range(1, 5))


SetAsideRow: TypeAlias = tuple[int, str, str, str]
"""The event, the kind and the id of what it is about, and why."""


class Notes(Protocol):
    """Where a projection notes what it has set aside."""

    async def setting(self, name: str) -> str | None: ...

    async def remember_setting(self, name: str, value: str, *, once: bool = False) -> str: ...


class SetAsideList:
    """What one projection has set aside, as its notes have it: most often the ledger."""

    def __init__(self, projection: str, notes: Notes) -> None:
        self._projection = projection
        self._notes = notes
        self._known: dict[tuple[str, str], SetAside] | None = None

    async def read(self) -> tuple[SetAside, ...]:
        """All of it, in order of the events, from the ledger: another process may have added."""
        text = await self._notes.setting(self._name)
        try:
            found = json.loads(text or "[]")
            rows = [(int(seq), str(kind), str(id), str(why)) for seq, kind, id, why in found]
        except (RecursionError, TypeError, ValueError):
            # Nothing is hidden by it: verify finds what is missing, and repair tries it again.
            _log.warning("the list of what %s set aside is damaged", self._projection)
            rows = []
        self._known = {(row[1], row[2]): SetAside(self._projection, *row) for row in rows}
        return tuple(self._known.values())

    async def note(self, applied: Sequence[Event], failed: Iterable[SetAside] = ()) -> None:
        """Of the things of these events, those that failed are set aside, and the rest no more.
        Costs nothing while nothing was ever set aside."""
        new = {(one.kind, one.id): one for one in failed}
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
        """Forget all of it: everything is tried again."""
        if await self.read():
            await self._write({})

    @property
    def _name(self) -> str:
        return f"set_aside {self._projection}"

    async def _write(self, known: dict[tuple[str, str], SetAside]) -> None:
        await self.replace([(one.seq, one.kind, one.id, one.why) for one in known.values()])

    async def replace(self, rows: Iterable[SetAsideRow]) -> None:
        """Let these be all."""
        await self._notes.remember_setting(self._name, json.dumps(sorted(rows)))
        await self.read()


def may_be_the_value(error: Exception) -> bool:
    """Whether it may be what was written that failed, and not the store or the model."""
    if isinstance(error, OSError | MemoryError | BudgetExceeded):
        return False
    if isinstance(error, BackendError):
        return isinstance(error, Rejected)
    return not (isinstance(error, GraphmemError) and error.retryable)


def set_aside(projection: str, event: Event, error: Exception) -> SetAside:
    """An event that failed. Only the kinds of the errors are kept: what they say may quote it."""
    kinds = [type(error).__name__]
    while (cause := error.__cause__) is not None and isinstance(cause, Exception):
        error = cause
        kinds.append(type(error).__name__)
    why = " from ".join(dict.fromkeys(kinds))
    return SetAside(projection, event.seq, event.kind, event.id, why)


def harmless() -> tuple[ProjectionBatch, ProjectionBatch]:
    """A batch with one of everything, in a tenant of its own, and the one that removes it."""
    # Never the same words: the embedder is to be asked, not the vectors that are kept of it.
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
        (episode,), (entity,), (fact,), ((_EPISODE, _ENTITY),), (), (), (), (), turned=(episode,)
    )
    gone = ProjectionBatch((), (), (), (), (_EPISODE,), (_TURN,), (_ENTITY,), (_FACT,))
    return there, gone
