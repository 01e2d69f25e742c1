"""Signals from what is known of facts, and of the turns that state them: the graph, whom they are
about, whether they answer the relation that is asked for, whether they still hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphmem.model import Fact
from graphmem.model.printing import printed_date
from graphmem.retrieve.signals.inputs import Columns, SignalInputs

_MENTIONED = 0.4  # of what being its subject is worth
_AT_LEAST = {"about": 0.0, "graph": 0.25, "importance": 0.0}
"""What is left of these signals for a fact that means nothing of the rest of the question: the
graph also brings what shares no word with it."""


def measure_facts(inputs: SignalInputs, measured: Columns) -> Columns:
    """``graph``, ``about``, ``present``, ``relation``, ``importance`` (from -1 to 1, 0 where it was
    given none) and ``outdated``. That a fact matters, or is about whom the question names, counts
    as far as its ``meaning`` is near the rest of the question, and that sharply: much else is, too.
    """
    relations, outdated = inputs.relations, _outdated(inputs.ended)
    before = inputs.question.asks_about == "before"
    by_signal = {
        "graph": _graph(inputs),
        "about": _about(inputs),
        "present": {} if before else _present(inputs),
        "relation": relations.scores(inputs.facts.values()) if relations else {},
        "importance": {id: 2 * fact.importance - 1 for id, fact in inputs.facts.items()},
        "outdated": {id: -score if before else score for id, score in outdated.items()},
    }
    columns = {
        name: np.array([scores.get(id, 0.0) for id in inputs.ids], dtype=np.float32)
        for name, scores in by_signal.items()
    }
    for name, least in _AT_LEAST.items():
        columns[name] = columns[name] * (least + (1 - least) * measured["meaning"] ** 2)
    return columns


def outdated_turns(ended: Sequence[tuple[Fact, float]]) -> dict[str, str]:
    """What each turn says that has ended, and when."""
    return {
        source.turn_id: f"{fact.type or fact.text} until "
        f"{printed_date(fact.invalid_at, fact.invalid_precision)}"
        for fact, _ in ended
        for source in fact.sources
        if source.turn_id and fact.invalid_at
    }


def _graph(inputs: SignalInputs) -> dict[str, float]:
    best = max([one.score for one in inputs.reached], default=0.0)
    return {one.fact_id: one.score / best for one in inputs.reached if one.score > 0}


def _about(inputs: SignalInputs) -> dict[str, float]:
    seed_ids = {seed.id for seed in inputs.seeds}
    about: dict[str, float] = {}
    for fact in inputs.facts.values():
        first = fact.subject_id or next(iter(fact.entity_ids), None)
        if first in seed_ids:
            about[fact.id] = 1.0
        elif seed_ids & set(fact.entity_ids):
            about[fact.id] = _MENTIONED
    return about


def _present(inputs: SignalInputs) -> dict[str, float]:
    """As far as a fact is the relation that is asked for, or means what is asked beside whom it is
    asked of: that it holds now makes it no answer to something else."""
    beside, place = inputs.beside_people, {id: at for at, id in enumerate(inputs.ids)}
    rare = inputs.rarity[beside, 0]
    present = {}
    for fact, score in inputs.replacing:
        asked = 1.0
        if inputs.relations is None or not inputs.relations.asks(fact.type):
            near = inputs.likeness[beside, place[fact.id]]
            asked = float((rare * near).sum() / max(float(rare.sum()), 1e-9))
        present[fact.id] = score * asked
    return present


def _outdated(ended: Sequence[tuple[Fact, float]]) -> dict[str, float]:
    """For turns how good a fact that they state would be, had it not ended."""
    outdated: dict[str, float] = {}
    for fact, score in ended:
        for source in fact.sources:
            if source.turn_id:
                outdated[source.turn_id] = max(score, outdated.get(source.turn_id, 0.0))
    return outdated
