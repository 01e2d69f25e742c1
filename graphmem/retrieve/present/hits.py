"""Makes hits of the best candidates, with their source and path in the graph; explains a fact or
turn; and merges the results of several projects."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from graphmem.errors import NotFound
from graphmem.model import (
    Entity,
    Explanation,
    Fact,
    Hit,
    Quote,
    Relation,
    Scope,
    SearchResult,
    Subgraph,
    Table,
    Turn,
)
from graphmem.off_loop import off_loop
from graphmem.ports.ledger import EntityQuery, LedgerView
from graphmem.retrieve.candidates.gather import first_source
from graphmem.retrieve.rank.likelihood import Likelihood
from graphmem.retrieve.rank.ranking import RankedCandidates
from graphmem.retrieve.signals.passages import linked_partners
from graphmem.retrieve.signals.texts_and_facts import outdated_turns
from graphmem.retrieve.view import View, fact_in_scope, facts_in_scope, history_in_scope
from graphmem.text import beginning

_BEGINNING = 60
_MANY = 200  # hits, from which they are made beside the event loop


async def make_hits(
    ledger: LedgerView, ranked: RankedCandidates, places: Sequence[int], likelihood: Likelihood
) -> tuple[Hit, ...]:
    """The candidates at these places as hits, in this order."""
    paths = await _paths(ledger, ranked, places)
    make = partial(_hits, ranked, places, likelihood, paths)
    return await off_loop(make) if len(places) > _MANY else make()


def _hits(
    ranked: RankedCandidates,
    places: Sequence[int],
    likelihood: Likelihood,
    paths: Mapping[int, str],
) -> tuple[Hit, ...]:
    inputs, ranking = ranked.inputs, ranked.ranking
    outdated = outdated_turns(inputs.ended)
    hits: list[Hit] = []
    totals = ranking.totals[list(places)].tolist()
    scores = likelihood.of_hits(totals)
    explained = ranking.explained(places)
    for place, score, total, signals in zip(places, scores, totals, explained, strict=True):
        id = inputs.ids[place]
        hit = partial(
            Hit,
            id=id,
            score=score,
            total=total,
            rank=len(hits) + 1,
            signals=signals,
            path=paths.get(place),
            similarity=similarity_of(ranked, id),
        )
        if id in inputs.facts:
            hits.append(_fact_hit(hit, inputs.facts[id], inputs.turns, ranked.query.scope))
        else:
            hits.append(_turn_hit(hit, inputs.turns[id], outdated.get(id)))
    return tuple(hits)


def similarity_of(ranked: RankedCandidates, id: str) -> float | None:
    """The similarity (0 to 1) of a candidate's vector to the question's; None if the dense arm did
    not find it."""
    near = ranked.inputs.scores.dense.get(id)
    return None if near is None else min(1.0, max(0.0, near))


def _fact_hit(hit: Callable[..., Hit], fact: Fact, turns: Mapping[str, Turn], scope: Scope) -> Hit:
    source = first_source(fact, scope)
    turn = turns.get(source.turn_id or "") if source else None
    return hit(
        kind="fact",
        text=fact.text,
        episode_id=source.episode_id if source else None,
        turn_id=turn.id if turn else None,
        source_id=turn.source_id if turn else None,
        speaker=turn.speaker if turn else None,
        occurred_at=fact.stated_at,
        fact=fact_in_scope(fact, scope) or fact,
    )


def unranked_hits(facts: Sequence[Fact], scope: Scope) -> tuple[Hit, ...]:
    """Facts as hits in the order given, with score 0: for reads without a question."""
    ranked = (partial(Hit, id=fact.id, score=0.0, rank=rank) for rank, fact in enumerate(facts, 1))
    return tuple(
        _fact_hit(partial(hit, signals=()), fact, {}, scope)
        for hit, fact in zip(ranked, facts, strict=True)
    )


def _turn_hit(hit: Callable[..., Hit], turn: Turn, outdated: str | None) -> Hit:
    return hit(
        kind="turn",
        text=turn.text,
        episode_id=turn.episode_id,
        turn_id=turn.id,
        source_id=turn.source_id,
        speaker=turn.speaker,
        occurred_at=turn.occurred_at,
        outdated=outdated,
    )


async def _paths(
    ledger: LedgerView, ranked: RankedCandidates, places: Sequence[int]
) -> dict[int, str]:
    """By place, how the graph led there: to a fact from a seed, to a turn from another turn that
    names the same entity."""
    inputs, ranking = ranked.inputs, ranked.ranking
    via = {fact.fact_id: fact.via for fact in inputs.reached if fact.via}
    facts = {
        place: inputs.facts[id] for place in places if (id := inputs.ids[place]) in inputs.facts
    }
    ways = {place: via[fact.id] for place, fact in facts.items() if fact.id in via}
    linked = [place for place in places if ranking.signal("linked")[place] > 0]
    bridges: Mapping[int, tuple[int, str]] = {}
    if linked:
        measured = dict(zip(ranking.names, ranking.values, strict=True))
        bridges = linked_partners(inputs, measured, linked)
    named = {id for way in ways.values() for id in way}
    named |= {id for place in ways for id in facts[place].entity_ids}
    named |= {entity for _, entity in bridges.values()}
    if not named:
        return {}
    query = EntityQuery(ranked.query.scope.tenant, ids=tuple(sorted(named)))
    names = {entity.id: entity.name for entity in await ledger.entities(query)}
    paths = {place: _path_of_fact(facts[place], way, names) for place, way in ways.items()}
    for place, (partner, entity) in bridges.items():
        turn = inputs.turns.get(inputs.ids[partner])
        if turn is not None:
            paths[place] = f"{_beginning(turn.text)} · {names.get(entity, '?')}"
    return paths


def _path_of_fact(fact: Fact, way: tuple[str, ...], names: Mapping[str, str]) -> str:
    steps = [names.get(id, "?") for id in way]
    if fact.subject_id and fact.object_id and fact.type:
        if way[-1] == fact.subject_id:
            steps.append(f"-{fact.type}→ {names.get(fact.object_id, '?')}")
        elif way[-1] == fact.object_id:
            steps.append(f"←{fact.type}- {names.get(fact.subject_id, '?')}")
    return " ".join((" · ".join(steps[: len(way)]), *steps[len(way) :]))


def _beginning(text: str) -> str:
    """The beginning of a text's first line, enough to recognise it."""
    return beginning(next(iter(text.strip().splitlines()), ""), _BEGINNING)


