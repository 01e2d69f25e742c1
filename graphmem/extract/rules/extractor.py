"""Extraction without a model: deterministic rules over plain English.

``docs/rules.md`` lists what they find and what they cannot do. Nothing is asked, nothing is
downloaded, and the same episode always gives the same candidates.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from graphmem.extract.rules.answers import ASKING_WORDS, AwaitedAnswer, asked
from graphmem.extract.rules.attributes import ATTRIBUTE_CUES, attributes
from graphmem.extract.rules.deaths_and_partings import Departures
from graphmem.extract.rules.episode_facts import EpisodeFacts
from graphmem.extract.rules.fragments import spelt
from graphmem.extract.rules.framing import (
    Framing,
    is_joke,
    own_words,
    was_a_joke,
    without_quotes,
)
from graphmem.extract.rules.kin import pet_names
from graphmem.extract.rules.names import NameRegistry, vocatives
from graphmem.extract.rules.notes.reader import NoteReader
from graphmem.extract.rules.notes.topics import document_title, is_structured, opening_person
from graphmem.extract.rules.people import People, is_machine
from graphmem.extract.rules.self_introductions import (
    INTRODUCTION,
    apart_names,
    first_names,
    introduced_name,
    shares_name_part,
    stated_nicknames,
    without_nicknames,
)
from graphmem.extract.rules.sentence_reader import SentenceReader
from graphmem.extract.rules.small_letters import capitalised
from graphmem.extract.rules.subjects import TurnContext
from graphmem.extract.rules.tokenizer import Sentence, split_sentences, titles
from graphmem.extract.rules.tokens import NameSpan
from graphmem.extract.rules.wiki_links import linked_names, without_links
from graphmem.extract.rules.word_lists import GREETINGS, NOT_NAMES, PETS, word_set
from graphmem.model import Entity, Episode, Turn
from graphmem.off_loop import off_loop, stop_if_given_up
from graphmem.ports.extraction_options import ExtractionOptions
from graphmem.ports.llm import CandidateEntity, CandidateFact, Extraction, Keep
from graphmem.text import heading, name_key
from graphmem.text.namesakes import introduced_namesakes
from graphmem.text.outline import unwrapped

RULES_NAME = "rules"
RULES_VERSION = "1"
_LONG = 2000  # characters, from which a text is read off the loop
_LONGEST_NAME = 8
_CARRIED = ("referent", "leaver", "there", "animal")
_TO_START = re.compile(
    r"\b(?:I\s+will|I[’']ll|I[’']m\s+going\s+to|I\s+am\s+going\s+to|and\s+will)\s+(?:be\s+)?"
    r"start(?:ing)?\b|,\s+starting\s+(?:on|in|from|next)\s"
)
_OFFERED = re.compile(r"\bgot (?:a |the )?(?:new )?job\b|\baccepted\b|\blanded\b")
_MY_NAME = re.compile(r"\bmy name(?: is|'s)\b", re.IGNORECASE)
_FIRST_PERSON = word_set("first_person")


class RulesExtractor:
    """Finds names, and relations that are stated plainly. Prefers missing one to inventing one."""

    @property
    def name(self) -> str:
        return RULES_NAME

    @property
    def version(self) -> str:
        return RULES_VERSION

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
        if len(episode.content) > _LONG:
            return await off_loop(partial(extract, episode, known))
        return extract(episode, known)

    def read(self, raw: str, episode: Episode) -> Extraction:
        """Rules keep no raw answer: they are run again, without known entities."""
        return extract(episode, ())

    async def close(self) -> None:
        """Nothing is open."""


def extract(episode: Episode, known: Sequence[Entity]) -> Extraction:
    """All candidates of one episode."""
    return _Episode(episode, known).run()


class _Episode:
    """One run over an episode: first its names, then its facts, then who is mentioned where."""

    def __init__(self, episode: Episode, known: Sequence[Entity]) -> None:
        links: list[tuple[str, str | None]] = []
        if "\n" in episode.content:
            turns = tuple(replace(turn, text=unwrapped(turn.text)) for turn in episode.turns)
            episode = replace(episode, turns=turns)
        if "[[" in episode.content:
            links += [link for turn in episode.turns for link in linked_names(turn.text)]
            episode = without_links(episode)
        self.episode, self.names = episode, NameRegistry()
        for entity in known:
            self.names.register_known(entity.name, entity.kind, entity.aliases)
        for name, alias in links:
            self.names.register(name)
            if alias is not None:
                self.names.add_alias(alias, name)
        self.known = {entity.name for entity in known}
        if '"' in episode.content or "“" in episode.content:
            episode = self.episode = without_nicknames(episode, self.names)
        self.turns = [(turn, list(split_sentences(spelt(turn.text)))) for turn in episode.turns]
        self.speakers: dict[int, str | None] = {}
        self.own: dict[int, str] = {}
        """What of each turn its speaker says."""
        self.facts = EpisodeFacts()
        self.mentions: dict[tuple[int, str], None] = {}
        self.singles: dict[str, None] = {}
        """Names of one word."""
        self.title: str | None = None
        self.document = document_title(episode)
        self.framing = Framing()
        self.carried: dict[str, Any] = {}
        """Of the context of a turn, what holds in the next: who "she" or "he" would be."""
        self.unnamed: dict[str | None, tuple[str, str]] = {}  # by speaker, as in TurnContext
        self.asked: AwaitedAnswer | None = None
        """What the turn before asked."""
        self.notes: NoteReader | None = None
        self.structured = any(is_structured(turn.text) for turn in episode.turns)
        self.keys: dict[str, str] = {}
        self.longest: dict[str, int] = {}
        """First word of a name -> words in the longest name that begins with it."""

    def run(self) -> Extraction:
        self._register_speakers()
        own = own_words(self.episode, self.speakers)
        self.own = {turn.ordinal: text for (turn, _), text in zip(self.turns, own, strict=True)}
        self._register_heading()
        self._register_names()
        self._read_all()
        if short := self._short_names():
            # who "Ben" is shows only once "Ben Okafor" is known to be a person
            for first, full in short.items():
                self.names.add_alias(first, full)
            self.facts = EpisodeFacts()
            self._read_all()
        for key in self.names.canonical:
            first, size = key.partition(" ")[0], key.count(" ") + 1
            self.longest[first] = min(max(size, self.longest.get(first, 0)), _LONGEST_NAME)
        for turn, parts in self.turns:
            self._mention(turn, parts)
        return Extraction(
            entities=tuple(self._entities()),
            facts=tuple(self.facts.facts.values()),
            extractor=RULES_NAME,
            version=RULES_VERSION,
            mentions=tuple(self.mentions),
        )

    def _short_names(self) -> dict[str, str]:
        """First names that stand for a full one."""
        if not any(" " in name for name in self.names.canonical.values()):
            return {}
        texts = [turn.text for turn, _ in self.turns]
        apart = set().union(*map(apart_names, texts), introduced_namesakes(texts).values())
        singles = (name for name in self.singles if name_key(name) not in apart)
        return first_names(self.names, singles, self.names.fixed)

    def _read_all(self) -> None:
        speaker_names = frozenset(name for name in self.speakers.values() if name is not None)
        people, departures = People(self.names, speaker_names), Departures(frozenset(self.known))
        writer = next(iter(self.speakers.values()), None)
        self.notes = NoteReader(self.names, writer) if self.episode.kind == "text" else None
        self.carried, self.unnamed, self.asked = {}, {}, None
        known = self.known | set(speaker_names)
        self.framing = Framing(frozenset(name_key(name) for name in known))
        if self.notes is not None:
            self.notes.titles(self.document, self.title, self.episode.content)
        for at, (turn, parts) in enumerate(self.turns):
            stop_if_given_up()
            after = self.turns[at + 1][0] if at + 1 < len(self.turns) else None
            own = after is not None and self.speakers[after.ordinal] == self.speakers[turn.ordinal]
            if not (own and after is not None and was_a_joke(after.text)):
                self._read(turn, parts, people, departures)

    def _register_speakers(self) -> None:
        scope = self.episode.scope
        owner, id = scope.called, scope.user_name
        if id and owner and id != owner:
            before = self.names.canonical_of(id)
            self.names.register_known(before, "person")
            if name_key(before) != name_key(owner):
                self._rename(before, owner)
        for turn, _ in self.turns:
            name = turn.speaker.strip() if turn.speaker else None
            if is_machine(turn):
                name = None
            elif not name or name.lower() == "user":
                name = owner or name
            if name:
                self._respell(name)
                self.names.register_known(name, "person")
                name = self.names.canonical_of(name)
            self.speakers[turn.ordinal] = name or None

    def _respell(self, name: str) -> None:
        """Somebody is called so, in these letters."""
        if (before := self.names.respell(name)) is None:
            return
        self.speakers = {n: name if s == before else s for n, s in self.speakers.items()}
        if before in self.known:
            self.known = self.known - {before} | {name}

    def _rename(self, current: str, name: str) -> None:
        self.names.rename(current, name)
        self.speakers = {n: name if s == current else s for n, s in self.speakers.items()}
        self.known = self.known - {current} | {name}

    def _register_heading(self) -> None:
        """What a document is about is named above it, capitals or not."""
        first = self.episode.turns[0] if self.episode.kind == "text" and self.turns else None
        title = heading(first.text) if first else None
        if first is None or title is None:
            return
        self.title = title
        opening = title.split(maxsplit=1)[0].lower()
        if opening not in GREETINGS and not _FIRST_PERSON.intersection(title.lower().split()):
            self.mentions.setdefault((first.ordinal, self.names.register(title)))

    def _register_names(self) -> None:
        """Names inside sentences first, so that a later one may open a sentence."""
        speaker_names = set(self.speakers.values()) - {None}
        for turn, parts in self.turns:
            if is_machine(turn):
                continue
            others = speaker_names - {self.speakers[turn.ordinal]}
            stop_if_given_up()
            own = {part.text for part in self._parts_of(self.own[turn.ordinal], turn, parts)}
            for written in parts:
                sentence = capitalised(written, self.names)
                found = sentence.name_spans
                self.singles |= dict.fromkeys(s.name for s in found if s.first == s.last)
                for pet in () if sentence.lows.isdisjoint(PETS) else pet_names(sentence, found):
                    if pet not in speaker_names:
                        self.names.register(pet, "animal")
                if written.text in own:
                    self._introduce(turn, written, written.name_spans)
                if len(found) > 1:
                    for alias, name in stated_nicknames(self.names, found, sentence):
                        self.names.add_alias(alias, name)
                if len(speaker_names) == 2 and len(others) == 1:
                    self._nickname(sentence, str(next(iter(others))))
                for span in self.names.sure_of(found):
                    self.names.register(span.name)
                for _, _, title in titles(sentence) if sentence.quotes else ():
                    self.names.register(title, "thing")

    def _introduce(self, turn: Turn, sentence: Sentence, found: list[NameSpan]) -> None:
        """ "My name is Ada", "I'm Ada Berg": another name for the speaker."""
        speaker = self.speakers[turn.ordinal]
        introduced = sentence.lows & _FIRST_PERSON and INTRODUCTION.search(sentence.text)
        if speaker is None or not introduced:
            return
        # a speaker with a name of their own who says "I'm Batman" is not to be believed
        if (name := introduced_name(self.names, found, sentence)) is None:
            return
        shared = not turn.speaker or shares_name_part(name, speaker)
        own_id = name_key(speaker) == name_key(self.episode.scope.user_name or "")
        if own_id and (_MY_NAME.search(sentence.text) or not speaker.replace(" ", "").isalpha()):
            self._respell(name)
            self._rename(speaker, name)
        elif shared:
            self._respell(name)
            self.names.add_alias(name, speaker)

    def _nickname(self, sentence: Sentence, other: str) -> None:
        """ "Hey Mel!" said to Melanie."""
        first = other.split(maxsplit=1)[0]
        for name in vocatives(sentence):
            if 2 <= len(name) < len(first) and first.lower().startswith(name.lower()):
                self.names.add_alias(name, other)

    def _read(
        self, turn: Turn, parts: list[Sentence], people: People, departures: Departures
    ) -> None:
        speaker = self.speakers[turn.ordinal]
        before, self.asked = self.asked, None
        if not all(part.lows.isdisjoint(ASKING_WORDS) for part in parts):
            self.asked = asked(parts, speaker, self.carried.get("referent"), self.names)
        if is_machine(turn) or is_joke(turn.text):
            return
        stated_at = turn.occurred_at or self.episode.occurred_at
        context = TurnContext(people, speaker, **self.carried)
        context.unnamed = self.unnamed.pop(speaker, None)
        reader = SentenceReader(context, stated_at, departures)
        text = self.own[turn.ordinal]
        soon = _TO_START.search(text)
        self.framing.begin_turn()
        answer = before.answer(speaker, text, self.names) if before is not None else None
        for fact in self._answered(answer, reader) if answer is not None else ():
            self._add_fact(fact, turn)
        for sentence in self._to_read(turn, parts, context, stated_at):
            world, own = self.framing.real(sentence)
            for fact in reader.read(sentence) if world else ():
                if own and fact.subject != speaker:
                    continue
                # A job that was got is to begin, where the text says so.
                if soon is None or fact.type != "works_at" or not _OFFERED.search(fact.text):
                    self._add_fact(fact, turn)
        if ATTRIBUTE_CUES.search(text):
            for fact in attributes(without_quotes(text), context):
                self._add_fact(fact, turn)
        self.carried = {name: getattr(context, name) for name in _CARRIED}
        self.carried["it"] = context.it or (self.notes.topic if self.notes else None)
        if context.unnamed is not None:
            self.unnamed[speaker] = context.unnamed

    def _answered(self, answer: str, reader: SentenceReader) -> Iterator[CandidateFact]:
        """What a turn says by answering the one before."""
        for sentence in split_sentences(answer):
            yield from reader.read(sentence)
        if ATTRIBUTE_CUES.search(answer):
            yield from attributes(answer, reader.context)

    @staticmethod
    def _parts_of(plain: str, turn: Turn, parts: list[Sentence]) -> list[Sentence]:
        return parts if plain == turn.text else list(split_sentences(spelt(plain)))

    def _to_read(
        self, turn: Turn, parts: list[Sentence], context: TurnContext, stated_at: datetime
    ) -> Iterator[Sentence]:
        """The sentences of a turn; of a note, line by line, with what the lines are about."""
        notes = self.notes
        plain = without_quotes(self.own[turn.ordinal])
        one = self.structured and "\n" not in turn.text
        one = one or opening_person(self.names, turn.text) is not None
        if notes is None or not (one or notes.topic or notes.fenced or is_structured(turn.text)):
            yield from self._parts_of(plain, turn, parts)
            return
        for line in notes.turn(plain):
            facts, texts = notes.line(line, stated_at)
            context.topic = notes.topic
            for fact in facts:
                self._add_fact(fact, turn)
            if facts and notes.person:
                context.referent = notes.person
            for text in texts:
                yield from split_sentences(spelt(text))

    def _add_fact(self, fact: CandidateFact, turn: Turn) -> None:
        if self.framing.is_about_made_up(fact.subject, fact.type, fact.object):
            return
        self.facts.add(fact, turn.ordinal, turn.occurred_at or self.episode.occurred_at)

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
            sizes = range(min(longest, len(tokens) - at), 0, -1)
            size = next((n for n in sizes if self._names_at(sentence, keys, at, n)), 0)
            if size:
                yield self.names.canonical[" ".join(keys[at : at + size])]
            at += size or 1

    def _key(self, word: str) -> str:
        return self.keys.get(word) or self.keys.setdefault(word, name_key(word))

    def _names_at(self, sentence: Sentence, keys: list[str], at: int, size: int) -> bool:
        written = keys[at : at + size]
        canonical = self.names.canonical.get(" ".join(written))
        if canonical is None:
            return False
        if sentence.tokens[at].capital or not self.names.is_person(canonical):
            return True
        if canonical[:1].isupper():
            return sentence.small  # Will, May and Grace are also words
        return not NOT_NAMES.issuperset(written)  # as the id of a user may be: "is", "-to"

    def _entities(self) -> Iterable[CandidateEntity]:
        used = dict.fromkeys(name for _, name in self.mentions)
        used |= dict.fromkeys(name for fact in self.facts.facts.values() for name in fact.entities)
        for name in used:
            aliases = self.names.aliases.get(name, ())
            yield CandidateEntity(name, self.names.kind(name), tuple(aliases))
