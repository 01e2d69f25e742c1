"""The graph arm, which finds facts near the seeds, and the neighbourhood of the candidates.

The arm is personalised PageRank over a small graph of entities and facts around the seeds. Only
what is needed of it is read from the store: the seeds' facts, then those of the best entities
reached. The neighbourhood is limited too: the entities of the best candidates, then the most
promising turns and facts of those entities. An entity that very many texts name (a hub) links
nothing.
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

_MOST_LINKS = 200_000  # links and entities in the cache; about 400 bytes each


class GraphReads(Protocol):
    """The part of a graph store that a search needs."""

    async def expand(
        self, tenant: str, entity_ids: Sequence[str], *, limit: int
    ) -> Mapping[str, tuple[Link, ...]]: ...


class CachedGraph:
    """A graph that caches what it read, by tenant, until it is told to forget."""

    def __init__(self, graph: GraphReads) -> None:
        self._graph = graph
        self._known: dict[str, dict[tuple[str, int], tuple[Link, ...] | None]] = {}
        self._size = 0

    def forget(self, tenants: Set[str] | None) -> None:
        """Drop the cache of these tenants, or (None) of all: the graph has changed."""
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
            # Into the cache from before the call: by now it may have been dropped.
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
    """Personalised PageRank of every node; links go both ways. The values add up to at most 1.

    A node passes on ``damping`` of its value in equal shares over its links; the rest goes back to
    the seeds. ``degrees`` has the number of all links of a node, where known: the shares of links
    that are not among ``links`` are lost, so that hubs pass on little.
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
    # Summed in the order of the sources, so that symmetric nodes get exactly equal values.
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
    """A fact reached from a seed, with the ids of the entities on the way (``via``), the seed
    first."""

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
    """Facts near the seeds (entity id to weight), by falling score. Entities that relations of a
    ``preferred`` type lead to are expanded first."""
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
    """The PageRank of facts and entities, by id. An entity's value is divided among its facts, so
    hubs pass on little."""
    edges = [(id, entity) for id, link in links.items() for entity in link.entity_ids]
    return pagerank(edges, seeds, damping=_DAMPING)


def _via(
    link: Link, seeds: Mapping[str, float], near: Mapping[str, Sequence[Link]]
) -> tuple[str, ...]:
    """The entities on the way from a seed to the fact: the seed, and the entity between, if any."""
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
"""An entity that is named by more turns than this links none of them."""
FACT_HUB = 50
BEST_TURNS = 20  # whose entities are followed
_BEST_FACTS = 40
_KNOWN_TURNS = 30  # the best turns, whose mentions are read
_ENTITIES = 120  # entities whose mentions are read
_FOLLOWED = 24  # entities whose other turns become candidates
_TURNS_EACH = 16
_FOLLOWED_BY_FACTS = 16
_FACTS_EACH = 24
_SEED = 2.0
"""The promise of an entity that the question names: higher than that of any other."""


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """The ``mentions`` around the candidates, and the further turns and facts that these led to."""

    mentions: Mentions = field(default_factory=Mentions)
    turns: Sequence[str] = ()
    facts: Mapping[str, Fact] = field(default_factory=dict)
    names: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By entity id the keys of its names, for entities that may be a text's title."""

    def linking_entities(self, ids: Sequence[str]) -> dict[str, list[int]]:
        """By entity the turns (as places in ``ids``) that name it, for entities that link turns: no
        hubs, and none that only one of these turns names."""
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
        """A copy with the names of these entities."""
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
    """The neighbourhood of the best ``turns`` (id to first score, best first), the best ``facts``
    and the ``seeds``."""
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
    """By entity, the score of the best text that names it."""
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
    """The texts that name the most promising entities, at most ``each`` per entity; rarer entities
    are preferred. One with a single text, or with more than ``hub``, is skipped, unless it is a
    seed."""
    worth = {
        id: score / log2(1 + len(texts[id]))
        for id, score in promise.items()
        if 1 < len(texts.get(id, ())) <= hub or (score >= _SEED and texts.get(id))
    }
    return dict.fromkeys(text for id in _best(worth, entities) for text in texts[id][:each])
