"""Family, friends and pets that are named: "my sister Zoe", "Zoe is my sister", "my dog Rex"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import takewhile

from graphmem.clock import Date
from graphmem.extract.rules.names import FIRST_NAMES
from graphmem.extract.rules.phrases import Parse, Phrase, name_list
from graphmem.extract.rules.subjects import TurnContext
from graphmem.extract.rules.tokenizer import Sentence
from graphmem.extract.rules.tokens import NameSpan, WordToken
from graphmem.extract.rules.whose import follows_at_once, owner_of
from graphmem.extract.rules.word_lists import (
    FAVOURITE,
    FEMALE_KIN,
    KIN,
    KIN_MODIFIERS,
    KIN_PLURAL,
    MALE_KIN,
    NEGATIONS,
    PETS,
    PETS_PLURAL,
    SENTENCE_BLOCKERS,
    word_set,
)
from graphmem.model import valid_from
from graphmem.ports.llm import CandidateFact

KIN_WORDS = PETS.union(PETS_PLURAL, KIN, KIN_PLURAL)
"""Without one of these a sentence names no relative and no pet."""
_IS_NAMED = re.compile(
    r"(?:(?:\s+there)?(?:'s\s+name\s+is|'s\s+names\s+are|s'\s+names\s+are|\s+is\s+(?:called|named)|\s+are\s+(?:called|named)|"
    r"\s*,?\s+named|\s*,?\s+called|\s+is\s+now\b|\s+is\b|\s+are\b)|,|:|\s+\(|\s+-)?(?=\s|[A-Z]|\()",
    re.IGNORECASE,
)
_DOUBTFUL = SENTENCE_BLOCKERS | NEGATIONS
_STILL = word_set("still_words")
_AS_OF = re.compile(r"\b(?:as\s+(?:of|from)|from|starting)\s*(?:the\s+)?$", re.IGNORECASE)
_SINCE, _SINCE_THEN = frozenset({"since", "from"}), frozenset({"", "as of", "as from"})
_NAMED = re.compile(r"(?:\s+(?:is|are|called|named|now|as|of|[^\W\d_a-z][\w.'-]*))*[\s,.!)]*")
"""All that stands behind "my boss", but for the time: "is Petra" and the like."""
_NO_LONGER = frozenset({"no", "longer"})
_LEFT = re.compile(
    r"\b(?:has\s+|'s\s+|just\s+|have\s+)*(?:(?:left|leaving|quit)(?=\s*(?:$|[,.;!]|the\s+(?:company|firm|team|business|job|place)|us\b|"
    r"last\b|this\b|on\s|yesterday|today))|resigned|retired|(?:got|was|been)\s+(?:fired|sacked|laid\s+off)|moved\s+(?:on|out))\b",
    re.IGNORECASE,
)
_ALSO_ADJECTIVES = frozenset({"eldest", "oldest", "youngest"})
_FOR_A_WHILE = word_set("kin_for_a_while")
"""What somebody was, they need not be any more."""
_AFTER_KIN = word_set("after_kin")
# Kin that not everybody has.
_NOT_EVERYBODY_HAS = word_set("kin_not_everybody_has")
_BEHIND = frozenset({"in", "from", "at", "near", "to"})
_ADDRESSED = frozenset(
    {*KIN, "masi", "bhai", "bro", "guys", "all", "everyone", "folks", "lads", "dear", "lol", "haha"}
)
"""To whom or how it is said, at the end: "Zoe is my sister mum"."""
_PERSON_VERBS = word_set("person_verbs")
_ONE_AT_A_TIME = frozenset({"doctor_of", "therapist_of", "landlord_of", "coaches", "partner_of"})
"""Of which somebody has one of each kind: a new dentist takes the place of the old."""
_IS_NOW = re.compile(
    r"(?:'s|\s+is)\s+(?:now\s+[^\W\d_a-z]|(?:[^\W\d_a-z][\w.'-]*\s+){1,3}now(?=\s*(?:$|[.,;!)])))"
)
"""In "my partner is Tom now" somebody else was it before."""
_WHOSE = frozenset({"my", "our", "his", "her", "your"})
_SERVICES = frozenset({"doctor_of", "therapist_of", "teaches", "coaches", "manages"})
_PET_MODIFIERS = word_set("pet_modifiers")
_OF_ALL = re.compile(r"\s+(?:are\s+(?:our|the)\s+future|deserve|have\s+a\s+right)\b", re.IGNORECASE)
"""What is said of everybody's children: "our kids are our future"."""
_WED = re.compile(
    r"\s+and\s+(?:I|me)\b.*\b(?:married|hitched|eloped|tied\s+the\s+knot"
    r"|(?:had|held|celebrated)\s(?:(?!at\b|in\b|about\b|to\b)[\w-]+\s){1,6}wedding(?!\s+(?:anniversary|to\b)))",
    re.IGNORECASE,
)
"""What a girlfriend is no more with it: "my girlfriend and I got married"."""
_UNTIL_WED = frozenset(["girlfriend", "boyfriend", "fiancé", "fiance", "fiancée", "fiancee"])


