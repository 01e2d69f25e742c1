"""What a read may give in a scope that is narrowed to an agent or a run: a fact that others support
too has a past and sources that are not of this scope."""

from __future__ import annotations

from dataclasses import replace

from graphmem.model import Change, Fact, Scope
from graphmem.ports.ledger import FactQuery, LedgerView

OUTSIDE = "because of what was told outside this agent or run"
"""The reason of a change that another agent or run brought."""


def fact_in_scope(fact: Fact, scope: Scope) -> Fact | None:
    """A fact with the sources that are inside; None when it has none."""
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
    """The facts that a query of this scope finds, as they may be given in it."""
    found = (fact_in_scope(fact, scope) for fact in await ledger.facts(query))
    return [fact for fact in found if fact is not None]


async def history_in_scope(ledger: LedgerView, scope: Scope, fact_id: str) -> list[Change]:
    """What happened to a fact while the scope held it, oldest first. Of a change that came from
    outside it is shown by what it left, not by its words."""
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
