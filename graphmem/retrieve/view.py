"""Which facts a read is to see, by the world's time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from graphmem.clock import stamp
from graphmem.filters import Where
from graphmem.filters.tree import Not, Test, both, known
from graphmem.model import Change, Entity, Episode, Fact, HitKind, Scope, Turn
from graphmem.ports.graph import Link
from graphmem.ports.ledger import EntityQuery, FactQuery, Mentions


class Known(Protocol):
    """What is known: the reads of a ledger, now or as they were; see
    :class:`~graphmem.ports.ledger.LedgerReads`."""

    async def facts(self, query: FactQuery) -> list[Fact]: ...

    async def entities(self, query: EntityQuery) -> list[Entity]: ...

    async def turns(self, tenant: str, ids: Sequence[str], *, around: int = 0) -> list[Turn]: ...

    async def mentions(
        self,
        scope: Scope,
        *,
        turn_ids: Sequence[str] = (),
        entity_ids: Sequence[str] = (),
        current: datetime | None = None,
        most: int = 100,
    ) -> Mentions: ...

    async def episodes(
        self,
        scope: Scope,
        *,
        ids: Sequence[str] | None = None,
        status: str | None = None,
        limit: int = 1000,
    ) -> list[Episode]: ...

    async def history(self, tenant: str, fact_id: str) -> list[Change]: ...


@dataclass(frozen=True, slots=True)
class Lens:
    """With ``at``: what held then. With ``current``: what has not ended by then, begun or not; with
    ``begun`` too, without what is said to begin later. With neither: everything."""

    current: datetime | None = None
    at: datetime | None = None
    where: Where | None = None
    """A filter that facts must pass, resolved (see :mod:`graphmem.retrieve.question.filters`)."""
    begun: bool = False

    def query(self, scope: Scope, **more: Any) -> FactQuery:
        """A question to the ledger about a scope, seen so."""
        return FactQuery(
            scope.tenant,
            agent_id=scope.narrow_agent_id,
            run_id=scope.run_id,
            current=self.current,
            at=self.at,
            where=both(of_kind(self.where, "fact"), self._not_to_come()),
            **more,
        )

    def _not_to_come(self) -> Where | None:
        if not self.begun or self.current is None:
            return None
        return Not(Test("valid_at", "gt", (stamp(self.current),)))

    @property
    def moment(self) -> datetime | None:
        """What has ended by then is not to be seen."""
        return self.at or self.current

    def shows(self, link: Link) -> bool:
        """Whether a link may be walked: stated, and, as far as it tells, to be seen."""
        if link.modality != "stated":
            return False
        if self.moment is None:
            return True
        seen_at = stamp(self.moment)
        if link.invalid_at is not None and link.invalid_at <= seen_at:
            return False
        if self.at is None:
            # Told of a later day than today's is only what says so: clocks and zones differ.
            return not (self.begun and link.valid_at is not None and link.valid_at > seen_at)
        start = _start(link.valid_at, link.stated_at, link.invalid_at)
        return start is None or start <= seen_at


def of_kind(where: Where | None, kind: HitKind) -> Where | None:
    """A filter over things that are all facts, or all turns."""
    return None if where is None else known(where, kind=(kind,))


def since(fact: Fact) -> datetime | None:
    """When a fact began: when told, else when it was first said; None when all that is known is
    that it had ended by then."""
    begun = fact.stated_at or fact.recorded_at
    if fact.valid_at is None and fact.invalid_at is not None and fact.invalid_at <= begun:
        return None
    return fact.valid_at or begun


def _start(valid_at: str | None, stated_at: str | None, invalid_at: str | None) -> str | None:
    ended_before = invalid_at is not None and stated_at is not None and invalid_at <= stated_at
    return valid_at or (None if ended_before else stated_at)