def relatives(parse: Parse, context: TurnContext) -> Iterator[CandidateFact]:
    """Facts about people and pets that a sentence names by what they are to someone."""
    sentence = parse.sentence
    for index, token in enumerate(sentence.tokens):
        word = KIN_PLURAL.get(token.low, token.low)
        pet = PETS_PLURAL.get(token.low, token.low)
        found: Iterable[CandidateFact] = ()
        if word in KIN and not sentence.quoted(token.start):
            found = _kin(parse, context, index, word, plural=token.low in KIN_PLURAL)
        elif pet in PETS:
            found = _pet(parse, context, index, pet)
        for fact in found:
            since = None if fact.type is None or fact.retracts else _since(parse, token)
            yield replace(fact, **valid_from(since)) if since is not None else fact


def _since(parse: Parse, kin: WordToken) -> Date | None:
    """From when "my boss is Petra since October" holds: the time opens or closes what is said."""
    text = parse.sentence.text
    for when in parse.dates:
        before, after = text[: when.start], text[when.end :]
        begun = when.lead in _SINCE or when.lasting or _AS_OF.search(before)
        behind = when.start >= kin.end
        opens = before.strip(" ,").lower() in _SINCE_THEN
        if begun and not when.future and (opens or behind):
            rest = text[kin.end : when.start] + after if behind else text[kin.end :]
            if _NAMED.fullmatch(rest):
                return when.date
    return None


def _kin(
    parse: Parse, context: TurnContext, index: int, word: str, *, plural: bool
) -> Iterator[CandidateFact]:
    owner = owner_of(parse, context, index, KIN_MODIFIERS)
    if owner is None:
        _note_gender(parse, context, index, word)
        return
    names = context.people.names
    found = _persons(parse, context, index, owner, plural=plural)
    if not found:
        yield from _unnamed(parse, context, index, owner)
    if _former(parse, index, word) or (word in _FOR_A_WHILE and _only_ahead(parse, index)):
        return
    lately = parse.sentence.tokens[max(0, index - 6) : index]
    over = _NO_LONGER.issubset(token.low for token in lately)
    over = over or (word in _FOR_A_WHILE and _left(parse.sentence.text, index, parse))
    for found_name in found:
        type_, weight = KIN[word]
        firm = names.kind(found_name) == "organization"
        name = names.register(names.canonical_of(found_name), None if firm else "person")
        context.people.name_kin(owner, word, name)
        label = _label(parse, index, word)
        sentence_text = f"{name} is {'no longer ' if over else ''}{owner}'s {label}"
        yield CandidateFact(
            sentence_text, name, type_, owner, (name, owner), importance=weight, retracts=over
        )


def _note_gender(parse: Parse, context: TurnContext, index: int, word: str) -> None:
    """That Jean is a "she" in "his wife Jean", whoever "his" is."""
    whose = parse.sentence.tokens[max(0, index - 3) : index]
    if any(t.low in {"his", "her", "their"} for t in whose) and word in FEMALE_KIN | MALE_KIN:
        for name in _persons(parse, context, index, "", plural=False):
            gender = "she" if word in FEMALE_KIN else "he"
            context.people.gender.setdefault(context.people.names.canonical_of(name), gender)


def _only_ahead(parse: Parse, index: int) -> bool:
    """Whether it is to be so from a day to come: "Ada is my boss as of next Monday"."""
    after = (d for d in parse.dates if d.future and d.start > parse.sentence.tokens[index].end)
    text = parse.sentence.text
    return any(d.lead == "from" or _AS_OF.search(text, 0, d.start) for d in after)


def _left(text: str, index: int, parse: Parse) -> bool:
    """Whether it is said right after the name: "my boss Anna left the company"."""
    start = parse.sentence.tokens[index].end
    span = next((s for s in parse.names if s.start >= start), None)
    if span is None or span.start > start + 3:
        return False
    return _LEFT.search(re.split(r"[,;:]", text[span.end :].lstrip(", "))[0]) is not None


def _former(parse: Parse, index: int, word: str) -> bool:
    """ "My old boss" is the one of before, an old friend is still one; a favourite doctor is liked,
    and may treat nobody."""
    tokens = parse.sentence.tokens
    before = (tokens[at].low for at in range(index - 1, max(-1, index - 4), -1))
    words_before = set(takewhile(KIN_MODIFIERS.__contains__, before))
    liked = KIN[word][0] in _SERVICES and not words_before.isdisjoint(FAVOURITE)
    return liked or "former" in words_before or ("old" in words_before and word in _FOR_A_WHILE)


