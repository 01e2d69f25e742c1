"""What one source gave an entity, taken away again."""

from __future__ import annotations

from dataclasses import replace

from graphmem.model.stored import Entity


def without_names(now: Entity, before: Entity | None, after: Entity) -> Entity:
    """The entity ``now`` without what once made it ``after`` from ``before`` (None: it was new
    then, and stays by the name and kind it was given)."""
    had = set(before.aliases) if before is not None else set()
    brought = set(after.aliases) - had
    name, kind, summary = now.name, now.kind, now.summary
    if before is not None:
        brought -= {before.name}
        name = before.name if name == after.name else name
        kind = before.kind if kind == after.kind else kind
        summary = before.summary if summary == after.summary else summary
    aliases = tuple(alias for alias in now.aliases if alias not in brought)
    return replace(now, name=name, kind=kind, summary=summary, aliases=aliases)
