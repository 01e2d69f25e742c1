"""What the graph brings: how much of the question's attention reaches each fact (the graph arm),
and what is known around the candidates.

The arm is personalised PageRank over a small graph near the seeds, entities and facts as its nodes.
The graph is read from the store as far as it is needed and no further: the seeds' facts, then those
of the best entities reached. Around the candidates is read near the question only: the entities of
the best, then the turns and facts of those entities that promise most. What very many texts name
links nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from math import log2
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from graphmem.model import Entity, Fact
from graphmem.ports.graph import Link
from graphmem.ports.ledger import EntityQuery, LedgerView, MentionQuery, Mentions
from graphmem.retrieve.question.names_and_relations import entity_keys
from graphmem.retrieve.view import SearchQuery

_MOST_LINKS = 200_000  # kept, and entities that were asked for; about 400 bytes each


class GraphReads(Protocol):
    """What of a graph store a search needs."""

    async def expand(
        self, tenant: str, entity_ids: Sequence[str], *, limit: int
    ) -> Mapping[str, tuple[Link, ...]]: ...


class CachedGraph:
    """A graph that remembers what it was asked, tenant by tenant, until it is told to forget."""

    def __init__(self, graph: GraphReads) -> None:
        self._graph = graph
        self._known: dict[str, dict[tuple[str, int], tuple[Link, ...] | None]] = {}
        self._size = 0

    def forget(self, tenants: Set[str] | None) -> None:
        """The graph holds something else now, in these tenants or (None) anywhere."""
        if tenants is None:
            self._known, self._size = {}, 0
            return
        for tenant in tenants:
            self._size -= _size(self._known.pop(tenant, {}).values())

    async def expand(
        self, tenant: str, entity_ids: Sequence[str], *, limit: int
    ) -> Mapping[str, tuple[Link, ...]]:
        """See :meth:`graphmem.ports.graph.GraphStore.expand`."""
        if self._size > _MOST_LINKS:
            self.forget(None)
        known = self._known.setdefault(tenant, {})
        missing = [id for id in entity_ids if (id, limit) not in known]
        if missing:
            found = await self._graph.expand(tenant, missing, limit=limit)
            new = {(id, limit): found.get(id) for id in missing if (id, limit) not in known}
            # Into what was in force when it was asked: by now it may be another.
            known.update(new)
            if self._known.get(tenant) is known:
                self._size += _size(new.values())
        return {id: links for id in entity_ids if (links := known[id, limit]) is not None}


def _size(known: Iterable[tuple[Link, ...] | None]) -> int:
    return sum(1 + len(links or ()) for links in known)


_ROUNDS = 12


def pagerank(
    links: Sequence[tuple[str, str]],
    seeds: Mapping[str, float],
    *,
    damping: float,
    degrees: Mapping[str, int] | None = None,
) -> dict[str, float]:
    """What reaches each node; links go both ways, and all add up to at most 1.

    A node hands on ``damping`` of what it has, in equal shares to each of its links; the rest goes
    back to the seeds. ``degrees`` has how many links a node has in all, where that is
    known: the shares of those that are not here are lost, so that hubs give little.
    """
    nodes = dict.fromkeys([*seeds, *[end for link in links for end in link]])
    index = {node: n for n, node in enumerate(nodes)}
    total = sum(seeds.values())
    if total <= 0:
        return {}
    start = np.zeros(len(index))
    for node, weight in seeds.items():
        start[index[node]] = weight / total
    one = np.array([index[a] for a, _ in links], dtype=np.intp)
    two = np.array([index[b] for _, b in links], dtype=np.intp)
    source, target = np.concatenate([one, two]), np.concatenate([two, one])
    # Summed in the order of the sources, so that nodes which stand alike come out alike.
    order = np.argsort(source, kind="stable")
    source, target = source[order], target[order]
    degree = np.bincount(source, minlength=len(index))
    if degrees:
        degree = np.maximum(degree, [degrees.get(node, 0) for node in index])
    share = damping / np.maximum(degree, 1)
    scores: NDArray[np.float64] = start
    for _ in range(_ROUNDS):
        handed = np.bincount(target, weights=(scores * share)[source], minlength=len(index))
        scores = (1 - damping) * start + handed
    return dict(zip(index, scores.tolist(), strict=True))


_DAMPING = 0.5
LINKS_PER_ENTITY = 32
_SECOND_HOP = 4
_ENOUGH = 32  # facts reached at the first hop that make a second one needless


@dataclass(frozen=True, slots=True)
class ReachedFact:
    """A fact that attention reached, with the entities it came by: the seed first."""

    fact_id: str
    score: float
    via: tuple[str, ...]
    type: str | None = None


async def reach_facts(
    graph: GraphReads,
    tenant: str,
    seeds: Mapping[str, float],
    *,
    preferred: Callable[[str | None], bool] = lambda _: False,
) -> list[ReachedFact]:
    """Facts near the seeds (entity id to weight), by falling score. The entities that relations of
    a ``preferred`` type lead to are looked around first."""
    if not seeds:
        return []
    near = dict(await graph.expand(tenant, list(seeds), limit=LINKS_PER_ENTITY))
    links = _distinct(near)
    scores = _attention(links, seeds)
    led = {id for link in links.values() if preferred(link.type) for id in link.entity_ids}
    others = {id for link in links.values() for id in link.entity_ids} - near.keys()
    best = sorted(others, key=lambda id: (id not in led, -scores[id], id))[:_SECOND_HOP]
    if best and (len(links) < _ENOUGH or led):
        near |= await graph.expand(tenant, best, limit=LINKS_PER_ENTITY)
        links = _distinct(near)
        scores = _attention(links, seeds)
    reached = [
        ReachedFact(id, scores[id], _via(link, seeds, near), link.type)
        for id, link in links.items()
    ]
    return sorted(reached, key=lambda fact: (-fact.score, fact.fact_id))


def _distinct(near: Mapping[str, Sequence[Link]]) -> dict[str, Link]:
    return {link.fact_id: link for links in near.values() for link in links}


def _attention(links: Mapping[str, Link], seeds: Mapping[str, float]) -> dict[str, float]:
    """By fact and by entity. What an entity has is shared among its facts, so hubs pass on
    little."""
    edges = [(id, entity) for id, link in links.items() for entity in link.entity_ids]
    return pagerank(edges, seeds, damping=_DAMPING)


def _via(
    link: Link, seeds: Mapping[str, float], near: Mapping[str, Sequence[Link]]
) -> tuple[str, ...]:
    """The way from a seed to the fact: directly, or over the one entity between them."""
    direct = [id for id in link.entity_ids if id in seeds]
    if direct:
        return (direct[0],)
    for middle in link.entity_ids:
        for first in near.get(middle, ()):
            for seed in first.entity_ids:
                if seed in seeds:
                    return (seed, middle)
    return ()


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
