"""Signals of passages that answer a question together, found through entities that both name.

A question that takes two steps is answered by two texts that name the same entity: each covers some
of its words, and the two cover more than any other pair. ``linked`` is what a text covers together
with its best partner. ``spread`` is PageRank from the facts of the best pairs and from entities
that the question names. ``named`` marks texts whose title is in the question.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from math import log

import numpy as np
from numpy.typing import NDArray

from graphmem.model import Fact
from graphmem.ports.ledger import Mentions
from graphmem.retrieve.candidates.graph import FACT_HUB, HUB, pagerank
from graphmem.retrieve.question.names_and_relations import written_as_names
from graphmem.retrieve.signals.inputs import Column, Columns, SignalInputs

_BEST = 30  # texts whose partners are looked for
_DENSE = 0.4  # weight of the vectors' similarity against words, when those are chosen
_NAMED = 0.5  # weight of ``named`` against words, when those are chosen
_COMMON = 0.05  # subtracted for each e-fold of texts that name the linking entity
_ABOUT = 0.15  # added when the partner's title is the linking entity
_NEAR = 0.1  # weight of the vectors' similarity against words, for pairs of facts
_FACTS = 20  # facts whose partners are looked for
_PAIRS = 4
_SHARPLY = 4  # power of a pair's worth, relative to the best, in its starting weight
_TURNS = 30  # the best turns, where spreading starts too
_TURNS_WEIGH = 0.01  # their starting weight, relative to the best pair of facts
_DAMPING = 0.7
_DECADES = 2.0  # of PageRank below the highest that get a value above 0
_LITTLE, _ENOUGH = 0.25, 0.45
"""Pairs of facts that cover this little of the question are no place to start from; the trust in
them grows with what they cover, up to the second number."""
_BY_NAME = 0.4  # the least trust when spreading starts at an entity that the question names


def measure_passages(inputs: SignalInputs, measured: Columns) -> Columns:
    """``named``, ``linked`` and ``spread``: 0 for candidates that are not passages."""
    candidates = inputs.candidates
    passages = inputs.passages
    if not passages.any():
        return dict.fromkeys(("named", "linked", "spread"), np.zeros(len(candidates), np.float32))
    named = _named(inputs)
    covers, likely = _covered(inputs), _first_sight(measured) + _NAMED * named
    linked, _ = _linked(inputs, covers, likely)
    # Less the median of the passages: what most of them have does not tell them apart, and would
    # only raise them above turns of conversations.
    linked = np.maximum(linked - np.float32(np.median(linked[passages])), 0)
    spread = _spread(inputs, covers, likely)
    return {"named": named * passages, "linked": linked * passages, "spread": spread * passages}


def linked_partners(
    inputs: SignalInputs, measured: Columns, places: Collection[int]
) -> dict[int, tuple[int, str]]:
    """For each of these places of candidates with a partner (``linked``), the partner's place and
    the id of the entity that both name."""
    likely = _first_sight(measured) + _NAMED * _named(inputs)
    found = _linked(inputs, _covered(inputs), likely, places)[1]
    return {place: found[place] for place in places if place in found}


def _covered(inputs: SignalInputs) -> NDArray[np.float32]:
    """For each word of the question (row) and each candidate (column), the share of the question
    that it covers by that word."""
    rare = inputs.rarity
    share: NDArray[np.float32] = (rare / max(float(rare.sum()), 1e-9)).astype(np.float32)
    return inputs.likeness * share


def _first_sight(measured: Columns) -> Column:
    """A first score of each candidate, from its words and its vector: at most 1."""
    first: Column = measured["window"] + np.float32(_DENSE) * measured["dense"]
    first /= np.float32(max(float(first.max(initial=0)), 1e-9))
    return first


def _named(inputs: SignalInputs) -> Column:
    """A value for texts whose title is in the question, matched longest first: 1, or less where
    several texts have the same title."""
    asked = f" {' '.join(inputs.question.words)} "
    titles = Counter(text.title for text in inputs.texts if text.title)
    found: dict[str, float] = {}
    for title in sorted(titles, key=lambda title: (-len(title), title)):
        if f" {title} " in asked:
            asked = asked.replace(f" {title} ", " · ")
            found[title] = titles[title] ** -0.5
    return np.array([found.get(text.title, 0.0) for text in inputs.texts], dtype=np.float32)


def _linked(
    inputs: SignalInputs,
    covers: NDArray[np.float32],
    likely: Column,
    places: Collection[int] | None = None,
) -> tuple[Column, dict[int, tuple[int, str]]]:
    """The share of the question that each candidate (at least those at ``places``) covers with its
    best partner, and by place the partner's place and the linking entity."""
    texts, around = inputs.texts, inputs.neighbourhood
    linked = np.zeros(len(texts), dtype=np.float32)
    chosen = set(np.argsort(-likely, kind="stable")[:_BEST].tolist())
    pairs: list[tuple[int, int]] = []
    entities: list[str] = []
    less: list[float] = []
    for entity, turns in around.linking_entities(inputs.ids).items():
        if places is not None and set(turns).isdisjoint(places):
            continue
        common = _COMMON * log(len(around.mentions.turns[entity]))
        names = around.names.get(entity, frozenset())
        about = {n: common - _ABOUT * (texts[n].title in names) for n in turns}
        for one in chosen.intersection(turns):
            pairs += [(one, other) for other in turns if other != one]
            less += [about[other] for other in turns if other != one]
            entities += [entity] * (len(turns) - 1)
    if not pairs:
        return linked, {}
    ones, others = np.array(pairs, dtype=np.intp).T
    worth = np.maximum(covers[:, ones], covers[:, others]).sum(axis=0) - np.array(less)
    # Each pair is listed for both of its texts, best first: ``unique`` finds the best of each text.
    mine, theirs = np.concatenate([ones, others]), np.concatenate([others, ones])
    order = np.argsort(-np.concatenate([worth, worth]), kind="stable")
    found, first = np.unique(mine[order], return_index=True)
    best = order[first]
    linked[found] = np.maximum(0.0, worth[best % len(worth)])
    partners = {
        int(place): (int(theirs[at]), entities[at % len(worth)])
        for place, at in zip(found, best, strict=True)
        if linked[place] > 0
    }
    return linked, partners


