"""Whom a name means: a whole name, or a part of one."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence, Set

from graphmem.model import Entity, Scope
from graphmem.ports.ledger import EntityQuery, LedgerView
from graphmem.retrieve.signals.reading import STOP_WORDS
from graphmem.text import core_words, name_hints, name_keys, words

_CAPITAL = re.compile(r"(?<!\w)[^\W\d_a-z][\w-]+")


async def called(ledger: LedgerView, scope: Scope, name_or_id: str) -> list[Entity]:
    """The entity with this id, else all with this name or alias, by id."""
    by_id = await ledger.entities(EntityQuery(scope.tenant, ids=(name_or_id,)))
    if by_id:
        return by_id
    for key in name_keys(name_or_id):
        if found := await ledger.entities(EntityQuery(scope.tenant, keys=(key,))):
            return sorted(found, key=lambda entity: entity.id)
    return []


async def called_in_part(ledger: LedgerView, scope: Scope, name: str) -> list[Entity]:
    """All with this one word as their given name or surname, by id."""
    hints = tuple(name_hints(name)) if len(core_words(name)) == 1 else ()
    found = await ledger.entities(EntityQuery(scope.tenant, keys=hints)) if hints else []
    return sorted(found, key=lambda entity: entity.id)


def part_names(text: str) -> dict[str, frozenset[str]]:
    """Each capitalised word, with the keys of names that it may be the given name or surname of."""
    found = dict.fromkeys(
        word for said in _CAPITAL.findall(text) for word in words(said) if word not in STOP_WORDS
    )
    return {word: _parts(word) for word in found}


def named_whole_or_alone(
    found: Sequence[Entity], keys: Set[str], parts: Mapping[str, Collection[str]]
) -> list[Entity]:
    """Those whose whole name is among the keys, and those of whom a part is, where it is no part of
    another name that is there, and only one has it."""
    hinted = frozenset().union(*parts.values())
    whole = [e for e in found if keys & _keys(e) or _hints(e).isdisjoint(hinted)]
    taken = {word for entity in whole for name in _names(entity) for word in words(name)}
    others = [entity for entity in found if entity not in whole]
    for word, hints in parts.items():
        alone = [e for e in others if not _hints(e).isdisjoint(hints)] if word not in taken else []
        if len(alone) == 1 and alone[0] not in whole:
            whole.append(alone[0])
    return whole


def _names(entity: Entity) -> tuple[str, ...]:
    return (entity.name, *entity.aliases)


def _keys(entity: Entity) -> set[str]:
    return {key for name in _names(entity) for key in name_keys(name)}


def _parts(name: str) -> frozenset[str]:
    return frozenset(hint for hint in name_hints(name) if hint.startswith(("~g ", "~s ")))


def _hints(entity: Entity) -> frozenset[str]:
    return frozenset().union(*map(_parts, _names(entity)))
