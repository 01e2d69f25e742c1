"""Extraction without a model: deterministic rules over plain English.

What they find and what they cannot do is told in ``docs/rules.md``. Nothing is asked, nothing is
downloaded, and the same episode always gives the same candidates.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from graphmem.extract.rules.attributes import attributes
from graphmem.extract.rules.deaths_and_partings import Losses
from graphmem.extract.rules.kin import pet_names
from graphmem.extract.rules.names import Names, Span, spans, vocatives
from graphmem.extract.rules.self_introductions import akin, called, first_names, introduced
from graphmem.extract.rules.sentence_reader import Reader
from graphmem.extract.rules.subjects import People, Voice
from graphmem.extract.rules.tokenizer import Sentence, sentences, titles
from graphmem.extract.rules.word_lists import GREETINGS, word_set
from graphmem.model import Date, Entity, Episode, Turn, valid_from, valid_until
from graphmem.ports.extraction_options import ExtractionOptions
from graphmem.ports.llm import CandidateEntity, CandidateFact, Extraction, Keep
from graphmem.text import heading, name_key, text_key

NAME = "rules"
VERSION = "1"
_MACHINES = frozenset({"assistant", "system", "tool", "function", "developer"})
_LONGEST_NAME = 8
_TO_START = re.compile(
    r"\b(?:I\s+will|I[’']ll|I[’']m\s+going\s+to|I\s+am\s+going\s+to|and\s+will)\s+(?:be\s+)?"
    r"start(?:ing)?\b|,\s+starting\s+(?:on|in|from|next)\s"
)
_OFFERED = re.compile(r"\bgot (?:a |the )?(?:new )?job\b|\baccepted\b|\blanded\b")
_MOVES = frozenset({"lives_in"})
"""Of which there is one at a time, and whose beginning is a change."""
_FIRST_PERSON = word_set("first_person")


class RulesExtractor:
    """Finds names, and relations that are stated plainly. Prefers missing one to inventing one."""

    @property
    def name(self) -> str:
        return NAME

    @property
    def version(self) -> str:
        return VERSION

    async def extract(
        self,
        episode: Episode,
        known: Sequence[Entity],
        *,
        options: ExtractionOptions | None = None,
        begun: str | None = None,
        keep: Keep | None = None,
    ) -> Extraction:
        """Candidates of an episode, off the event loop when it is long. The rules have no options,
        and no answers to keep or to go on from."""
        if len(episode.content) > 20_000:
            return await asyncio.to_thread(extract, episode, known)
        return extract(episode, known)

    def read(self, raw: str, episode: Episode) -> Extraction:
        """Rules keep no raw answer: they are run again, without known entities."""
        return extract(episode, ())

    async def close(self) -> None:
        """Nothing is held."""


def extract(episode: Episode, known: Sequence[Entity]) -> Extraction:
    """All candidates of one episode."""
    return _Episode(episode, known).run()


class _Episode:
    """One run over an episode: first its names, then its facts, then who is mentioned where."""

    def __init__(self, episode: Episode, known: Sequence[Entity]) -> None:
        self.episode = episode
        self.names = Names()
        for entity in known:
            self.names.know(entity.name, entity.kind, entity.aliases)
        self.known = {entity.name for entity in known}
        self.turns = [(turn, list(sentences(turn.text))) for turn in episode.turns]
        self.speakers: dict[int, str | None] = {}
        self.facts: dict[tuple[str, bool], CandidateFact] = {}
        self.mentions: dict[tuple[int, str], None] = {}
        self.singles: dict[str, None] = {}
        """Names of one word."""
        self.keys: dict[str, str] = {}
        self.longest: dict[str, int] = {}
        """First word of a name -> words in the longest name that begins with it."""

    def run(self) -> Extraction:
        self._hear_speakers()
        self._see_heading()
        self._see_names()
        self._read_all()
        short = first_names(self.names, self.singles, self.names.fixed)
        if short:
            # who "Ben" is shows only once "Ben Okafor" is known to be a person
            for first, full in short.items():
                self.names.nickname(first, full)
            self.facts.clear()
            self._read_all()
        for key in self.names.canonical:
            first, size = key.partition(" ")[0], key.count(" ") + 1
            self.longest[first] = min(max(size, self.longest.get(first, 0)), _LONGEST_NAME)
        for turn, parts in self.turns:
            self._mention(turn, parts)
        return Extraction(
            entities=tuple(self._entities()),
            facts=tuple(self.facts.values()),
            extractor=NAME,
            version=VERSION,
            mentions=tuple(self.mentions),
        )

    def _read_all(self) -> None:
        said = frozenset(name for name in self.speakers.values() if name is not None)
        people, losses = People(self.names, said), Losses(frozenset(self.known))
        for turn, parts in self.turns:
            self._read(turn, parts, people, losses)

    def _hear_speakers(self) -> None:
        owner = self.episode.scope.user_id
        for turn, _ in self.turns:
            name = turn.speaker.strip() if turn.speaker else None
            if _is_machine(turn):
                name = None
            elif not name or name.lower() == "user":
                name = owner or name
            if name:
                self._spell(name)
                self.names.know(name, "person")
                name = self.names.canonical_of(name)
            self.speakers[turn.ordinal] = name or None

    def _spell(self, name: str) -> None:
        """Somebody is called so, in these letters."""
        before = self.names.spell(name)
        if before is None:
            return
        self.speakers = {n: name if s == before else s for n, s in self.speakers.items()}
        if before in self.known:
            self.known = self.known - {before} | {name}

    def _see_heading(self) -> None:
        """What a document is about is named above it, capitals or not."""
        first = self.episode.turns[0] if self.episode.kind == "text" and self.turns else None
        title = heading(first.text) if first else None
        if first is None or title is None:
            return
        opening = title.split(maxsplit=1)[0].lower()
        if opening not in GREETINGS and not _FIRST_PERSON.intersection(title.lower().split()):
            self.mentions.setdefault((first.ordinal, self.names.see(title)))

    def _see_names(self) -> None:
        """Names inside sentences first, so that a later one may open a sentence."""
        said = set(self.speakers.values()) - {None}
        for turn, parts in self.turns:
            if _is_machine(turn):
                continue
            others = said - {self.speakers[turn.ordinal]}
            for sentence in parts:
                found = spans(sentence)
                self.singles |= dict.fromkeys(s.name for s in found if s.first == s.last)
                for pet in pet_names(sentence, found):
                    if pet not in said:
                        self.names.see(pet, "animal")
                self._introduce(turn, sentence, found)
                for alias, name in called(self.names, found, sentence):
                    self.names.nickname(alias, name)
                if len(said) == 2 and len(others) == 1:
                    self._nickname(sentence, str(next(iter(others))))
                for span in self.names.find(sentence):
                    self.names.see(span.name)
                for _, _, title in titles(sentence):
                    self.names.see(title, "thing")

    def _introduce(self, turn: Turn, sentence: Sentence, found: list[Span]) -> None:
        """ "My name is Ada", "I'm Ada Berg": another name for the speaker."""
        speaker = self.speakers[turn.ordinal]
        if speaker is None or not sentence.lows & _FIRST_PERSON:
            return
        name = introduced(self.names, found, sentence)
        # a speaker with a name of their own who says "I'm Batman" is not to be believed
        if name is not None and (not turn.speaker or akin(name, speaker)):
            self._spell(name)
            self.names.nickname(name, speaker)

    def _nickname(self, sentence: Sentence, other: str) -> None:
        """ "Hey Mel!" said to Melanie."""
        first = other.split(maxsplit=1)[0]
        for name in vocatives(sentence):
            if 2 <= len(name) < len(first) and first.lower().startswith(name.lower()):
                self.names.nickname(name, other)

    def _read(self, turn: Turn, parts: list[Sentence], people: People, losses: Losses) -> None:
        speaker = self.speakers[turn.ordinal]
        if _is_machine(turn):
            return
        said_at = turn.occurred_at or self.episode.occurred_at
        voice = Voice(people, speaker)
        reader = Reader(voice, said_at, losses)
        soon = _TO_START.search(turn.text)
        for sentence in parts:
            for fact in reader.read(sentence):
                # A job that was got is to begin, where the text says so.
                if soon is None or fact.type != "works_at" or not _OFFERED.search(fact.text):
                    self._keep(fact, turn)
        for fact in attributes(turn.text, voice):
            self._keep(fact, turn)

    def _keep(self, fact: CandidateFact, turn: Turn) -> None:
        if fact.retracts and fact.invalid_date is not None:
            self._close(fact, fact.invalid_date)
        if fact.type in _MOVES and fact.valid_date is not None and not fact.retracts:
            self._moved(fact, fact.valid_date, turn.occurred_at or self.episode.occurred_at)
        key = (text_key(fact.text), fact.retracts)
        held = self.facts.get(key)
        if held is None:
            self.facts[key] = replace(fact, turns=(turn.ordinal,))
        elif turn.ordinal not in held.turns:
            self.facts[key] = replace(held, turns=(*held.turns, turn.ordinal))

    def _close(self, end: CandidateFact, at: Date) -> None:
        """End what this episode itself said earlier: told as true today, over since yesterday."""
        triple = (end.subject, end.type, end.object)
        for key, held in self.facts.items():
            still = held.invalid_at is None and held.valid_at is None and not held.retracts
            if still and triple[0] and (held.subject, held.type, held.object) == triple:
                self.facts[key] = replace(held, **valid_until(at))

    def _moved(self, change: CandidateFact, at: Date, said_at: datetime) -> None:
        """End what this episode itself said to hold before it told of a change: "I live in Rome. I
        moved to Oslo today". What holds today no change of before has ended."""
        today = at.at.date() >= said_at.date()
        for key, held in self.facts.items():
            same = (held.subject, held.type) == (change.subject, change.type)
            open_ = held.invalid_at is None and not held.retracts
            before = today if held.valid_at is None else held.valid_at <= at.at
            if same and open_ and before and held.object != change.object:
                since = None if held.valid_at == at.at else held.valid_date
                self.facts[key] = replace(held, **valid_from(since), **valid_until(at))

    def _mention(self, turn: Turn, parts: Iterable[Sentence]) -> None:
        speaker = self.speakers[turn.ordinal]
        for sentence in parts:
            if speaker is not None and sentence.lows & _FIRST_PERSON:
                self.mentions.setdefault((turn.ordinal, speaker))
            for name in self._named_in(sentence):
                self.mentions.setdefault((turn.ordinal, name))

    def _named_in(self, sentence: Sentence) -> Iterable[str]:
        """Canonical names that occur in a sentence, longest first at each word."""
        tokens = sentence.tokens
        keys = [self._key(token.text) for token in tokens]
        at = 0
        while at < len(tokens):
            longest = self.longest.get(keys[at].partition(" ")[0], 0)
            size = next(
                (
                    n
                    for n in range(min(longest, len(tokens) - at), 0, -1)
                    if self._names_at(sentence, keys, at, n)
                ),
                0,
            )
            if size:
                yield self.names.canonical[" ".join(keys[at : at + size])]
            at += size or 1

    def _key(self, word: str) -> str:
        key = self.keys.get(word)
        if key is None:
            key = self.keys[word] = name_key(word)
        return key

    def _names_at(self, sentence: Sentence, keys: list[str], at: int, size: int) -> bool:
        canonical = self.names.canonical.get(" ".join(keys[at : at + size]))
        if canonical is None:
            return False
        # Will, May and Grace are also words
        plain = not sentence.tokens[at].capital and not sentence.uncapped
        return not (plain and canonical[:1].isupper() and self.names.is_person(canonical))

    def _entities(self) -> Iterable[CandidateEntity]:
        used = dict.fromkeys(name for _, name in self.mentions)
        used |= dict.fromkeys(name for fact in self.facts.values() for name in fact.entities)
        for name in used:
            aliases = tuple(self.names.aliases.get(name, ()))
            yield CandidateEntity(name, self.names.kind(name), aliases)


def _is_machine(turn: Turn) -> bool:
    """An assistant, a tool and the like, that is not given a name of its own."""
    label = (turn.speaker or "").strip().lower()
    return label in _MACHINES or (not label and turn.role in _MACHINES)
