"""Two entities that are one, by hand, and the way back.

A merge is a record, never a rewriting: statements keep the entity ids that they were resolved to,
and every reader sees them through the map that the ledger makes of the records
(``merged_of``). To unmerge is to drop the record; what was said in between stays with the entity
that it was said of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from graphmem.model import Entity
from graphmem.model.statements import Merge, Statement
from graphmem.model.stored import without_names
from graphmem.text import name_key

_VAGUE = "thing"


def with_merges(statements: Iterable[Statement], merged: Mapping[str, str]) -> list[Statement]:
    """Statements as they read with merged entities. A relation of an entity to itself, which such
    a merge can leave, is a plain sentence; told as an end or a withdrawal it says nothing more."""
    if not merged:
        return list(statements)
    seen = []
    for s in statements:
        subject = merged.get(s.subject_id or "", s.subject_id)
        object_ = merged.get(s.object_id or "", s.object_id)
        itself = subject is not None and subject == object_
        if itself and s.kind != "assert":
            continue
        seen.append(
            replace(
                s,
                subject_id=None if itself else subject,
                type=None if itself else s.type,
                object_id=None if itself else object_,
                entity_ids=tuple(dict.fromkeys(merged.get(id, id) for id in s.entity_ids)),
            )
        )
    return seen


def merged_entity(kept: Entity, gone: Sequence[Entity]) -> Entity:
    """The entity that several are, computed from each as it is by itself: the kept one's name, and
    the names and aliases of all."""
    have = {name_key(kept.name)}
    aliases: list[str] = []
    for name in [*kept.aliases, *(n for e in gone for n in (e.name, *e.aliases))]:
        if name_key(name) not in have:
            have.add(name_key(name))
            aliases.append(name)
    kinds = [e.kind for e in (kept, *gone) if e.kind != _VAGUE]
    return replace(
        kept,
        aliases=tuple(aliases),
        kind=kinds[0] if kinds else kept.kind,
        summary=kept.summary or next((e.summary for e in gone if e.summary), None),
    )


def unmerged_entity(kept: Entity, merge: Merge) -> Entity:
    """The kept entity without what it had from the one that was merged into it."""
    before, gone = merge.before, merge.gone
    if before is None or gone is None:
        raise ValueError(f"the merge {merge.id} was not read from a ledger")
    return without_names(kept, before, merged_entity(before, [gone]))
