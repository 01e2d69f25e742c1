"""Analyses texts for ranking: words as rows of a vocabulary, and hints at what they may answer.

A turn never changes, so its analysis is cached, up to a bound, and a search pays only for turns
that no earlier search read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from graphmem.model import Fact, Turn
from graphmem.ports.embedder import WordVectors
from graphmem.ports.ledger import LedgerView
from graphmem.retrieve.question.parse import STOP_WORDS
from graphmem.text import heading, name_key, sentences, words

_CORRECTS = re.compile(
    r"\b(?:i meant|meant to (?:say|write)|correction|correct myself|mixed (?:it|them|that|those|"
    r"these|two|the|up)|my (?:mistake|bad)|i was wrong|got (?:it|that|this|them) wrong|misspoke|"
    r"mistyped|misremember\w*|misread|misheard|oops|(?:scratch|strike) that|or rather|typo)\b"
    r"|\b(?:sorry|wait|no|actually),? (?:no|i|it|that|not|wait|sorry|actually|make that)\b"
    r"|\bi (?:said|wrote) [^.?!]{1,30}\b(?:but|it's|wrong)\b",
    re.IGNORECASE,
)
_MAY_CORRECT = re.compile(r"(?:actually|no),? (?:i|not)", re.IGNORECASE)
_CHANGES = re.compile(
    r"\b(?:instead|no longer|any ?more|any longer|no more|nowadays|these days|from now on|"
    r"as of|until further|gave|giv(?:e|en|ing) (?:\w+ )?(?:up|back|away)|quit|sold|swapped|"
    r"replac\w+|switch\w*|chang\w+|shift(?:ed|s)?|postponed|rescheduled|pushed|put off|"
    r"brought forward|cancel\w*|called off|scrap\w*|drop(?:s|ped)|won't|resigned|retired|"
    r"hand(?:s|ed) (?:in|back|over)|t(?:ook|akes?|aken|aking) over|broke|split|dumped|moved|"
    r"rais(?:es|ed|e)|extended|updated|promoted|bec(?:ame|omes?)|turned out|by now|finally|now|"
    r"new|gone|over|left|leav\w+|died|increased|reduced|(?:up|down) to|went (?:up|down)|closed|"
    r"shut|off|back|meanwhile|since|another|already|anyway|stands? down|elected|got|joined|"
    r"started|lost|stolen|burned|crashed|bigger|used to)\b",
    re.IGNORECASE,
)
_REFERS = re.compile(
    r"\b(?:it|that|the|he|she|they|them|there|so|same|instead|ones?|this)\b", re.IGNORECASE
)
_MOST_CHANGES, _MOST_REFERENCES = 2, 3
_REFERS_WITHIN = 400
_CHANGE_WITHIN = 2_000  # characters of a text that are looked at


def corrects(text: str) -> bool:
    """Whether somebody takes back what they said a moment ago: "sorry, I meant …"."""
    return _CORRECTS.search(text, 0, _CHANGE_WITHIN) is not None


def names_a_change(text: str) -> float:
    """How many words of a text indicate a change ("no longer", "instead", "now"): 0 to 1, which is
    two or more."""
    found = _CHANGES.findall(text, 0, _CHANGE_WITHIN)
    return min(_MOST_CHANGES, len(found)) / _MOST_CHANGES


def refers_back(text: str) -> float:
    """How many words at a text's beginning refer to something known ("it", "the", "same"): 0 to 1,
    which is three or more."""
    found = _REFERS.findall(text, 0, _REFERS_WITHIN)
    return min(_MOST_REFERENCES, len(found)) / _MOST_REFERENCES


_TOPICS = Path(__file__).with_name("topics.json")


def topics_of(words: Iterable[str]) -> frozenset[str]:
    """The topics that any of these words belongs to."""
    topics = _by_word()
    return frozenset(topic for word in words for topic in topics.get(word, ()))


@lru_cache(maxsize=1)
def _by_word() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for topic, of_topic in json.loads(_TOPICS.read_text("utf-8")).items():
        for word in of_topic.split():
            found.setdefault(word, []).append(topic)
    return found


AROUND = 2
"""Turns on each side of a turn that are read as its context."""
_MOST_READ = 30_000  # texts kept; about 1 KiB each
_MOST_WORDS = 65_536  # different words kept; 64 MiB of vectors
_LONGEST = 400  # words of one text that are looked at
_MOST_CHARACTERS = 20_000
_NOTHING = 0
"""The row of the placeholder word that begins every text; its vector is zero."""

_TIME = re.compile(
    r"\b(yesterday|today|tonight|tomorrow|last|next|ago|weeks?|weekend|months?|years?|morning|"
    r"evening|night|(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|may|"
    r"june|july|august|september|october|november|december|\d{4})\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"\b(\d+|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|once|twice|couple|few|"
    r"several|dozens?|hundreds?|thousands?)\b",
    re.IGNORECASE,
)
_NAME = re.compile(r"(?<=\s)(?!I\b)[^\W\d_a-z]\w")
_MOST_NAMES = 3
_ONLY_HEADING = re.compile(r"(?:#{1,6}[ \t][^\n]+\n?)+")
_PERSON = re.compile(r"\b(?:i|me|my|mine|myself|you|your|yours|we|us|our|ours)\b", re.IGNORECASE)
_TO_ME = (
    "brother|sister|mother|mum|mom|father|dad|parents|son|daughter|wife|husband|partner|girlfriend|"
    "boyfriend|friend|cousin|uncle|aunt|grandmother|grandfather|neighbour|neighbor|boss|colleague|"
    "roommate|flatmate"
)
_PEOPLE = re.compile(rf"\b(?:{_TO_ME})")
_BEGINS_WITH = re.compile(rf"\W*(?:and |but )?(?:my|\w+['’]s) (?:\w+ )?({_TO_ME})\b(?!,? and i\b)")
_SUBJECT = re.compile(
    r"\W*(?:my|our|the|his|her|their)\s+((?:[\w'’-]+\s+){0,3}?[\w'’-]+?)(?:'s)?\s+(?:is|are|was|has|"
    r"have|takes?|costs?|stands?|wants?|comes?|lives?|runs?|goes|needs?|gets?)\b",
    re.IGNORECASE,
)
_AMOUNTS = re.compile(
    r"\d+(?:[.:,]\d+)*|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|"
    r"thirty|forty|fifty|hundred|half|dozen)\b"
)
_DAYS = re.compile(
    r"\b(?:(?:mon|tues|wednes|thurs|fri|satur|sun)days?|january|february|march|april|may|june|july|"
    r"august|september|october|november|december|spring|summer|autumn|winter)\b"
)
_PROPER = re.compile(r"(?<=[\w,;] )(?!I\b)[^\W\d_a-z][\w&-]+")
_SOMEBODY = re.compile(r"\b(?:we|us|our|he|him|his|she|her|they|them|their)\b")
_BEGINNING = 2_000  # characters
_OFTEN = 50
"""A text is personal if more than one word in so many is "I", "you" or the like. Prose has fewer,
in quotations."""


class AnalysedText:
    """A text as ranking needs it. ``words`` are rows of the vocabulary, in order, without stop
    words; the first is always :data:`_NOTHING`. What only some questions need is computed on first
    use."""

    def __init__(self, text: str, words: NDArray[np.int32], turn: Turn | None) -> None:
        self.text = text
        self.head = text[:_MOST_CHARACTERS]
        """The part that is analysed: a very long text must not slow down a search."""
        self.words = words
        self.turn = turn
        self.asks = text.rstrip().endswith("?")
        """It is a question."""
        self.questions = "?" in text
        """There is a question in it."""

    @cached_property
    def sentences(self) -> list[tuple[int, int]]:
        """The (start, end) of each sentence in ``words``; at least one."""
        ends = np.cumsum([1, *[len(content_words(one)) for one in sentences(self.head)]])
        ends = np.minimum(ends, len(self.words)).tolist()
        found = [(start, end) for start, end in pairwise(ends) if end > start]
        return found or [(0, len(self.words))]

    @cached_property
    def only_heading(self) -> bool:
        """Whether it consists of Markdown headings only, and so says nothing by itself."""
        return self.text.startswith("#") and _ONLY_HEADING.fullmatch(self.head.strip()) is not None

    @cached_property
    def title(self) -> str:
        """The key of the heading of an episode's first turn; empty where there is none."""
        if self.turn is None or self.turn.ordinal:
            return ""
        found = heading(self.head, above_prose=False)
        return name_key(found) if found else ""

    @cached_property
    def personal(self) -> bool:
        """Whether it speaks of "I" and "you" (``_OFTEN``)."""
        return len(_PERSON.findall(self.head)) * _OFTEN > self.head.count(" ") + 1

    @cached_property
    def names(self) -> float:
        """How many words after its first are capitalised: 0 to 1, which is three or more."""
        return min(_MOST_NAMES, len(_NAME.findall(self.head))) / _MOST_NAMES

    @cached_property
    def times(self) -> float:
        return float(_TIME.search(self.head) is not None)

    @cached_property
    def numbers(self) -> float:
        return float(_NUMBER.search(self.head) is not None)

    @cached_property
    def corrects(self) -> bool:
        """It takes back what was said a moment ago."""
        return corrects(self.head)

    @cached_property
    def corrected_words(self) -> list[str]:
        """The words of what it takes back, where it says: the noun phrase that follows
        ("correction: my phone number is …"); after "no, I …" all of that sentence but numbers, days
        and names, for much else begins so. "Sorry, I meant Tuesday" is about whatever was said."""
        found = _CORRECTS.search(self.head, 0, _CHANGE_WITHIN)
        if found is None:
            return []
        rest = self.head[found.end() : _CHANGE_WITHIN]
        subject = _SUBJECT.match(rest)
        phrase = subject.group(1) if subject else ""
        if not phrase and _MAY_CORRECT.fullmatch(found.group()):
            phrase = next(iter(sentences(rest)), "")
        # Of a part of "no, I've …" no words are left that the text does not have.
        own = {*content_words(self.head)} - self.days - self.proper_names - self.amounts
        return [word for word in content_words(phrase) if word in own and word.isalpha()]

    @cached_property
    def changes(self) -> float:
        """See :func:`names_a_change`."""
        return names_a_change(self.head)

    @cached_property
    def refers(self) -> float:
        """See :func:`refers_back`."""
        return refers_back(self.head)

    @cached_property
    def subject(self) -> str:
        """The noun phrase that it begins with ("locker at the pool" of "My locker at the pool is
        …"); empty where none is recognised."""
        found = _SUBJECT.match(self.head)
        return found.group(1) if found else ""

    @cached_property
    def topics(self) -> frozenset[str]:
        """The everyday topics that its beginning mentions."""
        return topics_of(words(self.head[:_BEGINNING]))

    @cached_property
    def somebody(self) -> bool:
        """Whether it has a pronoun that may mean somebody other than the speaker: "she", "we"."""
        return _SOMEBODY.search(self.head.lower()) is not None

    @cached_property
    def amounts(self) -> frozenset[str]:
        """The numbers in it."""
        return frozenset(_AMOUNTS.findall(self.head.lower()))

    @cached_property
    def days(self) -> frozenset[str]:
        """The weekdays, months and seasons in it."""
        return frozenset(_DAYS.findall(self.head.lower()))

    @cached_property
    def proper_names(self) -> frozenset[str]:
        """The capitalised words in it, in lower case, except where one begins a sentence."""
        return frozenset(word.lower() for word in _PROPER.findall(self.head))

    @cached_property
    def people(self) -> frozenset[str]:
        """The words in it for somebody's relatives and the like: sister, boss."""
        return frozenset(_PEOPLE.findall(self.head.lower()))

    @cached_property
    def others(self) -> frozenset[str]:
        """The one of them that it begins with ("My sister …"), and so is about."""
        found = _BEGINS_WITH.match(self.head.lower())
        return frozenset(found.groups()) if found else frozenset()


