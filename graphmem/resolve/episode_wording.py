"""What the text of one episode, and the facts extracted from it, say about the names in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from itertools import islice

from graphmem.model import Entity, Episode
from graphmem.ports.llm import CandidateEntity, Extraction
from graphmem.relation_types.types import normal
from graphmem.resolve.matching import candidates_of, is_part
from graphmem.resolve.roles import names_by_role, owner_and_role
from graphmem.text import name_key
from graphmem.text.namesakes import introduced_namesakes

_OF_PERSONS = frozenset(
    {"works_at", "works_as", "lives_in", "married_to", "engaged_to", "dating", "friend_of"}
    | {"sibling_of", "parent_of", "colleague_of", "has_pet", "speaks", "studies_at", "plays"}
)
"""Relation types whose subject is nearly always a person."""


_ANOTHER = re.compile(r"\b(?:an?other|different|a second)\s+", re.IGNORECASE)
_CALLED = re.compile(
    r"\b(?:calls?|called|known as|goes by|nicknamed?|short for|a\.?k\.?a)\W+|\(", re.IGNORECASE
)
"""Matches what introduces a name that somebody also goes by: it follows at once, or after up to two
words."""
_SELF = r"(?:here|speaking|writing)\b"
_NOT_SELF = r"(?<!\bam\s)(?<!\bI'm\s)(?<!\bis\s)(?<!\w)"
_WORD = re.compile(r"\w+")
_WORD_AND_GAP = re.compile(r"\w+\W+")
_LONGEST_NAMED = 250
"""How many characters after a position are read: no name that is kept is longer."""


class EpisodeWording:
    """Answers questions about names from one episode alone. The text is scanned once, however many
    names there are."""

    def __init__(self, episode: Episode, extraction: Extraction) -> None:
        self._episode = episode
        self._facts = extraction.facts
        self._texts = [turn.text for turn in episode.turns]
        owners = (episode.scope.user_name, *(turn.speaker for turn in episode.turns))
        self.owner_keys = frozenset(name_key(name) for name in owners if name)
        """Name keys of the speakers, and of the user whose memory it is."""
        self.own_keys = frozenset(_own_keys(episode))
        """Of those, the user's id, and each speaker's name that also begins a fuller name of
        somebody else in what they say. Such a name means only an entity that is called exactly
        so."""
        self.owner_id = name_key(episode.scope.user_name or "")
        self.candidates = [_with_id(one, episode) for one in candidates_of(extraction)]
        self._named = frozenset(name_key(one.name) for one in self.candidates)

    @cached_property
    def _called_before(self) -> dict[str, list[str]]:
        """By name key, the keys of the role names ("Ann's gran") that the bearer may have had
        before."""
        found: dict[str, list[str]] = {}
        for name, before in names_by_role(self._facts):
            found.setdefault(name_key(name), []).append(name_key(before))
        return found

    @property
    def role_keys(self) -> set[str]:
        """Name keys to look up for role names: those of the owners ("Ann"), and of the role names
        that bearers of names here may have had before."""
        pairs = (owner_and_role(one.name) for one in self.candidates)
        owners = {name_key(pair[0]) for pair in pairs if pair is not None}
        return owners.union(*self._called_before.values())

    def called_before(self, candidate: CandidateEntity) -> list[str]:
        """Keys of the role names that the bearer may have had before the name was stated."""
        return self._called_before.get(name_key(candidate.name), [])

    @cached_property
    def _related(self) -> dict[str, set[str]]:
        """By name key, the keys of the names that facts relate it to."""
        found: dict[str, set[str]] = {}
        for fact in self._facts:
            if fact.subject and fact.object:
                one, other = name_key(fact.subject), name_key(fact.object)
                if one != other:
                    found.setdefault(one, set()).add(other)
                    found.setdefault(other, set()).add(one)
        return found

    @cached_property
    def _beside(self) -> dict[str, list[set[str]]]:
        """By name key, the keys of all names in each fact that has the name."""
        found: dict[str, list[set[str]]] = {}
        for fact in self._facts:
            names = {name_key(n) for n in (fact.subject, fact.object, *fact.entities) if n}
            for name in names:
                found.setdefault(name, []).append(names)
        return found

    @cached_property
    def _speak(self) -> frozenset[str]:
        return frozenset(name_key(turn.speaker) for turn in self._episode.turns if turn.speaker)

    @cached_property
    def _persons(self) -> frozenset[str]:
        return frozenset(
            name_key(fact.subject)
            for fact in self._facts
            if fact.subject is not None and normal(fact.type or "").type in _OF_PERSONS
        )

    @cached_property
    def _called(self) -> NamesAfterPlaces:
        return NamesAfterPlaces(self._texts, _called_before)

    @cached_property
    def _another(self) -> NamesAfterPlaces:
        return NamesAfterPlaces(
            self._texts, lambda text: (m.end() for m in _ANOTHER.finditer(text))
        )

    @cached_property
    def _introduced(self) -> frozenset[str]:
        return frozenset(introduced_namesakes(self._texts))

    @cached_property
    def _as_written(self) -> tuple[bool, NamesAfterPlaces]:
        """Whether the text has both upper and lower case, and an index of all its words."""
        text = " ".join(self._texts)
        words = NamesAfterPlaces(
            [text], lambda text: (m.start() for m in _WORD.finditer(text)), depth=1
        )
        return not (text.islower() or text.isupper()), words

    def related(self, candidate: CandidateEntity, placed: Mapping[str, str]) -> set[str]:
        """Ids of the entities that a fact relates to the name, which are therefore others: a town
        and the person it is named after. ``placed``: by name key, the ids of entities resolved so
        far."""
        others = self._related.get(name_key(candidate.name), ())
        return {placed[other] for other in others if other in placed}

    def named_with(self, candidate: CandidateEntity) -> set[str]:
        """Keys of the other names in the facts that have this name."""
        key = name_key(candidate.name)
        return set().union(*self._beside.get(key, ())) - {key}

    def names_apart(self, entity: Entity, candidate: CandidateEntity) -> bool:
        """Whether the text uses both a given name and a short form of it (``Mike`` and
        ``Michael``), and so means two people. It does not if it says that somebody is called so, or
        if just one of them is a speaker, whom others may call by the other form."""
        if not (is_part(entity.name) and is_part(candidate.name)):
            return False
        key = name_key(candidate.name)
        names = (candidate.name, entity.name, *entity.aliases)
        others = self._named.intersection(map(name_key, names[1:])) - {key}
        if not others or len({key, *others} & self._speak) == 1:
            return False
        return not any(map(self._called.has, names))

    def introduces_another(self, entity: Entity, candidate: CandidateEntity) -> bool:
        """Whether one of the two names is a single word, and the text introduces the bearer of the
        fuller one as somebody else beside that."""
        parts = [one for one in (entity.name, candidate.name) if is_part(one)]
        return len(parts) == 1 and not self._introduced.isdisjoint(
            map(name_key, (entity.name, candidate.name))
        )

    def acts_as_person(self, candidate: CandidateEntity) -> bool:
        """Whether the candidate is a person, by its kind or by a relation that is stated of it."""
        return candidate.kind == "person" or name_key(candidate.name) in self._persons

    def calls_another(self, name: str) -> bool:
        """Whether the text speaks of another bearer of that name ("another John")."""
        return self._another.has(name)

    def writes(self, name: str) -> bool:
        """Whether the text has the name in just this case, and uses both cases."""
        both_cases, words = self._as_written
        return both_cases and words.has(name, as_written=True)


def _with_id(candidate: CandidateEntity, episode: Episode) -> CandidateEntity:
    """The candidate; if it is called as the user is, as a person with the user's id as an alias."""
    called, id = episode.scope.called, episode.scope.user_name
    if id is None or called is None or name_key(candidate.name) != name_key(called):
        return candidate
    more = () if name_key(id) == name_key(called) else (id,)
    return replace(candidate, kind="person", aliases=(*candidate.aliases, *more))


