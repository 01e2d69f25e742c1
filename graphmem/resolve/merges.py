"""Merges entities by hand, and undoes merges.

A merge is a record and rewrites nothing: statements keep the entity ids that they were resolved to,
and readers translate these by the map that the ledger makes of the records (``merged_of``).
Unmerging drops the record; statements made in between stay with the entity they were resolved to.
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
    """The statements with merged entity ids replaced. A relation whose subject and object have
    become the same entity turns into a plain sentence; an end or withdrawal of one is dropped."""
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
    """The merged entity, computed from the unmerged ones: the kept one's name, with all other names
    and aliases as aliases. Kind and summary are the first known ones."""
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
    """The kept entity without what the merge added. ValueError if the merge lacks its entities."""
    before, gone = merge.before, merge.gone
    if before is None or gone is None:
        raise ValueError(f"the merge {merge.id} was not read from a ledger")
    return without_names(kept, before, merged_entity(before, [gone]))
