"""A batch of the ledger's events as one change: of each thing the last state wins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from graphmem.errors import Rejected
from graphmem.model import Entity, Episode, Fact
from graphmem.ports.ledger import Event, Origins, ReferredKind

MUCH = 60
"""Things changed, from which what a batch comes to is worked out off the loop."""


@dataclass(frozen=True, slots=True)
class ProjectionBatch:
    """The last state of everything that a batch of events changed, references checked."""

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


class BatchSource(Protocol):
    """What making a batch asks the ledger: what is still there of what its events refer to."""

    async def existing(self, ids: Mapping[ReferredKind, Sequence[str]]) -> set[str]: ...

    async def episodes_by_id(self, ids: Sequence[str]) -> list[Episode]: ...

    async def origins(
        self, turn_ids: Sequence[str], episode_ids: Sequence[str], mentioning: Sequence[str]
    ) -> Origins: ...


async def batch_of(events: Sequence[Event], log: BatchSource) -> ProjectionBatch:
    """The last state of each thing in these events. References to what was erased since are left
    out: they have no other end."""
    last = {(event.kind, event.id): event for event in events}
    if damaged := [event for event in last.values() if event.damaged]:
        raise Rejected(f"the ledger cannot read its event {damaged[0].seq}")
    changed = {
        kind: [e for (k, _), e in last.items() if k == kind and e.action not in {"ERASE", "DELETE"}]
        for kind in ("episode", "entity", "fact", "mention")
    }
    gone = [event for event in last.values() if event.action in {"ERASE", "DELETE"}]
    believed = [fact for e in changed["fact"] if (fact := _fact(e)) is not None]
    facts = [fact for fact in believed if fact.archived_at is None]
    archived = [fact.id for fact in believed if fact.archived_at is not None]
    mentions = [
        (event.id, entity)
        for event in changed["mention"]
        for entity in (event.after or {}).get("entity_ids", ())
    ]
    new = {event.id for event in changed["episode"]}
    turned = await _episodes([*changed["episode"], *changed["mention"]], log)
    episodes = [episode for episode in turned if episode.id in new]
    known = await _existing(facts, mentions, episodes, log)
    mentions = [(a, b) for a, b in mentions if a in known and b in known]
    mentioning = {episode_id for episode_id, _ in mentions}
    # One that comes again, after what was before it was undone and is told again, mentions what it
    # did: no event says that once more.
    heard = {event.id for event in changed["mention"]}
    mentioning |= {e.id for e in changed["episode"] if e.value is None and e.id not in heard}
    return ProjectionBatch(
        episodes=tuple(
            [
                e
                if e.previous_id is None or e.previous_id in known
                else replace(e, previous_id=None)
                for e in episodes
            ]
        ),
        entities=tuple([Entity.from_json(e.after) for e in changed["entity"] if e.after]),
        facts=tuple([_without_erased(fact, known) for fact in facts]),
        mentions=tuple(mentions),
        renewed_mentions=tuple([e.id for e in changed["mention"] if e.action == "REPLACE"]),
        removed_episodes=tuple([e.id for e in gone if e.kind == "episode"]),
        removed_turns=tuple(
            [turn for e in gone if e.kind == "episode" for turn in (e.after or {})["turn_ids"]]
        ),
        removed_entities=tuple([e.id for e in gone if e.kind == "entity"]),
        removed_facts=(*[e.id for e in gone if e.kind == "fact"], *archived),
        turned=tuple([e for e in turned if e.id in new or e.id in known]),
        origins=await _origins(facts, turned, sorted(mentioning), log),
    )


async def _origins(
    facts: Sequence[Fact], episodes: Sequence[Episode], mentioning: Sequence[str], log: BatchSource
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


async def _episodes(events: Sequence[Event], log: BatchSource) -> list[Episode]:
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
    log: BatchSource,
) -> set[str]:
    episode_ids = {source.episode_id for fact in facts for source in fact.sources}
    episode_ids |= {episode for episode, _ in mentions}
    episode_ids |= {e.previous_id for e in episodes if e.previous_id}
    entity_ids = {id for fact in facts for id in fact.entity_ids} | {id for _, id in mentions}
    fact_ids = {fact.supersedes_id for fact in facts if fact.supersedes_id}
    # What has just been read is there; what is erased meanwhile, a later event takes away.
    here = {episode.id for episode in episodes}
    known = here & episode_ids
    asked: dict[ReferredKind, list[str]] = {
        "episode": sorted(episode_ids - here),
        "entity": sorted(entity_ids),
        "fact": sorted(fact_ids),
    }
    return known | await log.existing(asked)


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


class ApplyBatch(Protocol):
    """Applies batches to one store, the graph or the vectors. Applying one again changes nothing,
    so a crash costs only repetition."""

    async def __call__(self, batch: ProjectionBatch, applied_seq: int) -> None: ...
