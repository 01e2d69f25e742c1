"""Reading a relation's object: which phrases fit a slot, and what kind of thing they are."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from graphmem.adapters.rules.names import Names
from graphmem.adapters.rules.phrases import (
    Phrase,
    Place,
    name_list,
    name_slot,
    named_thing,
    noun_phrases,
)
from graphmem.adapters.rules.relations import Rule
from graphmem.adapters.rules.subjects import Subject
from graphmem.adapters.rules.words import (
    INSTRUMENTS,
    KIN,
    KIN_MODIFIERS,
    LANGUAGES,
    NOT_NAMES,
    NOT_PLACES,
    NP_STOP,
    OCCUPATIONS,
    PETS,
    PETS_PLURAL,
    PLACES,
    POSSESSIONS,
    SPORTS,
    VAGUE_FIRST,
    word_set,
)

_LEAD = re.compile(r"\s+(?:the\s+)?", re.IGNORECASE)
_HOME = re.compile(r"\s+(?:my|our)\s+(?:home|native)\s*(?:country|town|city)[,\s]", re.IGNORECASE)
_PLAIN_WORD = re.compile(r"\s+(?:the\s+)?([^\W\d_]+(?:\s+[^\W\d_]+)?)")
_NAMED = re.compile(r"\s*,?\s+(?:named|called)\b|,\s+[A-Z]")
_TO_VERB = re.compile(r"to ([a-z]+)( .*)?$")
_DOUBLE = word_set(
    """
    run swim jog get sit cut put shop plan knit chat hit win begin dig hug
    """
)
_COUNTS = frozenset(["two", "three", "four", "five", "six"])


@dataclass(frozen=True, slots=True)
class Thing:
    """An object: its words in the sentence, its entity's name (None: too general to be one)."""

    text: str
    name: str | None
    kind: str
    end: int
    type: str | None = None
    """Another relation than the rule's, when the object decides."""


