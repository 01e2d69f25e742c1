"""The way of a read: seeds → arms → neighbourhood → fuse → hits, each with its explanation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace

from graphmem.clock import stamp_or_none
from graphmem.embedding import CachedEmbedder
from graphmem.model import Entity, Fact, Hit, HitKind, Scope, SearchResult, Source, Turn
from graphmem.ports.graph import GraphStore
from graphmem.ports.ledger import EntityQuery
from graphmem.ports.vectors import Collection, Only, Scored, VectorQuery, VectorStore
from graphmem.retrieve.fuse import (
    Arm,
    Fused,
    fuse,
    ordered,
    with_extras,
    with_neighbours,
    with_stated,
    without_arms,
)
from graphmem.retrieve.lens import Known, Lens
from graphmem.retrieve.signals import fact_extras, outdated_turns, turn_extras
from graphmem.retrieve.spread import Reached, spread
from graphmem.text import name_key, name_keys_in, words

_FIRST_PERSON = frozenset({"i", "me", "my", "mine", "myself"})
_COLLECTIONS: dict[HitKind, Collection] = {"fact": "facts", "turn": "turns"}
_MAX_SEEDS = 6
_DEPTH = 50  # candidates of each arm
_DEEPER = 4
_NEIGHBOURED = 40
_PAST = 20  # best facts of any time
_ENDED = 5  # of them, those that have ended and are followed up


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, by whom, and what the answer may contain."""

    text: str
    scope: Scope
    limit: int
    kinds: Sequence[HitKind]
    lens: Lens
    """Which facts may be seen."""

    @property
    def depth(self) -> int:
        """Candidates of each arm. At a moment there must be more of them: the vectors know when a
        fact ended, not when it began."""
        return max(_DEPTH, 2 * self.limit) * (_DEEPER if self.lens.at else 1)


