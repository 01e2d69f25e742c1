"""Mismatches put right: exactly what differs is written again or removed."""

from __future__ import annotations

from dataclasses import replace

from graphmem.ports.ledger import Ledger
from graphmem.projection.batch import ProjectionBatch
from graphmem.projection.catch_up import Projection
from graphmem.projection.present_state import present_batches
from graphmem.projection.verify import Mismatches

TOO_MANY_TO_MEND = 5_000
"""Mismatches from which on it is better to make all anew."""


async def put_right(ledger: Ledger, projection: Projection, differences: Mismatches) -> None:
    """Write again what of the ledger a store lacks or holds otherwise, remove what it holds beside.

    What others may hang on by mistake shows when the stores are compared once more.
    """
    turns = differences.beside("turns")
    gone = ProjectionBatch(
        episodes=(),
        entities=(),
        facts=(),
        mentions=(),
        removed_episodes=(*differences.beside("Episode"), *differences.beside("sessions")),
        removed_turns=turns,
        removed_entities=differences.beside("Entity"),
        removed_facts=(*differences.beside("Fact"), *differences.beside("facts")),
    )
    if gone.removed_episodes or turns or gone.removed_entities or gone.removed_facts:
        await projection.put_right(gone)
    async for _, some, batch in present_batches(ledger, differences.wrong):
        # Taken away first: what a fact has an edge too many of would keep it.
        facts = tuple(fact.id for fact in batch.facts)
        mentioning = tuple(id for id in some if any(e.id == id for e in batch.episodes))
        await projection.put_right(replace(batch, removed_facts=facts, renewed_mentions=mentioning))
