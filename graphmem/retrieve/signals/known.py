"""What is known of candidates beside their words: the graph, whom a fact is about, whether what is
said still holds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set

import numpy as np
from numpy.typing import NDArray

from graphmem.model import Fact
from graphmem.retrieve.candidates.graph import Reached

_MENTIONED = 0.4  # of what being its subject is worth
_ANYWAY = {"about": 0.0, "graph": 0.25}
"""What is left of these arms for a fact that means nothing of the rest of the question: the graph
also brings what shares no word with it."""

Extras = dict[str, dict[str, float]]
"""By arm: what each candidate gets, from 0 to 1."""


def of_facts(
    facts: Collection[Fact],
    reached: Sequence[Reached],
    seed_ids: Set[str],
    present: Sequence[tuple[Fact, float]],
) -> Extras:
    """For facts near the question's entities in the graph, for those about them, and for those
    that hold in place of an ended one."""
    best = max((one.score for one in reached), default=0.0)
    graph = {one.fact_id: one.score / best for one in reached if one.score > 0}
    about: dict[str, float] = {}
    for fact in facts:
        first = fact.subject_id or next(iter(fact.entity_ids), None)
        if first in seed_ids:
            about[fact.id] = 1.0
        elif seed_ids & set(fact.entity_ids):
            about[fact.id] = _MENTIONED
    return {"graph": graph, "about": about, "present": {fact.id: s for fact, s in present}}


def of_turns(
    extras: Extras, stating: Mapping[str, Sequence[str]], ended: Sequence[tuple[Fact, float]]
) -> Extras:
    """For turns that state such facts; and how far they say what has ended."""
    told: dict[str, float] = {}
    for fact_id, turn_ids in stating.items():
        worth = max(extras[arm].get(fact_id, 0.0) for arm in ("graph", "about", "present"))
        for turn_id in turn_ids:
            told[turn_id] = max(worth, told.get(turn_id, 0.0))
    outdated: dict[str, float] = {}
    for fact, score in ended:
        for source in fact.sources:
            if source.turn_id:
                outdated[source.turn_id] = max(score, outdated.get(source.turn_id, 0.0))
    return {"facts": told, "outdated": outdated}


def columns(
    extras: Extras, ids: Sequence[str], meant: NDArray[np.float32]
) -> dict[str, NDArray[np.float32]]:
    """One value a row. That a fact is about whom the question names counts as far as the rest of
    the question is ``meant`` (0 to 1) by it, and that sharply: much else is about them too."""
    found = {
        arm: np.array([given.get(id, 0.0) for id in ids], dtype=np.float32)
        for arm, given in extras.items()
    }
    for arm, least in _ANYWAY.items():
        if arm in found:
            found[arm] = found[arm] * (least + (1 - least) * meant**2)
    return found


def outdated_turns(ended: Sequence[tuple[Fact, float]]) -> dict[str, str]:
    """What each turn says that has ended, and when."""
    return {
        source.turn_id: f"{fact.type or fact.text} until {fact.invalid_at.date()}"
        for fact, _ in ended
        for source in fact.sources
        if source.turn_id and fact.invalid_at
    }
