"""The stages of a search in order: question and seeds → candidates → signals → one ranking → hits
with explanations."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from graphmem.embedding import CachedEmbedder, fact_text, turn_text
from graphmem.model import Entity, Fact, SearchResult
from graphmem.ports.embedder import WordVectors
from graphmem.ports.ledger import LedgerView
from graphmem.ports.reranker import Reranker
from graphmem.ports.vectors import Scored, VectorStore
from graphmem.resolve.roles import Roles
from graphmem.retrieve.candidates.gather import (
    ArmHits,
    VectorCandidates,
    find_by_vectors,
    find_superseded,
    fuse_arms,
    load_facts,
    make_candidates,
    stating_turn,
)
from graphmem.retrieve.candidates.graph import (
    BEST_TURNS,
    GraphReads,
    Neighbourhood,
    ReachedFact,
    reach_facts,
    read_neighbourhood,
)
from graphmem.retrieve.candidates.text_analysis import TextAnalyser
from graphmem.retrieve.present.hits import make_hits, similarity_of
from graphmem.retrieve.question.descriptions import as_question_for_job, name_described
from graphmem.retrieve.question.names_and_relations import RelationMatcher, find_seeds
from graphmem.retrieve.question.parse import ParsedQuestion, parse_question
from graphmem.retrieve.rank.likelihood import LOOKED_AT, shipped_formula
from graphmem.retrieve.rank.ranking import RankedCandidates, Weights, rank, rerank, shipped_weights
from graphmem.retrieve.rank.replaced import replacement_boosts
from graphmem.retrieve.signals.inputs import SignalInputs, kind_shares, passages_among
from graphmem.retrieve.signals.registry import measure_signals
from graphmem.retrieve.view import SearchQuery
from graphmem.text import words


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question understood: parsed, with the names of whom it describes."""

    question: ParsedQuestion
    seeds: Sequence[Entity]
    relations: RelationMatcher
    by_words: SearchQuery
    by_meaning: str
    """What is embedded of it."""


