"""A ledger's rows against the events that made them: what was believed last is what is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from graphmem.adapters.ledger.sql.steps import Fetch, ResultRows
from graphmem.errors import Damaged
from graphmem.ports.ledger import LedgerCheck

_SHOWN = 5
_CHECKS = {
    "changed_facts": "facts that are not what their last event says",
    "lost_facts": "facts missing that events say are believed",
    "changed_entities": "entities that are not what their last event says",
    "lost_turns": "episodes whose turns are not all there",
    "stray_turns": "turns without their episode",
    "stray_mentions": "mentions of what is not there",
    "stray_sources": "sources of facts that are not there",
}


async def check(fetch: Callable[[Fetch], Awaitable[list[ResultRows]]]) -> LedgerCheck:
    """Each check by itself: where one cannot be read the others go on."""
    checked: dict[str, int] = {}
    differences: list[str] = []
    for name, what in _CHECKS.items():
        try:
            ((*found,),) = await fetch(Fetch(name, {}))
        except Damaged as error:
            differences.append(f"ledger: {what} cannot be looked for: {error}")
            continue
        if found:
            ids = ", ".join(str(row["id"]) for row in found[:_SHOWN])
            more = ", …" if len(found) > _SHOWN else ""
            differences.append(f"ledger: {len(found):,} {what}: {ids}{more}")
    try:
        ((count,),) = await fetch(Fetch("count_rows", {}))
        checked = {f"ledger {name}": count[name] for name in ("episodes", "events", "facts")}
    except Damaged as error:
        differences.append(f"ledger: rows cannot be counted: {error}")
    return LedgerCheck(checked, tuple(differences))
