"""Relationship queries: who, what, since when, and how entities connect.

Queries by id, name or time go to the ledger, which has indexes for them. Walks go to the graph, hop
by hop, so that every backend gives the same result (see
:mod:`graphmem.retrieve.relationships.paths`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import product
from typing import TYPE_CHECKING

from graphmem.clock import stamp_or_none
from graphmem.model import Entity, Fact, Moment, Path, Relation, Scope, Step, Subgraph
from graphmem.ports.graph import GraphStore, Link
from graphmem.ports.ledger import EntityQuery, LedgerView
from graphmem.relation_types.types import RelationTypes
from graphmem.retrieve.question.names_and_relations import (
    entities_named,
    entities_partly_named,
    no_entity,
)
from graphmem.retrieve.relationships.paths import Route, Walk
from graphmem.retrieve.view import View, facts_in_scope

if TYPE_CHECKING:
    import networkx as nx

_PAGE = 1000
_STATE = re.compile(r" (?:is|are|has|have|was|were) ")
"""Shows that a fact without a relation type describes a state and not an event."""


class Relate:
    """Answers about entities and how they connect, inside one scope."""

    def __init__(self, ledger: LedgerView, graph: GraphStore) -> None:
        self._ledger = ledger
        self._walk = Walk(ledger, graph)

    async def entity(self, scope: Scope, name_or_id: str, *, whole: bool = False) -> Entity:
        """Find an entity by id, then by name or alias (of several with that name, the first known).
        Unless ``whole``, also by a given name or surname that only one has.
        :class:`~graphmem.errors.NotFound` otherwise."""
        found = await entities_named(self._ledger, scope, name_or_id)
        if found:
            return found[0]
        in_part = [] if whole else await entities_partly_named(self._ledger, scope, name_or_id)
        if len(in_part) == 1:
            return in_part[0]
        raise await no_entity(self._ledger, scope.tenant, name_or_id)

    async def names(self, scope: Scope, ids: Sequence[str]) -> dict[str, Entity]:
        found: dict[str, Entity] = {}
        for start in range(0, len(ids), _PAGE):
            query = EntityQuery(scope.tenant, ids=tuple(ids[start : start + _PAGE]), limit=_PAGE)
            found |= {entity.id: entity for entity in await self._ledger.entities(query)}
        return found

    async def relations(
        self,
        scope: Scope,
        entity: str | None,
        *,
        types: Sequence[str] | None,
        other: str | None,
        view: View,
        limit: int,
    ) -> list[Relation]:
        """Relations of these types (None: all), in either direction where an entity is given;
        earliest first. Subject and object are as stored."""
        one = (await self.entity(scope, entity)).id if entity is not None else None
        two = (await self.entity(scope, other)).id if other is not None else None
        sides = {(one, two), (two, one)} if one or two else {(None, None)}
        found: dict[str, Fact] = {}
        for (subject_id, object_id), type in product(sorted(sides, key=str), types or (None,)):
            query = view.query(
                scope,
                relation=(subject_id, type, object_id),
                stated_only=True,
                earliest_first=True,
                limit=limit,
            )
            found |= {fact.id: fact for fact in await self._ledger.facts(query)}
        facts = sorted(found.values(), key=_by_begin)[:limit]
        return await self.as_relations(scope, facts)

    async def as_relations(self, scope: Scope, facts: Sequence[Fact]) -> list[Relation]:
        ids = {id for fact in facts for id in (fact.subject_id, fact.object_id) if id}
        entities = await self.names(scope, sorted(ids))
        return [
            Relation(
                fact_id=fact.id,
                subject_id=fact.subject_id,
                subject=entities[fact.subject_id].name,
                type=fact.type,
                object_id=fact.object_id,
                object=entities[fact.object_id].name,
                fact=fact.text,
                recorded_at=fact.recorded_at,
                stated_at=fact.stated_at,
                valid_at=fact.valid_at,
                valid_precision=fact.valid_precision,
                invalid_at=fact.invalid_at,
                invalid_precision=fact.invalid_precision,
                modality=fact.modality,
            )
            for fact in facts
            if fact.subject_id in entities and fact.object_id in entities and fact.type
        ]

    async def neighbours(
        self, scope: Scope, entity: str, hops: int, limit: int, view: View
    ) -> Subgraph:
        start = await self.entity(scope, entity)
        seen = {start.id: None}
        links: dict[str, Link] = {}
        frontier = [start.id]
        for _ in range(hops):
            reached: dict[str, None] = {}
            near = await self._walk.links(scope, frontier, view, enough=limit)
            for found in near.values():
                for link in found:
                    links[link.fact_id] = link
                    reached |= dict.fromkeys(id for id in link.entity_ids if id not in seen)
            frontier = list(reached)[: max(0, limit - len(seen))]
            seen |= dict.fromkeys(frontier)
            if not frontier:
                break
        inside = [link for link in links.values() if link.type and set(_ends(link)) <= set(seen)]
        facts = await self._walk.stated(scope, [link.fact_id for link in inside], view)
        entities = await self.names(scope, list(seen))
        return Subgraph(
            tuple(entities[id] for id in seen if id in entities),
            tuple(await self.as_relations(scope, facts)),
        )

    async def paths(
        self,
        scope: Scope,
        source: str,
        target: str,
        *,
        max_hops: int,
        limit: int,
        view: View,
    ) -> list[Path]:
        """Paths between two entities, shortest first; none from an entity to itself."""
        start, end = await self.entity(scope, source), await self.entity(scope, target)
        if start.id == end.id:
            return []
        routes = await self._walk.routes(
            scope, start.id, end.id, max_hops=max_hops, limit=limit, view=view
        )
        return await self._as_paths(scope, start, routes)

    async def timeline(
        self,
        scope: Scope,
        entity: str | None,
        *,
        after: datetime | None,
        before: datetime | None,
        limit: int,
        view: View | None = None,
    ) -> list[Moment]:
        subject = (await self.entity(scope, entity)).id if entity is not None else None
        facts = await self.every_fact(scope, subject, view or View())
        moments = [
            moment
            for fact in facts
            for moment in _moments(fact)
            if (after is None or moment.at >= after) and (before is None or moment.at < before)
        ]
        return sorted(moments, key=in_time)[:limit]

    async def to_networkx(self, scope: Scope, view: View) -> nx.MultiDiGraph[str]:
        """Every entity as a node and every relation as an edge whose key is the fact's id."""
        import networkx as nx

        graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
        after: str | None = None
        while True:
            page = await self._ledger.entities(EntityQuery(scope.tenant, limit=_PAGE, after=after))
            for entity in page:
                graph.add_node(
                    entity.id, name=entity.name, kind=entity.kind, aliases=list(entity.aliases)
                )
            if len(page) < _PAGE:
                break
            after = f"{page[-1].name}\0{page[-1].id}"
        for fact in await self.every_fact(scope, None, view, stated_only=True):
            if fact.type and fact.subject_id in graph and fact.object_id in graph:
                graph.add_edge(
                    fact.subject_id,
                    fact.object_id,
                    key=fact.id,
                    type=fact.type,
                    fact=fact.text,
                    valid_at=stamp_or_none(fact.valid_at),
                    valid_precision=fact.valid_precision,
                    invalid_at=stamp_or_none(fact.invalid_at),
                    invalid_precision=fact.invalid_precision,
                )
        return graph

    async def every_fact(
        self, scope: Scope, entity_id: str | None, view: View, *, stated_only: bool = False
    ) -> list[Fact]:
        """All facts, or all about one entity, a page at a time."""
        found: list[Fact] = []
        after: str | None = None
        while True:
            query = view.query(
                scope,
                entity_ids=(entity_id,) if entity_id else None,
                stated_only=stated_only,
                after=after,
                limit=_PAGE,
            )
            page = await facts_in_scope(self._ledger, scope, query)
            found += page
            if len(page) < _PAGE:
                return found
            after = page[-1].id

    async def _as_paths(self, scope: Scope, start: Entity, routes: Sequence[Route]) -> list[Path]:
        ids = sorted({id for route in routes for id, _ in route} | {start.id})
        entities = await self.names(scope, ids)
        fact_ids = sorted({link.fact_id for route in routes for _, link in route})
        facts = {fact.id: fact for fact in await self._walk.stated(scope, fact_ids, View())}
        return [Path(tuple(_steps(start, route, entities, facts))) for route in routes]


