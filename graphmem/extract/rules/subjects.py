"""Who a clause is about: the speaker, a name, "my sister", or a certain "she"."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace
from functools import partial

from graphmem.extract.rules.common_names import common_subject
from graphmem.extract.rules.names import FIRST_NAMES
from graphmem.extract.rules.people import People, kin_called
from graphmem.extract.rules.phrases import Parse, name_list, named_thing
from graphmem.extract.rules.tokens import NameSpan
from graphmem.extract.rules.word_lists import (
    FEMALE_KIN,
    KIN,
    KIN_MODIFIERS,
    KIN_PLURAL,
    MALE_KIN,
    PETS,
    word_set,
)

_OUR_TWO = re.compile(r"(?:[Mm]e|[Uu]s|[Mm]yself)\s+(?:and|&|n)\s+(?=[^\W\d_a-z])")
_ME = re.compile(r"(?:I|i|im|Im)(?=['\s])")
_OR_ME = re.compile(r"(?:I|i|im|Im|me|myself)(?=['\s])")
_WE = re.compile(r"we(?=['\s])", re.IGNORECASE)
_MY = re.compile(r"(?:my|our)\s+(?P<words>(?:[\w-]+\s+){0,3}[\w-]+)(?=['\s])", re.IGNORECASE)
_THEY = re.compile(r"they(?=['\s])", re.IGNORECASE)
_IT = re.compile(r"(?:[Ii]t|[Tt]hey)(?=['\s])")
_HE = re.compile(r"(?P<who>he|she)(?=['\s])", re.IGNORECASE)
_HIS = re.compile(r"(?:his|her|their)\s+(?=[a-z])", re.IGNORECASE)
_AND = re.compile(r"\s+(?:and|&)\s+")
_OF_TWO = re.compile(
    r"\s+(?:and|&|(?:is|was|got)\s+(?:engaged|married)\s+to|married|is\s+(?:dating|seeing))\s+"
)
_AND_THEIR = re.compile(r"\s+(?:and|&)\s+(?:his|her|their)\s+(?P<kin>[\w-]+)\s+(?=[^\W\d_a-z])")
_VERB_NEXT = re.compile(r"(?:'ve|'re)?\s+(?:all\s+|both\s+)?[a-z]+")
_BEFORE_PEOPLE = word_set("before_people")
_INTRODUCED = re.compile(r"\b(?:called|named)\s+(?P<who>[^\W\d_a-z][\w-]*)$")
_PLAINLY_THING = re.compile(r"\d|\s[a-z]+$")
"""Sensor v2, River Watch app: no name of a person."""
_CALLED = frozenset({"called", "named"})
_WITH_NAMES = word_set("things_with_names").union(word_set("workplaces"))
"""What is called something, and is nobody."""
_PRONOUNS = frozenset({"he", "she", "he's", "she's", "who", "who's"})
_FIRST_PERSON = word_set("first_person")
_I = frozenset({"i", "i'm", "i've", "i'll", "we", "we're", "we've", "we'll"})
_FROM = re.compile(r"\s+from\s+(?:the\s+|my\s+|our\s+)?[a-z][\w-]*(?=\s+[a-z])")
_RELATIVES = "|".join(sorted({*KIN, *PETS}))
_THEIR_KIN = re.compile(rf"'s\s(?:(?!an?\s|the\s|my\s)[\w-]+\s){{0,2}}(?:{_RELATIVES})\b")
_BY_KIN = re.compile(rf"\b(?:[Hh]is|[Hh]er)\s+(?:[a-z]+\s+)?(?:{_RELATIVES})\b")
_TITLES = frozenset({"mr", "mrs", "ms", "miss", "dr", "mdm"})
_GENDERED = {"mr": "he", "mrs": "she", "ms": "she", "miss": "she"}
_PERSON_VERBS = word_set("person_verbs")
_CLOSED = re.compile(r"\s+(?:has\s+)?(?:went|gone)\s+(?:bust|under|into|out\s+of|live|down)\b")
_ONE_OF_THEM = word_set("kin_without_name")
_THAT_IS = frozenset({"that's", "thats", "it's", "its"})
_THE = re.compile(r"(?:the|our|my)\s+", re.IGNORECASE)
_SOMEBODY = word_set("somebody_unnamed").union(KIN, KIN_PLURAL)  # "he" may be them


BEFORE_THIS_TURN = 1_000_000
"""Added to the number of sentences since somebody was mentioned, once another turn has begun."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One person (or, with ``other``, two) and where the words for them end."""

    name: str
    end: int
    other: str | None = None
    more: tuple[str, ...] = ()
    """Who else is listed: the Carl of "Anna, Bob and Carl"."""
    speaker: bool = False
    plural: bool = False
    """"We": only what is true of each of them is true of the speaker."""
    uncertain: bool = False
    """A lone capitalised word that opens the sentence."""
    thing: bool = False
    """No person, as far as is known: a company, a project."""