def _unnamed(parse: Parse, context: TurnContext, index: int, owner: str) -> Iterator[CandidateFact]:
    """ "My husband", whoever he is: worth a sentence, but no entity."""
    token = parse.sentence.tokens[index]
    word = token.low
    mine = index > 0 and parse.sentence.tokens[index - 1].low in {"my", "our"}
    if not mine or parse.sentence.question or parse.sentence.lows & _DOUBTFUL:
        return
    if word not in _NOT_EVERYBODY_HAS or context.people.kin.get(
        (owner, KIN_PLURAL.get(word, word))
    ):
        return
    after = parse.sentence.text[token.end :]
    ours = word in KIN_PLURAL and parse.sentence.tokens[index - 1].low == "our"
    if (ours and _OF_ALL.match(after)) or (word in _UNTIL_WED and _WED.match(after)):
        return
    article = "" if word in KIN_PLURAL else "a "
    yield CandidateFact(f"{owner} has {article}{word}", entities=(owner,), importance=0.4)


def _label(parse: Parse, index: int, word: str) -> str:
    before = parse.sentence.tokens[index - 1].low if index else ""
    if word == "friend":
        return f"best {word}" if before == "best" else word
    doubtful = parse.sentence.question or parse.sentence.lows & _DOUBTFUL
    if KIN[word][0] not in _ONE_AT_A_TIME or doubtful:
        return word
    token = parse.sentence.tokens[index]
    end = token.name_end
    return f"new {word}" if before == "new" or _IS_NOW.match(parse.sentence.text, end) else word


def _persons(
    parse: Parse, context: TurnContext, index: int, owner: str, *, plural: bool
) -> list[str]:
    names, sentence = context.people.names, parse.sentence
    token = sentence.tokens[index]
    found = [
        p.name
        for p in _after(parse, token, plural=plural, speakers=context.people.speakers)
        # A landlord may be a firm.
        if names.may_be_person(p.name)
        or (token.low == "landlord" and names.kind(p.name) == "organization")
    ]
    if not found and not plural:
        span = _before(parse, context, index)
        if span is not None and names.may_be_person(span.name):
            found = [span.name]
    return [name for name in found if names.canonical_of(name) != owner]


def _after(
    parse: Parse, token: WordToken, *, plural: bool, speakers: frozenset[str]
) -> list[Phrase]:
    """The name or names that follow a kin or pet word."""
    text = parse.sentence.text
    end = token.name_end
    match = _IS_NAMED.match(text, end)
    if match is None:
        return []
    how = match.group().strip()
    at = match.end() + (1 if text[match.end() : match.end() + 1] == " " else 0)
    found = name_list(parse, at, owning=True)
    # "my oldest Tom Waits record"
    if not found or found[0].start > at + 1 or (how == "" and token.low in _ALSO_ADJECTIVES):
        return []
    if how == "," and not _set_off(parse, found[0], speakers):
        return []
    # "is my partner Tom?"
    asked = how == "" and parse.sentence.question and parse.sentence.tokens[0].low in {"is", "was"}
    asked = asked and not text[found[0].end :].strip(" ?!")
    owns = text[found[0].end - 2 : found[0].end] == "'s"
    # "my sister is Bob's wife"
    owned = how not in {"", ","} and owns and text[found[0].end :].strip(" .,;!?")
    doing = how in {"is", "are"} and any(p.name.lower().endswith(("ing", "ed")) for p in found)
    if asked or owned or doing:
        return []
    if how == "" and owns and not plural:
        return found[:1]
    return found if plural else found[:1]


def _set_off(parse: Parse, phrase: Phrase, speakers: frozenset[str]) -> bool:
    """ ", Zoe," names her; ", Zoe!" or a speaker's name speaks to her."""
    rest = parse.sentence.text[phrase.end :].lstrip(" ")
    closed = (
        rest[:1] == ","
        or rest.startswith("and ")
        or (not rest and "my " not in parse.sentence.text)
    )
    return closed and phrase.name not in speakers


