"""The view of a read, the query of a search, and facts and history reduced to a scope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from graphmem.clock import stamp
from graphmem.filters import Where
from graphmem.filters.tree import Not, Test, both, known
from graphmem.model import Change, Fact, HitKind, Scope
from graphmem.ports.graph import Link
from graphmem.ports.ledger import FactQuery, LedgerView


@dataclass(frozen=True, slots=True)
class View:
    """Which facts a read sees. With ``at``: those that held then. With ``current``: those that have
    not ended by then, even if they begin later; ``begun`` leaves out those whose ``valid_at`` is
    later. With neither: all."""

    current: datetime | None = None
    at: datetime | None = None
    where: Where | None = None
    """A filter that facts must pass, resolved (see :mod:`graphmem.retrieve.question.filters`)."""
    begun: bool = False
    archived: bool = False
    """Whether archived facts are seen too, if the rest of the view includes them."""

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
        """Facts that ended by this moment are not seen; None when ends do not matter."""
        return self.at or self.current

    def shows(self, link: Link) -> bool:
        """Whether a link may be followed: it is stated, and its dates are within the view."""
        if link.modality != "stated":
            return False
        if self.moment is None:
            return True
        seen_at = stamp(self.moment)
        if link.invalid_at is not None and link.invalid_at <= seen_at:
            return False
        if self.at is None:
            # Only ``valid_at`` counts as a later start: clocks and time zones differ, so
            # ``stated_at`` may be a little ahead of now.
            return not (self.begun and link.valid_at is not None and link.valid_at > seen_at)
        start = _start(link.valid_at, link.stated_at, link.invalid_at)
        return start is None or start <= seen_at


def of_kind(where: Where | None, kind: HitKind) -> Where | None:
    """The filter with its tests of ``kind`` settled: for a search of facts only, or turns only."""
    return None if where is None else known(where, kind=(kind,))


def _start(valid_at: str | None, stated_at: str | None, invalid_at: str | None) -> str | None:
    ended_before = invalid_at is not None and stated_at is not None and invalid_at <= stated_at
    return valid_at or (None if ended_before else stated_at)


_LONGEST = 8_000  # characters


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A question, the scope that asks it, and what the result may contain."""

    text: str
    scope: Scope
    limit: int
    kinds: Sequence[HitKind]
    view: View
    """Which facts may be seen."""
    rerank: bool = True
    """Whether a reranker, where there is one, reorders the best hits."""
    min_score: float = 0.0
    """There are no hits when the probability that anything found answers is below this."""

    threshold: float = 0.0
    """The least similarity of a hit's vector to the question's, 0 to 1."""

    @property
    def beginning(self) -> str:
        """The part of the question that is searched for: a search costs more with every word."""
        return self.text[:_LONGEST]


OUTSIDE = "because of what was told outside this agent or run"
"""The reason given for a change by an episode outside the agent or run of the scope."""


def fact_in_scope(fact: Fact, scope: Scope) -> Fact | None:
    """A fact with only its sources inside the scope; None when it has none there."""
    agent, run = scope.narrow_agent_id, scope.run_id
    if agent is None and run is None:
        return fact
    sources = tuple(
        source
        for source in fact.sources
        if agent in {None, source.agent_id} and run in {None, source.run_id}
    )
    if not sources:
        return None
    owner = sources[0].agent_id if scope.user_id else scope.agent_id
    first = replace(fact.scope, agent_id=owner, run_id=sources[0].run_id)
    return replace(fact, sources=sources, scope=first)


async def facts_in_scope(ledger: LedgerView, scope: Scope, query: FactQuery) -> list[Fact]:
    """The facts that a query finds, each reduced to the scope by :func:`fact_in_scope`."""
    found = (fact_in_scope(fact, scope) for fact in await ledger.facts(query))
    return [fact for fact in found if fact is not None]


async def history_in_scope(ledger: LedgerView, scope: Scope, fact_id: str) -> list[Change]:
    """The changes of a fact while it was in the scope, oldest first. A change by an episode outside
    the scope is given without the episode and its reason."""
    changes = await ledger.history(scope.tenant, fact_id)
    if scope.narrow_agent_id is None and scope.run_id is None:
        return changes
    asked = {change.episode_id for change in changes if change.episode_id}
    inside = {episode.id for episode in await ledger.episodes(scope, ids=sorted(asked))}
    in_scope = []
    for change in changes:
        before = fact_in_scope(change.before, scope) if change.before else None
        after = fact_in_scope(change.after, scope) if change.after else None
        if before is None and after is None:
            continue
        seen = replace(change, before=before, after=after)
        if change.episode_id is not None and change.episode_id not in inside:
            seen = replace(seen, episode_id=None, reason=OUTSIDE)
        in_scope.append(seen)
    return in_scope
