"""Batches applied to the vectors: what of a fact and of a turn is embedded and indexed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence, Set
from dataclasses import replace
from functools import partial

from graphmem.clock import stamp_or_none
from graphmem.embedding import CachedEmbedder, fact_text, turn_text
from graphmem.filters import Record
from graphmem.filters.records import fact_record, turn_record
from graphmem.model import Episode, Fact, Turn
from graphmem.off_loop import off_loop
from graphmem.ports.ledger import Origins
from graphmem.ports.vectors import (
    COLLECTIONS,
    Collection,
    Point,
    Vector,
    VectorChanges,
    VectorStore,
)
from graphmem.projection.batch import MUCH, ApplyBatch, ProjectionBatch

_BY_WORDS: frozenset[Collection] = frozenset({"sessions"})
"""Too long for one vector to stand for: what embedding them costs, it is not worth."""


def vector_target(store: VectorStore, embedder: CachedEmbedder) -> ApplyBatch:
    """Embeds and writes batches to vectors."""

    async def apply(batch: ProjectionBatch, applied_seq: int) -> None:
        changes = VectorChanges(
            points=await points_of(batch, embedder.documents),
            removed={
                "facts": batch.removed_facts,
                "turns": (*batch.removed_turns, *_silenced(batch)),
                "sessions": (*batch.removed_episodes, *_silent(batch)),
            },
        )
        await store.apply(changes, applied_seq)

    return apply


def _silenced(batch: ProjectionBatch) -> list[str]:
    """Turns that are not to be found any more."""
    return [turn.id for episode in batch.turned for turn in episode.turns if turn.silenced]


def _silent(batch: ProjectionBatch) -> list[str]:
    """Episodes of which nothing is searched any more."""
    return [e.id for e in batch.turned if e.turns and not searched_turns(e)]


async def points_of(
    batch: ProjectionBatch, embed: Callable[[list[str]], Awaitable[Sequence[Vector | None]]]
) -> dict[Collection, tuple[Point, ...]]:
    """The points that a batch comes to, their texts embedded by ``embed``."""
    much = len(batch.facts) + len(batch.turned) > MUCH
    drafts = await off_loop(partial(_drafts, batch)) if much else _drafts(batch)
    vectors = await embed([draft.text for name, draft in drafts if name not in _BY_WORDS])
    if much:
        return await off_loop(partial(_embedded, drafts, vectors))
    return _embedded(drafts, vectors)


def _embedded(
    drafts: Sequence[tuple[Collection, Point]], vectors: Iterable[Vector | None]
) -> dict[Collection, tuple[Point, ...]]:
    """The drafts with their vectors, by collection."""
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
    """What a turn mentions, by the ids that count in this batch: those of its events. Where none
    of them speaks of its episode, by those that count now."""
    pairs = origins.mentions.get(turn.id, ())
    counting = mentioned.get(turn.episode_id)
    if counting is None:
        return [stands_for for _, stands_for in pairs]
    return [id for pair in pairs for id in pair if id in counting]


def _drafts(batch: ProjectionBatch) -> list[tuple[Collection, Point]]:
    """Points without their dense vectors yet. Turns stored as they are (no inference) are facts."""
    drafts: list[tuple[Collection, Point]] = []
    mentioned: dict[str, set[str]] = {}
    for episode_id, entity_id in batch.mentions:
        mentioned.setdefault(episode_id, set()).add(entity_id)
    for episode in batch.turned:
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
    """A point for each turn, with the turns beside it as its window, and one for all of them."""
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
