"""What is known around the candidates: whom they name, and what else names the same.

Read near the question only: the entities of the best candidates, then the turns and facts of those
entities that promise most. What very many texts name links nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import log2

from graphmem.model import Entity, Fact
from graphmem.ports.ledger import EntityQuery, LedgerView, MentionQuery, Mentions
from graphmem.retrieve.question.names import entity_keys
from graphmem.retrieve.question.search_query import SearchQuery

HUB = 100
"""An entity that more turns name links none of them."""
FACT_HUB = 50
BEST_TURNS = 20  # whose entities are followed
_BEST_FACTS = 40
_KNOWN_TURNS = 30  # of which it is known whom they name
_ENTITIES = 120  # that are looked at
_FOLLOWED = 24  # entities whose other turns become candidates
_TURNS_EACH = 16
_FOLLOWED_BY_FACTS = 16
_FACTS_EACH = 24
_SEED = 2.0
"""What following an entity that the question names promises: more than any other."""


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """``mentions`` of the candidates, and what they led to: turns and facts that were none."""

    mentions: Mentions = field(default_factory=Mentions)
    turns: Sequence[str] = ()
    facts: Mapping[str, Fact] = field(default_factory=dict)
    names: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By entity id the keys of its names, of those that may be what a text is about."""

    def linking_entities(self, ids: Sequence[str]) -> dict[str, list[int]]:
        """By entity the turns (as places in ``ids``) that name it, of entities that link: no hubs,
        and not what only one of them names."""
        places = {id: n for n, id in enumerate(ids)}
        found = {
            entity: [places[turn] for turn in turns if turn in places]
            for entity, turns in self.mentions.turns.items()
            if 1 < len(turns) <= HUB
        }
        return {entity: turns for entity, turns in found.items() if len(turns) > 1}

    async def with_names(
        self, ledger: LedgerView, tenant: str, ids: Iterable[str]
    ) -> Neighbourhood:
        """The same, with the names of these entities."""
        query = EntityQuery(tenant, ids=tuple(sorted(ids)))
        found = await ledger.entities(query) if query.ids else []
        return replace(self, names={entity.id: entity_keys(entity) for entity in found})


async def read_neighbourhood(
    ledger: LedgerView,
    query: SearchQuery,
    *,
    turns: Mapping[str, float],
    facts: Sequence[Fact],
    seeds: Sequence[Entity],
) -> Neighbourhood:
    """What is around the best ``turns`` (with their first score, best first) and ``facts``, and
    around what the question names (``seeds``)."""
    scope = query.scope
    first = list(turns)[:BEST_TURNS]
    known = await ledger.mentions(MentionQuery(scope, turn_ids=tuple(turns)[:_KNOWN_TURNS]))
    by_turns = _promise(((id, turns[id]) for id in first), known.entities)
    about = {fact.id: fact.entity_ids for fact in facts[:_BEST_FACTS]}
    by_facts = _promise(((id, 1 / place) for place, id in enumerate(about, start=1)), about)
    entities = dict.fromkeys([seed.id for seed in seeds])
    entities |= dict.fromkeys(_best(by_facts, _ENTITIES // 2))
    entities |= dict.fromkeys(_best(by_turns, _ENTITIES - len(entities)))
    if not entities:
        return Neighbourhood(known)
    mentions = await ledger.mentions(
        MentionQuery(scope, entity_ids=tuple(entities), current=query.view.moment, most=HUB + 1)
    )
    promise = {id: by_turns.get(id, 0.0) for id in entities} | {seed.id: _SEED for seed in seeds}
    new = _followed(promise, mentions.turns, HUB, _FOLLOWED, _TURNS_EACH)
    from_facts = _followed(by_facts, mentions.turns, HUB, _FOLLOWED_BY_FACTS, _TURNS_EACH // 2)
    new |= from_facts
    more = _followed(by_facts, mentions.facts, FACT_HUB, _FOLLOWED_BY_FACTS, _FACTS_EACH)
    further = tuple(id for id in more if id not in about)
    new_facts: list[Fact] = []
    if further:
        new_facts = await ledger.facts(
            query.view.query(scope, ids=further, limit=len(further), stated_only=True)
        )
    unknown = tuple(id for id in from_facts if id not in known.entities)
    named = Mentions()
    if unknown:
        named = await ledger.mentions(MentionQuery(scope, turn_ids=unknown))
    return Neighbourhood(
        replace(mentions, entities={**known.entities, **named.entities}),
        turns=[id for id in new if id not in turns],
        facts={fact.id: fact for fact in new_facts},
    )


def _promise(
    scored: Iterable[tuple[str, float]], named: Mapping[str, Sequence[str]]
) -> dict[str, float]:
    """By entity the score of the best that names it."""
    promise: dict[str, float] = {}
    for id, score in scored:
        for entity in named.get(id, ()):
            promise[entity] = max(score, promise.get(entity, 0.0))
    return promise


def _best(promise: Mapping[str, float], count: int) -> list[str]:
    return sorted(promise, key=lambda id: (-promise[id], id))[: max(0, count)]


def _followed(
    promise: Mapping[str, float],
    texts: Mapping[str, Sequence[str]],
    hub: int,
    entities: int,
    each: int,
) -> dict[str, None]:
    """The texts that name the most promising entities, the rarer the better; an entity with one
    text, or with very many, leads nowhere."""
    worth = {
        id: score / log2(1 + len(texts[id]))
        for id, score in promise.items()
        if 1 < len(texts.get(id, ())) <= hub or (score >= _SEED and texts.get(id))
    }
    return dict.fromkeys(text for id in _best(worth, entities) for text in texts[id][:each])
