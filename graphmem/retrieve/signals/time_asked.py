"""How well the facts fit the time that a question asks of: "where did I live in 2021", "before
Leeds". Of what has ended it asks too; of what began only afterwards it does not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from graphmem.model import Fact
from graphmem.retrieve.signals.inputs import SignalInputs
from graphmem.text import words

_MAY_HAVE = 0.25
"""Of something stated after the time that is asked of, and not from when."""
_EARLIER = 0.5
"""Of what had ended when something else of the same kind came, before what is asked of."""
_LATEST = datetime.max.replace(tzinfo=UTC)


def time_fit(inputs: SignalInputs) -> Mapping[str, float]:
    """From 0 to 1 by fact id, what has ended included; 1 for all where the question asks of no time
    of its own."""
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
    """What ended last before the other that the question names began, or else before now; where
    nothing is known to have, all facts may answer."""
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
        limit = max(began, default=_LATEST)
        ended = {f.id: f.invalid_at for f in group if f.invalid_at and f.invalid_at <= limit}
        if ended:
            last = max(ended.values())
            for fact in group:
                fits[fact.id] = 0.0
            fits |= {id: 1.0 if end == last else _EARLIER for id, end in ended.items()}
    return fits


def _begins(fact: Fact) -> datetime:
    return fact.valid_at or fact.stated_at or _LATEST