@dataclass(frozen=True)
class Slots:
    """Readers of all slots, over what is known about names."""

    names: Names

    def read(self, rule: Rule, place: Place, position: int, subject: Subject) -> list[Thing]:
        """The objects that stand at a position; empty when what stands there does not fit."""
        reader: Callable[[Rule, Place, int, Subject], list[Thing]] = getattr(self, f"_{rule.slot}")
        return reader(rule, place, position, subject)

    def _proper(self, rule: Rule, place: Place, at: int, subject: Subject) -> list[Thing]:
        for start, end, title in place.quoted:
            if 0 <= start - at <= 1:
                return [Thing(f'"{title}"', title, "thing", end)]
        phrase = name_slot(place, at)
        if phrase is None or self.names.is_person(phrase.name):
            return []
        kind = self.names.kind(phrase.name)
        if rule.type == "works_at" and (kind == "place" or phrase.name.lower() in LANGUAGES):
            return []
        kind = "organization" if rule.type in {"founded", "owns", "works_at"} else kind
        return [self._named(place, phrase, kind)]

    def _named(self, place: Place, phrase: Phrase, kind: str) -> Thing:
        before = place.sentence.text[max(0, phrase.start - 4) : phrase.start].lower()
        the = "the " if before == "the " else ""
        return Thing(the + phrase.name, phrase.name, kind, phrase.end)

    def _place(self, rule: Rule, place: Place, at: int, subject: Subject) -> list[Thing]:
        sentence = place.sentence
        if match := _HOME.match(sentence.text, at):
            at = match.end() - 1 if sentence.text[match.end() - 1] == " " else match.end()
        phrase = name_slot(place, at)
        if phrase is None:
            return self._small_place(place, at)
        kind = self.names.kind(phrase.name)
        low = phrase.name.lower()
        if rule.pattern.endswith("~left") and kind != "place":
            return []
        if kind in {"person", "animal"} or (low in LANGUAGES and low not in PLACES):
            return []
        if rule.type == "comes_from" and (
            kind == "organization" or (phrase.name.isupper() and low not in PLACES)
        ):
            return []
        return [self._named(place, phrase, "organization" if kind == "organization" else "place")]

    def _small_place(self, place: Place, at: int) -> list[Thing]:
        """A place in small letters: one that is well known, or any when all is in small letters."""
        match = _PLAIN_WORD.match(place.sentence.text, at)
        if match is None:
            return []
        both = match.group(1).lower()
        for words in (both, both.split()[0]):
            if words in PLACES and words != "nice":
                end = match.start(1) + len(words)
                return [Thing(words.title(), words.title(), "place", end)]
        first = both.split()[0]
        bad = first in NOT_PLACES or first in NOT_NAMES or len(first) < 4
        if not place.sentence.uncapped or bad or place.date_at(match.start(1)):
            return []
        if _closes(place, match.start(1) + len(first)):
            return [Thing(first.title(), first.title(), "place", match.start(1) + len(first))]
        return []

    def _org(self, rule: Rule, place: Place, at: int, subject: Subject) -> list[Thing]:
        phrase = name_slot(place, at)
        if phrase is not None:
            kind = self.names.kind(phrase.name)
            # "I left Bob": only what is known to be one
            # "I left Meridian in May and founded …" speaks of a job; "I left Bob" does not
            founded = place.sentence.lows & {"founded", "co-founded", "cofounded"}
            career = founded and rule.type == "works_at" and place.date_at(phrase.end + 1)
            sure = kind == "organization" or career or not rule.pattern.endswith("~left")
            if not sure or kind in {"person", "place"} or phrase.name.lower() in LANGUAGES:
                return []
            return [self._named(place, phrase, "organization")]
        found = noun_phrases(place, at, listed=False)
        if not found or found[0].mine:
            return []
        first = found[0]
        if first.determiner in {"a", "an"}:
            return [Thing(first.text, None, "organization", first.end)]
        return self._small_org(rule, place, first)

    def _small_org(self, rule: Rule, place: Place, phrase: Phrase) -> list[Thing]:
        """ "i work at globex", in a sentence without any capital."""
        plain = not phrase.determiner and " " not in phrase.name and phrase.name not in NOT_NAMES
        if not place.sentence.uncapped or rule.type != "works_at" or not plain:
            return []
        if not _closes(place, phrase.end):
            return []
        name = phrase.name.title()
        return [Thing(name, name, "organization", phrase.end)]

    def _person(self, rule: Rule, place: Place, at: int, subject: Subject) -> list[Thing]:
        found = name_list(place, _past_kin(place, at))
        if not found or any(not self.names.may_be_person(p.name) for p in found):
            return []
        return [
            Thing(name, name, "person", p.end)
            for p in found
            if (name := self.names.canonical_of(p.name)) != subject.name
        ]

    def _names(self, rule: Rule, place: Place, at: int, subject: Subject) -> list[Thing]:
        """All that is listed and has a name, people left out."""
        found = self._proper(rule, place, at, subject)
        more = name_list(place, at) if found else []
        rest = [p for p in more if p.start > found[0].end and not self.names.is_person(p.name)]
        return found + [self._named(place, p, self.names.kind(p.name)) for p in rest]

    def _led(self, rule: Rule, place: Place, at: int, subject: Subject) -> list[Thing]:
        """People, or a team or project that has a name."""
        phrase = named_thing(place, at)
        if phrase is None:
            return self._person(rule, place, at, subject)
        after = place.sentence.token_at(phrase.end)
        if after < len(place.sentence.tokens) and not _goes_on(place, after):
            return []
        if not phrase.whole or not self.names.may_be_person(phrase.name):
            kind = self.names.kind(phrase.name)
            return [Thing(f"the {phrase.name}", phrase.name, kind, phrase.end)]
        return [
            replace(one, kind=self.names.kind(one.text))
            for one in self._person(rule, place, at, subject)
        ]

    def _company(self, rule: Rule, place: Place, at: int, subject: Subject) -> list[Thing]:
        phrase = named_thing(place, at)
        if phrase is None or self.names.kind(phrase.name) in {"person", "animal", "place"}:
            return []
        return [self._named(place, phrase, "organization")]

    def _name(self, rule: Rule, place: Place, at: int, subject: Subject) -> list[Thing]:
        """Anybody or anything that has a name."""
        phrase = named_thing(place, at)
        if phrase is None:
            return []
        name = self.names.canonical_of(phrase.name)
        return [Thing(name, name, self.names.kind(name), phrase.end)]

    def _thing(self, rule: Rule, place: Place, at: int, subject: Subject) -> list[Thing]:
        return self._things(noun_phrases(place, at), subject)

    def _activity(self, rule: Rule, place: Place, at: int, subject: Subject) -> list[Thing]:
        found = [_gerund(phrase) for phrase in noun_phrases(place, at, gerund=True)]
        if any(phrase.name.split()[0] in VAGUE_FIRST for phrase in found):
            return []
        return self._things(found, subject)

    def _things(self, found: list[Phrase], subject: Subject) -> list[Thing]:
        made = []
        for phrase in found:
            if phrase.mine and not subject.speaker:
                return []
            if phrase.mine:
                rest = phrase.name
                made.append(Thing(f"their {rest}", f"{subject.name}'s {rest}", "thing", phrase.end))
            elif self.names.is_person(phrase.name) and phrase.name in (subject.name,):
                return []
            else:
                name = _theirs(phrase.name)
                kind = self.names.kind(name) if phrase.proper else "thing"
                made.append(Thing(_theirs(phrase.text), name, kind, phrase.end))
        return made

    def _title(self, rule: Rule, place: Place, at: int, subject: Subject) -> list[Thing]:
        found = noun_phrases(place, at, listed=False)
        if not found or not found[0].whole or found[0].mine:
            return []
        phrase = found[0]
        if self.names.kind(phrase.name) in {"person", "place"}:
            return []
        return [Thing(phrase.text, phrase.name, self.names.kind(phrase.name), phrase.end)]

    def _event(self, rule: Rule, place: Place, at: int, subject: Subject) -> list[Thing]:
        """Something with a name is an entity; "a museum" is only part of the sentence."""
        if name_slot(place, at) is not None:
            found = name_list(place, at)
            if any(self.names.is_person(p.name) for p in found) and "visited" not in rule.says:
                return []
            return [self._named(place, p, self.names.kind(p.name)) for p in found]
        phrases = noun_phrases(place, at, listed=False)
        if not phrases or not phrases[0].determiner or phrases[0].mine:
            return []
        phrase = phrases[0]
        kind = self.names.kind(phrase.name)
        kind = "event" if kind == "thing" else kind
        return [Thing(phrase.text, phrase.name if phrase.proper else None, kind, phrase.end)]

    def _role(self, rule: Rule, place: Place, at: int, subject: Subject) -> list[Thing]:
        found = noun_phrases(place, at, listed=False)
        if not found:
            return []
        phrase = found[0]
        head = phrase.name.lower().split()[-1]
        plainly = rule.pattern.startswith("~works? as") or " as" in rule.pattern
        if head not in OCCUPATIONS and not (plainly and phrase.determiner in {"a", "an"}):
            return []
        if phrase.determiner == "the" or phrase.mine or phrase.proper:
            return []
        return [Thing(phrase.text, phrase.name, "thing", phrase.end)]

    def _done(self, rule: Rule, place: Place, at: int, subject: Subject) -> list[Thing]:
        """What was done, told but not linked: "ran a charity race", "lost my job"."""
        found = noun_phrases(place, at, listed=False)
        if not found or not (found[0].determiner in {"a", "an"} or found[0].mine):
            return []
        if found[0].mine and not subject.speaker:
            return []
        said = f"their {found[0].name}" if found[0].mine else found[0].text
        return [Thing(said, None, "event", found[0].end)]

    def _going(self, rule: Rule, place: Place, at: int, subject: Subject) -> list[Thing]:
        """ "went hiking", "started volunteering at a shelter"."""
        found = noun_phrases(place, at, gerund=True, listed=False)
        if not found or not found[0].name.split()[0].endswith("ing") or found[0].determiner:
            return []
        return [Thing(_theirs(found[0].name), None, "event", found[0].end)]

    def _pet(self, rule: Rule, place: Place, at: int, subject: Subject) -> list[Thing]:
        made = []
        for phrase in noun_phrases(place, at):
            thing = self._one_pet(rule, place, phrase, subject)
            if thing is None:
                break
            made.append(thing)
        return made

    def _one_pet(self, rule: Rule, place: Place, phrase: Phrase, subject: Subject) -> Thing | None:
        if phrase.determiner == "the" or phrase.mine:
            return None
        parts = phrase.name.lower().split()
        head = parts[-1]
        one = phrase.determiner in {"a", "an"}
        if not one and parts[0] not in _COUNTS:
            return None
        pet = head in PETS or head in PETS_PLURAL
        if (not pet and head not in POSSESSIONS) or (rule.type == "adopted" and not pet):
            return None
        if _NAMED.match(place.sentence.text, phrase.end):
            return None
        noun = " ".join(parts[1:] if parts[0] in _COUNTS else parts)
        kind = "animal" if pet else "thing"
        return Thing(
            phrase.text,
            f"{subject.name}'s {noun}",
            kind,
            phrase.end,
            "has_pet" if pet else "owns",
        )

    def _owned(self, rule: Rule, place: Place, at: int, subject: Subject) -> list[Thing]:
        found = noun_phrases(place, at, listed=False)
        if not found or found[0].mine or not (found[0].determiner or found[0].proper):
            return []
        phrase = found[0]
        if _NAMED.match(place.sentence.text, phrase.end):
            return []
        if phrase.proper:
            whole = named_thing(place, at) or phrase
            return [Thing(phrase.text, whole.name, self.names.kind(whole.name), phrase.end)]
        name = f"{subject.name}'s {phrase.name}" if rule.type == "owns" else None
        return [Thing(phrase.text, name, "thing", phrase.end)]

    def _language(self, rule: Rule, place: Place, at: int, subject: Subject) -> list[Thing]:
        found = noun_phrases(place, at)
        if any(p.name.lower() not in LANGUAGES for p in found):
            return []
        return [Thing(p.name, p.name.title(), "thing", p.end) for p in found]

    def _game(self, rule: Rule, place: Place, at: int, subject: Subject) -> list[Thing]:
        """Instruments, sports, languages; for playing, anything with a proper name too."""
        if match := _LEAD.match(place.sentence.text, at):
            at = match.end() - 1
        made = []
        for phrase in noun_phrases(place, at):
            words = phrase.name.lower().split()
            fits = (
                words[-1] in (INSTRUMENTS if phrase.mine else INSTRUMENTS | SPORTS)
                and len(words) < 3
            )
            if rule.type == "learns":
                fits = fits or words[-1] in LANGUAGES
            elif phrase.whole and not any(w in LANGUAGES for w in words):
                fits = fits or self.names.kind(phrase.name) == "thing"
            if not fits:
                break
            if not phrase.proper and words[-1] in INSTRUMENTS:
                made.append(Thing(f"the {words[-1]}", words[-1], "thing", phrase.end))
            else:
                made.append(Thing(phrase.name, phrase.name, "thing", phrase.end))
        return made

    def _diet(self, rule: Rule, place: Place, at: int, subject: Subject) -> list[Thing]:
        match = re.compile(r"\s*(vegan|vegetarian|pescatarian)\b", re.IGNORECASE).match(
            place.sentence.text, at
        )
        if match is None or not _closes(place, match.end()):
            return []
        return [Thing(match.group(1).lower(), match.group(1).lower(), "thing", match.end())]

    def _date(self, rule: Rule, place: Place, at: int, subject: Subject) -> list[Thing]:
        """A date is part of the sentence and of ``valid_at``, never an entity."""
        when = place.date_at(at + 1)
        return [Thing("", None, "event", at)] if when is not None and when.at is not None else []


