"""Events of the ledger to the graph and the vectors: the only writer of both.

A batch of events is folded (the last state of each thing wins) and applied in one go with the
``seq`` it ends at. Applying it again changes nothing, so a crash costs only repetition.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from graphmem.clock import stamp_or_none
from graphmem.embedding import CachedEmbedder
from graphmem.filters import Record
from graphmem.filters.records import fact_record, turn_record
from graphmem.model import Entity, Episode, Fact, Turn
from graphmem.ports.graph import Checkpoint, GraphChanges, GraphStore
from graphmem.ports.ledger import Event, Ledger, Origins
from graphmem.ports.vectors import COLLECTIONS, Collection, Point, VectorChanges, VectorStore

BATCH = 5000
_BY_WORDS: frozenset[Collection] = frozenset({"sessions"})
"""Too long for one vector to stand for: what embedding them costs, it is not worth."""


@dataclass(frozen=True, slots=True)
class Folded:
    """A batch of events as the present of each thing it touched, references checked."""

    episodes: tuple[Episode, ...]
    entities: tuple[Entity, ...]
    facts: tuple[Fact, ...]
    mentions: tuple[tuple[str, str], ...]
    removed_episodes: tuple[str, ...]
    removed_turns: tuple[str, ...]
    removed_entities: tuple[str, ...]
    removed_facts: tuple[str, ...]
    renewed_mentions: tuple[str, ...] = ()
    """Episodes that mention now what ``mentions`` has of them, and nothing else."""
    turned: tuple[Episode, ...] = ()
    """Episodes whose turns are to be written: new ones, and those that mention something else."""
    origins: Origins = field(default_factory=lambda: Origins({}, {}, {}))


class There(Protocol):
    """What a fold asks: what is still there of what events speak of."""

    async def existing(
        self, kind: Literal["episode", "entity", "fact"], ids: Sequence[str]
    ) -> set[str]: ...

    async def episodes_by_id(self, ids: Sequence[str]) -> list[Episode]: ...

    async def origins(
        self, turn_ids: Sequence[str], episode_ids: Sequence[str], mentioning: Sequence[str]
    ) -> Origins: ...


async def fold(events: Sequence[Event], log: There) -> Folded:
    """Fold a batch. References to what was erased since are left out: they have no other end."""
    last = {(event.kind, event.id): event for event in events}
    changed = {
        kind: [e for (k, _), e in last.items() if k == kind and e.action not in {"ERASE", "DELETE"}]
        for kind in ("episode", "entity", "fact", "mention")
    }
    gone = [event for event in last.values() if event.action in {"ERASE", "DELETE"}]
    facts = [fact for e in changed["fact"] if (fact := _fact(e)) is not None]
    mentions = [
        (event.id, entity)
        for event in changed["mention"]
        for entity in (event.after or {}).get("entity_ids", ())
    ]
    new = {event.id for event in changed["episode"]}
    turned = await _episodes([*changed["episode"], *changed["mention"]], log)
    episodes = [episode for episode in turned if episode.id in new]
    known = await _existing(facts, mentions, episodes, log)
    mentioning = sorted({a for a, b in mentions if a in known and b in known})
    return Folded(
        episodes=tuple(
            e if e.previous_id is None or e.previous_id in known else replace(e, previous_id=None)
            for e in episodes
        ),
        entities=tuple(Entity.from_json(e.after) for e in changed["entity"] if e.after),
        facts=tuple(_without_erased(fact, known) for fact in facts),
        mentions=tuple((a, b) for a, b in mentions if a in known and b in known),
        renewed_mentions=tuple(e.id for e in changed["mention"] if e.action == "REPLACE"),
        removed_episodes=tuple(e.id for e in gone if e.kind == "episode"),
        removed_turns=tuple(
            turn for e in gone if e.kind == "episode" for turn in (e.after or {})["turn_ids"]
        ),
        removed_entities=tuple(e.id for e in gone if e.kind == "entity"),
        removed_facts=tuple(e.id for e in gone if e.kind == "fact"),
        turned=tuple(e for e in turned if e.id in new or e.id in known),
        origins=await _origins(facts, turned, mentioning, log),
    )


async def _origins(
    facts: Sequence[Fact], episodes: Sequence[Episode], mentioning: Sequence[str], log: There
) -> Origins:
    """Where the facts come from; what is in the batch itself need not be asked for."""
    speakers = {t.id: t.speaker for e in episodes for t in e.turns if t.speaker}
    kinds: dict[str, str] = {episode.id: episode.kind for episode in episodes}
    sources = [
        source for fact in facts for source in fact.sources if source.episode_id not in kinds
    ]
    found = await log.origins(
        sorted({source.turn_id for source in sources if source.turn_id}),
        sorted({source.episode_id for source in sources}),
        mentioning,
    )
    return Origins({**found.speakers, **speakers}, {**found.kinds, **kinds}, found.mentions)


def _fact(event: Event) -> Fact | None:
    if isinstance(event.value, Fact):
        return event.value
    return Fact.from_json(event.after) if event.after else None


async def _episodes(events: Sequence[Event], log: There) -> list[Episode]:
    """Those that are not erased, in the order in which they came."""
    at_hand = {e.id: e.value for e in events if isinstance(e.value, Episode)}
    wanted = [event.id for event in events if event.id not in at_hand]
    found = {one.id: one for one in await log.episodes_by_id(wanted)} if wanted else {}
    found |= at_hand
    return [found[id] for id in dict.fromkeys(event.id for event in events) if id in found]


async def _existing(
    facts: Sequence[Fact],
    mentions: Sequence[tuple[str, str]],
    episodes: Sequence[Episode],
    log: There,
) -> set[str]:
    episode_ids = {source.episode_id for fact in facts for source in fact.sources}
    episode_ids |= {episode for episode, _ in mentions}
    episode_ids |= {e.previous_id for e in episodes if e.previous_id}
    entity_ids = {id for fact in facts for id in fact.entity_ids} | {id for _, id in mentions}
    fact_ids = {fact.supersedes_id for fact in facts if fact.supersedes_id}
    # What has just been read is there; what is erased meanwhile, a later event takes away.
    here = {episode.id for episode in episodes}
    known = here & episode_ids
    if rest := episode_ids - here:
        known |= await log.existing("episode", sorted(rest))
    if entity_ids:
        known |= await log.existing("entity", sorted(entity_ids))
    if fact_ids:
        known |= await log.existing("fact", sorted(fact_ids))
    return known


def _without_erased(fact: Fact, known: set[str]) -> Fact:
    related = fact.subject_id in known and fact.object_id in known
    plain = fact.subject_id is None and fact.type is None and fact.object_id is None
    if (
        (related or plain)
        and known.issuperset(fact.entity_ids)
        and known.issuperset(source.episode_id for source in fact.sources)
        and (fact.supersedes_id is None or fact.supersedes_id in known)
    ):
        return fact
    return replace(
        fact,
        entity_ids=tuple(id for id in fact.entity_ids if id in known),
        sources=tuple(source for source in fact.sources if source.episode_id in known),
        supersedes_id=fact.supersedes_id if fact.supersedes_id in known else None,
        subject_id=fact.subject_id if related else None,
        type=fact.type if related else None,
        object_id=fact.object_id if related else None,
    )


class _Target(Protocol):
    """Where a projection applies batches: the graph, or the vectors."""

    async def __call__(self, folded: Folded, applied_seq: int) -> None: ...


class Projection:
    """Keeps one store in step with the ledger.

    Where several processes share a ledger one of them projects at a time, and each reads how far
    the others got before it goes on from there.
    """

    def __init__(
        self,
        name: str,
        ledger: Ledger,
        target: _Target,
        changed: Callable[[Set[str] | None], None] | None = None,
    ) -> None:
        """``changed`` is told in which tenants the store holds something else; None: in any."""
        self.name = name
        self._changed = changed or (lambda _: None)
        self.applied_seq = 0
        self._ledger = ledger
        self._target = target
        self._checkpoint: Callable[[], Awaitable[Checkpoint]] | None = None
        self._lock = asyncio.Lock()

    def begin(self, checkpoint: Checkpoint, again: Callable[[], Awaitable[Checkpoint]]) -> None:
        """Go on from ``checkpoint``; ``again`` reads it anew from the store."""
        self.applied_seq = checkpoint.applied_seq
        self._checkpoint = again if self._ledger.shared else None

    async def catch_up(self, progress: Callable[[int], None] | None = None) -> None:
        """Apply every event up to the ledger's head; cheap when there is none."""
        if self.applied_seq >= await self._ledger.head():
            return
        async with self._alone() as still_alone:
            if self._checkpoint is not None:
                self.applied_seq = (await self._checkpoint()).applied_seq
                # Others may have written, or made the store anew, which leaves the checkpoint as it
                # was.
                self._changed(None)
            while self.applied_seq < await self._ledger.head():
                events = self._ledger.recent_events(self.applied_seq, BATCH)
                events = events or await self._ledger.events(self.applied_seq, BATCH)
                folded = await fold(events, self._ledger)
                await still_alone()
                await self._target(folded, events[-1].seq)
                self.applied_seq = events[-1].seq
                self._changed({event.tenant for event in events})
                if progress is not None:
                    progress(self.applied_seq)

    async def start_over(self, clear: Callable[[], Awaitable[None]]) -> None:
        """Clear the store and forget how far it got, also where this is given up on the way: what
        was begun in a thread goes on, and whoever writes next has to know that nothing is there."""
        async with self._alone():
            self.applied_seq = 0
            clearing = asyncio.ensure_future(clear())
            try:
                await asyncio.shield(clearing)
            except asyncio.CancelledError:
                await asyncio.wait([clearing])
                raise
            finally:
                self._changed(None)

    @contextlib.asynccontextmanager
    async def _alone(self) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        async with self._lock, self._ledger.named_lock(f"project {self.name}") as still_alone:
            yield still_alone