class Vocabulary:
    """Words and their vectors; grows as texts are read."""

    def __init__(self, source: WordVectors) -> None:
        self._source = source
        self._index: dict[str, int] = {}
        self._vectors = np.zeros((1024, source.width), dtype=np.float32)
        self._filled = _NOTHING + 1

    def __len__(self) -> int:
        return self._filled

    def vectors(self, rows: NDArray[np.int32]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = self._vectors[rows]
        return found

    async def learn(self, texts: Iterable[Sequence[str]]) -> None:
        """Add the words that are new, with their vectors."""
        new = list(dict.fromkeys([w for text in texts for w in text if w not in self._index]))
        if not new:
            return
        vectors = await self._source.word_vectors(new)
        end = self._filled + len(new)
        while end > len(self._vectors):
            self._vectors = np.concatenate([self._vectors, np.zeros_like(self._vectors)])
        self._vectors[self._filled : end] = vectors
        # A concurrent search may have added one of them meanwhile: its texts refer to its row.
        for row, word in enumerate(new, start=self._filled):
            self._index.setdefault(word, row)
        self._filled = end

    def rows(self, text: Sequence[str]) -> NDArray[np.int32]:
        """The rows of the words of a learnt text, after :data:`_NOTHING`."""
        return np.array([_NOTHING, *[self._index[word] for word in text]], dtype=np.int32)


class TextAnalyser:
    """Analyses turns and facts, and caches the results."""

    def __init__(self, ledger: LedgerView, source: WordVectors) -> None:
        self._ledger = ledger
        self.vocabulary = Vocabulary(source)
        self._turns: dict[tuple[str, str], AnalysedText] = {}
        self._places: dict[tuple[str, int], AnalysedText] = {}
        self._centred: set[tuple[str, str]] = set()
        self._facts: dict[tuple[str, int], AnalysedText] = {}

    @property
    def full(self) -> bool:
        """Whether the cache is full and the analyser should be replaced by a new one."""
        read = len(self._turns) + len(self._facts)
        return read > _MOST_READ or len(self.vocabulary) > _MOST_WORDS

    async def turns(self, tenant: str, ids: Sequence[str]) -> list[AnalysedText]:
        """These turns and their neighbours, up to :data:`AROUND` on each side, ordered inside each
        episode."""
        await self.read(tenant, ids)
        return self._with_neighbours(
            [self._turns[tenant, id] for id in ids if (tenant, id) in self._turns]
        )

    async def read(self, tenant: str, ids: Iterable[str], *, asked: Sequence[str] = ()) -> None:
        """Read what :meth:`turns` will be asked for, and learn the words of the question
        (``asked``) with it, to save calls of the ledger and of the word vectors."""
        while missing := [id for id in ids if (tenant, id) not in self._centred]:
            found = await self._ledger.turns(tenant, missing, around=AROUND)
            new = [turn for turn in found if (tenant, turn.id) not in self._turns]
            split = [content_words(turn.text) for turn in new]
            await self.vocabulary.learn([asked, *split])
            for turn, text in zip(new, split, strict=True):
                read = AnalysedText(turn.text, self.vocabulary.rows(text), turn)
                self._turns[tenant, turn.id] = self._places[turn.episode_id, turn.ordinal] = read
            self._centred.update((tenant, id) for id in missing)
        await self.vocabulary.learn([asked])

    def _with_neighbours(self, centres: Sequence[AnalysedText]) -> list[AnalysedText]:
        places: dict[tuple[str, int], AnalysedText] = {}
        for read in centres:
            if read.turn is None:
                continue
            episode, ordinal = read.turn.episode_id, read.turn.ordinal
            for at in range(ordinal - AROUND, ordinal + AROUND + 1):
                near = self._places.get((episode, at))
                if near is not None:
                    places[episode, at] = near
        return [places[place] for place in sorted(places)]

    async def facts(
        self, facts: Sequence[Fact], turns: Iterable[AnalysedText] = ()
    ) -> list[AnalysedText]:
        """Analyse facts; one with the same text as one of ``turns`` takes its words from there."""
        new = [fact for fact in facts if (fact.id, fact.version) not in self._facts]
        words = {read.text: read.words for read in turns} if new else {}
        split = {fact.text: content_words(fact.text) for fact in new if fact.text not in words}
        await self.vocabulary.learn(split.values())
        words |= {text: self.vocabulary.rows(found) for text, found in split.items()}
        for fact in new:
            self._facts[fact.id, fact.version] = AnalysedText(fact.text, words[fact.text], None)
        return [self._facts[fact.id, fact.version] for fact in facts]


def content_words(text: str) -> list[str]:
    """The first words of a text, without stop words."""
    return [word for word in words(text[:_MOST_CHARACTERS])[:_LONGEST] if word not in STOP_WORDS]