def _goes_on(place: Place, index: int) -> bool:
    """Whether a word begins something else: "leads Orion in Oslo", and not "leads Bible study"."""
    token = place.sentence.tokens[index]
    return (
        bool(token.gap.strip())
        or token.low in NP_STOP | {"and", "or"}
        or bool(place.date_at(token.start))
    )


def _closes(place: Place, end: int) -> bool:
    """Nothing after it belongs to the same phrase."""
    rest = place.sentence.text[end:].lstrip()
    if not rest or not rest[0].isalnum():
        return True
    word = re.split(r"\W", rest, maxsplit=1)[0].lower()
    return word in NOT_NAMES or place.date_at(len(place.sentence.text) - len(rest)) is not None


_KIN = re.compile(
    r"\s+(?:(?:my|our|his|her)|[^\W\d_][\w-]*'s)\s+((?:[\w-]+\s+){0,2}?)([\w-]+),?(?=\s)",
    re.IGNORECASE,
)


def _past_kin(place: Place, at: int) -> int:
    """In "met my friend Sam", where Sam begins."""
    match = _KIN.match(place.sentence.text, at)
    if match is None or match.group(2).lower() not in KIN:
        return at
    fits = all(word in KIN_MODIFIERS for word in match.group(1).lower().split())
    return match.end() if fits else at


def _theirs(text: str) -> str:
    """The speaker's "my" in the third person."""
    return re.sub(r"\b(?:my|our)\b", "their", text)


def _gerund(phrase: Phrase) -> Phrase:
    """ "to paint" as the activity "painting"."""
    match = _TO_VERB.match(phrase.name)
    if match is None:
        return phrase
    verb, rest = match.group(1), match.group(2) or ""
    if verb in _DOUBLE:
        verb += verb[-1]
    elif verb.endswith("ie"):
        verb = verb[:-2] + "y"
    elif verb.endswith("e") and not verb.endswith(("ee", "oe", "ye")) and verb != "be":
        verb = verb[:-1]
    name = f"{verb}ing{rest}"
    return Phrase(name, name, phrase.start, phrase.end, phrase.proper)