def graph_target(store: GraphStore) -> _Target:
    async def apply(folded: Folded, applied_seq: int) -> None:
        changes = GraphChanges(
            episodes=folded.episodes,
            entities=folded.entities,
            facts=folded.facts,
            mentions=folded.mentions,
            renewed_mentions=folded.renewed_mentions,
            removed_episodes=folded.removed_episodes,
            removed_entities=folded.removed_entities,
            removed_facts=folded.removed_facts,
        )
        await store.apply(changes, applied_seq)

    return apply


def vector_target(store: VectorStore, embedder: CachedEmbedder) -> _Target:
    async def apply(folded: Folded, applied_seq: int) -> None:
        drafts = _drafts(folded)
        embedded = [draft.text for name, draft in drafts if name not in _BY_WORDS]
        vectors = iter(await embedder.documents(embedded))
        points: dict[Collection, list[Point]] = {name: [] for name in COLLECTIONS}
        for name, draft in drafts:
            dense = None if name in _BY_WORDS else next(vectors)
            points[name].append(replace(draft, dense=dense))
        changes = VectorChanges(
            points={name: tuple(made) for name, made in points.items()},
            removed={
                "facts": folded.removed_facts,
                "turns": folded.removed_turns,
                "sessions": folded.removed_episodes,
            },
        )
        await store.apply(changes, applied_seq)

    return apply


