"""Which relation a question asks for, and of whom: "Where does Ada's brother work?"

Read from words alone: a relation is asked for when a word of the question names it, and it is asked
of the entities that the question names. A noun may lead on: the brother of Ada, and then where he
works.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from graphmem.model import Entity, Fact
from graphmem.ports.type_wording import Speech, Way
from graphmem.retrieve.signals.reading import STOP_WORDS
from graphmem.text import name_key, stem, words

_OWN = frozenset({"i", "me", "my", "mine", "myself", "we", "our", "us"})
_BRIDGE = 0.4  # of what leads to the answer, and of what holds the other way round
_OTHERWISE = 0.3  # of a fact of the same relation without the noun that others of it have
_NOBODY = -1
_LESS = 0.25
"""Of each word of the question that neither names the relation nor is in the fact: what more is
asked for, the fact may not answer."""


class Wanted:
    """The relations that one question asks for."""

    def __init__(
        self, text: str, seeds: Sequence[Entity], owner: str | None, speech: Speech
    ) -> None:
        self._speech = speech
        parts = words(text)
        self._seeds = {seed.id: _place(seed, parts, owner) for seed in seeds}
        named = {
            word for seed in seeds for name in (seed.name, *seed.aliases) for word in words(name)
        }
        self._said = {stem(word): at for at, word in enumerate(parts) if word not in named}
        self._content = {
            stem(word) for word in parts if word not in named and word not in STOP_WORDS
        }
        self._known: dict[str, Mapping[str, frozenset[Way]]] = {}

    def asks(self, type: str | None) -> bool:
        """Whether a word of the question names this relation."""
        return type is not None and bool(self._seeds) and bool(self._ways(type))

    @property
    def types(self) -> list[str]:
        """The types known beforehand that the question names."""
        return sorted({type for word in self._said for type in self._speech.types(word)})

    def scores(self, facts: Collection[Fact]) -> dict[str, float]:
        """What answers, from 0 to 1, by fact id."""
        asked = [fact for fact in facts if self.asks(fact.type)]
        worded = {fact.type for fact in asked if self._worded(fact)}
        direct = {
            fact.id: score * (1.0 if fact.type not in worded or self._worded(fact) else _OTHERWISE)
            for fact in asked
            if (score := self._side(fact)) > 0
        }
        bridges = {fact.id for fact in asked if fact.id in direct and self._nouns(fact)}
        further: dict[str, float] = {}
        for fact in asked:
            if fact.id in direct:
                continue
            for bridge in (f for f in asked if f.id in bridges):
                if self._leads(bridge, fact):
                    score = direct[bridge.id] * self._covered(bridge, fact)
                    further[fact.id] = max(score, further.get(fact.id, 0.0))
        less = _BRIDGE if further else 1.0
        told = {f.id: direct[f.id] * less * self._covered(f) for f in asked if f.id in direct}
        return told | further

    def _ways(self, type: str) -> Mapping[str, frozenset[Way]]:
        """The question's words that name this relation."""
        found = self._known.get(type)
        if found is None:
            ways = self._speech.ways(type)
            found = {word: ways[word] for word in self._said.keys() & ways.keys()}
            self._known[type] = found
        return found

    def _nouns(self, fact: Fact) -> set[str]:
        ways = self._ways(fact.type or "")
        return {word for word, how in ways.items() if any(way.noun for way in how)}

    def _covered(self, *facts: Fact) -> float:
        """How much of what is asked these facts speak of."""
        rest = set(self._content)
        for fact in facts:
            rest -= self._ways(fact.type or "").keys()
            rest -= {stem(word) for word in words(fact.text)}
        return _LESS ** len(rest)

    def _worded(self, fact: Fact) -> bool:
        """Whether it has the very noun of the question: a sibling may be a sister or a brother."""
        return not self._nouns(fact).isdisjoint(stem(word) for word in words(fact.text))

    def _side(self, fact: Fact) -> float:
        """How well a fact of a relation that is asked for says it of whom the question names."""
        ends = {fact.subject_id: True, fact.object_id: False}
        best = 0.0
        for id, subject in ends.items():
            if id not in self._seeds:
                continue
            if self._speech.mutual(fact.type or ""):
                return 1.0
            at = self._seeds[id]
            agrees = any(
                way.is_subject(before=at < self._said[word]) == subject
                for word, how in self._ways(fact.type or "").items()
                for way in how
            )
            best = max(best, 1.0 if agrees else _BRIDGE)
        return best

    def _leads(self, bridge: Fact, fact: Fact) -> bool:
        """Whether one fact, by a noun, leads to whom the other, by another word, is about."""
        shared = set(bridge.entity_ids) & {fact.subject_id, fact.object_id} - {None}
        if not shared - self._seeds.keys():
            return False
        nouns, more = self._nouns(bridge), set(self._ways(fact.type or ""))
        return bool(nouns and more - nouns)


def _place(seed: Entity, parts: Sequence[str], owner: str | None) -> int:
    """Where the question names an entity; the owner also by "I" and "my"."""
    own = _words_of(seed)
    if owner is not None and name_key(owner) in map(name_key, (seed.name, *seed.aliases)):
        own |= _OWN
    return next((at for at, word in enumerate(parts) if word in own), _NOBODY)


def _words_of(entity: Entity) -> set[str]:
    return {word for name in (entity.name, *entity.aliases) for word in words(name)}
