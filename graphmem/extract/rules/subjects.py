"""Who a clause is about: the speaker, a name, "my sister", or a certain "she"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from graphmem.extract.rules.common_names import common_subject
from graphmem.extract.rules.people import kin_called
from graphmem.extract.rules.phrases import Parse, name_list, named_thing
from graphmem.extract.rules.referents import Referents
from graphmem.extract.rules.tokens import WordToken
from graphmem.extract.rules.word_lists import (
    FEMALE_KIN,
    KIN,
    KIN_MODIFIERS,
    KIN_WITHOUT_NAME,
    MALE_KIN,
)

_OUR_TWO = re.compile(r"(?:[Mm]e|[Uu]s|[Mm]yself)\s+(?:and|&|n)\s+(?=[^\W\d_a-z])")
_ME = re.compile(r"(?:I|i|im|Im)(?=['\s])")
_OR_ME = re.compile(r"(?:I|i|im|Im|me|myself)(?=['\s])")
_WE = re.compile(r"we(?=['\s])", re.IGNORECASE)
_MY = re.compile(r"(?:my|our)\s+(?=\w)", re.IGNORECASE)
_THEY = re.compile(r"they(?=['\s])", re.IGNORECASE)
_IT = re.compile(r"(?:[Ii]t|[Tt]hey)(?=['\s])")
_HE = re.compile(r"(?P<who>he|she)(?=['\s])", re.IGNORECASE)
_HIS = re.compile(r"(?:his|her|their)\s+(?=[a-z])", re.IGNORECASE)
_AND = re.compile(r"\s+(?:and|&)\s+")
_AND_THEIR = re.compile(r"\s+(?:and|&)\s+(?:his|her|their)\s+(?P<kin>[\w-]+)\s+(?=[^\W\d_a-z])")
_VERB_NEXT = re.compile(r"(?:'ve|'re)?\s+(?:all\s+|both\s+)?[a-z]+")
_PLAINLY_THING = re.compile(r"\d|\s[a-z]+$")
"""Sensor v2, River Watch app: no name of a person."""
_FROM = re.compile(r"\s+from\s+(?:the\s+|my\s+|our\s+)?[a-z][\w-]*(?=\s+[a-z])")
_KIN = KIN_MODIFIERS.union(KIN)
_THE = re.compile(r"(?:the|our|my)\s+", re.IGNORECASE)


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
class TurnContext(Referents):
    """One turn's speaker, and whom each clause of theirs is about."""

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
            if _MY.match(text, position):
                at = parse.sentence.token_at(position)
                return self._relative(parse, self.speaker, at + 1)
        if self.two is not None and (match := _THEY.match(text, position)):
            return Subject(self.two[0], match.end(), self.two[1])
        if _HIS.match(text, position):
            return self._relative(parse, None, parse.sentence.token_at(position) + 1)
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
        owner = names.canonical_of(span.name)
        if span.owns and (relative := self._relative(parse, owner, span.last + 1)):
            return relative
        end = span.name_end
        if from_ := _FROM.match(parse.sentence.text, end):
            end = from_.end()  # "Sam from the pub lives in Croydon"
        uncertain = span.initial and not names.is_sure(span.name)
        subject = Subject(names.canonical_of(span.name), end, uncertain=uncertain)
        return self._with_other(parse, subject)

    def _relative(self, parse: Parse, owner: str | None, at: int) -> Subject | None:
        """The relative of somebody whose "sister" stands at a token: whom it names ("Carla's sister
        Zoe"), who was named before, or "Carla's sister". ``owner`` is None where unknown."""
        tokens, text = parse.sentence.tokens, parse.sentence.text
        kin = _kin_word(tokens, at)
        if kin is None:
            return None
        span, word = parse.name_at(kin + 1), tokens[kin]
        name, owns, end, last = None, word.owns, word.name_end, kin
        if span is not None and not owns:
            gap = tokens[kin + 1].gap
            if gap == " " or (gap == ", " and text.startswith(",", span.end) and not span.owns):
                name, owns, last = self.people.names.canonical_of(span.name), span.owns, span.last
                end = span.name_end if gap == " " else span.end + 1
        if name is None and owner is not None:
            name = self._relative_called(owner, word.low)
        if owns and _kin_word(tokens, last + 1) is not None:
            return self._relative(parse, name, last + 1)  # "my sister's husband"
        return None if name is None else self._with_other(parse, Subject(name, end))

    def _relative_called(self, owner: str, word: str) -> str | None:
        """What the relative is called of whom no name stands here: "my mum lives in Oban"."""
        name = self.people.the_kin(owner, word)
        if name is None and word in KIN_WITHOUT_NAME and not self.people.kin.get((owner, word)):
            name = self.relative = kin_called(owner, word)
            if word in FEMALE_KIN or word in MALE_KIN:
                self.people.gender[name] = "she" if word in FEMALE_KIN else "he"
        return name

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


def _kin_word(tokens: Sequence[WordToken], at: int) -> int | None:
    """Where the kin word stands that a token begins: "eldest sister", and "eldest" alone."""
    while at + 1 < len(tokens) and tokens[at].low in KIN_MODIFIERS and tokens[at + 1].low in _KIN:
        at += 1
    return at if at < len(tokens) and tokens[at].low in KIN else None
