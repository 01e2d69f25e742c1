"""What the vectors are asked: facts and turns, by meaning and by words, as they are and were."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from graphmem.clock import stamp_or_none
from graphmem.embedding import CachedEmbedder
from graphmem.errors import BudgetExceeded
from graphmem.model import HitKind
from graphmem.ports.vectors import Only, Scored, Vector, VectorQuery, VectorStore
from graphmem.retrieve.fact_view import of_kind
from graphmem.retrieve.question.search_query import SearchQuery

_log = logging.getLogger(__name__)

_DEPTH = 50  # candidates of each arm
_DEEPER = 4
_BY_WORDS = 150  # of the arms that find most: turns by their own words, and with those beside
_DENSE = 120  # whose nearness is known; the first of them are candidates
_SESSIONS = 50
_TURNS = 150  # candidates, whose texts are read with those around them
_PAST = 20  # best facts of any time

_ARM_WEIGHTS = {"bm25": 1.0, "dense": 0.8}
_ARM_OF = {
    **dict.fromkeys(("turn near", "fact near"), "dense"),
    **dict.fromkeys(("fact words", "turn words", "window", "session"), "bm25"),
}


@dataclass(frozen=True, slots=True)
class StoreScores:
    """What the store scored, by id: facts and turns by their own words (``words``) and vectors
    (``dense``), turns with those beside them (``window``; facts by their own words), and whole
    episodes (``session``)."""

    words: Mapping[str, float] = field(default_factory=dict)
    window: Mapping[str, float] = field(default_factory=dict)
    dense: Mapping[str, float] = field(default_factory=dict)
    session: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VectorCandidates:
    """What the vector store found: facts and turns by id, roughly best first."""

    ids: Mapping[HitKind, Sequence[str]]
    scores: StoreScores
    ended: Mapping[str, float]
    """Facts that have ended and would be among the best, by how near to the best (0 to 1)."""
    reason: str | None = None
    """Why nothing was looked for by meaning, if so."""


async def find_by_vectors(
    vectors: VectorStore, embedder: CachedEmbedder, query: SearchQuery, *, left_out: Set[str]
) -> VectorCandidates:
    """All that the store is asked, in one call: facts and turns, by meaning and by words; turns
    with the words around them, and whole sessions; and the best facts that have ended, for what the
    question would have found before it changed."""
    depth = _depth(query)
    dense, reason = await _embed(embedder, query)
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


async def _embed(embedder: CachedEmbedder, query: SearchQuery) -> tuple[Vector | None, str | None]:
    """The question's vector; none, and why, when no more may be spent on one."""
    try:
        return await embedder.query(query.beginning), None
    except BudgetExceeded as error:
        _log.warning("searched by words alone: %s", error)
        return None, f"{error}; searched by words alone"


def _depth(query: SearchQuery) -> int:
    """Candidates of each arm. At a moment there must be more of them: the vectors know when a fact
    ended, not when it began."""
    return max(_DEPTH, 2 * query.limit) * (_DEEPER if query.view.at else 1)


def _queries(query: SearchQuery, depth: int, dense: Vector | None) -> dict[str, VectorQuery]:
    """By name; those by meaning only where that is known."""
    scope, where = query.scope, query.view.where
    moment = stamp_or_none(query.view.moment)
    # Sessions only tell about their turns, and so need not pass.
    only = Only(scope.tenant, scope.narrow_agent_id, scope.run_id, moment)
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
    """What has ended of the best :data:`_PAST` of all, as a share of the best one's score."""
    best = sorted((*ended, *holding), key=lambda hit: (-hit.score, hit.id))[:_PAST]
    gone = {hit.id for hit in ended}
    return {hit.id: hit.score / best[0].score for hit in best if hit.id in gone}


@dataclass(frozen=True, slots=True)
class ArmHits:
    """What one arm found of facts or turns, best first."""

    arm: str
    hits: Sequence[Scored]


def fuse_arms(arms: Sequence[ArmHits]) -> dict[str, float]:
    """All candidates of all arms with how good they look, best first.

    Scores are scaled and summed, not ranks (rank fusion throws away how much better the better
    arm's first hits are; see docs/decisions).
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
