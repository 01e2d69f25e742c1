"""The links that a walk may follow: found in the graph, checked by the ledger.

The graph knows which facts are about an entity and when they hold. Only the ledger knows which of
them have expired, are archived, come from an agent or a run, or pass a filter. It also filters
before it limits: entities with more links than are read from the graph are read from the ledger.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

from graphmem.clock import stamp_or_none
from graphmem.model import Fact, Scope
from graphmem.ports.graph import GraphStore, Link
from graphmem.ports.ledger import LedgerView
from graphmem.retrieve.view import View

Route: TypeAlias = list[tuple[str, Link]]
"""The steps of a path: the id of the entity reached and the link that leads there."""
_FEW = 200  # links read per entity from the graph, and the size of a page of the ledger
_MOST = 10_000  # links read in one step of a walk for all entities that have more
_WIDEST = 2000  # entities that a walk may reach
_ASKED_AT_ONCE = 100  # entities per query of the ledger


class Walk:
    """Follows links from entities, inside one scope."""

    def __init__(self, ledger: LedgerView, graph: GraphStore) -> None:
        self._ledger = ledger
        self._graph = graph

    async def links(
        self, scope: Scope, ids: Sequence[str], view: View, *, enough: int = _FEW
    ) -> dict[str, list[Link]]:
        """The visible links of each of these entities, newest first. Of an entity with very many,
        only as many as lead to ``enough`` others, and no more than its share of 10,000."""
        step = self._by_graph if view.where is None else self._by_ledger
        found, hubs = await step(scope, ids, view)
        most = max(_FEW, _MOST // max(1, len(hubs)))
        for id in hubs:
            found[id] = await self._of_hub(scope, id, view, enough, most)
        return {id: found[id] for id in ids if id in found}

    async def routes(
        self,
        scope: Scope,
        source: str,
        target: str,
        *,
        max_hops: int,
        limit: int,
        view: View,
    ) -> list[Route]:
        """At most ``limit`` routes from one entity to another, shortest first: breadth first from
        the end with fewer links. The links of the other end are read first, so that a neighbour of
        it leads there however many links that neighbour has."""
        ends = (source, target)
        near = await self.links(scope, ends, view)
        if all(len(near.get(id, ())) >= _FEW for id in ends):
            near = await self.links(scope, ends, view, enough=_MOST)
        start, end = sorted(ends, key=lambda id: len(near.get(id, ())))
        beside = _by_entity(near.get(end, ()))
        all_beside = len(near.get(end, ())) < _FEW
        routes: list[Route] = []
        trails: dict[str, list[Route]] = {start: [[]]}
        seen = {start}
        for hop in range(max_hops):
            arrived = _onward(trails, beside, seen, limit).get(end, [])
            # All neighbours of the end are known: the last, widest step need not be read.
            if all_beside and (len(routes) + len(arrived) >= limit or hop + 1 == max_hops):
                routes += arrived
                break
            step = await self.links(scope, list(trails), view) if hop else near
            links = {id: [*step.get(id, ()), *beside.get(id, ())] for id in trails}
            further = _onward(trails, links, seen, limit)
            routes += further.pop(end, [])
            if len(routes) >= limit or not further or len(seen) > _WIDEST:
                break
            seen |= set(further)
            trails = {id: ways[:limit] for id, ways in further.items()}
        whole = routes[:limit]
        return whole if start == source else [_reversed(route, start) for route in whole]

    async def stated(self, scope: Scope, ids: Collection[str], view: View) -> list[Fact]:
        """Those of these facts that are stated and in the view."""
        query = view.query(scope, ids=tuple(ids), stated_only=True, limit=max(1, len(ids)))
        return await self._ledger.facts(query) if ids else []

    async def _by_graph(
        self, scope: Scope, ids: Sequence[str], view: View
    ) -> tuple[dict[str, list[Link]], list[str]]:
        """The visible links of entities with few; and the ids of entities with more (hubs)."""
        near = await self._graph.expand(scope.tenant, ids, limit=_FEW)
        hubs = [id for id, links in near.items() if len(links) >= _FEW]
        found = {
            id: [link for link in reversed(links) if view.shows(link)]
            for id, links in near.items()
            if len(links) < _FEW
        }
        if view.moment is None and not scope.run_id and not scope.narrow_agent_id:
            return found, hubs
        walked = sorted({link.fact_id for links in found.values() for link in links})
        seen = {fact.id for fact in await self.stated(scope, walked, view)}
        kept = {id: [x for x in links if x.fact_id in seen] for id, links in found.items()}
        return kept, hubs

    async def _by_ledger(
        self, scope: Scope, ids: Sequence[str], view: View
    ) -> tuple[dict[str, list[Link]], list[str]]:
        """The same for a view with a filter, which the graph cannot apply."""
        found: dict[str, list[Link]] = {}
        for start in range(0, len(ids), _ASKED_AT_ONCE):
            some = tuple(ids[start : start + _ASKED_AT_ONCE])
            query = view.query(
                scope,
                entity_ids=some,
                stated_only=True,
                newest_first=True,
                limit=_FEW,
                limit_each=True,
            )
            for link in map(_link, await self._ledger.facts(query)):
                for id in set(link.entity_ids) & set(some):
                    found.setdefault(id, []).append(link)
        return found, [id for id, links in found.items() if len(links) >= _FEW]

    async def _of_hub(
        self, scope: Scope, id: str, view: View, enough: int, most: int
    ) -> list[Link]:
        found: list[Link] = []
        reached: set[str] = set()
        after: str | None = None
        while len(reached) < enough and len(found) < most:
            query = view.query(
                scope,
                entity_ids=(id,),
                stated_only=True,
                newest_first=True,
                after=after,
                limit=_FEW,
            )
            page = [_link(fact) for fact in await self._ledger.facts(query)]
            found += page
            reached.update(other for link in page for other in link.entity_ids if other != id)
            if len(page) < _FEW:
                break
            after = page[-1].fact_id
        return found


def _onward(
    trails: Mapping[str, Sequence[Route]],
    links: Mapping[str, Sequence[Link]],
    seen: Collection[str],
    limit: int,
) -> dict[str, list[Route]]:
    """The trails extended by one step to entities not yet ``seen``, by the entity reached."""
    further: dict[str, list[Route]] = {}
    for here, ways in trails.items():
        for link in {link.fact_id: link for link in links.get(here, ())}.values():
            for there in link.entity_ids:
                if there not in seen:
                    grown = [[*way, (there, link)] for way in ways[:limit]]
                    further.setdefault(there, []).extend(grown)
    return further


def _by_entity(links: Sequence[Link]) -> Mapping[str, list[Link]]:
    found: dict[str, list[Link]] = {}
    for link in links:
        for id in link.entity_ids:
            found.setdefault(id, []).append(link)
    return found


def _reversed(route: Route, start: str) -> Route:
    """A route from ``start``, reversed to lead to it."""
    stops = [start, *(id for id, _ in route)]
    return [(id, link) for id, (_, link) in zip(stops[-2::-1], reversed(route), strict=True)]


def _link(fact: Fact) -> Link:
    return Link(
        fact_id=fact.id,
        entity_ids=tuple(sorted(fact.entity_ids)),
        subject_id=fact.subject_id,
        type=fact.type,
        object_id=fact.object_id,
        valid_at=stamp_or_none(fact.valid_at),
        invalid_at=stamp_or_none(fact.invalid_at),
        stated_at=stamp_or_none(fact.stated_at),
        modality=fact.modality,
    )
