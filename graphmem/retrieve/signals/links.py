"""What the graph knows around the candidates: whom they name, and what else names the same.

Read near the question only: the entities of the best candidates, then the turns and facts of those
entities that promise most. What very many texts name links nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import log2

from graphmem.model import Entity, Fact, Scope
from graphmem.ports.ledger import EntityQuery, LedgerView, Mentions
from graphmem.retrieve.signals.reading import STOP_WORDS
from graphmem.retrieve.view import View
from graphmem.text import name_keys, words

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
class Links:
    """``mentions`` of the candidates, and what they led to: turns and facts that were none."""

    mentions: Mentions = field(default_factory=Mentions)
    turns: Sequence[str] = ()
    facts: Mapping[str, Fact] = field(default_factory=dict)
    keys: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By entity id the keys of its names, of those that may be what a text is about."""
    seeds: frozenset[str] = frozenset()
    """Entities that the question writes as names."""


async def gather(
    ledger: LedgerView,
    scope: Scope,
    view: View,
    *,
    turns: Mapping[str, float],
    facts: Sequence[Fact],
    seeds: Sequence[Entity],
    question: str,
) -> Links:
    """Links around the best ``turns`` (with their first score, best first) and ``facts``, and
    around what the question names (``seeds``)."""
    first = list(turns)[:BEST_TURNS]
    known = await ledger.mentions(scope, turn_ids=list(turns)[:_KNOWN_TURNS])
    by_turns = _promise(((id, turns[id]) for id in first), known.entities)
    about = {fact.id: fact.entity_ids for fact in facts[:_BEST_FACTS]}
    by_facts = _promise(((id, 1 / place) for place, id in enumerate(about, start=1)), about)
    wanted = dict.fromkeys([seed.id for seed in seeds])
    wanted |= dict.fromkeys(_best(by_facts, _ENTITIES // 2))
    wanted |= dict.fromkeys(_best(by_turns, _ENTITIES - len(wanted)))
    if not wanted:
        return Links(known)
    held = await ledger.mentions(scope, entity_ids=list(wanted), current=view.moment, most=HUB + 1)
    mentions = replace(held, entities=known.entities)
    promise = {id: by_turns.get(id, 0.0) for id in wanted} | {seed.id: _SEED for seed in seeds}
    new = _followed(promise, mentions.turns, HUB, _FOLLOWED, _TURNS_EACH)
    from_facts = _followed(by_facts, mentions.turns, HUB, _FOLLOWED_BY_FACTS, _TURNS_EACH // 2)
    new |= from_facts
    more = _followed(by_facts, mentions.facts, FACT_HUB, _FOLLOWED_BY_FACTS, _FACTS_EACH)
    found = await _facts(ledger, scope, view, [id for id in more if id not in about])
    unknown = [id for id in from_facts if id not in known.entities]
    further = await ledger.mentions(scope, turn_ids=unknown) if unknown else Mentions()
    mentions = replace(mentions, entities={**known.entities, **further.entities})
    return Links(
        mentions,
        turns=[id for id in new if id not in turns],
        facts=found,
        seeds=written_as_names(question, seeds),
    )


def written_as_names(question: str, entities: Iterable[Entity]) -> frozenset[str]:
    """Ids of the entities that a question writes as names: with a capital, unless it has none at
    all. The longest come first, and no words are read twice: who asks for the "New York Times" does
    not name New York, and "which city" no city."""
    parts = [(words(part), part) for part in question.split()]
    capitals = {
        said[0]
        for said, part in parts
        if said and said[0] not in STOP_WORDS and any(map(str.isupper, part))
    }
    asked = f" {' '.join(words(question))} "
    keys = {entity.id: sorted(keys_of(entity), key=len, reverse=True) for entity in entities}
    named: set[str] = set()
    for id in sorted(keys, key=lambda id: (-len(keys[id][0]), id)):
        for key in keys[id]:
            if f" {key} " in asked and (not capitals or capitals.intersection(key.split())):
                asked = asked.replace(f" {key} ", " · ")
                named.add(id)
    return frozenset(named)


async def with_keys(ledger: LedgerView, scope: Scope, links: Links, ids: Iterable[str]) -> Links:
    """The same, with the names of these entities."""
    query = EntityQuery(scope.tenant, ids=tuple(sorted(ids)))
    found = await ledger.entities(query) if query.ids else []
    return replace(links, keys={entity.id: keys_of(entity) for entity in found})


def keys_of(entity: Entity) -> frozenset[str]:
    return frozenset(key for name in (entity.name, *entity.aliases) for key in name_keys(name))


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
    held: Mapping[str, Sequence[str]],
    hub: int,
    entities: int,
    each: int,
) -> dict[str, None]:
    """What the most promising entities hold, the rarer the better; an entity with one text, or
    with very many, leads nowhere."""
    worth = {
        id: score / log2(1 + len(held[id]))
        for id, score in promise.items()
        if 1 < len(held.get(id, ())) <= hub or (score >= _SEED and held.get(id))
    }
    return dict.fromkeys(text for id in _best(worth, entities) for text in held[id][:each])


async def _facts(
    ledger: LedgerView, scope: Scope, view: View, ids: Sequence[str]
) -> dict[str, Fact]:
    if not ids:
        return {}
    query = view.query(scope, ids=tuple(ids), limit=len(ids), stated_only=True)
    return {fact.id: fact for fact in await ledger.facts(query)}
