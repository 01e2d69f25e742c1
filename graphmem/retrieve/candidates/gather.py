"""Gathers the candidates: queries the vector store, loads facts from the ledger (which decides on
scope and validity), and returns the turns and facts to rank, with their neighbouring turns.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from graphmem.clock import stamp_or_none
from graphmem.embedding import CachedEmbedder
from graphmem.errors import BudgetExceeded
from graphmem.model import Fact, HitKind, Scope, Source, Turn
from graphmem.ports.ledger import LedgerView
from graphmem.ports.vectors import Only, Scored, Vector, VectorQuery, VectorStore
from graphmem.retrieve.candidates.graph import LINKS_PER_ENTITY, ReachedFact
from graphmem.retrieve.candidates.text_analysis import AnalysedText, TextAnalyser
from graphmem.retrieve.question.names_and_relations import RelationMatcher
from graphmem.retrieve.view import SearchQuery, View, of_kind

_log = logging.getLogger(__name__)

_DEPTH = 50  # candidates of each arm
_DEEPER = 4
_BY_WORDS = 150  # candidates by words: turns by their own, and with those of their neighbours
_DENSE = 120  # turns whose similarity is read; the first of them are candidates
_SESSIONS = 50
_TURNS = 150  # candidates whose texts are read, with their neighbours
_PAST = 20  # best facts, ended or not

_ARM_WEIGHTS = {"bm25": 1.0, "dense": 0.8}
_ARM_OF = {
    **dict.fromkeys(("turn near", "fact near"), "dense"),
    **dict.fromkeys(("fact words", "turn words", "window", "session"), "bm25"),
}


@dataclass(frozen=True, slots=True)
class StoreScores:
    """Scores of the vector store, by id: BM25 of facts and turns by their own words (``words``),
    similarity of their vectors (``dense``), BM25 of turns with their neighbours (``window``; facts
    by their own words) and of whole episodes (``session``)."""

    words: Mapping[str, float] = field(default_factory=dict)
    window: Mapping[str, float] = field(default_factory=dict)
    dense: Mapping[str, float] = field(default_factory=dict)
    session: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VectorCandidates:
    """What the vector store found: ids of facts and of turns, roughly best first."""

    ids: Mapping[HitKind, Sequence[str]]
    scores: StoreScores
    ended: Mapping[str, float]
    """Facts that have ended and would be among the best: score relative to the best one's (0 to 1),
    by id."""
    reason: str | None = None
    """Why there was no search by vector, if so."""


async def find_by_vectors(
    vectors: VectorStore,
    embedder: CachedEmbedder,
    query: SearchQuery,
    meant: str,
    *,
    left_out: Set[str],
) -> VectorCandidates:
    """Query the vector store, in one call, for facts and turns by vector and by words, turns with
    their neighbours' words, whole sessions, and the best facts that have ended, which show what the
    question would have found before a change. ``meant`` is the text that is compared by vector."""
    depth = _depth(query)
    dense, reason = await _embed(embedder, meant)
    queries = _queries(query, depth, dense)
    answers = dict(zip(queries, await vectors.search(list(queries.values())), strict=True))
    ended = _among_the_best(answers.get("past", []), answers["fact words"])
    found = {
        name: [] if _ARM_OF.get(name) in left_out else answers.get(name, [])
        for name in ("window", "turn words", "session", "fact words", "turn near", "fact near")
    }
    turns = fuse_arms(
        [
            ArmHits("bm25", found["window"]),
            ArmHits("bm25", found["turn words"]),
            ArmHits("dense", found["turn near"][:depth]),
        ]
    )
    facts = fuse_arms([ArmHits("dense", found["fact near"]), ArmHits("bm25", found["fact words"])])
    return VectorCandidates(
        {"turn": list(turns)[: max(_TURNS, depth)], "fact": list(facts)},
        StoreScores(
            words=dict([*found["turn words"], *found["fact words"]]),
            window=dict([*found["window"], *found["fact words"]]),
            dense=dict([*found["turn near"], *found["fact near"]]),
            session=dict(found["session"]),
        ),
        ended,
        reason,
    )


async def _embed(embedder: CachedEmbedder, text: str) -> tuple[Vector | None, str | None]:
    """The question's vector; or None and the reason, when the budget for it is spent."""
    try:
        return await embedder.query(text), None
    except BudgetExceeded as error:
        _log.warning("searched by words alone: %s", error)
        return None, f"{error}; searched by words alone"


