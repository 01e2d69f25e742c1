"""Slots that hold a name: places, companies, people, teams and anything else that is called so."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from graphmem.extract.rules.common_names import ONES_TEAM, PROJECT, TEAM, common_name
from graphmem.extract.rules.names import FIRST_NAMES, NameRegistry, has_inner_capital
from graphmem.extract.rules.phrases import (
    Parse,
    Phrase,
    name_slot,
    named_thing,
    noun_phrases,
    object_names,
    shop_slot,
)
from graphmem.extract.rules.relation_rows import RelationRule
from graphmem.extract.rules.subjects import Subject
from graphmem.extract.rules.word_lists import (
    KIN,
    KIN_MODIFIERS,
    LANGUAGES,
    NOT_NAMES,
    NOT_PLACES,
    NP_STOP,
    PLACES,
    SOFTWARE,
    word_set,
)

_GOODS = word_set("goods")
_HOME = re.compile(r"\s+(?:my|our)\s+(?:home|native)\s*(?:country|town|city)[,\s]", re.IGNORECASE)
_DWELLING = re.compile(
    r"\s+(?:an?|my|our|the|his|her|their)\s+(?:[\w-]+\s+){0,3}?(?:flat|apartment|house|room|studio|place"
    r"|villa|cottage|condo|loft|bungalow|caravan|annexe|farmhouse|village|home|hostel|hall)\s+in(?=\s)",
    re.IGNORECASE,
)
_SOMEBODY_CALLED = re.compile(r"\s+(?:an?|this|some)\s+(?:[\w-]+\s+){1,4}?(?:called|named)(?=\s)")
_WORKPLACES = word_set("workplaces")
_CLUB = re.compile(
    r"\s+(?:the|a|our)\s+(?P<name>(?:(?:local\s+)?[a-z]+\s+(?:group|club|choir|band|society|orchestra|circle|"
    r"committee|league|class|team|squad|crew|department)|choir|orchestra|committee))(?=\W|$)"
)
_MORE = re.compile(r"\s+(?:an?|my|some|his|her|their|with|to)\b")
_OF_WORKPLACES = frozenset({"works_at", "volunteers_at"})
_OF_STUDENTS = frozenset({"studies_at", "studied_at", "graduated_from"})
_ITS_WORKPLACE = re.compile(
    r"\s+(?P<club>(?:(?:dental|vet|general|primary|secondary|high|junior|infant|grammar|care|ambulance|fire|police|"
    r"railway|filling)\s+)?(?:"
    + "|".join(sorted(_WORKPLACES - {"paper"}))
    + r"|station|home|canteen))\b"
)
_ITS_CLUB = re.compile(
    r"\s+(?P<club>(?:[a-z]+\s+)?(?:choir|club|band|team|orchestra|society|league|office|"
    r"branch|party|union|guild))\b"
)
_WITH_KIND = word_set("workplaces_of_a_kind")
_WORKPLACE = re.compile(r"\s+the\s+(?P<name>(?:[a-z]+\s+)?[a-z']+)(?=\W|$)")
_NUMBERED = re.compile(r"\s+\d{1,3}(?!\d)")
"""Unit 4, Room 12: no place that is called so."""
_MOVED = frozenset({"lives_in", "moved_from"})
_LEFT = re.compile(r"\bfrom\s$")
_ME = re.compile(r"\s+(?:me|us)(?=\W|$)")
_OF_WORK = re.compile(
    r"\s+(?:team|office|branch|campus|department|site|group|division|desk|project|squad|plant|factory|"
    r"warehouse|lab|store|shop|account)s?\b",
    re.IGNORECASE,
)
"""What of a place, or of a company, somebody works in: it is no home."""
_OWNS = re.compile(r"\s[A-Z][\w-]*'s\b")
"""After the Leeds of "Leeds United's ground"."""
_PLAIN_WORD = re.compile(r"\s+(?:the\s+)?([^\W\d_]+(?:\s+[^\W\d_]+)?)")
_KIN = re.compile(
    r"\s+(?:(?:my|our|his|her)|[^\W\d_][\w-]*'s)\s+((?:[\w-]+\s+){0,2}?)([\w-]+),?(?=\s)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Filler:
    """An object: its words in the sentence, its entity's name (None: too general to be one)."""

    text: str
    name: str | None
    kind: str
    end: int
    type: str | None = None
    """Another relation than the rule's, when the object decides."""