@dataclass
class TurnContext:
    """One turn's speaker, and who "he" or "she" is as it goes on."""

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
    """The speaker's relative who was just spoken of, and has no name."""
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

    def subject(  # noqa: PLR0911 - one return for each kind of subject
        self, parse: Parse, position: int
    ) -> Subject | None:
        """The subject that stands at a position, or None."""
        text, topic = parse.sentence.text, self.topic
        if topic and _PLAINLY_THING.search(topic) and text.startswith(f"{topic} ", position):
            return Subject(topic, position + len(topic), thing=True)
        if self.speaker is not None:
            if match := _ME.match(text, position):
                return self._with_other(parse, Subject(self.speaker, match.end(), speaker=True))
            if match := _OUR_TWO.match(text, position):
                return self._we_two(parse, match.end())
            if match := _WE.match(text, position):
                return Subject(self.speaker, match.end(), speaker=True, plural=True)
            if match := _MY.match(text, position):
                return self._my(parse, match)
        if self.two is not None and (match := _THEY.match(text, position)):
            return Subject(self.two[0], match.end(), self.two[1])
        if _HIS.match(text, position):
            return self._kin_of(parse, parse.sentence.token_at(position) + 1)
        if match := _HE.match(text, position):
            name = self.pronoun(parse, position, match["who"].lower())
            return self._with_other(parse, Subject(name, match.end())) if name else None
        return self._named(parse, position)

    def _we_two(self, parse: Parse, at: int) -> Subject | None:
        """The two of "me and Elio"."""
        span = parse.name_at(parse.sentence.token_at(at))
        names = self.people.names
        if span is None or span.start != at or not names.may_be_person(span.name):
            return None
        return Subject(names.canonical_of(span.name), span.end, self.speaker)

    def thing(self, parse: Parse, position: int) -> Subject | None:
        """The company, team or project that stands at a position, or None."""
        if match := _IT.match(parse.sentence.text, position):
            firm = self.it and self.people.names.kind(self.it) == "organization"
            if match.group().lower() == "they" and self.it != self.topic and not firm:
                return None
            return Subject(self.it, match.end(), thing=True) if self.it else None
        opened = _THE.match(parse.sentence.text, position)
        at = opened.end() if opened else position
        found = named_thing(parse, at)
        names = self.people.names
        if found is None and position == 0:
            match = common_subject(parse.sentence.text)
            return match and Subject(f"the {match['name']}", match.end(), thing=True)
        if found is None or names.kind(found.name) in {"person", "animal"}:
            return None
        span = parse.name_at(parse.sentence.token_at(at))
        initial = span is not None and span.initial and not names.is_sure(span.name)
        name = names.canonical_of(found.name)
        return Subject(name, found.end, uncertain=initial, thing=True)

    def _named(self, parse: Parse, position: int) -> Subject | None:
        index = parse.sentence.token_at(position)
        span = parse.name_at(index)
        if span is None or span.start != position:
            return None
        names = self.people.names
        if not names.may_be_person(span.name) and names.kind(span.name) != "animal":
            return None
        if span.owns and (relative := self._kin_of(parse, span.last + 1)):
            return relative
        end = span.name_end
        if from_ := _FROM.match(parse.sentence.text, end):
            end = from_.end()  # "Sam from the pub lives in Croydon"
        uncertain = span.initial and not names.is_sure(span.name)
        subject = Subject(names.canonical_of(span.name), end, uncertain=uncertain)
        return self._with_other(parse, subject)

    def _kin_of(self, parse: Parse, at: int) -> Subject | None:
        """The Zoe of "Carla's sister Zoe"."""
        tokens = parse.sentence.tokens
        while at < len(tokens) and tokens[at].low in KIN_MODIFIERS:
            at += 1
        if at >= len(tokens) or tokens[at].low not in KIN:
            return None
        span = parse.name_at(at + 1)
        if span is None or tokens[at + 1].gap not in {" ", ", "}:
            return None
        end = span.name_end
        if tokens[at + 1].gap == ", ":
            if span.owns or not parse.sentence.text.startswith(", ", span.end):
                return None
            end = span.end + 1
        return Subject(self.people.names.canonical_of(span.name), end)

    def _my(self, parse: Parse, match: re.Match[str]) -> Subject | None:
        """ "My sister (Zoe)", with the name said here or earlier in the episode."""
        parts = match["words"].lower().split()
        for index, word in enumerate(parts):
            if word in KIN and all(part in KIN_MODIFIERS for part in parts[:index]):
                end = match.start("words") + len(" ".join(match["words"].split()[: index + 1]))
                if _THEIR_KIN.match(parse.sentence.text, end):
                    # "my dad's best friend (Len)"
                    return self._kin_of(parse, parse.sentence.token_at(end + 2))
                return self._kin_subject(parse, word, end)
            if word not in KIN_MODIFIERS:
                return None
        return None

    def _kin_subject(self, parse: Parse, word: str, end: int) -> Subject | None:
        if self.speaker is None:
            return None
        sentence = parse.sentence
        span = parse.name_at(sentence.token_at(end))
        if span is not None:
            gap = sentence.text[end : span.start]
            closed = sentence.text[span.end :].lstrip(" ")[:1]
            if gap == " " or (gap == ", " and closed == ","):
                stop = span.name_end
                if gap == ", ":
                    stop = sentence.text.index(",", span.end) + 1
                subject = Subject(self.people.names.canonical_of(span.name), stop)
                return self._with_other(parse, subject)
        name = self.people.the_kin(self.speaker, word)
        if name is None and word in _ONE_OF_THEM and not self.people.kin.get((self.speaker, word)):
            # "my mum lives in Oban", whatever she is called
            self.relative = kin_called(self.speaker, word)
            if word in FEMALE_KIN or word in MALE_KIN:
                self.people.gender[self.relative] = "she" if word in FEMALE_KIN else "he"
            return self._with_other(parse, Subject(self.relative, end))
        return Subject(name, end) if name else None

    def _with_other(self, parse: Parse, subject: Subject) -> Subject:
        """ "Ada and Bob", "Ada and I"."""
        text = parse.sentence.text
        if text[subject.end : subject.end + 1] == ",":
            start = parse.sentence.tokens[parse.sentence.token_at(subject.end) - 1].start
            span = next((s for s in parse.names if s.start <= start < s.end), None)
            listed = self._listed(parse, subject, span.start) if span is not None else None
            if listed is not None:
                return listed
        theirs = _AND_THEIR.match(text, subject.end)
        kin = theirs is not None and theirs["kin"].lower() in KIN
        joined = theirs if kin else _AND.match(text, subject.end)
        if joined is None:
            return subject
        at = joined.end()
        if self.speaker is not None and (match := _OR_ME.match(text, at)):
            return Subject(subject.name, match.end(), self.speaker, uncertain=subject.uncertain)
        span = parse.name_at(parse.sentence.token_at(at))
        if span is None or span.start != at or not self.people.names.may_be_person(span.name):
            return subject
        other = self.people.names.canonical_of(span.name)
        return Subject(subject.name, span.end, other, uncertain=subject.uncertain)

    def _listed(self, parse: Parse, subject: Subject, position: int) -> Subject | None:
        """ "Anna, Bob and Carl", before their verb."""
        found = name_list(parse, position)
        names = self.people.names
        if len(found) < 3 or any(not names.may_be_person(one.name) for one in found):
            return None
        before_last = parse.sentence.text[found[-2].end : found[-1].start]
        end = found[-1].end
        if from_ := _FROM.match(parse.sentence.text, end):
            end = from_.end()
        rest = parse.sentence.text[end:]
        if not _AND.search(before_last) or not _VERB_NEXT.match(rest):
            return None
        first, second, *others = (names.canonical_of(one.name) for one in found)
        return replace(
            subject, name=first, end=end, other=second, more=tuple(others),
            uncertain=False,
        )  # fmt: skip

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