def _own_keys(episode: Episode) -> Iterator[str]:
    if (owner := episode.scope.user_name) is not None:
        yield name_key(owner)
    fuller: dict[str, re.Pattern[str]] = {}
    for turn in episode.turns:
        if (speaker := turn.speaker) and speaker in turn.text:
            if speaker not in fuller:
                fuller[speaker] = re.compile(
                    rf"{_NOT_SELF}{re.escape(speaker)}\s+[^\W\d_a-z]\w+\b(?!\s+{_SELF})"
                )
            if fuller[speaker].search(turn.text):
                yield name_key(speaker)


class NamesAfterPlaces:
    """Finds whether a name is at certain positions of texts. The positions are determined once and
    indexed by the words after them, so that a look-up reads only those where the name's first words
    are."""

    def __init__(
        self, texts: Iterable[str], places: Callable[[str], Iterable[int]], *, depth: int = 4
    ) -> None:
        """``depth``: how many words after a position are indexed."""
        self._depth = depth
        self._at: dict[tuple[str, ...], list[tuple[str, int]]] = {}
        for text in texts:
            for place in dict.fromkeys(places(text)):
                words = islice(_WORD.finditer(text, place, place + _LONGEST_NAMED), depth)
                key: tuple[str, ...] = ()
                for word in words:
                    key = (*key, word.group().casefold())
                    self._at.setdefault(key, []).append((text, place))

    def has(self, name: str, *, as_written: bool = False) -> bool:
        """Whether the name is at one of the positions, and its last word ends there. Characters
        before its first word are part of the name: "(Bob" does not match "Bob"."""
        words = _WORD.findall(name)[: self._depth]
        if not words:
            return False
        end, flags = (r"(?!\w)", 0) if as_written else (r"\b", re.IGNORECASE)
        pattern = re.compile(re.escape(name) + end, flags)
        places = self._at.get(tuple(word.casefold() for word in words), ())
        return any(pattern.match(text, place) is not None for text, place in places)


def _called_before(text: str) -> Iterator[int]:
    """Positions where there may be a name that somebody also goes by."""
    for head in _CALLED.finditer(text):
        place = head.end()
        yield place
        for _ in range(0 if head.group() == "(" else 2):
            word = _WORD_AND_GAP.match(text, place)
            if word is None:
                break
            place = word.end()
            yield place
