"""Candidates as hits: with their source, and in words how they were reached."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import shorten

from graphmem.model import ArmScore, Fact, Hit, Scope, Source, Turn

_BEGINNING = 60


def path_in_words(fact: Fact, way: tuple[str, ...], names: Mapping[str, str]) -> str:
    steps = [names.get(id, "?") for id in way]
    if fact.subject_id and fact.object_id and fact.type:
        if way[-1] == fact.subject_id:
            steps.append(f"-{fact.type}→ {names.get(fact.object_id, '?')}")
        elif way[-1] == fact.object_id:
            steps.append(f"←{fact.type}- {names.get(fact.subject_id, '?')}")
    return " ".join((" · ".join(steps[: len(way)]), *steps[len(way) :]))


def beginning(text: str) -> str:
    """The first words of a text, on one line: enough to know it by."""
    return shorten(next(iter(text.strip().splitlines()), ""), _BEGINNING, placeholder="…")


def first_source(fact: Fact, scope: Scope) -> Source | None:
    """The first source, with a turn if there is one, inside what the search is narrowed to."""
    agent, run, first = scope.narrow_agent_id, scope.run_id, None
    for source in fact.sources:
        if agent in (None, source.agent_id) and run in (None, source.run_id):
            if source.turn_id:
                return source
            first = first or source
    return first


def first_turn(fact: Fact, scope: Scope) -> str | None:
    source = first_source(fact, scope)
    return source.turn_id if source else None


def fact_hit(
    fact: Fact,
    source: Source | None,
    turn: Turn | None,
    arms: tuple[ArmScore, ...],
    *,
    score: float,
    rank: int,
    path: str | None,
) -> Hit:
    return Hit(
        kind="fact",
        id=fact.id,
        text=fact.text,
        score=score,
        rank=rank,
        arms=arms,
        episode_id=source.episode_id if source else None,
        turn_id=turn.id if turn else None,
        source_id=turn.source_id if turn else None,
        speaker=turn.speaker if turn else None,
        occurred_at=fact.stated_at,
        path=path,
        fact=fact,
    )


def turn_hit(
    turn: Turn,
    arms: tuple[ArmScore, ...],
    *,
    score: float,
    rank: int,
    path: str | None,
    outdated: str | None,
) -> Hit:
    return Hit(
        kind="turn",
        id=turn.id,
        text=turn.text,
        score=score,
        rank=rank,
        arms=arms,
        episode_id=turn.episode_id,
        turn_id=turn.id,
        source_id=turn.source_id,
        speaker=turn.speaker,
        occurred_at=turn.occurred_at,
        path=path,
        outdated=outdated,
    )


def stating_turns(
    facts: Mapping[str, Fact], turns: Mapping[str, Turn], seen: set[str]
) -> dict[str, list[str]]:
    """The turns that state each fact and may be shown: those that were found, and those of facts
    from one episode alone, which is then inside the scope and has not expired, as the fact has
    not. A fact that says all of its turn (no inference) needs no turn beside it."""
    return {
        fact.id: [
            turn_id
            for turn_id in (source.turn_id for source in fact.sources if source.turn_id)
            if turn_id in turns
            and (
                turns[turn_id].episode_id in seen
                or (
                    turns[turn_id].text not in fact.text
                    and len({source.episode_id for source in fact.sources}) == 1
                )
            )
        ]
        for fact in facts.values()
    }
