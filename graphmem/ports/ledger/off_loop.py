"""A ledger as work off the event loop reads it: each question is answered in the loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from graphmem.model import Entity, Episode, Fact
from graphmem.off_loop import on_loop
from graphmem.ports.ledger import (
    EntityQuery,
    FactQuery,
    Ledger,
    LoadedStatements,
    Origins,
    ReferredKind,
    StatementQuery,
)


@dataclass(frozen=True, slots=True)
class ReadsOffLoop:
    """What deciding and projecting ask of a ledger, asked through
    :func:`~graphmem.off_loop.on_loop`."""

    _ledger: Ledger

    async def entities(self, query: EntityQuery) -> list[Entity]:
        return await on_loop(partial(self._ledger.entities, query))

    async def facts(self, query: FactQuery) -> list[Fact]:
        return await on_loop(partial(self._ledger.facts, query))

    async def statements(self, query: StatementQuery) -> LoadedStatements:
        return await on_loop(partial(self._ledger.statements, query))

    async def existing(self, ids: Mapping[ReferredKind, Sequence[str]]) -> set[str]:
        return await on_loop(partial(self._ledger.existing, ids))

    async def episodes_by_id(self, ids: Sequence[str]) -> list[Episode]:
        return await on_loop(partial(self._ledger.episodes_by_id, ids))

    async def origins(
        self, turn_ids: Sequence[str], episode_ids: Sequence[str], mentioning: Sequence[str]
    ) -> Origins:
        return await on_loop(partial(self._ledger.origins, turn_ids, episode_ids, mentioning))
