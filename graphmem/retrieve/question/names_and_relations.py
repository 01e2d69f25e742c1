"""Finds the entities that a name means (or the error for an unknown one), and the relation that a
question asks for, and of whom: "Where does Ada's brother work?"

A relation type is asked for when a word of the question names it, and it is asked of the entities
that the question names. A noun may be a step in between: the brother of Ada, then where he works.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence, Set

from graphmem.errors import NotFound
from graphmem.model import Entity, Fact, Scope
from graphmem.ports.ledger import EntityQuery, LedgerView
from graphmem.relation_types.types import RelationTypes
from graphmem.relation_types.wording import Wording, types_named, wordings
from graphmem.retrieve.question.parse import STOP_WORDS, ParsedQuestion
from graphmem.retrieve.view import SearchQuery
from graphmem.text import core_words, name_hints, name_key, name_keys, name_keys_in, stem, words

_FIRST_PERSON = frozenset({"i", "me", "my", "mine", "myself", "we", "our", "ours", "us"})
_MAX_SEEDS = 6
_LONGEST_NAME = 8  # words; titles are long
_CAPITAL = re.compile(r"(?<!\w)[^\W\d_a-z][\w-]+")


async def entities_named(ledger: LedgerView, scope: Scope, name_or_id: str) -> list[Entity]:
    """The entity with this id, else all with this name or alias, ordered by id."""
    by_id = await ledger.entities(EntityQuery(scope.tenant, ids=(name_or_id,)))
    if by_id:
        return by_id
    for key in name_keys(name_or_id):
        if found := await ledger.entities(EntityQuery(scope.tenant, keys=(key,))):
            return sorted(found, key=lambda entity: entity.id)
    return []


async def entities_partly_named(ledger: LedgerView, scope: Scope, name: str) -> list[Entity]:
    """All entities with this one word as their given name or surname, ordered by id."""
    hints = tuple(name_hints(name)) if len(core_words(name)) == 1 else ()
    found = await ledger.entities(EntityQuery(scope.tenant, keys=hints)) if hints else []
    return sorted(found, key=lambda entity: entity.id)


async def find_seeds(
    ledger: LedgerView, query: SearchQuery, question: ParsedQuestion
) -> list[Entity]:
    """The entities that the question names, longest names first; the user too when it says "I" or
    "we"."""
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
    """Each capitalised word, with the keys of the given name and surname that it may be."""
    return {word: _parts(word) for word in capitalised_words(text)}


def capitalised_words(text: str) -> list[str]:
    """The capitalised words of a text that may be names or parts of names, each once."""
    found = (word for name in _CAPITAL.findall(text) for word in words(name))
    return list(dict.fromkeys(word for word in found if word not in STOP_WORDS))


def _unambiguous(
    found: Sequence[Entity], keys: Set[str], parts: Mapping[str, Collection[str]]
) -> list[Entity]:
    """Entities whose whole name is among the keys; and those of whose name only a part is in the
    question, if it is no part of one of the whole names and no other entity has it."""
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
    all. Longer names are matched first, and no word twice: "New York Times" does not name New York,
    and "which city" names no city."""
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


LISTS = "entities() lists those it has"
_CLOSE = 70
"""The least similarity (0 to 100) of a name that is suggested."""
_SUGGESTED = 3
_PAGE = 1000
_PAGES = 10


async def no_entity(ledger: LedgerView, tenant: str, name: str, *, where: str = "") -> NotFound:
    """The error for an unknown name, with the most similar names and aliases of this tenant."""
    names: dict[str, None] = {}
    after: str | None = None
    for _ in range(_PAGES):
        page = await ledger.entities(EntityQuery(tenant, limit=_PAGE, after=after))
        names |= dict.fromkeys(n for entity in page for n in (entity.name, *entity.aliases))
        if len(page) < _PAGE:
            break
        after = f"{page[-1].name}\0{page[-1].id}"
    return NotFound(f"{where}no entity {name!r} in this scope; {LISTS}{did_you_mean(name, names)}")


def did_you_mean(asked: str, known: Iterable[str]) -> str:
    """``; did you mean … or …?`` when a known name is spelt alike, else an empty string."""
    from rapidfuzz import fuzz, process, utils

    best = process.extract(
        asked,
        list(known),
        scorer=fuzz.WRatio,
        processor=utils.default_process,
        limit=_SUGGESTED,
        score_cutoff=_CLOSE,
    )
    return f"; did you mean {' or '.join(name for name, _, _ in best)}?" if best else ""


_BRIDGE = 0.4  # factor of a fact that only leads to the answer, or is the other way round
_OF_PEOPLE = ("_with", "_by")  # ends of types whose other end is somebody, no place
_OTHERWISE = 0.3  # factor of a fact without the question's noun, if others of its type have it
_NOWHERE = -1
_LESS = 0.25
"""The factor for each word of the question that neither names the relation nor is in the fact: the
fact may not answer that part of the question."""


