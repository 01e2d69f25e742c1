"""Which relation a question asks for, and of whom: "Where does Ada's brother work?"

Read from words alone: a relation is asked for when a word of the question names it, and it is asked
of the entities that the question names. A noun may lead on: the brother of Ada, and then where he
works.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from graphmem.model import Entity, Fact
from graphmem.ports.type_wording import TypeWording, Wording
from graphmem.retrieve.question.stop_words import STOP_WORDS
from graphmem.text import name_key, stem, words

_OWN = frozenset({"i", "me", "my", "mine", "myself", "we", "our", "us"})
_BRIDGE = 0.4  # of what leads to the answer, and of what holds the other way round
_OTHERWISE = 0.3  # of a fact of the same relation without the noun that others of it have
_NOWHERE = -1
_LESS = 0.25
"""Of each word of the question that neither names the relation nor is in the fact: what more is
asked for, the fact may not answer."""


class RelationMatcher:
    """Compares facts with the relations that one question asks for."""

    def __init__(
        self,
        parts: Sequence[str],
        seeds: Sequence[Entity],
        owner: str | None,
        wording: TypeWording,
    ) -> None:
        """``parts`` are the words of the question; ``owner`` says "I" in it."""
        self._wording = wording
        self._seeds = {seed.id: _position(seed, parts, owner) for seed in seeds}
        names = set[str]().union(*map(_name_words, seeds))
        rest = [(at, word) for at, word in enumerate(parts) if word not in names]
        self._positions = {stem(word): at for at, word in rest}
        self._content = {stem(word) for _, word in rest if word not in STOP_WORDS}
        self._known: dict[str, Mapping[str, frozenset[Wording]]] = {}

    def asks(self, type: str | None) -> bool:
        """Whether a word of the question names this relation type."""
        return type is not None and bool(self._seeds) and bool(self._wordings(type))

    @property
    def types(self) -> list[str]:
        """The types known beforehand that the question names."""
        return sorted({type for word in self._positions for type in self._wording.types(word)})

    def scores(self, facts: Collection[Fact]) -> dict[str, float]:
        """How well facts answer, from 0 to 1, by fact id; those that do not are left out."""
        asked = [fact for fact in facts if self.asks(fact.type)]
        worded = {fact.type for fact in asked if self._has_noun(fact)}
        direct = {
            fact.id: score
            * (1.0 if fact.type not in worded or self._has_noun(fact) else _OTHERWISE)
            for fact in asked
            if (score := self._direction(fact)) > 0
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
            every = self._wording.wordings(type)
            found = {word: every[word] for word in self._positions.keys() & every.keys()}
            self._known[type] = found
        return found

    def _nouns(self, fact: Fact) -> set[str]:
        wordings = self._wordings(fact.type or "")
        return {word for word, of in wordings.items() if any(one.noun for one in of)}

    def _covered(self, *facts: Fact) -> float:
        """How much of what is asked these facts speak of."""
        rest = set(self._content)
        for fact in facts:
            rest -= self._wordings(fact.type or "").keys()
            rest -= {stem(word) for word in words(fact.text)}
        return _LESS ** len(rest)

    def _has_noun(self, fact: Fact) -> bool:
        """Whether it has the very noun of the question: a sibling may be a sister or a brother."""
        return not self._nouns(fact).isdisjoint(stem(word) for word in words(fact.text))

    def _direction(self, fact: Fact) -> float:
        """1 when whom the question names is the subject (or object) that it asks of, less when
        it is the other end, 0 when it is neither."""
        type = fact.type or ""
        best = 0.0
        for id, subject in {fact.subject_id: True, fact.object_id: False}.items():
            if id not in self._seeds:
                continue
            if self._wording.symmetric(type):
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
        """Whether one fact, by a noun, leads to whom the other, by another word, is about."""
        shared = set(bridge.entity_ids) & {fact.subject_id, fact.object_id} - {None}
        if not shared - self._seeds.keys():
            return False
        nouns, more = self._nouns(bridge), set(self._wordings(fact.type or ""))
        return bool(nouns and more - nouns)


def _position(seed: Entity, parts: Sequence[str], owner: str | None) -> int:
    """Where the question names an entity; the owner also by "I" and "my"."""
    own = _name_words(seed)
    if owner is not None and name_key(owner) in map(name_key, (seed.name, *seed.aliases)):
        own |= _OWN
    return next((at for at, word in enumerate(parts) if word in own), _NOWHERE)


def _name_words(entity: Entity) -> set[str]:
    return {word for name in (entity.name, *entity.aliases) for word in words(name)}