def _spread(inputs: SignalInputs, covers: NDArray[np.float32], likely: Column) -> Column:
    """The PageRank of each turn from the best pairs of facts and the entities that the question
    names, on a logarithmic scale from 0 to 1; all 0 when there is neither a name nor a pair that
    covers enough of the question."""
    ids, mentions = inputs.ids, inputs.neighbourhood.mentions
    pairs = _fact_pairs(inputs, covers)
    trust = (max((cover for cover, *_ in pairs), default=0.0) - _LITTLE) / (_ENOUGH - _LITTLE)
    start = _start(pairs, mentions) if trust > 0 else {}
    for name in sorted(written_as_names(inputs.question.text, inputs.seeds)):
        count = len(mentions.turns.get(name, ()))
        if 0 < count <= HUB:
            start[name] = start.get(name, 0.0) + 1 / count
            trust = max(trust, _BY_NAME)
    if not start:
        return np.zeros(len(ids), dtype=np.float32)
    turns = {id: n for n, id in enumerate(ids) if id not in inputs.facts}
    best = sorted(turns, key=lambda id: (-likely[turns[id]], id))[:_TURNS]
    edges = _edges(inputs, turns, best, start)
    degrees = {
        entity: len(named) + len(mentions.facts.get(entity, ()))
        for entity, named in mentions.turns.items()
    }
    top = max(float(likely.max(initial=0)), 1e-9)
    start |= {turn: _TURNS_WEIGH * float(likely[turns[turn]]) / top for turn in best}
    reached = pagerank(edges, start, damping=_DAMPING, degrees=degrees)
    found = np.array([reached.get(id, 0.0) if id in turns else 0.0 for id in ids])
    scale = np.log10(np.maximum(found / max(float(found.max(initial=0)), 1e-12), 1e-9))
    spread: Column = min(1.0, trust) * np.maximum(0.0, 1 + scale / _DECADES).astype(np.float32)
    return spread


