"""How well facts fit the time that a question asks about: "where did I live in 2021", "before
Leeds". Facts that have ended may answer it; facts that began only afterwards may not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from graphmem.clock import LAST_MOMENT
from graphmem.model import Fact
from graphmem.retrieve.signals.inputs import SignalInputs
from graphmem.text import words

_MAY_HAVE = 0.25
"""The fit of a fact without a start that was stated only after the time asked about."""
_EARLIER = 0.5
"""The fit of a fact that ended before that time, but not last of its group."""


def time_fit(inputs: SignalInputs) -> Mapping[str, float]:
    """The fit by fact id, 0 to 1, including facts that have ended; 1 for all where the question
    names no time."""
    facts = {**inputs.facts, **{fact.id: fact for fact, _ in inputs.ended}}
    if inputs.question.asks_about == "before":
        return _before(inputs, list(facts.values()))
    return {id: _then(inputs, fact) for id, fact in facts.items()}


def _then(inputs: SignalInputs, fact: Fact) -> float:
    question = inputs.question
    if not question.held_then(fact.valid_at, fact.invalid_at):
        return 0.0
    if fact.valid_at is not None or question.held_then(fact.stated_at, fact.invalid_at):
        return 1.0
    return _MAY_HAVE


def _before(inputs: SignalInputs, facts: Sequence[Fact]) -> dict[str, float]:
    """The fit of facts grouped by entity and type: 1 for what ended last before the fact named as
    the event began (or ended last at all), ``_EARLIER`` for what ended before that, 0 for the rest
    of the group. Where nothing ended, it is 1 for the whole group."""
    event = inputs.question.event
    named = {seed.id for seed in inputs.seeds if not event.isdisjoint(words(seed.name))}
    about = {seed.id for seed in inputs.seeds} - named
    alike: dict[tuple[str | None, str], list[Fact]] = defaultdict(list)
    for fact in facts:
        for end in about & {fact.subject_id, fact.object_id}:
            alike[fact.type, end].append(fact)
    fits = {fact.id: 1.0 for fact in facts}
    for group in alike.values():
        began = [_begins(fact) for fact in group if named & {fact.subject_id, fact.object_id}]
        limit = max(began, default=LAST_MOMENT)
        ended = {f.id: f.invalid_at for f in group if f.invalid_at and f.invalid_at <= limit}
        if ended:
            last = max(ended.values())
            for fact in group:
                fits[fact.id] = 0.0
            fits |= {id: 1.0 if end == last else _EARLIER for id, end in ended.items()}
    return fits


def _begins(fact: Fact) -> datetime:
    return fact.valid_at or fact.stated_at or LAST_MOMENT