class Retrieve:
    """Answers questions from projections that are up to date."""

    def __init__(
        self,
        ledger: Known,
        graph: GraphStore,
        vectors: VectorStore,
        embedder: CachedEmbedder,
        without: Set[str] = frozenset(),
    ) -> None:
        """``without`` names arms to leave out (see :data:`~graphmem.retrieve.fuse.ARMS`): what
        they are worth shows when they are gone."""
        self._ledger = ledger
        self._graph = graph
        self._vectors = vectors
        self._embedder = embedder
        self._without = without

    async def search(self, question: Question) -> SearchResult:
        # One after the other: the embedded engines hold the interpreter while they work, so that
        # side by side they only wait for each other.
        seeds, reached = await self._graph_arm(question)
        arms, past = await self._vector_arms(question)
        graph = Arm("graph", [Scored(r.fact_id, r.score) for r in reached if r.score > 0])
        turn_ids = {hit.id for arm in arms["turn"] for hit in arm.hits}
        found = [*arms["fact"], *arms["turn"], graph]
        fused = fuse([arm for arm in found if arm.name not in self._without])
        facts = await self._facts(question, [c for c in fused if c.id not in turn_ids])
        ended, present = await self._superseded(question, past, facts)
        facts |= {fact.id: fact for fact, _ in present}
        seed_ids = {seed.id for seed in seeds}
        fused = self._left(with_extras(fused, fact_extras(facts.values(), seed_ids, present)))
        turns, fused = await self._turns(question, fused, turn_ids, facts)
        fused = _said_by_then(question, self._left(fused), facts, turns)
        fused = self._left(with_extras(fused, turn_extras(turns, fused, seeds, ended)))
        outdated = outdated_turns(ended)
        paths = await self._paths(question, reached, facts)
        hits: list[Hit] = []
        for candidate in fused:
            if candidate.id in facts:
                fact = facts[candidate.id]
                source = _first_source(fact, question.scope)
                turn = turns.get(source.turn_id or "") if source else None
                hits.append(
                    replace(
                        _fact_hit(candidate, fact, source, turn, len(hits) + 1),
                        path=paths.get(fact.id),
                    )
                )
            elif candidate.id in turns:
                hit = _turn_hit(candidate, turns[candidate.id], len(hits) + 1)
                hits.append(replace(hit, outdated=outdated.get(hit.id)))
            if len(hits) == question.limit:
                break
        return SearchResult(question.text, tuple(hits), tuple(seeds))

    def _left(self, fused: Sequence[Fused]) -> list[Fused]:
        return without_arms(fused, self._without)

    async def _graph_arm(self, question: Question) -> tuple[list[Entity], list[Reached]]:
        """What the question names, and the facts that the graph leads to from there."""
        seeds = await self._seeds(question)
        if "fact" not in question.kinds or "graph" in self._without:
            return seeds, []
        weights = {seed.id: 1.0 for seed in seeds}
        return seeds, await spread(self._graph, question.scope.wall, weights)

    async def _seeds(self, question: Question) -> list[Entity]:
        """Entities that the question names; the owner when it says "I"."""
        keys = name_keys_in(question.text)
        if question.scope.user_id and _FIRST_PERSON & set(words(question.text)):
            keys.append(name_key(question.scope.user_id))
        found = await self._ledger.entities(EntityQuery(question.scope.wall, keys=tuple(keys)))
        # The longest names first: "New York Times" before "New York".
        found.sort(key=lambda entity: (-len(name_key(entity.name)), entity.id))
        return found[:_MAX_SEEDS]

    async def _vector_arms(
        self, question: Question
    ) -> tuple[dict[HitKind, list[Arm]], list[Scored]]:
        """Dense and BM25, over facts and turns, in one call to the store; and the best facts of
        any time, for what the question would have found before it changed."""
        scope = question.scope
        only = Only(
            scope.wall, scope.narrow_agent_id, scope.run_id, stamp_or_none(question.lens.moment)
        )
        dense = await self._embedder.query(question.text)
        depth = question.depth
        queries: list[VectorQuery] = []
        for kind in question.kinds:
            collection = _COLLECTIONS[kind]
            queries += [
                VectorQuery(collection, only, depth, dense=dense),
                VectorQuery(collection, only, depth, text=question.text),
            ]
        if question.lens.moment is not None:
            ever = replace(only, ended_by=None)
            queries.append(VectorQuery("facts", ever, _PAST, text=question.text))
        answers = iter(await self._vectors.search(queries))
        arms: dict[HitKind, list[Arm]] = {"fact": [], "turn": []}
        for kind in question.kinds:
            arms[kind] = [Arm("dense", next(answers)), Arm("bm25", next(answers))]
        return arms, next(answers, [])

    async def _superseded(
        self, question: Question, past: Sequence[Scored], facts: Mapping[str, Fact]
    ) -> tuple[list[tuple[Fact, float]], list[tuple[Fact, float]]]:
        """What would have been found but has ended, and what holds in its stead; with the score
        (0 to 1) that the ended one would have had."""
        now, scope = question.lens.moment, question.scope
        scores = {hit.id: hit.score / past[0].score for hit in past if hit.id not in facts}
        if now is None or not scores:
            return [], []
        found = await self._ledger.facts(Lens().query(scope, ids=tuple(scores), stated_only=True))
        ended = [
            (fact, scores[fact.id])
            for fact in sorted(found, key=lambda fact: -scores[fact.id])
            if fact.invalid_at is not None and fact.invalid_at <= now
        ][:_ENDED]
        present: dict[str, tuple[Fact, float]] = {}
        for subject_id, type in dict.fromkeys((f.subject_id, f.type) for f, _ in ended if f.type):
            score = max(s for f, s in ended if (f.subject_id, f.type) == (subject_id, type))
            query = question.lens.query(
                scope,
                relation=(subject_id, type, None),
                stated_only=True,
                newest_first=True,
                limit=_ENDED,
            )
            for fact in await self._ledger.facts(query):
                present[fact.id] = (fact, score)
        return ended, list(present.values())

    async def _facts(self, question: Question, fused: Sequence[Fused]) -> dict[str, Fact]:
        """The best facts in full. The ledger has the last word on scope and validity."""
        # At a moment many of the best may not have begun yet: the vectors know ends only.
        most = len(fused) if question.lens.at else question.limit * 2
        best = tuple(candidate.id for candidate in fused[:most])
        if not best:
            return {}
        query = question.lens.query(question.scope, ids=best, limit=len(best))
        return {fact.id: fact for fact in await self._ledger.facts(query)}

    async def _turns(
        self,
        question: Question,
        fused: list[Fused],
        turn_ids: set[str],
        facts: Mapping[str, Fact],
    ) -> tuple[dict[str, Turn], list[Fused]]:
        """The best turns and those that state the facts, in full; and the ranking with what a
        turn's neighbours add."""
        mine = [candidate for candidate in fused if candidate.id in turn_ids]
        best = [candidate.id for candidate in mine[: max(_NEIGHBOURED, question.limit)]]
        stating = {first for fact in facts.values() if (first := _first_turn(fact, question.scope))}
        if not best and not stating:
            return {}, fused
        wanted = [*best, *sorted(stating - set(best))]
        around = await self._ledger.turns(question.scope.wall, wanted, around=1)
        place = {(turn.episode_id, turn.ordinal): turn.id for turn in around}
        neighbours = {
            turn.id: [
                place[beside]
                for beside in (
                    (turn.episode_id, turn.ordinal - 1),
                    (turn.episode_id, turn.ordinal + 1),
                )
                if beside in place
            ]
            for turn in around
        }
        others = [candidate for candidate in fused if candidate.id not in turn_ids]
        turns = {turn.id: turn for turn in around}
        mine = with_neighbours(mine, neighbours)
        if "turn" in question.kinds:
            stated = [c for c in others if c.id in facts]
            mine = with_stated(mine, stated, _stating(facts, turns, turn_ids))
        return turns, ordered([*others, *mine])

    async def _paths(
        self, question: Question, reached: Sequence[Reached], facts: dict[str, Fact]
    ) -> dict[str, str]:
        """How the graph led to each fact, in names."""
        ways = {r.fact_id: r.via for r in reached if r.via and r.fact_id in facts}
        ids = {id for way in ways.values() for id in way}
        ids |= {id for fact_id in ways for id in facts[fact_id].entity_ids}
        if not ids:
            return {}
        query = EntityQuery(question.scope.wall, ids=tuple(sorted(ids)))
        names = {entity.id: entity.name for entity in await self._ledger.entities(query)}
        return {id: _path(facts[id], way, names) for id, way in ways.items()}


