"""Compares the graph and the vectors with the ledger, both ways: each node with its edges and each
point with the row that it is made from, and the reverse; and repairs exactly what differs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal, NamedTuple, TypeAlias

from graphmem.embedding import CachedEmbedder
from graphmem.off_loop import collector_waits, run_off_loop
from graphmem.ports.graph import Digests, GraphStore
from graphmem.ports.ledger import Event, Ledger
from graphmem.ports.ledger.off_loop import ReadsOffLoop
from graphmem.ports.part import Part
from graphmem.ports.vectors import COLLECTIONS, Collection, VectorStore
from graphmem.projection.apply import ProjectionBatch, batch_of, graph_changes, points_of
from graphmem.projection.catch_up import Projection

Kind: TypeAlias = Literal["entity", "episode", "fact"]
PROJECTED_KINDS: tuple[Kind, ...] = ("entity", "episode", "fact")
"""In an order in which each refers only to its own kind and to earlier ones."""
BATCH_THINGS = 256
"""How many things are read, and made, at once."""


async def present_ids(ledger: Ledger) -> dict[Kind, list[str]]:
    """The ids of everything that graph and vectors should hold, by kind, the oldest first."""
    return {kind: sorted(await ledger.present(kind)) for kind in PROJECTED_KINDS}


async def present_batches(
    ledger: Ledger, ids: Mapping[Kind, Sequence[str]]
) -> AsyncIterator[tuple[Kind, Sequence[str], ProjectionBatch]]:
    """The state of these things in the ledger, in batches: the kind, the ids that were read, and a
    batch of those that exist. An episode comes with its mentions."""
    for kind in PROJECTED_KINDS:
        wanted = ids.get(kind, ())
        for start in range(0, len(wanted), BATCH_THINGS):
            some = wanted[start : start + BATCH_THINGS]
            events = await _events(ledger, kind, some)
            made = partial(batch_of, events, ReadsOffLoop(ledger))
            yield kind, some, await run_off_loop(made)


async def _events(ledger: Ledger, kind: Kind, ids: Sequence[str]) -> list[Event]:
    events = await ledger.present_state(kind, ids)
    if kind == "episode":
        there = {event.id for event in events}
        mentions = await ledger.present_state("mention", ids)
        events += [event for event in mentions if event.id in there]
    return events


_SHOWN = 5
_EVENTS = 5000
_LABELS: dict[Kind, str] = {"fact": "Fact", "entity": "Entity", "episode": "Episode"}
_PRESENT: dict[Collection, Literal["fact", "turn", "session"]] = {
    "facts": "fact",
    "turns": "turn",
    "sessions": "session",
}
_Problem = Literal["missing", "other than in the ledger", "not in the ledger"]


class Mismatch(NamedTuple):
    """One thing that differs from the ledger."""

    place: str
    """The store and the label or collection: ``graph Fact``."""
    problem: _Problem
    kind: Kind | None
    """With ``thing``: what of the ledger it is made from; for a turn, its episode. None if the
    ledger has nothing."""
    thing: str
    id: str


@dataclass(slots=True)
class Mismatches:
    """How a graph or vectors differ from the ledger."""

    checked: dict[str, int] = field(default_factory=dict)
    found: list[Mismatch] = field(default_factory=list)

    def count(self, place: str, some: int) -> None:
        self.checked[place] = self.checked.get(place, 0) + some

    @property
    def wrong(self) -> dict[Kind, list[str]]:
        """By kind, the ids of what has to be written again."""
        return {
            kind: list(dict.fromkeys(one.thing for one in self.found if one.kind == kind))
            for kind in PROJECTED_KINDS
        }

    def beside(self, name: str) -> tuple[str, ...]:
        """The ids to remove from a label or a collection: the ledger does not have them."""
        gone = (one for one in self.found if one.kind is None)
        return tuple(one.id for one in gone if one.place.endswith(f" {name}"))

    def described(self) -> list[str]:
        """For people: what differs, where, how many, and the first ids."""
        groups: dict[tuple[str, str], list[str]] = {}
        for one in self.found:
            groups.setdefault((one.place, one.problem), []).append(one.id)
        return [
            f"{place}: {len(ids):,} {problem}: "
            + ", ".join(ids[:_SHOWN])
            + (", …" if len(ids) > _SHOWN else "")
            for (place, problem), ids in groups.items()
        ]


async def compare_stores(
    ledger: Ledger,
    graph: GraphStore | None,
    vectors: VectorStore | None,
    embedder: CachedEmbedder,
    aside: Set[str] = frozenset(),
    *,
    since: int,
    part: Part | None = None,
) -> tuple[Mismatches, Mismatches]:
    """How the graph and the vectors, which have followed the ledger up to the event ``since``,
    differ from it; a store that is None is not read. What was set ``aside`` and what refers to it
    are left out, and so is what was changed after that event. With a ``part`` only the things of
    one part are compared, but points that the ledger does not have are looked for among all."""
    comparison = _Comparison(ledger, graph, vectors, embedder, aside)
    await comparison.run(part)
    touched = await changed_since(ledger, since)
    for one in (comparison.in_graph, comparison.in_vectors):
        one.found = [found for found in one.found if found.thing not in touched]
    return comparison.in_graph, comparison.in_vectors


async def changed_since(ledger: Ledger, seq: int) -> set[str]:
    """The ids of what the events after ``seq`` are about."""
    changed: set[str] = set()
    while events := await ledger.events(seq, _EVENTS):
        changed.update(event.id for event in events)
        seq = events[-1].seq
    return changed


class _Comparison:
    def __init__(
        self,
        ledger: Ledger,
        graph: GraphStore | None,
        vectors: VectorStore | None,
        embedder: CachedEmbedder,
        aside: Set[str],
    ) -> None:
        self._aside = frozenset(aside)
        self._ledger, self._graph, self._vectors = ledger, graph, vectors
        self._embedder = embedder
        self.in_graph, self.in_vectors = Mismatches(), Mismatches()
        # What has not been compared yet; what remains in the end is not in the ledger.
        self._digests: dict[tuple[str, str], int] = {}
        self._points: dict[Collection, set[str]] = {}

    async def run(self, part: Part | None) -> None:
        wanted = {
            kind: [id for id in ids if id not in self._aside and (not part or part.takes(id))]
            for kind, ids in (await present_ids(self._ledger)).items()
        }
        if self._graph is not None:
            with collector_waits():
                self._digests = dict(await self._graph.digests(part))
        if self._vectors is not None:
            self._points = {name: set(await self._vectors.ids(name)) for name in COLLECTIONS}
        async for kind, some, batch in present_batches(self._ledger, wanted):
            # For each batch by itself: to wait a minute or more would affect the whole process.
            with collector_waits():
                if self._graph is not None:
                    expected = self._graph.digests_of(graph_changes(batch))
                    self._compare_graph(kind, some, expected, self._hanging(batch))
                if self._vectors is not None:
                    await self._compare_points(self._vectors, batch)
        await self._look_for_extra()

    def _hanging(self, batch: ProjectionBatch) -> set[str]:
        """Ids of what refers to something that was set aside: its edge cannot be there."""
        if not self._aside:
            return set()
        found = {
            fact.id
            for fact in batch.facts
            if self._aside.intersection(
                (*fact.entity_ids, *(s.episode_id for s in fact.sources), fact.supersedes_id)
            )
        }
        found.update(e.id for e in batch.episodes if e.previous_id in self._aside)
        return found | {episode for episode, entity in batch.mentions if entity in self._aside}

    def _compare_graph(
        self, kind: Kind, some: Sequence[str], expected: Digests, hanging: Set[str]
    ) -> None:
        place = f"graph {_LABELS[kind]}"
        self.in_graph.count(f"{place} nodes", sum(id not in hanging for id in some))
        for id in some:
            key = (_LABELS[kind], id)
            found = self._digests.pop(key, None)
            if id not in hanging and key in expected and found != expected[key]:
                problem: _Problem = "missing" if found is None else "other than in the ledger"
                self.in_graph.found.append(Mismatch(place, problem, kind, id, id))

    async def _compare_points(self, vectors: VectorStore, batch: ProjectionBatch) -> None:
        made = await points_of(batch, self._embedder.known_documents)
        episodes = {turn.id: episode.id for episode in batch.with_turns for turn in episode.turns}
        for name, points in made.items():
            place = f"vectors {name}"
            self.in_vectors.count(place, len(points))
            for id in sorted(await vectors.differing(name, points)) if points else ():
                there = id in self._points[name]
                problem: _Problem = "other than in the ledger" if there else "missing"
                kind: Kind = "fact" if name == "facts" else "episode"
                thing = episodes.get(id, id)
                self.in_vectors.found.append(Mismatch(place, problem, kind, thing, id))
            self._points[name].difference_update(point.id for point in points)

    async def _look_for_extra(self) -> None:
        """Find what a store has and the ledger does not. The ledger is read again: a thing may be
        new."""
        for kind, label in _LABELS.items():
            beside = {id for at, id in self._digests if at == label}
            if beside:
                beside -= await self._ledger.present(kind)
            self.in_graph.found += _extra(f"graph {label}", beside)
        for name, points in self._points.items():  # with a part, all of the other parts too
            extra = points - await self._ledger.present(_PRESENT[name]) if points else points
            self.in_vectors.found += _extra(f"vectors {name}", extra)


def _extra(place: str, ids: set[str]) -> list[Mismatch]:
    return [Mismatch(place, "not in the ledger", None, id, id) for id in sorted(ids)]


TOO_MANY_TO_MEND = 5_000
"""From this many mismatches on it is better to rebuild."""


async def repair_differences(
    ledger: Ledger, projection: Projection, differences: Mismatches
) -> None:
    """Write again what a store lacks or holds otherwise, and remove what the ledger does not have.

    Other things that were wrongly linked to what is removed are found by comparing once more.
    """
    beside = differences.beside
    gone = ProjectionBatch(
        removed_episodes=(*beside("Episode"), *beside("sessions")),
        removed_turns=beside("turns"),
        removed_entities=beside("Entity"),
        removed_facts=(*beside("Fact"), *beside("facts")),
    )
    if gone != ProjectionBatch():
        await projection.repair(gone)
    async for _, some, batch in present_batches(ledger, differences.wrong):
        # Facts are removed first: writing one again does not remove a surplus edge.
        facts = tuple(fact.id for fact in batch.facts)
        mentioning = tuple(id for id in some if any(e.id == id for e in batch.episodes))
        await projection.repair(replace(batch, removed_facts=facts, renewed_mentions=mentioning))
