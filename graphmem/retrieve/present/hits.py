"""The best candidates as hits: with their source, and in words how the graph led to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from graphmem.model import Fact, Hit, Scope, Turn
from graphmem.ports.ledger import EntityQuery, LedgerView
from graphmem.retrieve.candidates.candidate import first_source
from graphmem.retrieve.rank.likelihood import Likelihood
from graphmem.retrieve.rank.ranking import RankedCandidates
from graphmem.retrieve.scoped_facts import fact_in_scope
from graphmem.retrieve.signals.facts import outdated_turns
from graphmem.retrieve.signals.passages import linked_partners
from graphmem.text import beginning

_BEGINNING = 60


async def make_hits(
    ledger: LedgerView, ranked: RankedCandidates, places: Sequence[int], likelihood: Likelihood
) -> tuple[Hit, ...]:
    """The candidates at these places, in this order."""
    inputs, ranking = ranked.inputs, ranked.ranking
    paths = await _paths(ledger, ranked, places)
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
    """How near a candidate's vector is to the question's, where the dense arm found it."""
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
    """Facts that no question was asked about, as hits in the order given, without a score."""
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
    """By place how the graph led there: to a fact from what the question names, to a turn from
    another that names the same."""
    inputs, ranking = ranked.inputs, ranked.ranking
    via = {fact.fact_id: fact.via for fact in inputs.reached if fact.via}
    facts = {
        place: inputs.facts[id] for place in places if (id := inputs.ids[place]) in inputs.facts
    }
    ways = {place: via[fact.id] for place, fact in facts.items() if fact.id in via}
    linked = [place for place in places if ranking.signal("linked")[place] > 0]
    bridges: Mapping[int, tuple[int, str]] = {}
    if linked:
        found = linked_partners(inputs, dict(zip(ranking.names, ranking.values, strict=True)))
        bridges = {place: found[place] for place in linked if place in found}
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
    """The first words of a text, on one line: enough to know it by."""
    return beginning(next(iter(text.strip().splitlines()), ""), _BEGINNING)
