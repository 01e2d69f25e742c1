"""Batches applied to the graph."""

from __future__ import annotations

from graphmem.ports.graph import GraphChanges, GraphStore
from graphmem.projection.batch import ApplyBatch, ProjectionBatch


def graph_target(store: GraphStore) -> ApplyBatch:
    """Writes batches to a graph."""

    async def apply(batch: ProjectionBatch, applied_seq: int) -> None:
        await store.apply(graph_changes(batch), applied_seq)

    return apply


def graph_changes(batch: ProjectionBatch) -> GraphChanges:
    """A batch as the graph is given it."""
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