async def explain(ledger: LedgerView, scope: Scope, id: str, hit: Hit | None = None) -> Explanation:
    """Explain the fact or turn with this id; :class:`~graphmem.errors.NotFound` if this scope does
    not hold it. Sources and changes from outside an agent or run that the scope is narrowed to are
    not revealed."""
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


_T = TypeVar("_T")


def merged_search(
    query: str, found: Sequence[tuple[str, SearchResult]], limit: int
) -> SearchResult:
    """Merge the results of projects (name and result): each keeps its order, and hits of different
    projects are ordered by score."""
    ordered = [_falling([replace(hit, project_id=name) for hit in one]) for name, one in found]
    best = heapq.merge(*ordered, key=lambda pair: -pair[0])
    hits = [replace(hit, rank=n) for n, (_, hit) in enumerate(itertools.islice(best, limit), 1)]
    reasons = dict.fromkeys(one.reason for _, one in found if one.reason)
    return SearchResult(
        query,
        tuple(hits),
        tuple(seed for _, one in found for seed in one.seeds),
        "; ".join(reasons) or None,
        max(one.answerable for _, one in found),
    )


def merged_newest(found: Sequence[tuple[str, SearchResult]], limit: int) -> SearchResult:
    """Merge results of reads without a question, each newest first, in the same order."""
    lists = [[replace(hit, project_id=name) for hit in one] for name, one in found]
    newest = heapq.merge(*lists, key=lambda hit: hit.id, reverse=True)
    hits = itertools.islice(newest, limit)
    return SearchResult("", tuple(replace(hit, rank=n) for n, hit in enumerate(hits, 1)))


def merged_lists(
    found: Sequence[Sequence[_T]], key: Callable[[_T], Any], *, limit: int, offset: int = 0
) -> list[_T]:
    """Merge lists that are sorted by ``key``, and return ``limit`` items from ``offset`` on. Each
    list must be given from its beginning."""
    return list(itertools.islice(heapq.merge(*found, key=key), offset, offset + limit))


def merged_subgraphs(found: Sequence[Subgraph], limit: int) -> Subgraph:
    """Merge the neighbourhoods of one entity per project: entities of the projects alternate,
    nearest first, and relations are kept if both ends are."""
    turns = itertools.chain(*itertools.zip_longest(*(one.entities for one in found)))
    entities = tuple(itertools.islice((one for one in turns if one is not None), limit))
    shown = {one.id for one in entities}
    relations = itertools.chain(*(one.relations for one in found))
    inside = tuple(one for one in relations if {one.subject_id, one.object_id} <= shown)
    return Subgraph(entities, inside)


def merged_tables(found: Sequence[Table], max_rows: int) -> Table:
    """The rows that one query returned for each project, one project after another."""
    rows = tuple(itertools.chain(*(one.rows for one in found)))
    cut = len(rows) > max_rows or any(one.truncated for one in found)
    return Table(found[0].columns, rows[:max_rows], cut)


def relation_begin(relation: Relation) -> tuple[datetime, str]:
    """The sort key of relations: when they began, else (if only that is known) ended."""
    stated_at = relation.stated_at or relation.recorded_at
    over = relation.invalid_at is not None and relation.invalid_at <= stated_at
    begins_at = relation.valid_at or (relation.invalid_at if over else stated_at)
    return begins_at or stated_at, relation.fact_id


def _falling(hits: Sequence[Hit]) -> list[tuple[float, Hit]]:
    """Hits in their order, each with the highest score from there on. These never rise, so that
    merging by them keeps the order of every list."""
    best, pairs = 0.0, list[tuple[float, Hit]]()
    for hit in reversed(hits):
        best = max(best, hit.score)
        pairs.append((best, hit))
    return pairs[::-1]
