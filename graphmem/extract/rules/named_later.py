"""Who or what is named after it was spoken of: "We got a dog. Her name is Polka", "she had the
baby, a girl called Mabel", "my mum lives in Oban, she's called Moira"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from graphmem.extract.rules.people import kin_called
from graphmem.extract.rules.phrases import Parse, does_something, name_list
from graphmem.extract.rules.referents import BEFORE_THIS_TURN
from graphmem.extract.rules.subjects import TurnContext
from graphmem.extract.rules.tokens import WordToken
from graphmem.extract.rules.word_lists import (
    FEMALE_KIN,
    KIN,
    KIN_MODIFIERS,
    KIN_WITHOUT_NAME,
    MALE_KIN,
    NEGATIONS,
    PETS,
    PETS_PLURAL,
    SENTENCE_BLOCKERS,
)
from graphmem.ports.llm import CandidateFact

_DOUBTFUL = SENTENCE_BLOCKERS | NEGATIONS
_FIRST = frozenset({"i", "we", "i've", "we've", "i'm"})
NAMED_LATER_CUES = re.compile(r"\b(?:had|gave|name|called|say|meet)", re.IGNORECASE)
UNNAMED_WORDS = PETS.union(PETS_PLURAL, KIN, ("someone",))
"""Without one of either nobody is named later, and nobody without a name is spoken of."""
_LATER = re.compile(
    r"(?:\b(?:[Hh]er|[Hh]is|[Ii]ts|[Tt]heir)\s+name(?:'s|\s+is)|\b(?:[Ss]he|[Hh]e|[Ii]t)(?:'s|\s+is)\s+(?:called|named)|"
    r"\b[Aa]\s+(?:girl|boy|son|daughter),?\s+(?:called|named)|"
    r"^(?:[Ss]ay\s+hi\s+to|[Mm]eet|[Cc]alled|[Nn]amed)|\b(?:(?:we|I)(?:'ve|\s+have)?|and)\s+(?:called|named)\s+(?:her|him|it)|,\s+meet)\s+(?=[^\W\d_a-z])"
)
_BIRTH = re.compile(
    r"(?:'s|\s+have|\s+has|\s+just)*\s+(?:had|gave\s+birth\s+to)\s+(?:the\s+|a\s+|her\s+|their\s+|our\s+|my\s+)?(?:\w+\s+)?"
    r"(?:baby|twins|triplets|boy|girl|little\s+(?:boy|girl)|son|daughter)(?=\W|$)"
    r"(?!\s+in\s+(?:his|her|my|the|a)\b|\s+(?:face|shower|sister|brother|bump|boom|talk)\b)"
)
_NAMES = (
    r"(?P<names>[^\W\d_a-z][\w-]*(?:\s+[^\W\d_a-z][\w-]*)?(?:\s+(?:and|&)\s+[^\W\d_a-z][\w-]*)?)"
)
_JUST_NAMES = re.compile(
    rf"(?:[Aa]n?\s+(?:[a-z]+\s+){{1,2}}(?:called|named)\s+)?{_NAMES}\s*(?:$|,\s|\(|from\s)"
)
_LISTED = re.compile(rf"(?:\s+[a-z]{{1,8}})?[,:]\s+{_NAMES}\s*(?:$|[,.])")
_SOON = 2
"""Sentences after which a name alone is no longer theirs who were spoken of."""
_LATE, _NEAR = 3, 8
"""Sentences after which "her name is" no longer names them."""
_IS, _MY = frozenset({"is", "was"}), frozenset({"my", "our", "a", "an", "the"})
_LONGEST_ROLE = 4  # words: "my big little brother"
_COUNTS = frozenset({"2", "3", "two", "three", "both"})
_NAME_BEHIND = re.compile(r",(?=\s+[^\W\d_a-z])")
_BABY_CALLED = re.compile(
    r"(?:\b(?:called|named|(?:his|her|their)\s+names?(?:'s|\s+is|\s+are))|:)(?=\s+[^\W\d_a-z])"
)


def later_names(parse: Parse, context: TurnContext) -> Iterator[CandidateFact]:
    """ "We got a dog. Her name is Polka", "she had the baby, a girl called Mabel"."""
    if parse.sentence.question or parse.sentence.lows & _DOUBTFUL:
        return
    yield from _births(parse, context)
    yield from _named_later(parse, context, 0)
    at = _look_out(parse, context)
    if at is not None:
        yield from _named_later(parse, context, at)


def _named_later(parse: Parse, context: TurnContext, at: int) -> Iterator[CandidateFact]:
    if context.unnamed is None:
        return
    text, names = parse.sentence.text, context.people.names
    (owner, word), pronoun = context.unnamed, ""
    since = context.unnamed_since
    late = since % BEFORE_THIS_TURN > _LATE
    if not late and (match := _LATER.search(text, at)):
        pronoun, found = match.group(), name_list(parse, match.end() - 1)
    elif context.unnamed_since <= _SOON and (
        match := (_JUST_NAMES if not at else _LISTED).match(text, at)
    ):
        found = name_list(parse, match.start("names"))
    else:
        return
    several = len(found) > 1 and context.unnamed_several
    if not found or (len(found) > 1 and not several) or (at and not pronoun and not several):
        return
    given = [names.canonical_of(one.name) for one in found]
    if any(one == owner or one in context.people.speakers for one in given):
        return
    if not _of_gender(pronoun, word) or (
        word not in PETS and not all(names.may_be_person(one) for one in given)
    ):
        return
    context.unnamed = None
    for name in given:
        yield from _as_named(context, owner, word, name, pronoun)


def _as_named(
    context: TurnContext, owner: str, word: str, name: str, pronoun: str
) -> Iterator[CandidateFact]:
    names = context.people.names
    if word in PETS:
        names.register(name, "animal")
        context.people.owners.setdefault(name, set()).add(owner)
        text = f"{owner} has a {word} named {name}"
        yield CandidateFact(text, owner, "has_pet", name, (owner, name), importance=0.7)
        return
    names.register(name, "person")
    context.referent = context.about = name
    type, weight = KIN.get(word, ("", 0.0))
    if word == "seeing":
        type, weight = KIN["girlfriend"]
        word = {"s": "girlfriend", "h": "boyfriend"}.get(pronoun[:1].lower(), "partner")
        word = "girlfriend" if pronoun.lower().startswith("her") else word
    if type:
        context.people.name_kin(owner, word, name)
        if word in KIN_WITHOUT_NAME:
            names.add_alias(kin_called(owner, word), name)
        text = f"{name} is {owner}'s {word}"
        yield CandidateFact(text, name, type, owner, (name, owner), importance=weight)


def _of_gender(pronoun: str, word: str) -> bool:
    """Whether "her name is" may be said of a sister, and "it's called" of a cat."""
    first = pronoun.lower().split()[0].split("'")[0] if pronoun else ""
    if first in {"it", "its"}:
        return word in PETS
    if first in {"she", "her"}:
        return word not in MALE_KIN
    return word not in FEMALE_KIN if first in {"he", "his"} else True


def _look_out(parse: Parse, context: TurnContext) -> int | None:
    """Note who or what is spoken of here without a name; where that stands, if anywhere."""
    tokens = parse.sentence.tokens
    for index, token in enumerate(tokens):
        word = PETS_PLURAL.get(token.low, token.low)
        if word not in PETS and word not in KIN and word != "someone":
            continue
        if parse.name_at(index + 1) is not None or token.owns or context.speaker is None:
            continue
        if _is_named(parse, index):
            return None
        spoken = _spoken_of(parse, context, index, word)
        if spoken is not None and _another_is_new(tokens, index):
            context.unnamed = None  # "my mum has a boyfriend": who is named next is not she
            return None
        if spoken is not None:
            context.unnamed, context.unnamed_since = spoken, 0
            context.unnamed_several = word != token.low
            return token.end
    return None


def _another_is_new(tokens: Sequence[WordToken], index: int) -> bool:
    """Whether another one follows, of whom nobody knows yet."""
    at = (n for n in range(index + 1, min(len(tokens), index + _NEAR)) if tokens[n].low in KIN)
    return any(not {"a", "an"}.isdisjoint(t.low for t in tokens[max(index, n - 3) : n]) for n in at)


def _is_named(parse: Parse, index: int) -> bool:
    """Whether the sentence says who it is: "Sam is my older brother", "my brother is Sam"."""
    tokens = parse.sentence.tokens
    if index + 1 < len(tokens) and tokens[index + 1].low in _IS:
        return parse.name_at(index + 2) is not None
    at = index - 1
    while at >= 0 and tokens[at].low not in _MY:
        if index - at > _LONGEST_ROLE:
            return False
        at -= 1
    names = {span.last: span for span in parse.names}
    if at > 0 and (owner := names.get(at - 1)) is not None:
        return owner.owns  # "Sam's my brother"
    return at > 1 and tokens[at - 1].low in _IS and at - 2 in names


def _spoken_of(parse: Parse, context: TurnContext, index: int, word: str) -> tuple[str, str] | None:
    """Whose pet, relative or friend a word speaks of, and what they are."""
    tokens, me = parse.sentence.tokens, str(context.speaker)
    before = {t.low for t in tokens[max(0, index - 5) : index]}
    if word != tokens[index].low:
        counted = not before.isdisjoint(_COUNTS)
        mine = index == 1 or not before.isdisjoint(_FIRST)
        return (me, word) if word in PETS and counted and mine else None
    if _one_of_ones_own(tokens, index):
        return me, word
    owner, article = _has(parse, context, index), not before.isdisjoint({"a", "an"})
    about = index + 1 < len(tokens) and tokens[index + 1].low in {"about", "for", "to", "off"}
    met = word == "someone" and not about and not before.isdisjoint({"met", "seeing", "dating"})
    if owner is not None and (article or met):
        return owner, "seeing" if met else word
    if before.isdisjoint(_FIRST) or not (met or article):
        return None
    return me, "seeing" if met and "met" not in before else word


def _one_of_ones_own(tokens: Sequence[WordToken], index: int) -> bool:
    """ "My mum", of whom there is one; "our new manager", who takes the place of one."""
    at = index - 1
    while at >= 0 and tokens[at].low in KIN_MODIFIERS:
        at -= 1
    mine = at >= 0 and tokens[at].low in {"my", "our"}
    new = any(token.low == "new" for token in tokens[at + 1 : index])
    return mine and (new or (at == index - 1 and tokens[index].low in KIN_WITHOUT_NAME))


def _has(parse: Parse, context: TurnContext, index: int) -> str | None:
    """The Ada of "Ada has a new boyfriend"."""
    tokens, names = parse.sentence.tokens, context.people.names
    at = next((n for n in range(index - 1, max(0, index - 5), -1) if tokens[n].low == "has"), 0)
    span = next((s for s in parse.names if s.last == at - 1), None) if at else None
    return names.canonical_of(span.name) if span and names.may_be_person(span.name) else None


def _births(parse: Parse, context: TurnContext) -> Iterator[CandidateFact]:
    text, names = parse.sentence.text, context.people.names
    match = _BIRTH.search(text)
    if match is None:
        return
    parent = _born_to(parse, context, match.start())
    if parent is None:
        return
    context.unnamed, context.unnamed_since = (parent, "child"), 0
    named = _NAME_BEHIND.match(text, match.end())
    called = named or _BABY_CALLED.search(text, match.end())
    found = name_list(parse, called.end()) if called is not None else []
    if found and named and does_something(parse.sentence, found[-1].end):
        return
    for phrase in found:
        name = names.canonical_of(phrase.name)
        if not names.may_be_person(name) or name == parent:
            return
        names.register(name, "person")
        text = f"{name} is {parent}'s child"
        yield CandidateFact(text, name, "child_of", parent, (name, parent), importance=0.8)


def _born_to(parse: Parse, context: TurnContext, before: int) -> str | None:
    """Who stands right before "had a baby"."""
    text = parse.sentence.text
    for start in range(max(0, before - 40), before):
        if (start == 0 or not text[start - 1].isalnum()) and text[start].isalnum():
            subject = context.subject(parse, start)
            if subject is not None and subject.end == before and subject.other is None:
                return subject.name
    return None
