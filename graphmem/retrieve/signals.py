"""Small signals beside the arms: whom it is about, who says it, whether it asks or has ended."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set

from graphmem.model import ArmScore, Entity, Fact, Turn
from graphmem.retrieve.fuse import Fused, extra
from graphmem.text import name_keys

_MENTIONED = 0.4  # of what being its subject is worth


def fact_extras(
    facts: Collection[Fact], seed_ids: Set[str], present: Sequence[tuple[Fact, float]]
) -> dict[str, list[ArmScore]]:
    """For facts about what the question names, and those that hold in place of an ended one."""
    extras: dict[str, list[ArmScore]] = {fact.id: [] for fact in facts}
    for fact in facts:
        first = fact.subject_id or next(iter(fact.entity_ids), None)
        if first in seed_ids:
            extras[fact.id].append(extra("about", 1.0))
        elif seed_ids & set(fact.entity_ids):
            extras[fact.id].append(extra("about", _MENTIONED))
    for rank, (fact, score) in enumerate(present, start=1):
        extras[fact.id].append(extra("present", score, rank))
    return extras


def turn_extras(
    turns: Mapping[str, Turn],
    candidates: Sequence[Fused],
    seeds: Sequence[Entity],
    ended: Sequence[tuple[Fact, float]],
) -> dict[str, list[ArmScore]]:
    """For turns said by whom the question names; against questions and what is outdated."""
    named = {key for s in seeds for name in (s.name, *s.aliases) for key in name_keys(name)}
    worst: dict[str, float] = {}
    for fact, score in ended:
        for source in fact.sources:
            if source.turn_id:
                worst[source.turn_id] = max(score, worst.get(source.turn_id, 0.0))
    extras: dict[str, list[ArmScore]] = {}
    for candidate in candidates:
        turn = turns.get(candidate.id)
        if turn is None:
            continue
        extras[turn.id] = []
        if turn.speaker and named.intersection(name_keys(turn.speaker)):
            extras[turn.id].append(extra("about", _MENTIONED))
        if turn.text.rstrip().endswith("?"):
            extras[turn.id].append(extra("asks", 1.0))
        if turn.id in worst:
            extras[turn.id].append(extra("outdated", worst[turn.id]))
    return extras


def outdated_turns(ended: Sequence[tuple[Fact, float]]) -> dict[str, str]:
    """What each turn says that has ended, and when."""
    return {
        source.turn_id: f"{fact.type or fact.text} until {fact.invalid_at:%Y-%m-%d}"
        for fact, _ in ended
        for source in fact.sources
        if source.turn_id and fact.invalid_at
    }
