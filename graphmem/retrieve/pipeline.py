"""The way of a read: seeds → arms → candidates → signals → one ranking → hits, explained."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice

from graphmem.embedding import CachedEmbedder
from graphmem.errors import ModelError
from graphmem.model import Entity, Fact, Hit, SearchResult
from graphmem.ports.ledger import EntityQuery, LedgerView
from graphmem.ports.reranker import Reranker
from graphmem.ports.type_wording import Speech
from graphmem.ports.vectors import Scored, VectorStore
from graphmem.ports.word_vectors import WordVectors
from graphmem.retrieve.candidates.graph import LINKS_PER_ENTITY, Reached, spread
from graphmem.retrieve.candidates.neighbourhood import Expands
from graphmem.retrieve.candidates.values import Candidates, Question
from graphmem.retrieve.candidates.vectors import Arms, vector_arms
from graphmem.retrieve.narrow import fact_in_scope
from graphmem.retrieve.present.hits import (
    beginning,
    fact_hit,
    first_source,
    first_turn,
    path_in_words,
    stating_turns,
    turn_hit,
)
from graphmem.retrieve.question.names import named_whole_or_alone, part_names
from graphmem.retrieve.question.parse import take_apart
from graphmem.retrieve.question.relation_types import Wanted
from graphmem.retrieve.rank.fuse import Arm, first_scores, rank
from graphmem.retrieve.rank.rerank import as_read, reordered
from graphmem.retrieve.rank.weights import Weights, shipped
from graphmem.retrieve.signals import known as extras
from graphmem.retrieve.signals.links import BEST_TURNS, Links, gather, with_keys
from graphmem.retrieve.signals.passages import Pool, holders, prose, together
from graphmem.retrieve.signals.reading import Reader
from graphmem.retrieve.signals.words import Row, measure, nearness
from graphmem.retrieve.view import View
from graphmem.text import name_key, name_keys_in, words

_log = logging.getLogger(__name__)

_FIRST_PERSON = frozenset({"i", "me", "my", "mine", "myself"})
_MAX_SEEDS = 6
_LONGEST_NAME = 8  # words; titles are long
_FACTS = 20  # looked at closely, and of those that only the graph leads to
_GRAPH = 12
_ENDED = 5  # of them, those that have ended and are followed up


class Retrieve:
    """Answers questions from projections that are up to date."""

    def __init__(
        self,
        ledger: LedgerView,
        graph: Expands,
        vectors: VectorStore,
        embedder: CachedEmbedder,
        words: WordVectors,
        *,
        speech: Speech,
        weights: Weights | None = None,
        reranker: Reranker | None = None,
        reread: int = 0,
    ) -> None:
        self._ledger = ledger
        self._graph = graph
        self._vectors = vectors
        self._embedder = embedder
        self._words = words
        self._speech = speech
        self._reader = Reader(ledger, words)
        self.weights = weights or shipped()
        self._reranker = reranker
        self._reread = reread

    def forget(self) -> None:
        """Keep nothing of the texts that were read for ranking: some were erased, or there are
        enough."""
        self._reader = Reader(self._ledger, self._words)

    async def search(self, question: Question) -> SearchResult:
        ranked = await self.candidates(question)
        order, rows = ranked.ranking.order, ranked.rows
        may = (place for place in order if self._may_show(question, rows[place], ranked))
        places = list(islice(may, max(question.limit, self._reread)))
        ranked, places, reason = await self._read_again(question, ranked, places)
        places = places[: question.limit]
        paths = await self._paths(question, ranked, places)
        hits: list[Hit] = []
        for place, why in zip(places, ranked.ranking.explained(places), strict=True):
            row, score, at = rows[place], float(ranked.ranking.totals[place]), len(hits) + 1
            if row.id in ranked.facts:
                fact = ranked.facts[row.id]
                source = first_source(fact, question.scope)
                turn = ranked.turns.get(source.turn_id or "") if source else None
                hits.append(
                    fact_hit(
                        fact_in_scope(fact, question.scope) or fact,
                        source,
                        turn,
                        why,
                        score=score,
                        rank=at,
                        path=paths.get(fact.id),
                    )
                )
            else:
                turn = ranked.turns[row.id]
                hits.append(
                    turn_hit(
                        turn,
                        why,
                        score=score,
                        rank=at,
                        path=paths.get(turn.id),
                        outdated=ranked.outdated.get(turn.id),
                    )
                )
        return SearchResult(question.text, tuple(hits), tuple(ranked.seeds), reason)

    async def _read_again(
        self, question: Question, ranked: Candidates, places: list[int]
    ) -> tuple[Candidates, list[int], str | None]:
        """The best as a reranker has them, where there is one; as they were, and why, when it
        cannot be asked."""
        if self._reranker is None or not places or not question.reread:
            return ranked, places, ranked.reason
        first, rest = places[: self._reread], places[self._reread :]
        texts = [as_read(ranked.rows[place]) for place in first]
        try:
            scores = await self._reranker.scores(question.text, texts, tenant=question.scope.tenant)
        except ModelError as error:
            _log.warning("hits stay as they were: %s", error)
            return ranked, places, f"{error}; the hits are in the order that they had without it"
        ranking, first = reordered(ranked.ranking, first, scores)
        return replace(ranked, ranking=ranking), [*first, *rest], ranked.reason

    async def candidates(self, question: Question) -> Candidates:
        """All that is ranked for a question, with what every signal says of it."""
        if self._reader.full:
            self.forget()
        seeds = await self._seeds(question)
        # The graph first: it looks on by itself while the vectors are asked, and only then. While
        # Python runs, each of its steps waits long for the interpreter.
        wanted = Wanted(question.text, seeds, question.scope.user_id, self._speech)
        reached, arms = await asyncio.gather(
            self._graph_arm(question, seeds, wanted),
            vector_arms(self._vectors, self._embedder, question, left_out=self.weights.left_out),
        )
        facts = await self._facts(question, arms, reached, wanted)
        turns = [first_turn(fact, question.scope) for fact in facts.values()]
        await self._reader.read(
            question.scope.tenant, [*arms.candidates["turn"], *filter(None, turns)]
        )
        ended, present = await self._superseded(question, arms.past)
        facts |= {fact.id: fact for fact, _ in present}
        links = await self._links(question, arms, facts, seeds)
        facts = {**links.facts, **facts}
        known = extras.of_facts(facts.values(), reached, {seed.id for seed in seeds}, present)
        known["relation"] = wanted.scores(facts.values())
        ranked = await self._rank(question, arms, links, facts, known=known, ended=ended)
        told = extras.outdated_turns(ended)
        return replace(ranked, seeds=seeds, reached=reached, outdated=told, reason=arms.reason)

    def _may_show(self, question: Question, row: Row, ranked: Candidates) -> bool:
        """Of the kind that is asked for; and at a moment, not said later, unless it states what
        held then."""
        kind = "fact" if row.id in ranked.facts else "turn"
        if not row.shown or kind not in question.kinds:
            return False
        at, turn = question.view.at, ranked.turns.get(row.id)
        if at is None or turn is None or turn.occurred_at is None or turn.occurred_at <= at:
            return True
        return any(turn.id == source.turn_id for f in ranked.facts.values() for source in f.sources)

    async def _graph_arm(
        self, question: Question, seeds: Sequence[Entity], wanted: Wanted
    ) -> list[Reached]:
        """The facts that the graph leads to from what the question names."""
        if "fact" not in question.kinds or "graph" in self.weights.left_out:
            return []
        weights = {seed.id: 1.0 for seed in seeds}
        reached = await spread(self._graph, question.scope.tenant, weights, asks=wanted.asks)
        if question.view.where is None or not reached:
            return reached
        # What does not pass must not take the place of what does.
        ids = tuple(one.fact_id for one in reached)
        found = await self._ledger.facts(
            question.view.query(question.scope, ids=ids, limit=len(ids))
        )
        passed = {fact.id for fact in found}
        return [one for one in reached if one.fact_id in passed]

    async def _seeds(self, question: Question) -> list[Entity]:
        """Entities that the question names; the owner when it says "I"."""
        keys = name_keys_in(question.text, longest=_LONGEST_NAME)
        if question.scope.user_id and _FIRST_PERSON & set(words(question.text)):
            keys.append(name_key(question.scope.user_id))
        parts = part_names(question.text)
        asked = dict.fromkeys([*keys, *(hint for hints in parts.values() for hint in hints)])
        found = await self._ledger.entities(EntityQuery(question.scope.tenant, keys=tuple(asked)))
        found = named_whole_or_alone(found, set(keys), parts)
        # The longest names first: "New York Times" before "New York".
        found.sort(key=lambda entity: (-len(name_key(entity.name)), entity.id))
        return found[:_MAX_SEEDS]

    async def _superseded(
        self, question: Question, scores: Mapping[str, float]
    ) -> tuple[list[tuple[Fact, float]], list[tuple[Fact, float]]]:
        """What would have been found but has ended, and what holds in its stead; with the score
        (0 to 1) that the ended one would have had."""
        now, scope = question.view.moment, question.scope
        if now is None or not scores:
            return [], []
        found = await self._ledger.facts(View().query(scope, ids=tuple(scores), stated_only=True))
        ended = [
            (fact, scores[fact.id])
            for fact in sorted(found, key=lambda fact: -scores[fact.id])
            if fact.invalid_at is not None and fact.invalid_at <= now
        ][:_ENDED]
        present: dict[str, tuple[Fact, float]] = {}
        for subject_id, type in dict.fromkeys((f.subject_id, f.type) for f, _ in ended if f.type):
            score = max(s for f, s in ended if (f.subject_id, f.type) == (subject_id, type))
            query = question.view.query(
                scope,
                relation=(subject_id, type, None),
                stated_only=True,
                newest_first=True,
                limit=_ENDED,
            )
            for fact in await self._ledger.facts(query):
                present[fact.id] = (fact, score)
        return ended, list(present.values())

    async def _facts(
        self, question: Question, arms: Arms, reached: Sequence[Reached], wanted: Wanted
    ) -> dict[str, Fact]:
        """The best facts in full. The ledger has the last word on scope and validity."""
        near = [one for one in reached if one.score > 0]
        asked = [one for one in near if wanted.asks(one.type)]
        graph = [one.fact_id for one in (*asked[:_GRAPH], *near[:_GRAPH])]
        # At a moment many of the best may not have begun yet: the vectors know ends only.
        most = sys.maxsize if question.view.at else max(_FACTS, 2 * question.limit)
        ids = tuple(dict.fromkeys([*arms.candidates["fact"][:most], *graph]))
        found = await self._of_hubs(question, reached, wanted)
        if ids:
            query = question.view.query(question.scope, ids=ids, limit=len(ids))
            found += await self._ledger.facts(query)
        return {fact.id: fact for fact in found}

    async def _of_hubs(
        self, question: Question, reached: Sequence[Reached], wanted: Wanted
    ) -> list[Fact]:
        """The relations that are asked for of whom so much is known that the graph was not read
        to its end."""
        told = Counter(one.via[0] for one in reached if len(one.via) == 1)
        ends = [
            ends
            for hub, count in told.items()
            if count >= LINKS_PER_ENTITY
            for type in wanted.types
            for ends in ((hub, type, None), (None, type, hub))
        ]
        asked = (
            question.view.query(question.scope, relation=one, newest_first=True, limit=_GRAPH)
            for one in ends
        )
        found = await asyncio.gather(*map(self._ledger.facts, asked))
        return [fact for facts in found for fact in facts]

    async def _links(
        self,
        question: Question,
        arms: Arms,
        facts: Mapping[str, Fact],
        seeds: Sequence[Entity],
    ) -> Links:
        """What the graph leads to from the best turns and facts."""
        if "graph" in self.weights.left_out:
            return Links()
        found, turns = arms.found, arms.candidates["turn"]
        look = [
            Arm(name, [Scored(id, scores[id]) for id in turns if id in scores])
            for name, scores in (("bm25", found.bm25), ("dense", found.dense))
        ]
        scores = first_scores(look)
        first = await self._reader.turns(question.scope.tenant, list(scores)[:BEST_TURNS])
        if not prose(first).any():
            return Links()
        best = {id: place for place, id in enumerate(arms.candidates["fact"])}
        ordered = sorted(facts.values(), key=lambda fact: best.get(fact.id, len(best)))
        return await gather(
            self._ledger,
            question.scope,
            question.view,
            turns=scores,
            facts=ordered,
            seeds=seeds,
            question=question.text,
        )

    async def _with_titles(self, question: Question, rows: Sequence[Row], links: Links) -> Links:
        """With the names of what links texts, where a text has a title that it may be."""
        if not any(row.read.title for row in rows):
            return links
        return await with_keys(self._ledger, question.scope, links, holders(rows, links))

    async def _rank(
        self,
        question: Question,
        arms: Arms,
        links: Links,
        facts: Mapping[str, Fact],
        *,
        known: extras.Extras,
        ended: Sequence[tuple[Fact, float]],
    ) -> Candidates:
        """Candidates with what stands beside them, measured and weighed."""
        reader, asked = self._reader, take_apart(question.text, question.view.moment)
        await reader.vocabulary.learn([asked.sequence])
        found = [*arms.candidates["turn"], *links.turns]
        first = {fact.id: first_turn(fact, question.scope) for fact in facts.values()}
        wanted = dict.fromkeys([*found, *filter(None, first.values())])
        read = await reader.turns(question.scope.tenant, list(wanted))
        read_facts = await reader.facts(list(facts.values()), read)
        turns = {one.turn.id: one.turn for one in read if one.turn}
        seen = {turns[id].episode_id for id in found if id in turns}
        stating = stating_turns(facts, turns, seen)
        shown = {id for ids in stating.values() for id in ids}
        by_turn = {one.turn.id: one for one in read if one.turn}
        passed = None if question.view.where is None else set(arms.candidates["turn"])
        rows = [
            Row(
                turn.id,
                by_turn[turn.id],
                shown=turn.episode_id in seen or turn.id in shown
                if passed is None
                else turn.id in passed,
            )
            for turn in turns.values()
        ]
        rows += [
            Row(fact.id, text, by_turn.get(first[fact.id] or ""))
            for fact, text in zip(facts.values(), read_facts, strict=True)
        ]
        ids = [row.id for row in rows]
        given = {**known, **extras.of_turns(known, stating, ended)}
        near = nearness(asked, rows, reader.vocabulary)
        measured = measure(asked, rows, arms.found, reader.vocabulary, near)
        links = await self._with_titles(question, rows, links)
        pool = Pool(rows, facts, near, arms.found.dense, links)
        answers = together(asked.words, pool, measured)
        known_too = extras.columns(given, ids, measured["meaning"])
        columns = {**measured, **known_too, **answers.columns}
        weights = {**self.weights.signals, **self.weights.arms}
        ranking = rank(ids, columns, weights)
        return Candidates(rows, facts, turns, ranking, partners=answers.partners)

    async def _paths(
        self, question: Question, ranked: Candidates, places: Sequence[int]
    ) -> dict[str, str]:
        """How the graph led to each of these: to a fact from what the question names, to a turn
        from another that names the same."""
        ids = {ranked.rows[place].id for place in places}
        facts = {id: ranked.facts[id] for id in ids if id in ranked.facts}
        ways = {r.fact_id: r.via for r in ranked.reached if r.via and r.fact_id in facts}
        linked = ranked.ranking.given("linked")
        bridges = {p: ranked.partners[p] for p in places if p in ranked.partners and linked[p] > 0}
        named = {id for way in ways.values() for id in way}
        named |= {id for fact_id in ways for id in facts[fact_id].entity_ids}
        named |= {entity for _, entity in bridges.values()}
        if not named:
            return {}
        query = EntityQuery(question.scope.tenant, ids=tuple(sorted(named)))
        names = {entity.id: entity.name for entity in await self._ledger.entities(query)}
        paths = {id: path_in_words(facts[id], way, names) for id, way in ways.items()}
        for place, (partner, entity) in bridges.items():
            told = ranked.turns.get(ranked.rows[partner].id)
            if told is not None:
                paths[ranked.rows[place].id] = f"{beginning(told.text)} · {names.get(entity, '?')}"
        return paths