@dataclass(frozen=True)
class NamedSlots:
    """Readers of slots that hold a name, over what is known about names."""

    names: NameRegistry
    me: str | None = None
    """Who speaks."""

    def _proper(self, rule: RelationRule, parse: Parse, at: int, subject: Subject) -> list[Filler]:
        for start, end, title in parse.quoted:
            if 0 <= start - at <= 1:
                return [Filler(f'"{title}"', title, "thing", end)]
        phrase = name_slot(parse, at) or shop_slot(parse, at)
        if phrase is None or self.names.is_person(phrase.name):
            return []
        if rule.time == "end" and phrase.name.lower() in FIRST_NAMES:
            return []  # "we dropped Anna"
        kind = self.names.kind(phrase.name)
        if rule.type == "works_at" and (kind == "place" or phrase.name.lower() in LANGUAGES):
            return []
        kind = "organization" if rule.type in {"founded", "owns", "works_at"} else kind
        return [self._named(parse, phrase, kind)]

    def _named(self, parse: Parse, phrase: Phrase, kind: str) -> Filler:
        before = parse.sentence.text[max(0, phrase.start - 4) : phrase.start].lower()
        the = "the " if before == "the " else ""
        return Filler(the + phrase.name, phrase.name, kind, phrase.end)

    def _place(  # noqa: PLR0911 - one return for each thing that is no place
        self, rule: RelationRule, parse: Parse, at: int, subject: Subject
    ) -> list[Filler]:
        sentence = parse.sentence
        if match := _HOME.match(sentence.text, at):
            at = match.end() - 1 if sentence.text[match.end() - 1] == " " else match.end()
        if rule.type == "lives_in" and (match := _DWELLING.match(sentence.text, at)):
            at = match.end()
        phrase = name_slot(parse, at)
        if phrase is None:
            return self._small_place(parse, at)
        kind = self.names.kind(phrase.name)
        low = phrase.name.lower()
        if rule.type in _MOVED and any(
            has_inner_capital(span.name) or span.name.lower() in SOFTWARE for span in parse.names
        ):
            return []
        if rule.type in _MOVED and any(
            self.names.kind(span.name) == "organization"
            and _LEFT.search(sentence.text, 0, span.start)
            for span in parse.names
        ):
            return []  # "moved from Acme to Alder"
        if _OF_WORK.match(sentence.text, phrase.end) or _NUMBERED.match(sentence.text, phrase.end):
            return []
        if rule.pattern.endswith("~left") and kind != "place":
            return []
        if kind in {"person", "animal"} or (low in LANGUAGES and low not in PLACES):
            return []
        if rule.type == "comes_from" and subject.name.lower() in _GOODS:
            return []  # what a firm sends, no native of it
        if rule.type == "comes_from" and (
            kind == "organization" or (phrase.name.isupper() and low not in PLACES)
        ):
            return []
        return [self._named(parse, phrase, "organization" if kind == "organization" else "place")]

    def _small_place(self, parse: Parse, at: int) -> list[Filler]:
        """A place in small letters: one that is well known, or any when all is in small letters."""
        match = _PLAIN_WORD.match(parse.sentence.text, at)
        if match is None:
            return []
        both = match.group(1).lower()
        for words in (both, both.split()[0]):
            end = match.start(1) + len(words)
            if words in PLACES and words != "nice" and not _OWNS.match(parse.sentence.text, end):
                return [Filler(words.title(), words.title(), "place", end)]
        first = both.split()[0]
        bad = first in NOT_PLACES or first in NOT_NAMES or len(first) < 4
        if not parse.sentence.small or bad or parse.date_at(match.start(1)):
            return []
        if closes(parse, match.start(1) + len(first)):
            return [Filler(first.title(), first.title(), "place", match.start(1) + len(first))]
        return []

    def _org(  # noqa: PLR0911 - one return for each kind of employer
        self, rule: RelationRule, parse: Parse, at: int, subject: Subject
    ) -> list[Filler]:
        phrase = name_slot(parse, at) or shop_slot(parse, at)
        if phrase is not None:
            kind = self.names.kind(phrase.name)
            # "I left Bob": only what is known to be one
            # "I left Meridian in May and founded …" speaks of a job; "I left Bob" does not
            founded = parse.sentence.lows & {"founded", "co-founded", "cofounded"}
            career = founded and rule.type == "works_at" and parse.date_at(phrase.end + 1)
            unknown = kind == "thing" and phrase.name.split()[0].lower() not in FIRST_NAMES
            left = rule.pattern.endswith("~left")
            sure = kind == "organization" or career or not left or unknown
            if (
                rule.type in _OF_WORKPLACES
                and kind != "person"
                and (work := _ITS_WORKPLACE.match(parse.sentence.text, phrase.end))
            ):
                name = f"{phrase.name} {work['club'].lower()}"
                return [Filler(f"the {name}", name, "organization", work.end())]
            of_club = kind == "place" or rule.type == "member_of"
            club = _ITS_CLUB.match(parse.sentence.text, phrase.end) if of_club else None
            if club and rule.time == "end" and _leaves_more(parse, club.end()):
                return []
            if club:
                name = f"{phrase.name} {club['club'].lower()}"
                return [Filler(f"the {name}", name, "organization", club.end())]
            if kind == "place" and rule.type in _OF_STUDENTS:
                return [self._named(parse, phrase, kind)]  # whose university is called as it is
            if rule.pattern.endswith("~joined") and phrase.name.lower() in FIRST_NAMES:
                sure = kind == "organization"  # "joined Anna in Rome"
            by = parse.sentence.text[:at].endswith(" by") and phrase.name.lower() in FIRST_NAMES
            if by or not sure or kind in {"person", "place"} or phrase.name.lower() in LANGUAGES:
                return []
            return [self._named(parse, phrase, "organization")]
        if rule.type in _OF_WORKPLACES and (place := _workplace(parse, at)) is not None:
            return [place]
        club = _CLUB.match(parse.sentence.text, at) if rule.type == "member_of" else None
        if club is not None and not (rule.time == "end" and _leaves_more(parse, club.end())):
            name = club["name"].lower()
            return [Filler(f"the {name}", name, "organization", club.end())]
        found = noun_phrases(parse, at, listed=False)
        if not found or found[0].mine:
            return []
        first = found[0]
        if first.determiner in {"a", "an"}:
            return [Filler(first.text, None, "organization", first.end)]
        return self._small_org(rule, parse, first)

    def _small_org(self, rule: RelationRule, parse: Parse, phrase: Phrase) -> list[Filler]:
        """ "i work at globex", in a sentence without any capital."""
        plain = not phrase.determiner and " " not in phrase.name and phrase.name not in NOT_NAMES
        if not parse.sentence.small or rule.type != "works_at" or not plain:
            return []
        if not closes(parse, phrase.end):
            return []
        name = phrase.name.title()
        return [Filler(name, name, "organization", phrase.end)]

    def _person(self, rule: RelationRule, parse: Parse, at: int, subject: Subject) -> list[Filler]:
        if self.me is not None and (match := _ME.match(parse.sentence.text, at)):
            return (
                [] if self.me == subject.name else [Filler(self.me, self.me, "person", match.end())]
            )
        found = object_names(parse, _past_kin(parse, at))
        if not found or any(not self.names.may_be_person(p.name) for p in found):
            return []
        return [
            Filler(name, name, "person", p.end)
            for p in found
            if (name := self.names.canonical_of(p.name)) != subject.name
        ]

    def _names(self, rule: RelationRule, parse: Parse, at: int, subject: Subject) -> list[Filler]:
        """All that is listed and has a name, people left out."""
        found = self._proper(rule, parse, at, subject)
        more = object_names(parse, at) if found else []
        rest = [p for p in more if p.start > found[0].end and not self.names.is_person(p.name)]
        return found + [self._named(parse, p, self.names.kind(p.name)) for p in rest]

    def _work(self, rule: RelationRule, parse: Parse, at: int, subject: Subject) -> list[Filler]:
        """What has a name, or one thing that everybody there knows: "the newsletter"."""
        if found := self._names(rule, parse, at, subject):
            return found
        match = common_name(parse.sentence.text, at, own=subject.speaker)
        if match is None or not closes(parse, match.end()):
            return []
        return [Filler(f"the {match['name']}", match["name"], "thing", match.end())]

    def _team(self, rule: RelationRule, parse: Parse, at: int, subject: Subject) -> list[Filler]:
        """ "The Payments team", "Team Birch", "the organising committee"."""
        match = ONES_TEAM.match(parse.sentence.text, at)
        if match is None or not closes(parse, match.end()):
            return []
        if rule.time == "end" and _leaves_more(parse, match.end()):
            return []
        name = match["before"] or match["after"]
        the = "" if match["before"] else "the "
        return [Filler(f"{the}{name}", name, "organization", match.end())]

    def _project(self, rule: RelationRule, parse: Parse, at: int, subject: Subject) -> list[Filler]:
        """ "Project Falcon", "the Falcon project"."""
        match = PROJECT.match(parse.sentence.text, at)
        if match is None:
            return []
        name = match["before"] or match["after"]
        if self.names.kind(name) == "person":
            return []
        return [Filler(match.group().strip(), name, "project", match.end())]

    def _led(self, rule: RelationRule, parse: Parse, at: int, subject: Subject) -> list[Filler]:
        """People, or a team or project that has a name."""
        phrase = named_thing(parse, at)
        whole = phrase is None or parse.sentence.text[phrase.end : phrase.end + 2].strip().islower()
        if whole and (team := TEAM.match(parse.sentence.text, at)):
            name = team["name"] if phrase else team["name"].lower()
            return [Filler(f"the {name}", name, "organization", team.end())]
        if phrase is None:
            return self._person(rule, parse, at, subject)
        after = parse.sentence.token_at(phrase.end)
        if after < len(parse.sentence.tokens) and not _goes_on(parse, after):
            return []
        if not phrase.whole or not self.names.may_be_person(phrase.name):
            kind = self.names.kind(phrase.name)
            return [Filler(f"the {phrase.name}", phrase.name, kind, phrase.end)]
        return [
            replace(one, kind=self.names.kind(one.text))
            for one in self._person(rule, parse, at, subject)
        ]

    def _company(self, rule: RelationRule, parse: Parse, at: int, subject: Subject) -> list[Filler]:
        phrase = named_thing(parse, at)
        if phrase is None or self.names.kind(phrase.name) in {"person", "animal", "place"}:
            return []
        return [self._named(parse, phrase, "organization")]

    def _employer(
        self, rule: RelationRule, parse: Parse, at: int, subject: Subject
    ) -> list[Filler]:
        """Only what is known to be a company."""
        phrase = name_slot(parse, at)
        if phrase is None or self.names.kind(phrase.name) != "organization":
            return []
        return [self._named(parse, phrase, "organization")]

    def _name(self, rule: RelationRule, parse: Parse, at: int, subject: Subject) -> list[Filler]:
        """Anybody or anything that has a name."""
        phrase = named_thing(parse, at)
        if phrase is None:
            return []
        name = self.names.canonical_of(phrase.name)
        return [Filler(name, name, self.names.kind(name), phrase.end)]


