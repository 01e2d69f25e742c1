"""Who "he", "she" and "they" are: whom the sentences of a turn have named so far."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from functools import partial

from graphmem.extract.rules.names import FIRST_NAMES
from graphmem.extract.rules.people import People
from graphmem.extract.rules.phrases import Parse
from graphmem.extract.rules.tokens import NameSpan
from graphmem.extract.rules.word_lists import (
    KIN,
    KIN_PLURAL,
    PETS,
    word_set,
)

_OF_TWO = re.compile(
    r"\s+(?:and|&|(?:is|was|got)\s+(?:engaged|married)\s+to|married|is\s+(?:dating|seeing))\s+"
)
_BEFORE_PEOPLE = word_set("before_people")
_INTRODUCED = re.compile(r"\b(?:called|named)\s+(?P<who>[^\W\d_a-z][\w-]*)$")
_CALLED = frozenset({"called", "named"})
_WITH_NAMES = word_set("things_with_names").union(word_set("workplaces"))
"""What is called something, and is nobody."""
_PRONOUNS = frozenset({"he", "she", "he's", "she's", "who", "who's"})
_FIRST_PERSON = word_set("first_person")
_I = frozenset({"i", "i'm", "i've", "i'll", "we", "we're", "we've", "we'll"})
_RELATIVES = "|".join(sorted({*KIN, *PETS}))
_BY_KIN = re.compile(rf"\b(?:[Hh]is|[Hh]er)\s+(?:[a-z]+\s+)?(?:{_RELATIVES})\b")
_TITLES = frozenset({"mr", "mrs", "ms", "miss", "dr", "mdm"})
_GENDERED = {"mr": "he", "mrs": "she", "ms": "she", "miss": "she"}
_PERSON_VERBS = word_set("person_verbs")
_CLOSED = re.compile(r"\s+(?:has\s+)?(?:went|gone)\s+(?:bust|under|into|out\s+of|live|down)\b")
_THAT_IS = frozenset({"that's", "thats", "it's", "its"})
_SOMEBODY = word_set("somebody_unnamed").union(KIN, KIN_PLURAL)  # "he" may be them
BEFORE_THIS_TURN = 1_000_000
"""Added to the number of sentences since somebody was mentioned, once another turn has begun."""


@dataclass
class Referents:
    """One turn's speaker, and who "he", "she" or "they" would be as it goes on."""

    people: People
    speaker: str | None
    referent: str | None = None
    recent: frozenset[str] = frozenset()
    """Who was named last, where that was more than one."""
    two: tuple[str, str] | None = None
    """The two whom the sentence before named, and nobody else: they are "they"."""
    proposed_to: str | None = None
    """Whom the speaker has just asked to marry."""
    it: str | None = None
    """The thing that was spoken of last."""
    unnamed: tuple[str, str] | None = None
    """Whose relative or pet was just spoken of without a name, and what it is: "I have a cat"."""
    unnamed_since: int = BEFORE_THIS_TURN
    """Sentences since then, or since the turn began."""
    unnamed_several: bool = False
    relative: str | None = None
    """Somebody's relative who was just spoken of, and has no name."""
    leaver: str | None = None
    """Who was just said to leave a job."""
    thing_before: str | None = None
    """What the sentence before was about, which is nobody."""
    animal: str | None = None
    """The pet that was spoken of last, if nobody has been since."""
    hired: str | None = None
    """Whom the speaker has just taken on."""
    about: str | None = None
    """Whom the last sentence told of, the speaker too."""
    there: str | None = None
    """The last name that stood behind "in", "at", "to"."""
    of_another: bool = False
    """The sentence before was about a "she" or "he" and not about the speaker."""
    by_kin: str | None = None
    """Who was just named as a relative of a "he" or a "she", who may as well be meant next."""
    whose_kin: str | None = None
    """Whose relative that is, if known."""
    unsaid: str | None = None
    """Whom the sentence before told of without naming them: "Takes warfarin" is of Zoe."""
    introduced: bool = False
    """The speaker has said in this turn who they are."""
    topic: str | None = None
    """Who or what a note is about, by the heading above."""

    def pronoun(self, parse: Parse, position: int, word: str) -> str | None:
        """Whom "he" or "she" means, when only one person can be meant."""
        here = self._third_persons(parse, position)
        if self._somebody(parse, position) and not here:
            known = self.relative is not None and self.people.gender.get(self.relative) == word
            return self.relative if known else None
        if not here and self._opens_with_another(parse, position):
            return None
        if not here and self.referent is None:
            here = {one for one in self.recent if self.people.gender.get(one, word) == word}
        if len(here) > 1:
            return None
        name = next(iter(here)) if here else self.referent
        if not here and self.whose_kin and self.people.gender.get(str(name), word) != word:
            name = self.whose_kin  # "his wife Jean died. He …"
        if name is None or name == self.speaker or self.people.gender.get(name, word) != word:
            return None
        self.people.gender.setdefault(name, word)
        if self.people.names.kind(name) == "thing":
            self.people.names.register(name, "person")
        return name

    def _opens_with_another(self, parse: Parse, before: int) -> bool:
        """Whether a name of two words opens the sentence of which nothing is known: it may be whom
        "he" means, who is then nobody from before."""
        span = parse.name_at(0)
        return (
            span is not None
            and span.last > span.first
            and span.end <= before
            and not span.owns
            and self.people.names.kind(span.name) == "thing"
            and self.people.names.may_be_person(span.name)
        )

    def _third_persons(self, parse: Parse, before: int) -> set[str]:
        names = self.people.names
        return {
            name
            for span in parse.names
            if span.start < before
            and (names.is_somebody(span.name) or self._acts(parse, span))
            and (name := names.canonical_of(span.name)) not in self.people.speakers
        }

    def _acts(  # noqa: PLR0911 - one return for each place where people stand
        self, parse: Parse, span: NameSpan
    ) -> bool:
        """Whether a name of which nothing is known is probably somebody's: it opens the sentence
        before a verb, or stands where people stand."""
        names = self.people.names
        if names.kind(span.name) != "thing" or not names.may_be_person(span.name) or span.owns:
            return False
        tokens = parse.sentence.tokens
        if span.first > 1 and tokens[span.first - 2].low == "name":
            return tokens[span.first - 1].low in {"is", "was"}
        if span.first > 0:
            before = tokens[span.first - 1].low
            if span.first == 1 and before in _THAT_IS:
                return span.name.split()[0].lower() in FIRST_NAMES
            if before in _CALLED and span.first > 1:
                return tokens[span.first - 2].low not in _WITH_NAMES
            return before in _BEFORE_PEOPLE or self._title(parse, span) is not None
        after = tokens[span.last + 1] if span.last + 1 < len(tokens) else None
        if after is not None and after.gap == ", " and after.low in _PRONOUNS:
            return True
        if after is not None and after.gap == " " and after.low == "and":
            joined = parse.name_at(span.last + 2)
            return joined is not None and names.is_person(joined.name)
        if _CLOSED.match(parse.sentence.text, span.end):
            return False
        return after is not None and after.gap == " " and after.low in _PERSON_VERBS

    @staticmethod
    def _title(parse: Parse, span: NameSpan) -> str | None:
        """The "mr" before a name."""
        near = parse.sentence.tokens[max(0, span.first - 1) : span.first + 1]
        found = (token.low.rstrip(".") for token in near)
        return next((word for word in found if word in _TITLES), None)

    def only_person(self, parse: Parse, before: int) -> str | None:
        """The one other person whom a sentence names, or speaks of, before a position."""
        found = self._third_persons(parse, before) - {self.speaker}
        return next(iter(found)) if len(found) == 1 else None

    def _unsure(self, parse: Parse) -> bool:
        """Whether a name stands here that may be somebody's, who may be meant from now on."""
        if self.referent is None or self.referent in self.people.gender:
            return False
        names, tokens = self.people.names, parse.sentence.tokens
        return any(
            names.kind(span.name) == "thing"
            and names.may_be_person(span.name)
            and span.first > 0
            and tokens[span.first - 1].low in {"to", "and", "but"}
            for span in parse.names
        )

    def _somebody(self, parse: Parse, before: int) -> bool:
        if parse.sentence.lows.isdisjoint(_SOMEBODY):
            return False
        return any(t.low in _SOMEBODY for t in parse.sentence.tokens if t.start < before)

    def _joined(self, parse: Parse, two: set[str]) -> bool:
        """Whether two names stand beside each other: "Ada and Bob", "Ada is married to Bob"."""
        name = self.people.names.canonical_of
        return any(
            _OF_TWO.fullmatch(parse.sentence.text, one.end, other.start)
            and {name(one.name), name(other.name)} == two
            for one, other in itertools.pairwise(parse.names)
        )

    def _settle_titled(self, parse: Parse) -> None:
        """Mr Lund is a person, and a "he"."""
        names = self.people.names
        for span in parse.names:
            title = self._title(parse, span)
            if title and names.kind(span.name) == "thing" and names.may_be_person(span.name):
                names.register(names.canonical_of(span.name), "person")
            if title in _GENDERED and names.is_person(span.name):
                self.people.gender.setdefault(names.canonical_of(span.name), _GENDERED[title])

    def _note_subject(self, parse: Parse) -> None:
        """What, or which animal, a sentence opens with."""
        at = 1 if parse.sentence.tokens[0].low in {"the", "our", "my"} else 0
        span, names = parse.name_at(at), self.people.names
        kind = names.kind(span.name) if span is not None and not span.owns else None
        known = span is not None and kind in {"thing", "car"} and at
        self.thing_before = span.name if span is not None and known else None
        if span is not None and kind == "animal":
            self.animal = names.canonical_of(span.name)
        elif span is not None and kind == "person":
            self.animal = None

    def update_referent(self, parse: Parse) -> None:
        """After a sentence: who a following "he" or "she" would be."""
        self._settle_titled(parse)
        before = self.referent
        end = len(parse.sentence.text)
        self.people.settle_kinds(parse.sentence.text, parse.names, partial(self._acts, parse))
        persons = self._third_persons(parse, end)
        named = _INTRODUCED.search(parse.sentence.text)
        if named and (who := self.people.names.canonical_of(named["who"])) in persons:
            persons = {who}
        if self.relative is not None:  # "Tom's mother works at Shell. She …"
            persons = {one for one in persons if not self.relative.startswith(f"{one}'s ")}
        if len(persons) == 1:
            self.referent = next(iter(persons))
        elif persons or self._somebody(parse, end) or self._unsure(parse):
            self.referent = None
            if self.relative is not None and not persons:
                self.referent = self.relative
        named_by_kin = _BY_KIN.search(parse.sentence.text)
        self.whose_kin = before if named_by_kin and before != self.referent else None
        self.by_kin = self.referent if named_by_kin and self.referent in persons else None
        self.relative = None
        opens, lows = parse.sentence.tokens[0].low, parse.sentence.lows
        self.of_another = bool(lows & _PRONOUNS) and lows.isdisjoint(_I)
        self._note_subject(parse)
        self.unnamed_since += 1
        own = opens in _FIRST_PERSON or not (persons or lows & _PRONOUNS)
        if not own:
            self.about = self.referent or self.about
        elif lows & _FIRST_PERSON:
            self.about = self.speaker
        several = len(persons) == 2 and not self._somebody(parse, end)
        both = several and lows.isdisjoint(_I) and self._joined(parse, persons)
        lasts = not persons and "they" in lows and not self._somebody(parse, end)
        if both:
            one, other = sorted(persons)
            self.two = (one, other)
        elif not lasts:
            self.two = None
        if persons:
            self.recent = frozenset(persons)
        elif self._somebody(parse, end):
            self.recent = frozenset()
