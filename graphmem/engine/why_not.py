"""Why a search did not return something: each step of a search, followed for one fact or turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Unpack

from graphmem.engine.checks import checked_text
from graphmem.engine.core import Core
from graphmem.filters import Filter
from graphmem.model import Episode, Fact, HitKind, Scope, Turn, WhyNot
from graphmem.model.printing import day
from graphmem.ports.api.arguments import ScopeArgs
from graphmem.ports.ledger import FactQuery
from graphmem.retrieve.rank.likelihood import LOOKED_AT
from graphmem.retrieve.rank.ranking import RankedCandidates
from graphmem.retrieve.signals.registry import explained_signal
from graphmem.retrieve.view import SearchQuery, View, fact_in_scope, of_kind
from graphmem.text import text_key, words

_LOOKED_THROUGH = 10  # turns, for the one that says a sentence


@dataclass(frozen=True, slots=True)
class _Missing:
    """What is looked for: a fact, a turn, or a turn that says it and nothing was drawn from."""

    id: str
    fact: Fact | None = None
    turn: Turn | None = None
    only_text: bool = False


class Diagnosing(Core):
    """Questions about searches."""

    async def why_not(
        self,
        query: str,
        missing: str,
        *,
        limit: int = 10,
        kinds: Sequence[HitKind] = ("fact", "turn"),
        current: bool = True,
        where: Filter | None = None,
        min_score: float = 0.0,
        threshold: float = 0.0,
        **scope: Unpack[ScopeArgs],
    ) -> WhyNot:
        self._check_writable()  # what the arms of search find is in the stores alone
        asked = await self._scope(scope)
        question = await self._question(
            query,
            asked,
            self._view(current),
            where,
            limit=limit,
            kinds=kinds,
            min_score=min_score,
            threshold=threshold,
        )
        await self._follow()
        whole = replace(asked, run_id=None, agent_id=None if asked.user_id else asked.agent_id)
        found = await self._missing(whole, checked_text(missing, "missing"))
        if isinstance(found, WhyNot):
            return found
        return await self._kept_out(question, found) or await self._outranked(question, found)

    async def _missing(self, whole: Scope, missing: str) -> _Missing | WhyNot:
        """The fact or turn that is meant, looked for in the whole tenant."""
        ledger, tenant = self._parts.ledger, whole.tenant
        for query in (
            FactQuery(tenant, ids=(missing,)),
            FactQuery(tenant, text_key=text_key(missing)),
        ):
            if facts := await ledger.facts(query):
                return _Missing(facts[0].id, fact=facts[0])
        if turns := await ledger.turns(tenant, [missing]):
            return _Missing(missing, turn=turns[0])
        if changes := await ledger.history(tenant, missing):
            last = changes[-1]
            why = f"it was deleted on {day(last.at)}: {last.reason}"
            return WhyNot("deleted", why, missing)
        turn = await self._speaking(whole, missing)
        if turn is None:
            return WhyNot("unknown", "nothing with this id, and nothing that says this, is stored")
        return _Missing(turn.id, turn=turn, only_text=True)

    async def _speaking(self, whole: Scope, sentence: str) -> Turn | None:
        """A turn that contains all words of a sentence in a row."""
        query = SearchQuery(sentence, whole, _LOOKED_THROUGH, ("turn",), View(), rerank=False)
        retriever, _ = await self._current.retriever_of(whole)
        found = await retriever.search(query)
        wanted = f" {' '.join(words(sentence))} "
        for hit in found:
            if wanted in f" {' '.join(words(hit.text))} ":
                turns = await self._parts.ledger.turns(whole.tenant, [hit.id])
                return turns[0] if turns else None
        return None

    async def _kept_out(self, question: SearchQuery, one: _Missing) -> WhyNot | None:
        """Why no search of this scope can find it; None when one can."""
        asked, ledger, now = question.scope, self._parts.ledger, question.view.current
        ids = (one.turn.episode_id,) if one.turn else ()
        episodes = await ledger.episodes_by_id(ids) if ids else []
        outside = [e for e in episodes if not asked.takes_in(e.scope)]
        if (one.fact and fact_in_scope(one.fact, asked) is None) or outside:
            return WhyNot("another_run", _whose(one.fact, outside[:1]), one.id)
        if one.turn is not None and one.turn.silenced:
            why = "a fact that it states was deleted, and the turn silenced with it"
            return WhyNot("silenced", why, one.id)
        ended = _ended(one, episodes, now) if now else None
        return ended or await self._filtered_out(question, one)

    async def _filtered_out(self, question: SearchQuery, one: _Missing) -> WhyNot | None:
        """Why the kinds or the filter of this search exclude it; None when they do not."""
        kind: HitKind = "fact" if one.fact else "turn"
        if one.only_text and one.turn is not None and "turn" not in question.kinds:
            why = f"nothing was drawn from the turn that says it: {one.turn.text}"
            return WhyNot("not_extracted", why, one.turn.id, sentence=one.turn.text)
        if kind not in question.kinds:
            return WhyNot("filtered", f"it is a {kind}, and none was asked for", one.id)
        if one.fact and question.view.where is not None:
            seen = question.view.query(question.scope, ids=(one.id,))
            passing = await self._parts.ledger.facts(seen)
            if not passing:
                return WhyNot("filtered", "it does not pass the filter", one.id)
        return None

    async def _outranked(self, question: SearchQuery, one: _Missing) -> WhyNot:
        """Its rank among the candidates, and what keeps it from a better one."""
        ranked = await self._retrieve.rank(question)
        arms = _arms(ranked, one.id)
        order = [ranked.inputs.ids[place] for place in ranked.best(len(ranked.inputs.ids))]
        if one.id not in order:
            return _no_candidate(question, one, arms)
        rank = order.index(one.id) + 1
        answerable = self._retrieve.answerable(ranked, LOOKED_AT)
        if answerable < question.min_score:
            why = f"that anything here answers is {answerable:.2f} likely, min_score is more"
            return WhyNot("below_min_score", why, one.id, arms, rank)
        similar = (await self._retrieve.similarities(ranked, [ranked.inputs.ids.index(one.id)]))[0]
        if similar < question.threshold:
            why = f"its similarity to the question is {similar:.2f}, threshold is more"
            return WhyNot("below_threshold", why, one.id, arms, rank)
        if rank <= question.limit:
            return WhyNot("found", f"it is the hit of rank {rank}", one.id, arms, rank)
        name, words_of_it = _heaviest(ranked, order, one.id, question.limit)
        why = f"{question.limit} others stand above it; most by {name}: {words_of_it}"
        return WhyNot("ranked_low", why, one.id, arms, rank, held_down_by=name)


def _ended(one: _Missing, episodes: Sequence[Episode], now: datetime) -> WhyNot | None:
    fact = one.fact
    if fact is None:
        expires_at = episodes[0].expires_at if episodes else None
        if expires_at is None or expires_at > now:
            return None
        return WhyNot("expired", f"it expired on {day(expires_at)}", one.id)
    if fact.archived_at is not None and fact.archived_at <= now:
        return WhyNot("archived", f"it was archived on {day(fact.archived_at)}", fact.id)
    if fact.expires_at is not None and fact.expires_at <= now:
        return WhyNot("expired", f"it expired on {day(fact.expires_at)}", fact.id)
    if fact.invalid_at is not None and fact.invalid_at <= now:
        return WhyNot("ended", f"it held {fact.interval}", fact.id)
    return None


def _no_candidate(question: SearchQuery, one: _Missing, arms: tuple[str, ...]) -> WhyNot:
    if one.turn is not None and of_kind(question.view.where, "turn") is not None:
        return WhyNot("filtered", "it does not pass the filter", one.id, arms)
    if one.only_text and one.turn is not None:
        why = f"nothing was drawn from the turn that says it: {one.turn.text}"
        return WhyNot("not_extracted", why, one.turn.id, arms, sentence=one.turn.text)
    why = "no arm found it: neither its words, its meaning nor the graph lead there"
    return WhyNot("no_arm", why, one.id)


def _whose(fact: Fact | None, episodes: Sequence[Episode]) -> str:
    scopes = [source.run_id or source.agent_id for source in fact.sources] if fact else []
    scopes += [one.scope.run_id or one.scope.agent_id for one in episodes]
    named = ", ".join(sorted({str(one) for one in scopes if one}))
    return f"it was told with another agent or run ({named or 'none'})"


def _arms(ranked: RankedCandidates, id: str) -> tuple[str, ...]:
    scores, reached = ranked.inputs.scores, ranked.inputs.reached
    found = {
        "bm25": id in scores.words or id in scores.window,
        "dense": id in scores.dense,
        "graph": any(one.fact_id == id for one in reached),
    }
    return tuple(name for name, there in found.items() if there)


def _heaviest(
    ranked: RankedCandidates, order: Sequence[str], id: str, limit: int
) -> tuple[str, str]:
    """The signal that puts the last shown hit furthest ahead of this one, and its explanation."""
    places = [ranked.inputs.ids.index(order[limit - 1]), ranked.inputs.ids.index(id)]
    ranking = ranked.ranking
    lead = ranking.shares[:, places[0]] - ranking.shares[:, places[1]]
    name = ranking.names[int(lead.argmax())]
    return name, explained_signal(name)
