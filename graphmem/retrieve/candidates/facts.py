"""The facts that become candidates, from the ledger: it has the last word on scope and validity."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Mapping, Sequence

from graphmem.model import Fact
from graphmem.ports.ledger import LedgerView
from graphmem.retrieve.candidates.graph import LINKS_PER_ENTITY, ReachedFact
from graphmem.retrieve.fact_view import View
from graphmem.retrieve.question.relation_types import RelationMatcher
from graphmem.retrieve.question.search_query import SearchQuery

_FACTS = 20  # looked at closely, and of those that only the graph leads to
_GRAPH = 12
_ARCHIVED = 200  # looked at, where archived facts are asked for
_ENDED = 5  # of them, those that have ended and are followed up


async def load_facts(
    ledger: LedgerView,
    query: SearchQuery,
    found: Sequence[str],
    reached: Sequence[ReachedFact],
    relations: RelationMatcher,
) -> dict[str, Fact]:
    """The best of the facts that the vectors found and that the graph led to."""
    near = [one for one in reached if one.score > 0]
    asked = [one for one in near if relations.asks(one.type)]
    graph = [one.fact_id for one in (*asked[:_GRAPH], *near[:_GRAPH])]
    # At a moment many of the best may not have begun yet: the vectors know ends only.
    most = sys.maxsize if query.view.at else max(_FACTS, 2 * query.limit)
    ids = tuple(dict.fromkeys([*found[:most], *graph]))
    facts = await _of_hubs(ledger, query, reached, relations)
    if ids:
        facts += await ledger.facts(query.view.query(query.scope, ids=ids, limit=len(ids)))
    if query.view.archived and "fact" in query.kinds:
        # They are in no other store: the newest are looked at, one by one.
        more = {"archived_only": True, "newest_first": True, "limit": _ARCHIVED}
        facts += await ledger.facts(query.view.query(query.scope, **more))
    return {fact.id: fact for fact in facts}


async def find_superseded(
    ledger: LedgerView, query: SearchQuery, scores: Mapping[str, float]
) -> tuple[list[tuple[Fact, float]], list[tuple[Fact, float]]]:
    """What would have been found but has ended, and what holds in its stead; with the score
    (0 to 1) that the ended one would have had."""
    now, scope = query.view.moment, query.scope
    if now is None or not scores:
        return [], []
    found = await ledger.facts(View().query(scope, ids=tuple(scores), stated_only=True))
    ended = [
        (fact, scores[fact.id])
        for fact in sorted(found, key=lambda fact: -scores[fact.id])
        if fact.invalid_at is not None and fact.invalid_at <= now
    ][:_ENDED]
    best: dict[tuple[str | None, str], float] = {}
    for fact, score in ended:
        if fact.type:
            relation = (fact.subject_id, fact.type)
            best[relation] = max(score, best.get(relation, 0.0))
    replacing: dict[str, tuple[Fact, float]] = {}
    for (subject_id, type), score in best.items():
        holding = query.view.query(
            scope,
            relation=(subject_id, type, None),
            stated_only=True,
            newest_first=True,
            limit=_ENDED,
        )
        replacing |= {fact.id: (fact, score) for fact in await ledger.facts(holding)}
    return ended, list(replacing.values())


async def _of_hubs(
    ledger: LedgerView,
    query: SearchQuery,
    reached: Sequence[ReachedFact],
    relations: RelationMatcher,
) -> list[Fact]:
    """The relations that are asked for of whom so much is known that the graph was not read to its
    end."""
    known = Counter(one.via[0] for one in reached if len(one.via) == 1)
    queries = [
        query.view.query(query.scope, relation=ends, newest_first=True, limit=_GRAPH)
        for hub, count in known.items()
        if count >= LINKS_PER_ENTITY
        for type in relations.types
        for ends in ((hub, type, None), (None, type, hub))
    ]
    found = await asyncio.gather(*map(ledger.facts, queries))
    return [fact for facts in found for fact in facts]