def _said_by_then(
    question: Question, fused: list[Fused], facts: Mapping[str, Fact], turns: Mapping[str, Turn]
) -> list[Fused]:
    """At a moment: without the turns of later, but those that state what held then."""
    at = question.lens.at
    if at is None:
        return fused
    stating = {source.turn_id for fact in facts.values() for source in fact.sources}
    later = {
        turn.id
        for turn in turns.values()
        if turn.occurred_at and turn.occurred_at > at and turn.id not in stating
    }
    return [candidate for candidate in fused if candidate.id not in later]


def _path(fact: Fact, way: tuple[str, ...], names: dict[str, str]) -> str:
    steps = [names.get(id, "?") for id in way]
    if fact.subject_id and fact.object_id and fact.type:
        if way[-1] == fact.subject_id:
            steps.append(f"-{fact.type}→ {names.get(fact.object_id, '?')}")
        elif way[-1] == fact.object_id:
            steps.append(f"←{fact.type}- {names.get(fact.subject_id, '?')}")
    return " ".join((" · ".join(steps[: len(way)]), *steps[len(way) :]))


def _stating(
    facts: Mapping[str, Fact], turns: Mapping[str, Turn], found: set[str]
) -> dict[str, list[str]]:
    """The turns that state each fact and may be shown: those that were found, and those of facts
    from one episode alone, which is then inside the scope and has not expired, as the fact has
    not. A fact that says all of its turn (no inference) needs no turn beside it."""
    return {
        fact.id: [
            turn_id
            for turn_id in (source.turn_id for source in fact.sources if source.turn_id)
            if turn_id in found
            or (
                turn_id in turns
                and turns[turn_id].text not in fact.text
                and len({source.episode_id for source in fact.sources}) == 1
            )
        ]
        for fact in facts.values()
    }


def _first_source(fact: Fact, scope: Scope) -> Source | None:
    """The first source, with a turn if there is one, inside what the search is narrowed to."""
    within = [
        source
        for source in fact.sources
        if scope.narrow_agent_id in {None, source.agent_id}
        and scope.run_id in {None, source.run_id}
    ]
    return next((source for source in within if source.turn_id), within[0] if within else None)


def _first_turn(fact: Fact, scope: Scope) -> str | None:
    source = _first_source(fact, scope)
    return source.turn_id if source else None


def _fact_hit(
    candidate: Fused, fact: Fact, source: Source | None, turn: Turn | None, rank: int
) -> Hit:
    return Hit(
        kind="fact",
        id=fact.id,
        text=fact.text,
        score=candidate.score,
        rank=rank,
        arms=candidate.arms,
        episode_id=source.episode_id if source else None,
        turn_id=turn.id if turn else None,
        source_id=turn.source_id if turn else None,
        speaker=turn.speaker if turn else None,
        occurred_at=fact.stated_at,
        fact=fact,
    )


def _turn_hit(candidate: Fused, turn: Turn, rank: int) -> Hit:
    return Hit(
        kind="turn",
        id=turn.id,
        text=turn.text,
        score=candidate.score,
        rank=rank,
        arms=candidate.arms,
        episode_id=turn.episode_id,
        turn_id=turn.id,
        source_id=turn.source_id,
        speaker=turn.speaker,
        occurred_at=turn.occurred_at,
    )