def _steps(
    start: Entity,
    route: Route,
    entities: Mapping[str, Entity],
    facts: Mapping[str, Fact],
) -> list[Step]:
    steps = []
    here = start
    for id, link in route:
        there = entities[id]
        typed = set(_ends(link)) == {here.id, there.id}
        steps.append(
            Step(
                source=here,
                target=there,
                fact_id=link.fact_id,
                type=link.type if typed else None,
                forward=not typed or link.subject_id == here.id,
                fact=facts[link.fact_id].text if link.fact_id in facts else "",
            )
        )
        here = there
    return steps


def _ends(link: Link) -> tuple[str, ...]:
    return tuple(id for id in (link.subject_id, link.object_id) if id)


def _by_begin(fact: Fact) -> tuple[datetime, str]:
    """The sort key of the ledger's order: when a fact began, else ended."""
    ends = (fact.invalid_at, fact.expires_at, fact.archived_at)
    return fact.begins_at or min(end for end in ends if end is not None), fact.id


def happened(fact: Fact) -> bool:
    """Whether the fact is an event, such as a visit or a death, and not a state."""
    if fact.type is None:
        return fact.valid_at is not None and not _STATE.search(fact.text)
    return RelationTypes().behaviour(fact.type).event


def in_time(moment: Moment) -> tuple[datetime, str, str]:
    """The sort key of a timeline."""
    return moment.at, moment.fact.id, moment.what


def _moments(fact: Fact) -> list[Moment]:
    """When a fact began (or, undated, was stated), and when it ended; for a plan, hearsay and the
    like, the date it is planned for, else its own date."""
    if fact.modality != "stated":
        at, precision = fact.planned_date or fact.known_date
        return [Moment(at, fact.modality, fact, precision)]
    at, precision = fact.known_date
    if fact.valid_at is not None and happened(fact):
        return [Moment(at, "happened", fact, precision)]
    moments = [Moment(at, "began" if fact.valid_at else "stated", fact, precision)]
    if fact.invalid_date:
        at, precision = fact.invalid_date
        if fact.begins_at is None:
            moments = []  # it was over when it was first stated
        moments.append(Moment(at, "ended", fact, precision))
    return moments
