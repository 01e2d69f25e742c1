"""What was understood of what was added, and of whom nothing was: told after add and ingest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from graphmem.doors.cli.base import options
from graphmem.doors.cli.output import counted
from graphmem.text import name_key

if TYPE_CHECKING:
    from graphmem import Memory
    from graphmem.model import Receipt, Stats

_NAMED = 5
_MOST_LOOKED_AT = 1000
"""Entities and facts among which names are looked for of which nothing was understood."""
_MODEL = "a model reads more than the rules do: GRAPHMEM_LLM, see docs/models.md"


def understood(memory: Memory, receipt: Receipt) -> str:
    """What one ``add`` brought. Empty where a model left nothing out."""
    episode = memory.episode(receipt.episode_id)
    facts = [fact for d in receipt.decisions if (fact := d.after or d.before) is not None]
    new = sum(decision.action == "ADD" for decision in receipt.decisions)
    about = {id for fact in facts for id in fact.entity_ids}
    names = [memory.entity(id).name for id in receipt.entity_ids if id not in about]
    return _line(counted(len(episode.turns), "turn"), new, names, model=receipt.model_calls > 0)


def stats_of(memory: Memory) -> Stats | None:
    """The counts of the scope; None where each item names its own."""
    scoped = options().user or options().agent
    return memory.stats() if scoped else None


def understood_since(memory: Memory, before: Stats | None) -> str:
    """What came of an ingest, by what there is more of; empty where nothing can be compared."""
    after = stats_of(memory)
    if before is None or after is None or after.turns <= before.turns:
        return ""
    names: list[str] = []
    if max(after.entities, after.facts) <= _MOST_LOOKED_AT:
        facts = memory.get_all(limit=_MOST_LOOKED_AT, current=False).items
        about = {id for fact in facts for id in fact.entity_ids}
        entities = memory.entities(limit=_MOST_LOOKED_AT)
        names = [entity.name for entity in entities if entity.id not in about]
    asked = after.model_calls > before.model_calls
    turns = counted(after.turns - before.turns, "turn")
    return _line(turns, max(0, after.facts - before.facts), names, model=asked)


def _line(turns: str, facts: int, names: Sequence[str], *, model: bool) -> str:
    own = {name_key(name) for name in (options().user, options().user_name) if name}
    others = [name for name in names if name_key(name) not in own]
    line = f"{turns}, {counted(facts, 'new fact')}"
    if others:
        more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
        line += f"; nothing was understood of {', '.join(others[:_NAMED])}{more}"
    return line if model else f"{line}; {_MODEL}"
