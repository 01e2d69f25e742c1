"""Candidates: the turns and facts that are ranked, with what stands beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from graphmem.model import Fact, Scope, Source, Turn
from graphmem.retrieve.candidates.text_analysis import AnalysedText, TextAnalyser


@dataclass(frozen=True, slots=True)
class Candidate:
    """A turn or fact that is ranked, or (``shown`` is False) a turn that only stands beside one."""

    id: str
    text: AnalysedText
    context: AnalysedText
    """The turn that it is, or that states it; else its own text."""
    shown: bool = True


async def make_candidates(
    texts: TextAnalyser,
    scope: Scope,
    turn_ids: Sequence[str],
    facts: Mapping[str, Fact],
    *,
    may_show: Set[str] | None,
) -> list[Candidate]:
    """Turns in order, those that stand beside them too, then facts. Only turns of ``may_show``,
    where that is given, are shown."""
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
    """The first source, with a turn if there is one, inside what the search is narrowed to."""
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
    """The turns that state facts from one episode alone, which is then inside the scope and has not
    expired, as the fact has not. A fact that says all of its turn (no inference) needs no turn
    beside it."""
    return {
        turn.id
        for fact in facts.values()
        if len({source.episode_id for source in fact.sources}) == 1
        for source in fact.sources
        if (turn := turns.get(source.turn_id or "")) is not None and turn.text not in fact.text
    }