def _before(parse: Parse, context: TurnContext, index: int) -> NameSpan | None:
    """ "Zoe is my sister", "Zoe, my sister, …"."""
    tokens = parse.sentence.tokens
    at = index
    while at > 0 and index - at < 5 and tokens[at].low not in _WHOSE and not tokens[at].owns:
        at -= 1
    owner = next((s for s in parse.names if s.owns and s.first <= at <= s.last), None)
    at = owner.first if owner else at
    if at == 0:
        return None
    span = None
    while at > 1 and tokens[at - 1].low in _STILL | _NO_LONGER and follows_at_once(tokens[at - 1]):
        at -= 1
    verb = tokens[at - 1]
    has_been = verb.low == "been" and at >= 3 and tokens[at - 2].low in {"has", "have"}
    being = {"is", "became"} if tokens[index].low in _FOR_A_WHILE else {"is", "was", "became"}
    at_once = at >= 2 and follows_at_once(verb) and follows_at_once(tokens[at])
    if (has_been or verb.low in being) and at_once:
        span = _ending(parse, at - 2 - has_been)  # "Petra has been my boss"
    elif _right_after(parse, at, index) or (
        tokens[at].gap.strip() == "," and _ends_phrase(parse, index)
    ):
        span = _ending(parse, at - 1)
        if (
            span is not None
            and owner is None
            and context.people.names.canonical_of(span.name) in context.people.speakers
        ):
            return None
    if span is None or span.owns:
        return None
    called = context.people.speakers and tokens[at].low == "your" and parse.name_at(index + 1)
    if not (_ends_phrase(parse, index) or called or _right_after(parse, at, index)):
        return None
    if stands_for_place(parse, context, span):
        return None
    # "Ada, Bob is my brother" is about Bob alone, "the dog of Bob is …" about neither
    joined = span.first > 0 and tokens[span.first - 1].low in {"of", "with", "and", "like"}
    return None if joined else span


def stands_for_place(
    parse: Parse, context: TurnContext, span: NameSpan, behind: frozenset[str] = _BEHIND
) -> bool:
    """Whether a name of which nothing is known stands behind "in": "I'm writing from Usk, my
    landlord there …" names where, and not who."""
    names = context.people.names
    known = names.is_person(span.name) or span.name.lower().split()[0] in FIRST_NAMES
    before = parse.sentence.tokens[span.first - 1].low if span.first else ""
    return not known and before in behind


def _right_after(parse: Parse, at: int, index: int) -> bool:
    """ "Linda my manager has a car": the name right before "my", and a verb after the kin word."""
    tokens = parse.sentence.tokens
    if tokens[at].low != "my" or tokens[at].gap != " " or index + 1 >= len(tokens):
        return False
    span = _ending(parse, at - 1)
    return span is not None and span.first == 0 and tokens[index + 1].low in _PERSON_VERBS


def _ending(parse: Parse, last: int) -> NameSpan | None:
    return next((s for s in parse.names if s.last == last), None)


def _ends_phrase(parse: Parse, index: int) -> bool:
    """The kin word is the whole phrase: not "my sister's dog", not "my friend group"."""
    tokens = parse.sentence.tokens
    if tokens[index].owns:
        return False
    if index + 1 >= len(tokens):
        return True
    after = tokens[index + 1]
    ends = index + 2 == len(tokens) or tokens[index + 2].gap.strip()
    addressed = after.low in _ADDRESSED and bool(ends)
    return bool(after.gap.strip()) or after.low in _AFTER_KIN or addressed


def _pet(parse: Parse, context: TurnContext, index: int, pet: str) -> Iterator[CandidateFact]:
    owner = owner_of(parse, context, index, _PET_MODIFIERS | PETS)
    names = context.people.names
    token = parse.sentence.tokens[index]
    near = {before.low for before in parse.sentence.tokens[max(0, index - 3) : index]}
    if owner is None or "met" in near:
        return
    plural = token.low in PETS_PLURAL
    found = [p.name for p in _after(parse, token, plural=plural, speakers=context.people.speakers)]
    if not found and not plural and (span := _before(parse, context, index)) is not None:
        found = [span.name]  # "Rex is my dog"
    # another cat is not the one that was spoken of before
    article = "another" if "another" in near else "a"
    for name in found:
        if names.canonical_of(name) in context.people.speakers or len(name.split()) > 2:
            return
        animal = names.register(names.canonical_of(name), "animal")
        if owner.lower().partition(" ")[0] in FIRST_NAMES:
            names.register(owner, "person")
        context.people.owners.setdefault(animal, set()).add(owner)
        says = f"{owner} has {article} {pet} named {animal}"
        yield CandidateFact(says, owner, "has_pet", animal, (owner, animal), importance=0.7)


def pet_names(sentence: Sentence, found: Iterable[NameSpan]) -> Iterator[str]:
    """The Mochi of "my cat Mochi" and of "a cat named Mochi", before anything is read."""
    tokens = sentence.tokens
    for span in found:
        at = span.first - 1
        named = at > 0 and tokens[at].low in {"named", "called"}
        pet = at - 1 if named else at
        if pet < 1 or tokens[pet].low not in PETS or span.last - span.first > 1:
            continue
        whose = any(
            t.low in {"my", "our"} or (named and t.low in {"a", "an"})
            for t in tokens[max(0, pet - 3) : pet]
        )
        if whose and follows_at_once(tokens[span.first]):
            yield span.name