class Retriever:
    """Answers questions from projections that are up to date."""

    def __init__(
        self,
        ledger: LedgerView,
        graph: GraphReads,
        vectors: VectorStore,
        embedder: CachedEmbedder,
        words: WordVectors,
        *,
        weights: Weights | None = None,
        reranker: Reranker | None = None,
        reranked_hits: int = 0,
    ) -> None:
        self._ledger = ledger
        self._graph = graph
        self._vectors = vectors
        self._embedder = embedder
        self._words = words
        self._texts = TextAnalyser(ledger, words)
        self.weights = weights or shipped_weights()
        self._formula = shipped_formula(embedder.name)
        self._reranker = reranker
        self._reranked_hits = reranked_hits

    def forget(self) -> None:
        """Drop the cached text analyses: some of the texts were erased, or the cache is full."""
        self._texts = TextAnalyser(self._ledger, self._words)

    async def search(self, query: SearchQuery) -> SearchResult:
        ranked = await self.rank(query)
        places = ranked.best(max(query.limit, self._reranked_hits, LOOKED_AT))
        likelihood = self._formula.of(ranked, places)
        if query.threshold:
            places = await self._near(ranked, query.threshold)
        if likelihood.answerable < query.min_score:
            places = []
        if self._reranker is not None and query.rerank and places:
            ranked, places = await rerank(self._reranker, ranked, places, self._reranked_hits)
        hits = await make_hits(self._ledger, ranked, places[: query.limit], likelihood)
        seeds = tuple(ranked.inputs.seeds)
        return SearchResult(query.text, hits, seeds, ranked.reason, likelihood.answerable)

    def answerable(self, ranked: RankedCandidates, looked_at: int) -> float:
        """The probability (0 to 1) that any of the best ``looked_at`` candidates answers."""
        return self._formula.of(ranked, ranked.best(looked_at)).answerable

    async def similarities(self, ranked: RankedCandidates, places: Sequence[int]) -> list[float]:
        """The similarity (cosine, clipped to 0..1) of each candidate's vector to the question's, in
        the order of ``places``; those that the dense arm did not find are embedded."""
        inputs = ranked.inputs
        known = {p: similarity_of(ranked, inputs.ids[p]) for p in places}
        missing = [place for place, value in known.items() if value is None]
        if missing:
            facts, texts = inputs.facts, []
            for place in missing:
                id = inputs.ids[place]
                texts.append(fact_text(facts[id]) if id in facts else turn_text(inputs.turns[id]))
            question = await self._embedder.query(ranked.query.beginning)
            for place, vector in zip(missing, await self._embedder.documents(texts), strict=True):
                known[place] = min(1.0, max(0.0, float(question @ vector)))
        return [known[place] or 0.0 for place in places]

    async def _near(self, ranked: RankedCandidates, threshold: float) -> list[int]:
        """The places of candidates whose similarity is at least ``threshold``, best first."""
        places = ranked.best(len(ranked.inputs.ids))
        similar = await self.similarities(ranked, places)
        return [place for place, one in zip(places, similar, strict=True) if one >= threshold]

    async def rank(self, query: SearchQuery) -> RankedCandidates:
        """Find and rank all candidates for a question, with every signal of each."""
        if self._texts.full:
            self.forget()
        texts, ledger = self._texts, self._ledger

        asked = await self._understand(query)
        question, seeds, relations = asked.question, asked.seeds, asked.relations

        # The graph search is started first, so that it advances while the vector store is awaited.
        # Beside running Python code each of its steps would wait long for the interpreter.
        reached, found = await asyncio.gather(
            self._find_by_graph(query, seeds, relations),
            find_by_vectors(
                self._vectors,
                self._embedder,
                asked.by_words,
                asked.by_meaning,
                left_out=self.weights.left_out,
            ),
        )
        facts = await load_facts(ledger, query, found.ids["fact"], reached, relations)
        stating = filter(None, [stating_turn(fact, query.scope) for fact in facts.values()])
        wanted = [*found.ids["turn"], *stating]
        await texts.read(query.scope.tenant, wanted, asked=question.sequence)
        of_seeds = relations.asked_of_seeds() if question.asks_of_past else []
        ended, replacing = await find_superseded(ledger, query, found.ended, of_seeds)
        facts |= {fact.id: fact for fact, _ in replacing}
        if question.asks_of_past and "fact" in query.kinds and query.view.at is None:
            then = [f for f, _ in ended if question.held_then(f.valid_at, f.invalid_at)]
            facts |= await self._shown_though_ended(query, then)
        around = await self._read_neighbourhood(query, found, facts, seeds)
        facts = {**around.facts, **facts}

        candidates = await make_candidates(
            texts,
            query.scope,
            [*found.ids["turn"], *around.turns],
            facts,
            may_show=set(found.ids["turn"]) if query.view.where is not None else None,
        )
        if any(candidate.text.title for candidate in candidates):
            linking = around.linking_entities([candidate.id for candidate in candidates])
            around = await around.with_names(ledger, query.scope.tenant, linking)
        inputs = SignalInputs(
            question,
            candidates,
            texts.vocabulary,
            found.scores,
            facts=facts,
            seeds=seeds,
            relations=relations,
            reached=reached,
            ended=ended,
            replacing=replacing,
            neighbourhood=around,
        )
        kinds = kind_shares(inputs.texts, inputs.passages)
        weights = self.weights.blended(kinds)
        ranking = rank(inputs.ids, measure_signals(inputs), weights)
        if query.view.moment is not None and weights["replaces"]:
            boosts = replacement_boosts(inputs, ranking, kinds, query.view.at)
            ranking = ranking.with_boosts("replaces", boosts, weights["replaces"])
        return RankedCandidates(query, inputs, ranking, kinds, found.reason)

    async def _understand(self, query: SearchQuery) -> _Asked:
        """What a question is about, and for which relation it asks."""
        ledger, user, now = self._ledger, query.scope.user_name, query.view.moment
        question = parse_question(query.beginning, now)
        seeds = await find_seeds(ledger, query, question)
        roles = Roles(ledger, query.view.query(query.scope, stated_only=True))
        named, by_words = await name_described(query.beginning, roles, seeds, user), query
        if named != query.beginning:
            # The words of the question as well: many texts say "my boss" and not her name.
            names = set(words(named)).difference(question.words)
            by_words = replace(query, text=" ".join([query.beginning, *sorted(names)]))
            question = parse_question(named, now)
            seeds = await find_seeds(ledger, replace(query, text=named), question)
        for_job = as_question_for_job(named)
        wanted = question if for_job == named else parse_question(for_job, now)
        return _Asked(question, seeds, RelationMatcher(wanted, seeds, user), by_words, named)

    async def _shown_though_ended(
        self, query: SearchQuery, ended: Sequence[Fact]
    ) -> dict[str, Fact]:
        """Those of ``ended``, by id, that a search omits only because they ended: not expired or
        archived, and passing its filter."""
        now, view = query.view.current, query.view
        ids = tuple(
            fact.id
            for fact in ended
            if (view.archived or fact.archived_at is None)
            and (fact.expires_at is None or now is None or fact.expires_at > now)
        )
        if not ids:
            return {}
        seen = replace(view, current=None)
        found = await self._ledger.facts(seen.query(query.scope, ids=ids, limit=len(ids)))
        return {fact.id: fact for fact in found}

    async def _find_by_graph(
        self, query: SearchQuery, seeds: Sequence[Entity], relations: RelationMatcher
    ) -> list[ReachedFact]:
        """The facts that the graph arm reaches from the seeds, best first."""
        if "fact" not in query.kinds or "graph" in self.weights.left_out:
            return []
        start = {seed.id: 1.0 for seed in seeds}
        reached = await reach_facts(
            self._graph, query.scope.tenant, start, preferred=relations.asks
        )
        if query.view.where is None or not reached:
            return reached
        # Only the first few are kept later: facts that fail the filter must not be among them.
        ids = tuple(one.fact_id for one in reached)
        found = await self._ledger.facts(query.view.query(query.scope, ids=ids, limit=len(ids)))
        passing = {fact.id for fact in found}
        return [one for one in reached if one.fact_id in passing]

    async def _read_neighbourhood(
        self,
        query: SearchQuery,
        found: VectorCandidates,
        facts: Mapping[str, Fact],
        seeds: Sequence[Entity],
    ) -> Neighbourhood:
        """The neighbourhood of the best turns and facts; empty unless some of those turns are
        passages."""
        if "graph" in self.weights.left_out:
            return Neighbourhood()
        turns = found.ids["turn"]
        scores = fuse_arms([
            ArmHits(arm, [Scored(id, of_arm[id]) for id in turns if id in of_arm])
            for arm, of_arm in (("bm25", found.scores.window), ("dense", found.scores.dense))
        ])  # fmt: skip
        best = await self._texts.turns(query.scope.tenant, list(scores)[:BEST_TURNS])
        if not passages_among(best).any():
            return Neighbourhood()
        order = {id: place for place, id in enumerate(found.ids["fact"])}
        ordered = sorted(facts.values(), key=lambda fact: order.get(fact.id, len(order)))
        return await read_neighbourhood(
            self._ledger, query, turns=scores, facts=ordered, seeds=seeds
        )
