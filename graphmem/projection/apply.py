"""Reduces a batch of the ledger's events to the last state of each thing, and turns that into
writes to the graph and the vectors: among others what of a fact and of a turn is embedded and
indexed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol, TypeAlias

from graphmem.clock import stamp_or_none
from graphmem.embedding import CachedEmbedder, fact_text, turn_text
from graphmem.errors import Rejected
from graphmem.filters import Record
from graphmem.filters.records import fact_record, turn_record
from graphmem.model import Entity, Episode, Fact, Turn
from graphmem.off_loop import off_loop
from graphmem.ports.graph import GraphChanges, GraphStore
from graphmem.ports.ledger import Event, Origins, ReferredKind
from graphmem.ports.vectors import (
    COLLECTIONS,
    Collection,
    Point,
    Vector,
    VectorChanges,
    VectorStore,
)

MUCH = 60
"""With more things changed than this, the work on a batch is done off the event loop."""


@dataclass(frozen=True, slots=True)
class ProjectionBatch:
    """The last state of everything that a batch of events changed, without references to what is
    erased."""

    episodes: tuple[Episode, ...] = ()
    entities: tuple[Entity, ...] = ()
    facts: tuple[Fact, ...] = ()
    mentions: tuple[tuple[str, str], ...] = ()
    removed_episodes: tuple[str, ...] = ()
    removed_turns: tuple[str, ...] = ()
    removed_entities: tuple[str, ...] = ()
    removed_facts: tuple[str, ...] = ()
    renewed_mentions: tuple[str, ...] = ()
    """Episodes whose stored mentions are replaced by those in ``mentions``."""
    with_turns: tuple[Episode, ...] = ()
    """Episodes whose turns are written: new ones, and those with changed mentions."""
    origins: Origins = field(default_factory=lambda: Origins({}, {}, {}))


class BatchSource(Protocol):
    """The reads of the ledger that making a batch needs: what its events refer to and is still
    there."""

    async def existing(self, ids: Mapping[ReferredKind, Sequence[str]]) -> set[str]: ...

    async def episodes_by_id(self, ids: Sequence[str]) -> list[Episode]: ...

    async def origins(
        self, turn_ids: Sequence[str], episode_ids: Sequence[str], mentioning: Sequence[str]
    ) -> Origins: ...


async def batch_of(events: Sequence[Event], log: BatchSource) -> ProjectionBatch:
    """The last state of each thing in these events. References to what was erased since are left
    out, as there is nothing to link to. Raises ``Rejected`` if one of the events is damaged."""
    last = {(event.kind, event.id): event for event in events}
    if damaged := [event for event in last.values() if event.damaged]:
        raise Rejected(f"the ledger cannot read its event {damaged[0].seq}")
    changed, gone = defaultdict[str, list[Event]](list), defaultdict[str, list[Event]](list)
    for event in last.values():
        (gone if event.action in {"ERASE", "DELETE"} else changed)[event.kind].append(event)
    believed = [fact for e in changed["fact"] if (fact := _fact(e)) is not None]
    facts = [fact for fact in believed if fact.archived_at is None]
    archived = [fact.id for fact in believed if fact.archived_at is not None]
    mentions = [
        (event.id, entity)
        for event in changed["mention"]
        for entity in (event.after or {}).get("entity_ids", ())
    ]
    new = {event.id for event in changed["episode"]}
    with_turns = await _episodes([*changed["episode"], *changed["mention"]], log)
    episodes = [episode for episode in with_turns if episode.id in new]
    known = await _existing(facts, mentions, episodes, log)
    mentions = [(a, b) for a, b in mentions if a in known and b in known]
    mentioning = {episode_id for episode_id, _ in mentions}
    # An episode that is written again keeps its mentions, which no event of it repeats.
    heard = {event.id for event in changed["mention"]}
    mentioning |= {e.id for e in changed["episode"] if e.value is None and e.id not in heard}
    return ProjectionBatch(
        episodes=tuple([_after_known(one, known) for one in episodes]),
        entities=tuple([Entity.from_json(e.after) for e in changed["entity"] if e.after]),
        facts=tuple([_without_erased(fact, known) for fact in facts]),
        mentions=tuple(mentions),
        renewed_mentions=tuple([e.id for e in changed["mention"] if e.action == "REPLACE"]),
        removed_episodes=tuple([e.id for e in gone["episode"]]),
        removed_turns=tuple(
            [t for e in gone["episode"] for t in (e.after or {}).get("turn_ids", ())]
        ),
        removed_entities=tuple([e.id for e in gone["entity"]]),
        removed_facts=(*[e.id for e in gone["fact"]], *archived),
        with_turns=tuple([e for e in with_turns if e.id in new or e.id in known]),
        origins=await _origins(facts, with_turns, sorted(mentioning), log),
    )


async def _origins(
    facts: Sequence[Fact], episodes: Sequence[Episode], mentioning: Sequence[str], log: BatchSource
) -> Origins:
    """Where facts and turns come from. What the batch itself has is not read from the ledger."""
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


async def _episodes(events: Sequence[Event], log: BatchSource) -> list[Episode]:
    """The episodes of these events that are not erased, in the order of the events."""
    at_hand = {e.id: e.value for e in events if isinstance(e.value, Episode)}
    wanted = [event.id for event in events if event.id not in at_hand]
    found = {one.id: one for one in await log.episodes_by_id(wanted)} if wanted else {}
    found |= at_hand
    return [found[id] for id in dict.fromkeys(event.id for event in events) if id in found]


async def _existing(
    facts: Sequence[Fact],
    mentions: Sequence[tuple[str, str]],
    episodes: Sequence[Episode],
    log: BatchSource,
) -> set[str]:
    episode_ids = {source.episode_id for fact in facts for source in fact.sources}
    episode_ids |= {episode for episode, _ in mentions}
    episode_ids |= {e.previous_id for e in episodes if e.previous_id}
    entity_ids = {id for fact in facts for id in fact.entity_ids} | {id for _, id in mentions}
    fact_ids = {fact.supersedes_id for fact in facts if fact.supersedes_id}
    # Episodes just read exist; if one is erased meanwhile, a later event removes it.
    here = {episode.id for episode in episodes}
    known = here & episode_ids
    asked: dict[ReferredKind, list[str]] = {
        "episode": sorted(episode_ids - here),
        "entity": sorted(entity_ids),
        "fact": sorted(fact_ids),
    }
    return known | await log.existing(asked)


def _after_known(episode: Episode, known: set[str]) -> Episode:
    """The episode; without its reference to the one before it, if that is no longer there."""
    if episode.previous_id is None or episode.previous_id in known:
        return episode
    return replace(episode, previous_id=None)


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


ApplyBatch: TypeAlias = Callable[[ProjectionBatch, int], Awaitable[None]]
"""Applies a batch to one store, the graph or the vectors, and sets its checkpoint to that event.
Applying one twice changes nothing, so a crash costs only repetition."""


def graph_target(store: GraphStore) -> ApplyBatch:
    """Makes the function that writes batches to a graph."""

    async def apply(batch: ProjectionBatch, applied_seq: int) -> None:
        await store.apply(graph_changes(batch), applied_seq)

    return apply


def graph_changes(batch: ProjectionBatch) -> GraphChanges:
    """The changes of the graph for a batch."""
    return GraphChanges(
        episodes=batch.episodes,
        entities=batch.entities,
        facts=batch.facts,
        mentions=batch.mentions,
        renewed_mentions=batch.renewed_mentions,
        removed_episodes=batch.removed_episodes,
        removed_entities=batch.removed_entities,
        removed_facts=batch.removed_facts,
    )


_BY_WORDS: frozenset[Collection] = frozenset({"sessions"})
"""Collections without dense vectors: their texts are too long for one vector to represent, so it
would not be worth the cost."""


def vector_target(store: VectorStore, embedder: CachedEmbedder) -> ApplyBatch:
    """Makes the function that embeds batches and writes them to the vectors."""

    async def apply(batch: ProjectionBatch, applied_seq: int) -> None:
        changes = VectorChanges(
            points=await points_of(batch, embedder.documents),
            removed={
                "facts": batch.removed_facts,
                "turns": (*batch.removed_turns, *_silenced_turns(batch)),
                "sessions": (*batch.removed_episodes, *_episodes_no_longer_searched(batch)),
            },
        )
        await store.apply(changes, applied_seq)

    return apply


def _silenced_turns(batch: ProjectionBatch) -> list[str]:
    """Ids of turns that searches must no longer find."""
    return [turn.id for episode in batch.with_turns for turn in episode.turns if turn.silenced]


def _episodes_no_longer_searched(batch: ProjectionBatch) -> list[str]:
    """Ids of episodes of which no turn is searched any more."""
    return [e.id for e in batch.with_turns if e.turns and not searched_turns(e)]


async def points_of(
    batch: ProjectionBatch, embed: Callable[[list[str]], Awaitable[Sequence[Vector | None]]]
) -> dict[Collection, tuple[Point, ...]]:
    """The points for a batch, by collection, with their texts embedded by ``embed``."""
    much = len(batch.facts) + len(batch.with_turns) > MUCH
    drafts = await off_loop(partial(_drafts, batch)) if much else _drafts(batch)
    vectors = await embed([draft.text for name, draft in drafts if name not in _BY_WORDS])
    if much:
        return await off_loop(partial(_embedded, drafts, vectors))
    return _embedded(drafts, vectors)


def _embedded(
    drafts: Sequence[tuple[Collection, Point]], vectors: Iterable[Vector | None]
) -> dict[Collection, tuple[Point, ...]]:
    """The drafts with their dense vectors, by collection."""
    points: dict[Collection, list[Point]] = {name: [] for name in COLLECTIONS}
    rest = iter(vectors)
    for name, draft in drafts:
        dense = None if name in _BY_WORDS else next(rest)
        points[name].append(replace(draft, dense=dense))
    return {name: tuple(made) for name, made in points.items()}


def searched_turns(episode: Episode) -> list[Turn]:
    """The turns of an episode that are not silenced."""
    return [turn for turn in episode.turns if not turn.silenced]


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


def _about(turn: Turn, origins: Origins, mentioned: Mapping[str, Set[str]]) -> list[str]:
    """Ids of the entities that a turn mentions. ``mentioned`` has those of the batch's mention
    events, by episode; for an episode without any, the ids that count now in the ledger are
    taken."""
    pairs = origins.mentions.get(turn.id, ())
    counting = mentioned.get(turn.episode_id)
    if counting is None:
        return [stands_for for _, stands_for in pairs]
    return [id for pair in pairs for id in pair if id in counting]


def _drafts(batch: ProjectionBatch) -> list[tuple[Collection, Point]]:
    """The points, still without dense vectors. Turns stored without inference are facts, not
    turns."""
    drafts: list[tuple[Collection, Point]] = []
    mentioned: dict[str, set[str]] = {}
    for episode_id, entity_id in batch.mentions:
        mentioned.setdefault(episode_id, set()).add(entity_id)
    for episode in batch.with_turns:
        if episode.infer and searched_turns(episode):
            drafts += _conversation(episode, batch.origins, mentioned)
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
                fields=_fact_fields(fact, batch.origins),
            ),
        )
        for fact in batch.facts
    ]
    return drafts


def _conversation(
    episode: Episode, origins: Origins, mentioned: Mapping[str, Set[str]]
) -> list[tuple[Collection, Point]]:
    """A point for each searched turn, with the turns beside it as its window, and one for the whole
    episode."""
    scope, turns = episode.scope, searched_turns(episode)
    texts = [turn_text(turn) for turn in turns]

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
        for at, turn in enumerate(turns)
    ]
    return [*made, ("sessions", point(episode.id, "\n".join(texts), None, {}))]
