"""The graph arm: how much of the question's attention reaches each fact.

Personalised PageRank over a small graph near the seeds, entities and facts as its nodes, after
HippoRAG 2 (Gutiérrez et al. 2025, section 3): attention starts at the seeds and is handed on
along the links, half of it returning to the seeds at every step. The graph is read from the store
as far as it is needed and no further: the seeds' facts, then those of the best entities reached.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from graphmem.ports.graph import Link
from graphmem.retrieve.candidates.neighbourhood import Expands

_DAMPING = 0.5
_ROUNDS = 12
LINKS_PER_ENTITY = 32
_SECOND_HOP = 4
_ENOUGH = 32  # facts reached at the first hop that make a second one needless


@dataclass(frozen=True, slots=True)
class Reached:
    """A fact that attention reached, with the entities it came by: the seed first."""

    fact_id: str
    score: float
    via: tuple[str, ...]
    type: str | None = None


async def spread(
    graph: Expands,
    tenant: str,
    seeds: Mapping[str, float],
    *,
    asks: Callable[[str | None], bool] = lambda _: False,
) -> list[Reached]:
    """Facts near the seeds (entity id to weight), by falling score. Whom a relation that the
    question ``asks`` for leads to is looked around first."""
    if not seeds:
        return []
    near = dict(await graph.expand(tenant, list(seeds), limit=LINKS_PER_ENTITY))
    scores = _pagerank(near, seeds)
    first = {link.fact_id for links in near.values() for link in links}
    led = {
        id for links in near.values() for link in links if asks(link.type) for id in link.entity_ids
    }
    best = [id for id in _best_entities(scores, near) if id not in near]
    further = sorted(best, key=lambda id: id not in led)[:_SECOND_HOP]
    if further and (len(first) < _ENOUGH or led):
        near.update(await graph.expand(tenant, further, limit=LINKS_PER_ENTITY))
        scores = _pagerank(near, seeds)
    facts = {link.fact_id: link for links in near.values() for link in links}
    reached = [
        Reached(id, scores[id], _via(link, seeds, near), link.type) for id, link in facts.items()
    ]
    return sorted(reached, key=lambda r: (-r.score, r.fact_id))


def _best_entities(scores: Mapping[str, float], near: Mapping[str, Sequence[Link]]) -> list[str]:
    entities = {id for links in near.values() for link in links for id in link.entity_ids}
    return sorted(entities, key=lambda id: (-scores.get(id, 0.0), id))


def _pagerank(near: Mapping[str, Sequence[Link]], seeds: Mapping[str, float]) -> dict[str, float]:
    """Power iteration; what an entity has is shared among its facts, so hubs pass on little."""
    out: dict[str, list[str]] = {}
    for links in near.values():
        for link in links:
            if link.fact_id not in out:
                out[link.fact_id] = list(link.entity_ids)
                for entity in link.entity_ids:
                    out.setdefault(entity, []).append(link.fact_id)
    total = sum(seeds.values())
    start = {id: weight / total for id, weight in seeds.items()}
    scores = dict(start)
    for _ in range(_ROUNDS):
        handed: dict[str, float] = {id: (1 - _DAMPING) * share for id, share in start.items()}
        for node, held in scores.items():
            targets = out.get(node)
            if targets:
                share = _DAMPING * held / len(targets)
                for target in targets:
                    handed[target] = handed.get(target, 0.0) + share
        scores = handed
    return {**dict.fromkeys(out, 0.0), **scores}


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