def _depth(query: SearchQuery) -> int:
    """Candidates of each arm. A view as of a moment needs more: the vector store knows when a fact
    ended, but not when it began."""
    return max(_DEPTH, 2 * query.limit) * (_DEEPER if query.view.at else 1)


def _queries(query: SearchQuery, depth: int, dense: Vector | None) -> dict[str, VectorQuery]:
    """The queries by name; those by vector only where there is one (``dense``)."""
    scope, where = query.scope, query.view.where
    moment = stamp_or_none(query.view.moment)
    # Sessions only add to the score of their turns, so the filter does not apply to them.
    only = Only(scope.tenant, scope.narrow_agent_id, scope.run_id, moment)
    only_facts = only_turns = only
    if where is not None:
        only_facts = replace(only, where=of_kind(where, "fact"))
        only_turns = replace(only, where=of_kind(where, "turn"))
    text = query.beginning
    by_words, sessions = max(_BY_WORDS, depth), max(_SESSIONS, depth)
    queries = {
        "window": VectorQuery("turns", only_turns, by_words, text=text, around=True),
        "turn words": VectorQuery("turns", only_turns, by_words, text=text),
        "session": VectorQuery("sessions", only, sessions, text=text),
        "fact words": VectorQuery("facts", only_facts, depth, text=text),
    }
    if dense is not None:
        queries["turn near"] = VectorQuery("turns", only_turns, max(_DENSE, depth), dense=dense)
        queries["fact near"] = VectorQuery("facts", only_facts, depth, dense=dense)
    if moment is not None:
        queries["past"] = VectorQuery("facts", replace(only_facts, past=True), _PAST, text=text)
    return queries


def _among_the_best(ended: Sequence[Scored], holding: Sequence[Scored]) -> dict[str, float]:
    """The ended facts among the best :data:`_PAST` of all: score relative to the best, by id."""
    best = sorted((*ended, *holding), key=lambda hit: (-hit.score, hit.id))[:_PAST]
    gone = {hit.id for hit in ended}
    return {hit.id: hit.score / best[0].score for hit in best if hit.id in gone}


@dataclass(frozen=True, slots=True)
class ArmHits:
    """The facts or turns that one arm found, best first."""

    arm: str
    hits: Sequence[Scored]


def fuse_arms(arms: Sequence[ArmHits]) -> dict[str, float]:
    """The candidates of all arms with their first score, best first: the weighted sum of each arm's
    scores, scaled to 0..1.

    Scores are summed, not ranks: rank fusion would discard by how much an arm's first hits are
    better (see docs/decisions).
    """
    totals: dict[str, float] = {}
    for found in arms:
        if not found.hits:
            continue
        scores = [hit.score for hit in found.hits]
        low = min(scores) if found.arm == "dense" else 0.0
        span = max(max(scores) - low, 1e-9)
        for hit in found.hits:
            share = _ARM_WEIGHTS[found.arm] * (hit.score - low) / span
            totals[hit.id] = totals.get(hit.id, 0.0) + share
    return {id: totals[id] for id in sorted(totals, key=lambda id: (-totals[id], id))}


_FACTS = 20  # facts found by vectors that are loaded
_GRAPH = 12  # facts reached by the graph that are loaded
_ARCHIVED = 200  # archived facts that are loaded, where they are asked for
_ENDED = 5  # ended facts whose replacement is looked for


async def load_facts(
    ledger: LedgerView,
    query: SearchQuery,
    found: Sequence[str],
    reached: Sequence[ReachedFact],
    relations: RelationMatcher,
) -> dict[str, Fact]:
    """The best facts that the vector store found (``found``) and that the graph reached, by id."""
    near = [one for one in reached if one.score > 0]
    asked = [one for one in near if relations.asks(one.type)]
    graph = [one.fact_id for one in (*asked[:_GRAPH], *near[:_GRAPH])]
    # As of a moment, many of the best may not have begun: the vector store knows only ends.
    most = sys.maxsize if query.view.at else max(_FACTS, 2 * query.limit)
    ids = tuple(dict.fromkeys([*found[:most], *graph]))
    facts = await _of_hubs(ledger, query, reached, relations)
    if ids:
        facts += await ledger.facts(query.view.query(query.scope, ids=ids, limit=len(ids)))
    if query.view.archived and "fact" in query.kinds:
        # Archived facts are in no projection: the newest are loaded from the ledger.
        more = {"archived_only": True, "newest_first": True, "limit": _ARCHIVED}
        facts += await ledger.facts(query.view.query(query.scope, **more))
    return {fact.id: fact for fact in facts}