class RelationMatcher:
    """Compares facts with the relations that one question asks for."""

    def __init__(
        self, question: ParsedQuestion, seeds: Sequence[Entity], owner: str | None
    ) -> None:
        """``owner`` is the name of the user, whom "I" in the question means."""
        parts = question.words
        self._seeds = {seed.id: _position(seed, parts, owner) for seed in seeds}
        names = set[str]().union(*map(_name_words, seeds))
        rest = [(at, word) for at, word in enumerate(parts) if word not in names]
        self._positions = {stem(word): at for at, word in rest}
        self._says_with, self._says_where = "with" in parts, "where" in parts
        of_time = question.time_words
        self._content = {stem(w) for _, w in rest if w not in STOP_WORDS and w not in of_time}
        self._known: dict[str, Mapping[str, frozenset[Wording]]] = {}

    def asks(self, type: str | None) -> bool:
        """Whether a word of the question names this relation type."""
        return type is not None and bool(self._seeds) and bool(self._wordings(type))

    @property
    def types(self) -> list[str]:
        """The types of the wording table that words of the question name."""
        return sorted({type for word in self._positions for type in types_named(word)})

    def asked_of_seeds(self) -> list[tuple[str | None, str, str | None]]:
        """The relations asked for, as (subject, type, object): each seed once as subject and once
        as object, the other end None."""
        return [
            ends for id in self._seeds for type in self.types
            for ends in ((id, type, None), (None, type, id))
        ]  # fmt: skip

    def scores(self, facts: Collection[Fact]) -> dict[str, float]:
        """How well facts answer, from 0 to 1, by fact id; facts that do not are left out."""
        asked = [fact for fact in facts if self.asks(fact.type)]
        of_seeds = [fact for fact in asked if self._direction(fact) > 0]
        worded = {fact.type for fact in of_seeds if self._has_noun(fact)}
        with_whom = {type for fact in of_seeds if (type := fact.type or "").endswith("_with")}
        otherwise = {
            fact.id
            for fact in of_seeds
            if (fact.type in worded and not self._has_noun(fact))
            or (with_whom and (fact.type in with_whom) != self._says_with)
            or (self._says_where and (fact.type or "").endswith(_OF_PEOPLE))
        }
        direct = {
            fact.id: self._direction(fact) * (_OTHERWISE if fact.id in otherwise else 1.0)
            for fact in of_seeds
        }
        bridges = [fact for fact in asked if fact.id in direct and self._nouns(fact)]
        further: dict[str, float] = {}
        for fact in asked:
            if fact.id in direct:
                continue
            for bridge in bridges:
                if self._leads(bridge, fact):
                    score = direct[bridge.id] * self._covered(bridge, fact)
                    further[fact.id] = max(score, further.get(fact.id, 0.0))
        less = _BRIDGE if further else 1.0
        near = {f.id: direct[f.id] * less * self._covered(f) for f in asked if f.id in direct}
        return near | further

    def _wordings(self, type: str) -> Mapping[str, frozenset[Wording]]:
        """The question's words that name this relation type."""
        found = self._known.get(type)
        if found is None:
            every = wordings(type)
            found = {word: every[word] for word in self._positions.keys() & every.keys()}
            self._known[type] = found
        return found

    def _nouns(self, fact: Fact) -> set[str]:
        found = self._wordings(fact.type or "")
        return {word for word, of in found.items() if any(one.noun for one in of)}

    def _covered(self, *facts: Fact) -> float:
        """A factor from 0 to 1: ``_LESS`` for each content word of the question that these facts
        lack."""
        rest = set(self._content)
        for fact in facts:
            rest -= self._wordings(fact.type or "").keys()
            rest -= {stem(word) for word in words(fact.text)}
        return _LESS ** len(rest)

    def _has_noun(self, fact: Fact) -> bool:
        """Whether the fact's text has the noun of the question: a fact of the type ``sibling_of``
        may be about a sister or a brother."""
        return not self._nouns(fact).isdisjoint(stem(word) for word in words(fact.text))

    def _direction(self, fact: Fact) -> float:
        """1 when a seed is at the end (subject or object) that the question asks of, ``_BRIDGE``
        when it is at the other, 0 when it is at neither."""
        type = fact.type or ""
        best = 0.0
        for id, subject in {fact.subject_id: True, fact.object_id: False}.items():
            if id not in self._seeds:
                continue
            if RelationTypes.symmetric(type):
                return 1.0
            at = self._seeds[id]
            agrees = any(
                one.is_subject(before=at < self._positions[word]) == subject
                for word, of in self._wordings(type).items()
                for one in of
            )
            best = max(best, 1.0 if agrees else _BRIDGE)
        return best

    def _leads(self, bridge: Fact, fact: Fact) -> bool:
        """Whether ``bridge``, named by a noun of the question, leads to an entity that ``fact``,
        named by another word, is about."""
        shared = set(bridge.entity_ids) & {fact.subject_id, fact.object_id} - {None}
        if not shared - self._seeds.keys():
            return False
        nouns, more = self._nouns(bridge), set(self._wordings(fact.type or ""))
        return bool(nouns and more - nouns)


def _position(seed: Entity, parts: Sequence[str], owner: str | None) -> int:
    """The index of the first word of the question that names the entity, or ``_NOWHERE``; the owner
    is also named by "I" and "my"."""
    own = _name_words(seed)
    if owner is not None and name_key(owner) in map(name_key, (seed.name, *seed.aliases)):
        own |= _FIRST_PERSON
    return next((at for at, word in enumerate(parts) if word in own), _NOWHERE)


def _name_words(entity: Entity) -> set[str]:
    return {word for name in (entity.name, *entity.aliases) for word in words(name)}
