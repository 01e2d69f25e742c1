"""Reading a relation's object: which phrases fit a slot, and what kind of thing they are."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from graphmem.extract.rules.common_names import common_name
from graphmem.extract.rules.name_slots import Filler, NamedSlots, closes
from graphmem.extract.rules.names import FIRST_NAMES, has_inner_capital
from graphmem.extract.rules.phrases import (
    Parse,
    Phrase,
    as_one_thing,
    is_inside,
    name_list,
    name_slot,
    named_thing,
    noun_phrases,
)
from graphmem.extract.rules.relation_rows import RelationRule
from graphmem.extract.rules.subjects import Subject
from graphmem.extract.rules.word_lists import (
    INSTRUMENTS,
    LANGUAGES,
    PETS,
    PETS_PLURAL,
    POSSESSIONS,
    SOFTWARE,
    SPORTS,
    VAGUE_FIRST,
    VAGUE_HEADS,
    is_occupation,
    is_post,
    word_set,
    word_table,
)
from graphmem.text import name_key

_LEAD = re.compile(r"\s+(?:the\s+)?", re.IGNORECASE)
_NAMED = re.compile(r"\s*,?\s+(?:named|called)\b|,\s+[A-Z]")
_PARTED = re.compile(r"\s+(?:my|our|his|her|their|the)\s+(?P<noun>[a-z-]+)(?=\W|$)", re.IGNORECASE)
_HAD = re.compile(r"\s+(?:an?|any)\s+(?P<noun>[a-z-]+)(?=\s+any\s?more\b|\s*(?:$|[.,;!)]))")
"""In "I don't have a dog any more": whichever it was."""
_WHOSE = re.compile(r"\s+(?:my|our|his|her|their)\s+(?:old\s+)?(?=[^\W\d_a-z])")
_DIETS = word_table("diets")
_DIET = re.compile(rf"\s*({'|'.join(_DIETS)})\b", re.IGNORECASE)
_GIVEN = re.compile(r"\s+(?:the|my|our|a|an|his|her|their|some|that|this)\s", re.IGNORECASE)
_FOR_THEM = re.compile(r"\s+(?:an?|the|some|his|her|and\s+[A-Z]\w*|two|another)\b")
_NOT_SOLD = frozenset({"person", "place"})
_TO_VERB = re.compile(r"to ([a-z]+)( .*)?$")
_PARTICIPLES = frozenset({"living", "working", "based", "studying", "starting"})
_DOUBLE = word_set("doubling_verbs")
_HEAD_OF = re.compile(
    r"\s*(?:the\s+)?(?P<post>(?i:(?:deputy\s+)?(?:head|director|captain)\s+of)\s+(?:the\s+|our\s+)?"
    r"(?!(?i:state|the|our|table|line|queue)\b)[A-Za-z]+(?:\s+and\s+[A-Za-z]+|\s+council)?)"
    r"(?=\s*(?:$|[.,;:!?()]|(?:at|from|now|as|since)\b))"
)
_MEDICINES, _ENDINGS_OF_MEDICINES = word_set("medicines"), word_set("endings_of_medicines")
_DRUG = re.compile(
    r"\s+(?:(?:my|his|her|the|some|daily|\d+\s?mg(?:\s+of)?)\s+)*"
    rf"(?P<name>[A-Za-z]{{2,}}(?:{'|'.join(sorted(_ENDINGS_OF_MEDICINES))})"
    rf"|{'|'.join(sorted(_MEDICINES))})(?=\W|$)",
    re.IGNORECASE,
)
_OF_A_POST = (" as ", " became ", " no longer ")
_CHAIR = frozenset({"chair", "co-chair", "vice-chair"})
"""A post, where nothing else is spoken of: not in "I'm a chair"."""
_DOING = re.compile(r"\w\s(?:an?|the|my|our)\s")
_CARS = word_set("vehicles") - word_set("no_cars")
_LESSONS = frozenset({"lesson", "lessons", "class", "classes", "practice"})
_MORE_NAMES = re.compile(r"(?<=[a-z]),\s+[A-Z][\w'-]+(?:,|\s+and\b)")
_COUNTS = frozenset(["two", "three", "four", "five", "six"])


_FOR_TODAY = re.compile(
    r"\s+(?:early|late|just\s+now|(?:at|around|about|before)\s+(?:(?:[1-9]|1[0-2])(?:[:.]\d\d)?\s?(?:[ap]m)?(?!\w)|"
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|half|noon|lunch|dawn|midnight"
    r"|breakfast|dinner|rush)\b)|(?:by|on)\s+(?:the\s+)?(?:train|bus|car|bike|foot|ferry|plane)\b)",
    re.IGNORECASE,
)
_THIS_DAY = re.compile(
    r"[^,;.]{0,20}?\s(?:this\s+(?:morning|afternoon|evening)|tonight|yesterday)\b"
)


def _ends_nothing(rule: RelationRule, parse: Parse, end: int) -> bool:
    """Whether somebody only went from there ("left Acme at six"), or the name is of something else
    ("left the Rotary dinner")."""
    text = parse.sentence.text
    today = rule.type == "lives_in" and _THIS_DAY.match(text, end)
    return bool(today or _FOR_TODAY.match(text, end)) or is_inside(parse, end)


@dataclass(frozen=True)
class Slots(NamedSlots):
    """Readers of all slots, over what is known about names."""

    def read(
        self, rule: RelationRule, parse: Parse, position: int, subject: Subject
    ) -> list[Filler]:
        """The objects that stand at a position; empty when what stands there does not fit."""
        reader: Callable[..., list[Filler]] = getattr(self, f"_{rule.slot}")
        found = reader(rule, parse, position, subject)
        if rule.time == "end" and any(_ends_nothing(rule, parse, thing.end) for thing in found):
            return []
        return found

    def _thing(self, rule: RelationRule, parse: Parse, at: int, subject: Subject) -> list[Filler]:
        return self._things(parse, noun_phrases(parse, at), subject)

    def _activity(
        self, rule: RelationRule, parse: Parse, at: int, subject: Subject
    ) -> list[Filler]:
        found = [_gerund(phrase) for phrase in noun_phrases(parse, at, gerund=True)]
        if any(_says_little(phrase.name.split()) for phrase in found):
            return []
        return self._things(parse, found, subject)

    def _things(self, parse: Parse, found: list[Phrase], subject: Subject) -> list[Filler]:
        made = []
        for phrase in as_one_thing(parse, found):
            if phrase.mine and not subject.speaker:
                return []
            if phrase.mine:
                rest = phrase.name
                made.append(
                    Filler(f"their {rest}", f"{subject.name}'s {rest}", "thing", phrase.end)
                )
            elif self.names.is_person(phrase.name) and phrase.name in (subject.name,):
                return []
            else:
                name = _theirs(phrase.name)
                kind = self.names.kind(name) if phrase.proper else "thing"
                made.append(Filler(_theirs(phrase.text), name, kind, phrase.end))
        return made

    def _title(self, rule: RelationRule, parse: Parse, at: int, subject: Subject) -> list[Filler]:
        found = noun_phrases(parse, at, listed=False)
        if not found or not found[0].whole or found[0].mine:
            return []
        phrase = found[0]
        if self.names.kind(phrase.name) in {"person", "place"}:
            return []
        first = phrase.text.lower().split()[0]
        if parse.sentence.text[:at].endswith(" saw") and first in FIRST_NAMES:
            return []  # "I saw Bob"
        return [Filler(phrase.text, phrase.name, self.names.kind(phrase.name), phrase.end)]

    def _event(self, rule: RelationRule, parse: Parse, at: int, subject: Subject) -> list[Filler]:
        """Something with a name is an entity; "a museum" is only part of the sentence."""
        if name_slot(parse, at) is not None:
            found = name_list(parse, at)
            living = (
                self.names.is_living(name_key(p.name)) or self.names.is_somebody(p.name)
                for p in found
            )
            if any(living) and "visited" not in rule.says:
                return []
            return [self._named(parse, p, self.names.kind(p.name)) for p in found]
        phrases = noun_phrases(parse, at, listed=False)
        if not phrases or not phrases[0].determiner or phrases[0].mine:
            return []
        phrase = phrases[0]
        kind = self.names.kind(phrase.name)
        kind = "event" if kind == "thing" else kind
        return [Filler(phrase.text, phrase.name if phrase.proper else None, kind, phrase.end)]

    def _role(self, rule: RelationRule, parse: Parse, at: int, subject: Subject) -> list[Filler]:
        if of := _HEAD_OF.match(parse.sentence.text, at):
            return [Filler(of["post"], of["post"], "thing", of.end())]
        found = noun_phrases(parse, at, listed=False)
        if not found:
            return []
        phrase = _without_participle(found[0])
        if _DOING.search(phrase.name):
            return []  # "using a drip coffee maker"
        head = phrase.name.lower().split()[-1]
        plainly = rule.pattern.endswith("as") or " as" in rule.pattern
        sure = any(words in rule.says for words in _OF_A_POST)
        post = is_occupation(head) or is_post(phrase.name.lower()) or (sure and head in _CHAIR)
        if not post and not (plainly and phrase.determiner in {"a", "an"}):
            return []
        named = phrase.proper and not _is_title(phrase.name, head, sure=sure)
        if phrase.determiner == "the" or phrase.mine or named:
            return []
        return [Filler(phrase.text, phrase.name, "thing", phrase.end)]

    def _done(self, rule: RelationRule, parse: Parse, at: int, subject: Subject) -> list[Filler]:
        """What was done, told but not linked: "ran a charity race", "lost my job"."""
        found = noun_phrases(parse, at, listed=False)
        if not found or not (found[0].determiner in {"a", "an"} or found[0].mine):
            return []
        if found[0].mine and not subject.speaker:
            return []
        wording = f"their {found[0].name}" if found[0].mine else found[0].text
        return [Filler(wording, None, "event", found[0].end)]

    def _going(self, rule: RelationRule, parse: Parse, at: int, subject: Subject) -> list[Filler]:
        """ "went hiking", "started volunteering at a shelter"."""
        found = noun_phrases(parse, at, gerund=True, listed=False)
        if not found or not found[0].name.split()[0].endswith("ing") or found[0].determiner:
            return []
        if _MORE_NAMES.match(parse.sentence.text, found[0].end):
            return []  # "introducing Max, Daisy and Ned": not Max alone
        return [Filler(_theirs(found[0].name), None, "event", found[0].end)]

    def _pet(self, rule: RelationRule, parse: Parse, at: int, subject: Subject) -> list[Filler]:
        made = []
        for phrase in noun_phrases(parse, at):
            thing = self._one_pet(rule, parse, phrase, subject)
            if thing is None:
                break
            made.append(thing)
        return made

    def _one_pet(
        self, rule: RelationRule, parse: Parse, phrase: Phrase, subject: Subject
    ) -> Filler | None:
        parts = phrase.name.lower().split()
        if phrase.determiner == "the" or phrase.mine or parts[0] == "hot":
            return None  # "I have a hot dog"
        head = parts[-1]
        one = phrase.determiner in {"a", "an"}
        if not one and parts[0] not in _COUNTS:
            return None
        pet = head in PETS or head in PETS_PLURAL
        if (not pet and head not in POSSESSIONS) or (rule.type == "adopted" and not pet):
            return None
        if _NAMED.match(parse.sentence.text, phrase.end):
            return None
        noun = " ".join(parts[1:] if parts[0] in _COUNTS else parts)
        kind = "animal" if pet else "thing"
        return Filler(
            phrase.text,
            f"{subject.name}'s {noun}",
            kind,
            phrase.end,
            "has_pet" if pet else "owns",
        )

    def _owned(self, rule: RelationRule, parse: Parse, at: int, subject: Subject) -> list[Filler]:
        found = noun_phrases(parse, at, listed=False)
        known = common_name(parse.sentence.text, at) if rule.type == "owns" and not found else None
        if known is not None and closes(parse, known.end()):
            return [Filler(f"the {known['name']}", known["name"], "thing", known.end())]
        if not found or found[0].mine or not (found[0].determiner or found[0].proper):
            return []
        phrase = found[0]
        if _NAMED.match(parse.sentence.text, phrase.end):
            return []
        if phrase.proper:
            whole = named_thing(parse, at) or phrase
            if whole.name.lower() in FIRST_NAMES and (
                _FOR_THEM.match(parse.sentence.text, whole.end) or is_inside(parse, whole.end)
            ):
                return []  # "I bought Tom a bike"
            kind = self.names.kind(whole.name)
            kind = "car" if not _CARS.isdisjoint(whole.name.lower().split()) else kind
            return [Filler(phrase.text, whole.name, kind, phrase.end)]
        name = f"{subject.name}'s {phrase.name}" if rule.type == "owns" else None
        return [Filler(phrase.text, name, "thing", phrase.end)]

    def _parted(self, rule: RelationRule, parse: Parse, at: int, subject: Subject) -> list[Filler]:
        """What is had no more: "the Fiesta", "my car"."""
        found = noun_phrases(parse, at, listed=False)
        whose = _WHOSE.match(parse.sentence.text, at)
        whole = named_thing(parse, whose.end() - 1 if whose else at)
        given = whole is not None and _GIVEN.match(parse.sentence.text, whole.end)
        if whole is not None and not given and self.names.kind(whole.name) not in _NOT_SOLD:
            return [Filler(f"the {whole.name}", whole.name, self.names.kind(whole.name), whole.end)]
        words = _PARTED.match(parse.sentence.text, at)
        if words is None and " no longer has " in rule.says:
            words = _HAD.match(parse.sentence.text, at)
        if whole is not None or words is None:
            return []
        noun = found[0].name if found else words["noun"]
        if not noun or noun.lower().split()[-1] not in POSSESSIONS | PETS:
            return []
        return [Filler(f"their {noun}", f"{subject.name}'s {noun}", "thing", at + 1 + len(noun))]

    def _language(
        self, rule: RelationRule, parse: Parse, at: int, subject: Subject
    ) -> list[Filler]:
        found = noun_phrases(parse, at)
        if any(p.name.lower() not in LANGUAGES for p in found):
            return []
        return [Filler(p.name, p.name.title(), "thing", p.end) for p in found]

    def _game(self, rule: RelationRule, parse: Parse, at: int, subject: Subject) -> list[Filler]:
        """Instruments, sports, languages; for playing, anything with a proper name too."""
        if match := _LEAD.match(parse.sentence.text, at):
            at = match.end() - 1
        made = []
        for phrase in map(_without_lessons, noun_phrases(parse, at)):
            words = phrase.name.lower().split()
            fits = (
                words[-1] in (INSTRUMENTS if phrase.mine else INSTRUMENTS | SPORTS)
                and len(words) < 3
            )
            if rule.type == "learns":
                fits = fits or words[-1] in LANGUAGES
            elif phrase.whole and not any(w in LANGUAGES for w in words):
                somebody = rule.time == "end" and phrase.name.lower() in FIRST_NAMES
                fits = fits or (self.names.kind(phrase.name) == "thing" and not somebody)
            if not fits:
                break
            if not phrase.proper and words[-1] in INSTRUMENTS:
                made.append(Filler(f"the {words[-1]}", words[-1], "thing", phrase.end))
            else:
                made.append(Filler(phrase.name, phrase.name, "thing", phrase.end))
        return made

    def _lessons(self, rule: RelationRule, parse: Parse, at: int, subject: Subject) -> list[Filler]:
        found = noun_phrases(parse, at, listed=False)
        lessons = found and found[0].name.lower().split()[-1] in _LESSONS
        return self._game(rule, parse, at, subject) if lessons else []

    def _diet(self, rule: RelationRule, parse: Parse, at: int, subject: Subject) -> list[Filler]:
        match = _DIET.match(parse.sentence.text, at)
        if match is None or not closes(parse, match.end()):
            return []
        diet = _DIETS[match.group(1).lower()]
        return [Filler(diet, diet, "thing", match.end())]

    def _drug(self, rule: RelationRule, parse: Parse, at: int, subject: Subject) -> list[Filler]:
        """A medicine by its name: "metformin", "penicillin"."""
        match = _DRUG.match(parse.sentence.text, at)
        if match is None or not closes(parse, match.end()):
            return []
        return [Filler(match["name"], match["name"], "thing", match.end())]

    def _smoking(self, rule: RelationRule, parse: Parse, at: int, subject: Subject) -> list[Filler]:
        """The verb has said what it is."""
        return [Filler("", "smoking", "thing", at)]

    def _all(self, rule: RelationRule, parse: Parse, at: int, subject: Subject) -> list[Filler]:
        """Nothing: an end of all of that type."""
        return [Filler("", None, "thing", at)]

    def _software(
        self, rule: RelationRule, parse: Parse, at: int, subject: Subject
    ) -> list[Filler]:
        """A program or a service, by its name or its spelling: "Slack", "GitLab"."""
        found = self._names(rule, parse, at, subject)
        names = [thing.name for thing in found if thing.name is not None]
        known = all(name.lower() in SOFTWARE or has_inner_capital(name) for name in names)
        return found if known else []

    def _date(self, rule: RelationRule, parse: Parse, at: int, subject: Subject) -> list[Filler]:
        """A date is part of the sentence and of ``valid_at``, never an entity."""
        when = parse.date_at(at + 1)
        return [Filler("", None, "event", at)] if when is not None and when.at is not None else []


def _is_title(name: str, head: str, *, sure: bool) -> bool:
    """Whether a name is what somebody is: a GP, a QA lead, and the Senior Nurse that one became."""
    *before, last = name.split()
    short = name.isupper() or (last.islower() and "".join(before).isupper())
    return short or (sure and is_occupation(head))


def _without_participle(phrase: Phrase) -> Phrase:
    """ "A translator living" in Turin is a translator."""
    *role, last = phrase.name.split()
    if not role or last not in _PARTICIPLES or not is_occupation(role[-1].lower()):
        return phrase
    cut = len(last) + 1
    return replace(phrase, text=phrase.text[:-cut], name=phrase.name[:-cut], end=phrase.end - cut)


def _without_lessons(phrase: Phrase) -> Phrase:
    """The Spanish of "Spanish lessons"."""
    name, _, last = phrase.name.rpartition(" ")
    if not name or last.lower() not in _LESSONS:
        return phrase
    return replace(phrase, name=name, text=name, whole=False)


def _says_little(words: list[str]) -> bool:
    """ "The idea of asking Jen", "the sound of option 1": neither Jen nor the option is liked."""
    return words[0] in VAGUE_FIRST or (words[0] in VAGUE_HEADS and words[1:2] == ["of"])


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
