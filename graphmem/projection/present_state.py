"""What graph and vectors should hold now, by the ledger: in batches, without replaying what led
there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Literal, TypeAlias

from graphmem.off_loop import run_off_loop
from graphmem.ports.ledger import Event, Ledger
from graphmem.ports.ledger_off_loop import ReadsOffLoop
from graphmem.projection.batch import ProjectionBatch, batch_of

Kind: TypeAlias = Literal["entity", "episode", "fact"]
PROJECTED_KINDS: tuple[Kind, ...] = ("entity", "episode", "fact")
"""In the order in which they refer to one another."""
BATCH_THINGS = 256
"""Read and made at once."""


async def present_ids(ledger: Ledger) -> dict[Kind, list[str]]:
    """Everything that graph and vectors should hold, the oldest first, as ids are made."""
    return {kind: sorted(await ledger.present(kind)) for kind in PROJECTED_KINDS}


async def present_batches(
    ledger: Ledger, ids: Mapping[Kind, Sequence[str]], size: int = BATCH_THINGS
) -> AsyncIterator[tuple[Kind, Sequence[str], ProjectionBatch]]:
    """The state of these things: of each batch, which ids were asked for, and what there is of
    them. An episode comes with what it mentions."""
    for kind in PROJECTED_KINDS:
        wanted = ids.get(kind, ())
        for start in range(0, len(wanted), size):
            some = wanted[start : start + size]
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
