"""Which of the known facts a read sees: those that held at ``valid_at``, or now; and a filter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from graphmem.clock import stamp
from graphmem.filters import Where
from graphmem.filters.tree import Not, Test, both, known
from graphmem.model import HitKind, Scope
from graphmem.ports.graph import Link
from graphmem.ports.ledger import FactQuery


@dataclass(frozen=True, slots=True)
class View:
    """Which facts a read sees. With ``at``: those that held then. With ``current``: those that have
    not ended by then, begun or not; with ``begun`` too, without those that are stated to begin
    later. With neither: all."""

    current: datetime | None = None
    at: datetime | None = None
    where: Where | None = None
    """A filter that facts must pass, resolved (see :mod:`graphmem.retrieve.question.filters`)."""
    begun: bool = False
    archived: bool = False
    """Whether archived facts are seen, as far as nothing else keeps them out."""

    def query(self, scope: Scope, **more: Any) -> FactQuery:
        """The query for facts of a scope that this view sees."""
        return FactQuery(
            scope.tenant,
            agent_id=scope.narrow_agent_id,
            run_id=scope.run_id,
            current=self.current,
            archived=self.archived,
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
        """The moment by which a fact that is seen has not ended; None when ends do not matter."""
        return self.at or self.current

    def shows(self, link: Link) -> bool:
        """Whether a link may be walked: it is stated, and seen as far as its dates say."""
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


def _start(valid_at: str | None, stated_at: str | None, invalid_at: str | None) -> str | None:
    ended_before = invalid_at is not None and stated_at is not None and invalid_at <= stated_at
    return valid_at or (None if ended_before else stated_at)
