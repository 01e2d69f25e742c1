"""Whom a name means: a whole name, or a part of one."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence, Set

from graphmem.model import Entity, Scope
from graphmem.ports.ledger import EntityQuery, LedgerView
from graphmem.retrieve.question.parse import ParsedQuestion
from graphmem.retrieve.question.search_query import SearchQuery
from graphmem.retrieve.question.stop_words import STOP_WORDS
from graphmem.text import core_words, name_hints, name_key, name_keys, name_keys_in, words

_FIRST_PERSON = frozenset({"i", "me", "my", "mine", "myself"})
_MAX_SEEDS = 6
_LONGEST_NAME = 8  # words; titles are long
_CAPITAL = re.compile(r"(?<!\w)[^\W\d_a-z][\w-]+")


async def entities_named(ledger: LedgerView, scope: Scope, name_or_id: str) -> list[Entity]:
    """The entity with this id, else all with this name or alias, by id."""
    by_id = await ledger.entities(EntityQuery(scope.tenant, ids=(name_or_id,)))
    if by_id:
        return by_id
    for key in name_keys(name_or_id):
        if found := await ledger.entities(EntityQuery(scope.tenant, keys=(key,))):
            return sorted(found, key=lambda entity: entity.id)
    return []


async def entities_partly_named(ledger: LedgerView, scope: Scope, name: str) -> list[Entity]:
    """All with this one word as their given name or surname, by id."""
    hints = tuple(name_hints(name)) if len(core_words(name)) == 1 else ()
    found = await ledger.entities(EntityQuery(scope.tenant, keys=hints)) if hints else []
    return sorted(found, key=lambda entity: entity.id)


async def find_seeds(
    ledger: LedgerView, query: SearchQuery, question: ParsedQuestion
) -> list[Entity]:
    """Entities that the question names; the owner when it says "I"."""
    keys = name_keys_in(query.beginning, longest=_LONGEST_NAME)
    if query.scope.user_name and not _FIRST_PERSON.isdisjoint(question.words):
        keys.append(name_key(query.scope.user_name))
    parts = _name_parts(query.beginning)
    asked = dict.fromkeys([*keys, *(hint for hints in parts.values() for hint in hints)])
    found = await ledger.entities(EntityQuery(query.scope.tenant, keys=tuple(asked)))
    found = _unambiguous(found, set(keys), parts)
    # The longest names first: "New York Times" before "New York".
    found.sort(key=lambda entity: (-len(name_key(entity.name)), entity.id))
    return found[:_MAX_SEEDS]


def _name_parts(text: str) -> dict[str, frozenset[str]]:
    """Each capitalised word, with the keys of names that it may be the given name or surname of."""
    return {word: _parts(word) for word in capitalised_words(text)}


def capitalised_words(text: str) -> list[str]:
    """Words that may be names or parts of them, each once."""
    found = (word for name in _CAPITAL.findall(text) for word in words(name))
    return list(dict.fromkeys(word for word in found if word not in STOP_WORDS))


def _unambiguous(
    found: Sequence[Entity], keys: Set[str], parts: Mapping[str, Collection[str]]
) -> list[Entity]:
    """Those whose whole name is among the keys, and those of whom a part is, where it is no part of
    another name that is there, and only one has it."""
    hinted = frozenset().union(*parts.values())
    whole = [e for e in found if keys & entity_keys(e) or _hints(e).isdisjoint(hinted)]
    used = {word for entity in whole for name in _names(entity) for word in words(name)}
    others = [entity for entity in found if entity not in whole]
    for word, hints in parts.items():
        alone = [e for e in others if not _hints(e).isdisjoint(hints)] if word not in used else []
        if len(alone) == 1 and alone[0] not in whole:
            whole.append(alone[0])
    return whole


def _names(entity: Entity) -> tuple[str, ...]:
    return (entity.name, *entity.aliases)


def entity_keys(entity: Entity) -> frozenset[str]:
    """The keys of all its names."""
    return frozenset(key for name in _names(entity) for key in name_keys(name))


def written_as_names(question: str, entities: Iterable[Entity]) -> frozenset[str]:
    """Ids of the entities that a question writes as names: with a capital, unless it has none at
    all. The longest come first, and no words are read twice: who asks for the "New York Times" does
    not name New York, and "which city" no city."""
    parts = [(words(part), part) for part in question.split()]
    capitals = {
        of_part[0]
        for of_part, part in parts
        if of_part and of_part[0] not in STOP_WORDS and any(map(str.isupper, part))
    }
    asked = f" {' '.join(words(question))} "
    keys = {entity.id: sorted(entity_keys(entity), key=len, reverse=True) for entity in entities}
    named: set[str] = set()
    for id in sorted(keys, key=lambda id: (-len(keys[id][0]), id)):
        for key in keys[id]:
            if f" {key} " in asked and (not capitals or capitals.intersection(key.split())):
                asked = asked.replace(f" {key} ", " · ")
                named.add(id)
    return frozenset(named)


def _parts(name: str) -> frozenset[str]:
    return frozenset(hint for hint in name_hints(name) if hint.startswith(("~g ", "~s ")))


def _hints(entity: Entity) -> frozenset[str]:
    return frozenset().union(*map(_parts, _names(entity)))