async def find_superseded(
    ledger: LedgerView,
    query: SearchQuery,
    scores: Mapping[str, float],
    asked: Sequence[tuple[str | None, str, str | None]] = (),
) -> tuple[list[tuple[Fact, float]], list[tuple[Fact, float]]]:
    """The facts that would have been found but have ended, and the facts that hold in their place,
    both with the score (0 to 1) that the ended one would have had. Ended facts of the ``asked``
    relations (subject, type, object) have score 1."""
    now, scope = query.view.moment, query.scope
    if now is None or not (scores or asked):
        return [], []
    past = View()
    queries = [
        past.query(scope, relation=ends, stated_only=True, newest_first=True, limit=_GRAPH)
        for ends in asked
    ]
    if scores:
        queries.append(past.query(scope, ids=tuple(scores), stated_only=True))
    answers = await asyncio.gather(*map(ledger.facts, queries))
    of_asked = {fact.id: 1.0 for facts in answers[: len(asked)] for fact in facts}
    score_of = {**scores, **of_asked}
    found = {fact.id: fact for facts in answers for fact in facts}
    ended = [
        (fact, score_of[fact.id])
        for fact in sorted(found.values(), key=lambda fact: -score_of[fact.id])
        if fact.invalid_at is not None and fact.invalid_at <= now
    ][: _GRAPH if asked else _ENDED]
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
    """Facts of the relations asked for, of seeds with so many facts that the graph arm read only
    some of them."""
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


@dataclass(frozen=True, slots=True)
class Candidate:
    """A turn or fact that is ranked. ``shown`` is False for a turn that only serves as context."""

    id: str
    text: AnalysedText
    context: AnalysedText
    """The turn that it is or that states it, else its own text."""
    shown: bool = True


async def make_candidates(
    texts: TextAnalyser,
    scope: Scope,
    turn_ids: Sequence[str],
    facts: Mapping[str, Fact],
    *,
    may_show: Set[str] | None,
) -> list[Candidate]:
    """Turns with their neighbours, in order, then facts. Where ``may_show`` is given, only those
    turns are shown."""
    stated_in = {fact.id: stating_turn(fact, scope) for fact in facts.values()}
    wanted = dict.fromkeys([*turn_ids, *filter(None, stated_in.values())])
    read = await texts.turns(scope.tenant, list(wanted))
    of_facts = await texts.facts(list(facts.values()), read)
    by_turn = {text.turn.id: text for text in read if text.turn}
    turns = {id: text.turn for id, text in by_turn.items() if text.turn}
    found = {turns[id].episode_id for id in turn_ids if id in turns}
    shown: Set[str] = {id for id, turn in turns.items() if turn.episode_id in found}
    shown |= _stating_turns(facts, turns)
    if may_show is not None:
        shown = may_show
    shown = {id for id in shown if id in turns and not turns[id].silenced}
    candidates = [Candidate(id, text, text, id in shown) for id, text in by_turn.items()]
    candidates += [
        Candidate(fact.id, text, by_turn.get(stated_in[fact.id] or "", text))
        for fact, text in zip(facts.values(), of_facts, strict=True)
    ]
    return candidates


def first_source(fact: Fact, scope: Scope) -> Source | None:
    """The first source inside the scope's agent and run, preferring one with a turn; None if there
    is none."""
    agent, run, first = scope.narrow_agent_id, scope.run_id, None
    for source in fact.sources:
        if agent in (None, source.agent_id) and run in (None, source.run_id):
            if source.turn_id:
                return source
            first = first or source
    return first


def stating_turn(fact: Fact, scope: Scope) -> str | None:
    """The id of the first turn that states a fact in this scope."""
    source = first_source(fact, scope)
    return source.turn_id if source else None


def _stating_turns(facts: Mapping[str, Fact], turns: Mapping[str, Turn]) -> set[str]:
    """The ids of turns that state a fact whose sources are all in one episode: like the fact, that
    episode is inside the scope and not expired. A fact that contains its turn's whole text
    (``infer=False``) does not need the turn beside it."""
    return {
        turn.id
        for fact in facts.values()
        if len({source.episode_id for source in fact.sources}) == 1
        for source in fact.sources
        if (turn := turns.get(source.turn_id or "")) is not None and turn.text not in fact.text
    }