def _edges(
    inputs: SignalInputs, turns: Collection[str], best: Sequence[str], start: Mapping[str, float]
) -> list[tuple[str, str]]:
    """The edges for PageRank: between a turn and an entity it names, if the turn is among the best
    or names an entity of the start, or more than one turn names the entity; and between entities of
    a fact that has one of the start."""
    mentions = inputs.neighbourhood.mentions
    near = {turn for entity in start for turn in mentions.turns.get(entity, ())} | {*best}
    found = {
        (turn, entity): None
        for turn in turns
        if turn in near
        for entity in mentions.entities.get(turn, ())
    }
    for entity, named in mentions.turns.items():
        if len(named) <= HUB and (len(named) > 1 or entity in start):
            found |= {(turn, entity): None for turn in named if turn in turns}
    between = [
        ends
        for fact in inputs.facts.values()
        if not start.keys().isdisjoint(fact.entity_ids)
        for ends in combinations(fact.entity_ids, 2)
    ]
    return [*found, *between]


def _start(
    pairs: Sequence[tuple[float, float, tuple[Fact, Fact]]], mentions: Mentions
) -> dict[str, float]:
    """The starting weights of entities in the best pairs: higher for rarer ones, at most 1."""
    best = max(worth for _, worth, _ in pairs)
    start: dict[str, float] = {}
    for _, worth, pair in pairs:
        for entity in (id for fact in pair for id in fact.entity_ids):
            named = max(1, len(mentions.turns.get(entity, ())))
            share = max(0.0, worth / best) ** _SHARPLY / named
            start[entity] = start.get(entity, 0.0) + share
    highest = max(start.values(), default=0.0)
    return {entity: share / highest for entity, share in start.items()} if highest > 0 else {}


def _fact_pairs(
    inputs: SignalInputs, covers: NDArray[np.float32]
) -> list[tuple[float, float, tuple[Fact, Fact]]]:
    """The best pairs of facts that share an entity, as (covered share of the question, worth,
    facts). A fact also pairs with itself."""
    ids, facts, dense = inputs.ids, inputs.facts, inputs.scores.dense
    places = [n for n, id in enumerate(ids) if id in facts and facts[id].entity_ids]
    if not places:
        return []
    low = min((dense[ids[n]] for n in places if ids[n] in dense), default=0.0)
    near = {n: dense.get(ids[n], low) for n in places}
    own = covers.sum(axis=0)
    by_entity: dict[str, list[int]] = {}
    for n in places:
        for entity in facts[ids[n]].entity_ids:
            by_entity.setdefault(entity, []).append(n)
    chosen = sorted(places, key=lambda n: (-own[n] - _DENSE * near[n], n))[:_FACTS]
    found = {
        (min(one, other), max(one, other)): None
        for one in chosen
        for entity in facts[ids[one]].entity_ids
        if len(inputs.neighbourhood.mentions.facts.get(entity, ())) <= FACT_HUB
        for other in by_entity[entity]
    }
    if not found:
        return []
    ones, others = np.array(list(found), dtype=np.intp).T
    cover = np.maximum(covers[:, ones], covers[:, others]).sum(axis=0)
    worth = cover + _NEAR * np.array([near[a] + near[b] for a, b in found])
    best = np.argsort(-worth, kind="stable")[:_PAIRS].tolist()
    pair = [(facts[ids[one]], facts[ids[other]]) for one, other in zip(ones, others, strict=True)]
    return [(float(cover[at]), float(worth[at]), pair[at]) for at in best]