def _leaves_more(parse: Parse, end: int) -> bool:
    """ "Left the choir a note", "left the choir practice early": nobody left the choir."""
    return not closes(parse, end) or _MORE.match(parse.sentence.text, end) is not None


def _workplace(parse: Parse, at: int) -> Filler | None:
    """ "The council", "the print shop"."""
    match = _WORKPLACE.match(parse.sentence.text, at)
    words = match["name"].split() if match else []
    for size in range(len(words), 0, -1):
        name, last = " ".join(words[:size]).lower(), words[size - 1].lower()
        known = last in _WORKPLACES or (size > 1 and last in _WITH_KIND)
        end = match.start("name") + len(name) if match and len(name.split()) == size else at
        if known and closes(parse, end):
            return Filler(f"the {name}", name, "organization", end)
    return None


def _goes_on(parse: Parse, index: int) -> bool:
    """Whether a word begins something else: "leads Orion in Oslo", and not "leads Bible study"."""
    token = parse.sentence.tokens[index]
    return (
        bool(token.gap.strip())
        or token.low in NP_STOP | {"and", "or"}
        or bool(parse.date_at(token.start))
    )


_ASIDE = frozenset({"these", "nowadays", "btw", "lol", "atm", "tho", "though", "haha", "fyi"})


def closes(parse: Parse, end: int) -> bool:
    """Nothing after it belongs to the same phrase."""
    rest = parse.sentence.text[end:].lstrip()
    if not rest or not rest[0].isalnum():
        return True
    word = re.split(r"\W", rest, maxsplit=1)[0].lower()
    return (
        word in NOT_NAMES | _ASIDE
        or parse.date_at(len(parse.sentence.text) - len(rest)) is not None
    )


def _past_kin(parse: Parse, at: int) -> int:
    """In "met my friend Sam", where Sam begins."""
    if called := _SOMEBODY_CALLED.match(parse.sentence.text, at):
        return called.end()
    match = _KIN.match(parse.sentence.text, at)
    if match is None or match.group(2).lower() not in KIN:
        return at
    fits = all(word in KIN_MODIFIERS for word in match.group(1).lower().split())
    return match.end() if fits else at
