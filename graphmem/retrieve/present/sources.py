"""Where something that was found comes from: a fact or a turn, with what was said and when."""

from __future__ import annotations

from graphmem.errors import NotFound
from graphmem.model import Entity, Explanation, Fact, Hit, Quote, Scope, Turn
from graphmem.ports.ledger import EntityQuery, LedgerView
from graphmem.retrieve.fact_view import View
from graphmem.retrieve.scoped_facts import facts_in_scope, history_in_scope


async def explain(ledger: LedgerView, scope: Scope, id: str, hit: Hit | None = None) -> Explanation:
    """By the id of a fact or a turn. What this scope does not hold is
    :class:`~graphmem.errors.NotFound`; sources and changes outside an agent or run that it is
    narrowed to are not told."""
    for fact in await facts_in_scope(ledger, scope, View().query(scope, ids=(id,))):
        return Explanation(
            kind="fact",
            id=id,
            text=fact.text,
            hit=hit,
            fact=fact,
            about=await _about(ledger, scope, fact),
            quotes=await _quotes(ledger, scope, fact),
            history=tuple(await history_in_scope(ledger, scope, id)),
        )
    for turn in await ledger.turns(scope.tenant, [id]):
        if await ledger.episodes(scope, ids=[turn.episode_id]):
            quotes = (_quote(turn),)
            return Explanation("turn", id, turn.text, hit, None, (), quotes, ())
    raise NotFound(f"no fact and no turn {id!r} in this scope")


async def _about(ledger: LedgerView, scope: Scope, fact: Fact) -> tuple[Entity, ...]:
    query = EntityQuery(scope.tenant, ids=fact.entity_ids)
    found = {entity.id: entity for entity in await ledger.entities(query)}
    return tuple(found[id] for id in fact.entity_ids if id in found)


async def _quotes(ledger: LedgerView, scope: Scope, fact: Fact) -> tuple[Quote, ...]:
    episodes = {
        episode.id: episode
        for episode in await ledger.episodes(
            scope, ids=list(dict.fromkeys(source.episode_id for source in fact.sources))
        )
    }
    quotes = []
    for source in fact.sources:
        episode = episodes.get(source.episode_id)
        if episode is None:
            continue
        quoted = [turn for turn in episode.turns if turn.id == source.turn_id]
        if quoted:
            quotes.append(_quote(quoted[0]))
        else:
            quotes.append(Quote(episode.id, None, episode.content, occurred_at=episode.occurred_at))
    return tuple(quotes)


def _quote(turn: Turn) -> Quote:
    return Quote(
        episode_id=turn.episode_id,
        turn_id=turn.id,
        text=turn.text,
        speaker=turn.speaker,
        occurred_at=turn.occurred_at,
        source_id=turn.source_id,
    )
