"""The graph arm: how much of the question's attention reaches each fact.

Personalised PageRank over a small graph near the seeds, entities and facts as its nodes. The graph
is read from the store as far as it is needed and no further: the seeds' facts, then those of the
best entities reached.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from graphmem.ports.graph import Link
from graphmem.retrieve.candidates.graph_cache import GraphReads
from graphmem.retrieve.pagerank import pagerank

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