def turn_text(turn: Turn) -> str:
    """A turn as it is indexed: who says it is part of what can be asked for."""
    return f"{turn.speaker}: {turn.text}" if turn.speaker else turn.text


def fact_text(fact: Fact) -> str:
    """A fact as it is indexed: "moved to Berlin" is found by "lives in" too."""
    relation = (fact.type or "").replace("_", " ")
    return fact.text if relation in fact.text else f"{fact.text} ({relation})"


def _fact_fields(fact: Fact, origins: Origins) -> Record:
    turns = (source.turn_id or "" for source in fact.sources)
    return fact_record(
        fact,
        speakers=(origins.speakers[turn] for turn in turns if turn in origins.speakers),
        sources=(
            origins.kinds[source.episode_id]
            for source in fact.sources
            if source.episode_id in origins.kinds
        ),
    )


def _about(turn: Turn, origins: Origins, mentioned: set[tuple[str, str]]) -> list[str]:
    """What a turn mentions, by the ids that count in this batch: those of its events."""
    ids = (id for pair in origins.mentions.get(turn.id, ()) for id in pair)
    return [id for id in ids if (turn.episode_id, id) in mentioned]


def _drafts(folded: Folded) -> list[tuple[Collection, Point]]:
    """Points without their dense vectors yet. Turns stored as they are (no inference) are facts."""
    drafts: list[tuple[Collection, Point]] = []
    mentioned = set(folded.mentions)
    for episode in folded.turned:
        if episode.infer and episode.turns:
            drafts += _conversation(episode, folded.origins, mentioned)
    drafts += [
        (
            "facts",
            Point(
                id=fact.id,
                tenant=fact.scope.tenant,
                text=fact_text(fact),
                dense=None,
                agent_ids=fact.agent_ids,
                run_ids=fact.run_ids,
                invalid_at=stamp_or_none(fact.invalid_at),
                expires_at=stamp_or_none(fact.expires_at),
                archived_at=stamp_or_none(fact.archived_at),
                fields=_fact_fields(fact, folded.origins),
            ),
        )
        for fact in folded.facts
    ]
    return drafts


def _conversation(
    episode: Episode, origins: Origins, mentioned: set[tuple[str, str]]
) -> list[tuple[Collection, Point]]:
    """A point for each turn, with the turns beside it as its window, and one for all of them."""
    scope, texts = episode.scope, [turn_text(turn) for turn in episode.turns]

    def point(id: str, text: str, window: str | None, fields: Record) -> Point:
        return Point(
            id=id,
            tenant=scope.tenant,
            text=text,
            dense=None,
            window=window,
            agent_ids=(scope.agent_id,) if scope.agent_id else (),
            run_ids=(scope.run_id,) if scope.run_id else (),
            expires_at=stamp_or_none(episode.expires_at),
            fields=fields,
        )

    made: list[tuple[Collection, Point]] = [
        (
            "turns",
            point(
                turn.id,
                texts[at],
                "\n".join(texts[max(0, at - 1) : at + 2]),
                turn_record(turn, episode, _about(turn, origins, mentioned)),
            ),
        )
        for at, turn in enumerate(episode.turns)
    ]
    return [*made, ("sessions", point(episode.id, "\n".join(texts), None, {}))]
