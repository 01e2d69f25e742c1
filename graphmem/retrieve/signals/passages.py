"""Which texts answer a question together: arms of the graph over turns and facts.

A question that takes two steps is answered by two texts that name the same: each covers some of its
words, and both together cover more than any other two do. ``linked`` is what a text covers with its
best partner. ``spread`` starts at the facts of the best pairs and at what the question names, and
follows the graph on from there.
``named`` are texts about what the question names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import log

import numpy as np
from numpy.typing import NDArray

from graphmem.model import Fact
from graphmem.ports.ledger import Mentions
from graphmem.retrieve.signals.links import FACT_HUB, HUB, Links
from graphmem.retrieve.signals.pagerank import pagerank
from graphmem.retrieve.signals.reading import Read
from graphmem.retrieve.signals.words import Row, rarity

Numbers = NDArray[np.float32]

_BEST = 30  # texts that are looked at for partners
_DENSE = 0.4  # nearness as a whole against words, when texts are chosen to look at
_NAMED = 0.5  # against the words, when they are chosen
_COMMON = 0.05  # less for each e-fold of texts that name what links two
_ABOUT = 0.15  # more when the link is what one of them is about
_NEAR = 0.1  # how much nearness as a whole counts beside the words of a fact
_FACTS = 20  # that are looked at for partners
_PAIRS = 4
_SHARPLY = 4  # the power by which lesser pairs of facts start with less
_TURNS = 30  # the best turns, with which spreading starts too
_TURNS_WEIGH = 0.01  # against the best pair of facts
_LONG = 25  # words, stop words not counted, from which on a text is prose
_DECADES = 2.0  # of PageRank that are told apart
_LITTLE, _ENOUGH = 0.25, 0.45
"""Facts that cover less of the question say nothing of where to go on from; more, all."""
_BY_NAME = 0.4  # of that trust, when only a name says where to start


@dataclass(frozen=True, slots=True)
class Pool:
    """The candidates: turns and then ``facts`` as ``rows``; how ``near`` they are to each word that
    is asked for; how near the store found some of them (``dense``); and their ``links``."""

    rows: Sequence[Row]
    facts: Mapping[str, Fact]
    near: Numbers
    dense: Mapping[str, float]
    links: Links


@dataclass(frozen=True, slots=True)
class Together:
    """``columns`` by arm: one value a row. ``partners`` has for each row of a found pair the other
    row and the entity that links them."""

    columns: Mapping[str, Numbers]
    partners: Mapping[int, tuple[int, str]]


def together(question: Sequence[str], pool: Pool, measured: Mapping[str, Numbers]) -> Together:
    """What the arms say; ``question`` is in all its words, ``measured`` what the signals say."""
    reads = [row.read if row.read.turn else None for row in pool.rows]
    written = prose(reads)
    if not written.any():
        nothing = np.zeros(len(pool.rows), dtype=np.float32)
        return Together({"named": nothing, "linked": nothing, "spread": nothing}, {})
    named, rare = _named(question, pool.rows), rarity(pool.near)
    covers = pool.near * (rare / max(float(rare.sum()), 1e-9)).astype(np.float32)
    likely = _first(measured) + _NAMED * named
    linked, partners = _linked(pool, covers, likely)
    # What is usual for passages here says nothing, beside turns of conversations least of all.
    linked = np.maximum(linked - np.float32(np.median(linked[written])), 0) * written
    spread = _spread(pool, covers, likely) * written
    return Together({"named": named * written, "linked": linked, "spread": spread}, partners)


def prose(reads: Sequence[Read | None]) -> NDArray[np.bool_]:
    """Which of these turns are passages: by one voice alone in their episode, with a title or long.

    In conversations and short notes what is named hardly ever links what is said: there these arms
    cost more than they bring (measured on LoCoMo). Facts are no passages: what they are from is.
    """
    likely = np.zeros(len(reads), dtype=np.bool_)
    for place, read in enumerate(reads):
        if read is not None and read.turn is not None:
            likely[place] = len(read.words) > _LONG or bool(read.title)
    if not likely.any():
        return likely
    turns = [read.turn if read is not None else None for read in reads]
    voices: dict[str, set[str | None]] = {}
    for turn in turns:
        if turn is not None:
            voices.setdefault(turn.episode_id, set()).add(turn.speaker)
    alone = [turn is not None and len(voices[turn.episode_id]) == 1 for turn in turns]
    written: NDArray[np.bool_] = likely & alone
    return written


def _first(columns: Mapping[str, Numbers]) -> Numbers:
    """How good each row is at first sight, by its words and its meaning as a whole: 0 to 1."""
    first: Numbers = columns["bm25"] + np.float32(_DENSE) * columns["dense"]
    first /= np.float32(max(float(first.max(initial=0)), 1e-9))
    return first


def _named(question: Sequence[str], rows: Sequence[Row]) -> Numbers:
    """Texts whose title is in the question, the longest first; namesakes share."""
    asked = f" {' '.join(question)} "
    titles = Counter(row.read.title for row in rows if row.read.title)
    found: dict[str, float] = {}
    for title in sorted(titles, key=lambda title: (-len(title), title)):
        if f" {title} " in asked:
            asked = asked.replace(f" {title} ", " · ")
            found[title] = titles[title] ** -0.5
    return np.array([found.get(row.read.title, 0.0) for row in rows], dtype=np.float32)


def holders(rows: Sequence[Row], links: Links) -> dict[str, list[int]]:
    """By entity the turns (as rows) that name it, of entities that link: no hubs, and not what only
    one of them names."""
    places = {row.id: n for n, row in enumerate(rows)}
    found = {
        entity: [places[turn] for turn in turns if turn in places]
        for entity, turns in links.mentions.turns.items()
        if 1 < len(turns) <= HUB
    }
    return {entity: held for entity, held in found.items() if len(held) > 1}


def _linked(
    pool: Pool, covers: Numbers, first: Numbers
) -> tuple[Numbers, dict[int, tuple[int, str]]]:
    """What of the question each row covers with its best partner, and who that is."""
    rows, links = pool.rows, pool.links
    linked = np.zeros(len(rows), dtype=np.float32)
    chosen = set(np.argsort(-first, kind="stable")[:_BEST].tolist())
    pairs: list[tuple[int, int]] = []
    entities: list[str] = []
    less: list[float] = []
    for entity, held in holders(rows, links).items():
        common = _COMMON * log(len(links.mentions.turns[entity]))
        keys = links.keys.get(entity, frozenset())
        about = {n: common - _ABOUT * (rows[n].read.title in keys) for n in held}
        for one in chosen.intersection(held):
            pairs += [(one, other) for other in held if other != one]
            less += [about[other] for other in held if other != one]
            entities += [entity] * (len(held) - 1)
    if not pairs:
        return linked, {}
    ones, others = np.array(pairs, dtype=np.intp).T
    worth = np.maximum(covers[:, ones], covers[:, others]).sum(axis=0) - np.array(less)
    # Each pair counts for both of its texts; the best of each text is the first in this order.
    mine, theirs = np.concatenate([ones, others]), np.concatenate([others, ones])
    order = np.argsort(-np.concatenate([worth, worth]), kind="stable")
    found, places = np.unique(mine[order], return_index=True)
    best = order[places]
    linked[found] = np.maximum(0.0, worth[best % len(worth)])
    partners = {
        int(row): (int(theirs[at]), entities[at % len(worth)])
        for row, at in zip(found, best, strict=True)
        if linked[row] > 0
    }
    return linked, partners


def _spread(pool: Pool, covers: Numbers, first: Numbers) -> Numbers:
    """How much of what starts at the best pairs of facts, and at the names that are asked about,
    reaches each turn, on a logarithmic scale; nothing when there is neither a name nor two facts
    that cover enough of the question."""
    rows, known = pool.rows, pool.links.mentions
    pairs = _fact_pairs(pool, covers)
    trust = (max((cover for cover, *_ in pairs), default=0.0) - _LITTLE) / (_ENOUGH - _LITTLE)
    seeds = _seeds(pairs, known) if trust > 0 else {}
    names = {id: len(known.turns.get(id, ())) for id in sorted(pool.links.seeds)}
    for name, count in names.items():
        if 0 < count <= HUB:
            seeds[name] = seeds.get(name, 0.0) + 1 / count
            trust = max(trust, _BY_NAME)
    if not seeds:
        return np.zeros(len(rows), dtype=np.float32)
    turns = {row.id: n for n, row in enumerate(rows) if row.id not in pool.facts}
    best = sorted(turns, key=lambda id: (-first[turns[id]], id))[:_TURNS]
    edges = _edges(pool, turns, best, seeds)
    degrees = {one: len(held) + len(known.facts.get(one, ())) for one, held in known.turns.items()}
    top = max(float(first.max(initial=0)), 1e-9)
    seeds |= {turn: _TURNS_WEIGH * float(first[turns[turn]]) / top for turn in best}
    reached = pagerank(edges, seeds, degrees)
    found = np.array([reached.get(row.id, 0.0) if row.id in turns else 0.0 for row in rows])
    scale = np.log10(np.maximum(found / max(float(found.max(initial=0)), 1e-12), 1e-9))
    spread: Numbers = min(1.0, trust) * np.maximum(0.0, 1 + scale / _DECADES).astype(np.float32)
    return spread


def _edges(
    pool: Pool, turns: Mapping[str, int], best: Sequence[str], seeds: Mapping[str, float]
) -> list[tuple[str, str]]:
    """Who is named where, of the best turns, of those that name a seed, and of what more than one
    turn names; and which entities a seed shares a fact with."""
    known = pool.links.mentions
    near = {turn for entity in seeds for turn in known.turns.get(entity, ())} | {*best}
    found = {
        (turn, one): None for turn in turns if turn in near for one in known.entities.get(turn, ())
    }
    for entity, held in known.turns.items():
        if len(held) <= HUB and (len(held) > 1 or entity in seeds):
            found |= {(turn, entity): None for turn in held if turn in turns}
    between = [
        ends
        for fact in pool.facts.values()
        if not seeds.keys().isdisjoint(fact.entity_ids)
        for ends in combinations(fact.entity_ids, 2)
    ]
    return [*found, *between]


def _seeds(
    pairs: Sequence[tuple[float, float, tuple[Fact, Fact]]], known: Mentions
) -> dict[str, float]:
    """Entities of the best pairs, the rarer the more; the most is 1."""
    best = max(worth for _, worth, _ in pairs)
    seeds: dict[str, float] = {}
    for _, worth, pair in pairs:
        for entity in (id for fact in pair for id in fact.entity_ids):
            share = max(0.0, worth / best) ** _SHARPLY / max(1, len(known.turns.get(entity, ())))
            seeds[entity] = seeds.get(entity, 0.0) + share
    highest = max(seeds.values(), default=0.0)
    return {entity: share / highest for entity, share in seeds.items()} if highest > 0 else {}


def _fact_pairs(pool: Pool, covers: Numbers) -> list[tuple[float, float, tuple[Fact, Fact]]]:
    """The best pairs of facts about the same: what they cover, what they are worth, they. A fact is
    a pair with itself."""
    rows, facts, dense = pool.rows, pool.facts, pool.dense
    here = [n for n, row in enumerate(rows) if row.id in facts and facts[row.id].entity_ids]
    if not here:
        return []
    low = min((dense[rows[n].id] for n in here if rows[n].id in dense), default=0.0)
    near = {n: dense.get(rows[n].id, low) for n in here}
    own = covers.sum(axis=0)
    by_entity: dict[str, list[int]] = {}
    for n in here:
        for entity in facts[rows[n].id].entity_ids:
            by_entity.setdefault(entity, []).append(n)
    chosen = sorted(here, key=lambda n: (-own[n] - _DENSE * near[n], n))[:_FACTS]
    found = {
        (min(one, other), max(one, other)): None
        for one in chosen
        for entity in facts[rows[one].id].entity_ids
        if len(pool.links.mentions.facts.get(entity, ())) <= FACT_HUB
        for other in by_entity[entity]
    }
    if not found:
        return []
    ones, others = np.array(list(found), dtype=np.intp).T
    cover = np.maximum(covers[:, ones], covers[:, others]).sum(axis=0)
    nearness = np.array([near[a] + near[b] for a, b in found])
    worth = cover + _NEAR * nearness
    best = np.argsort(-worth, kind="stable")[:_PAIRS].tolist()
    return [
        (
            float(cover[at]),
            float(worth[at]),
            (facts[rows[ones[at]].id], facts[rows[others[at]].id]),
        )
        for at in best
    ]
