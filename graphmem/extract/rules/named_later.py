"""Who or what is named after it was spoken of: "We got a dog. Her name is Polka", "she had the
baby, a girl called Mabel", "my mum lives in Oban, she's called Moira"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from graphmem.extract.rules.phrases import Parse, does_something, name_list
from graphmem.extract.rules.subjects import TurnContext, kin_called
from graphmem.extract.rules.tokenizer import WordToken
from graphmem.extract.rules.word_lists import (
    FEMALE_KIN,
    KIN,
    KIN_MODIFIERS,
    MALE_KIN,
    NEGATIONS,
    PETS,
    SENTENCE_BLOCKERS,
    word_set,
)
from graphmem.ports.llm import CandidateFact

_DOUBTFUL = SENTENCE_BLOCKERS | NEGATIONS
_ONE_OF_THEM = word_set("kin_without_name")
_FIRST = frozenset({"i", "we", "i've", "we've", "i'm"})
NAMED_LATER_CUES = re.compile(r"\b(?:had|gave|name|called|say|meet)", re.IGNORECASE)
UNNAMED_WORDS = PETS.union(KIN, ("someone",))
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
    text, names = parse.sentence.text, context.people.names
    match = _LATER.search(text, at)
    if match is None or context.unnamed is None:
        return
    owner, word = context.unnamed
    if word == "seeing":
        word = (
            "boyfriend"
            if match.group().lower().startswith("h") and "er" not in match.group()[:3]
            else "girlfriend"
        )
    found = name_list(parse, match.end() - 1)
    name = names.canonical_of(found[0].name) if len(found) == 1 else owner
    fits = _of_gender(match.group(), word) and (word in PETS or names.may_be_person(name))
    if name == owner or not fits or name in context.people.speakers:
        return
    context.unnamed = None
    if word in PETS:
        names.register(name, "animal")
        context.people.owners.setdefault(name, set()).add(owner)
        text = f"{owner} has a {word} named {name}"
        yield CandidateFact(text, owner, "has_pet", name, (owner, name), importance=0.7)
        return
    names.register(name, "person")
    context.referent = name
    if word in KIN:
        context.people.name_kin(owner, word, name)
        if word in _ONE_OF_THEM:
            names.add_alias(kin_called(owner, word), name)
        type, weight = KIN[word]
        text = f"{name} is {owner}'s {word}"
        yield CandidateFact(text, name, type, owner, (name, owner), importance=weight)


def _of_gender(pronoun: str, word: str) -> bool:
    """Whether "her name is" may be said of a sister, and "it's called" of a cat."""
    first = pronoun.lower().split()[0].split("'")[0]
    if first in {"it", "its"}:
        return word in PETS
    if first in {"she", "her"}:
        return word not in MALE_KIN
    return word not in FEMALE_KIN if first in {"he", "his"} else True


def _look_out(parse: Parse, context: TurnContext) -> int | None:
    """Note who or what is spoken of here without a name; where that stands, if anywhere."""
    tokens = parse.sentence.tokens
    for index, token in enumerate(tokens):
        if token.low not in PETS and token.low not in KIN and token.low != "someone":
            continue
        if parse.name_at(index + 1) is not None or token.owns or context.speaker is None:
            continue
        before = {t.low for t in tokens[max(0, index - 5) : index]}
        about = index + 1 < len(tokens) and tokens[index + 1].low in {"about", "for", "to", "off"}
        some = (
            token.low == "someone"
            and not about
            and not before.isdisjoint({"met", "seeing", "dating"})
        )
        own = _one_of_ones_own(tokens, index)
        if own:
            context.unnamed = (context.speaker, token.low)
            return token.end
        if _has(parse, context, index) is not None and not before.isdisjoint({"a", "an"}):
            context.unnamed = (str(_has(parse, context, index)), token.low)
            return token.end
        if before.isdisjoint(_FIRST) or not (some or not before.isdisjoint({"a", "an"})):
            continue
        seeing = some and not before.isdisjoint({"seeing", "dating"})
        context.unnamed = (context.speaker, "seeing" if seeing else token.low)
        return token.end
    return None


def _one_of_ones_own(tokens: Sequence[WordToken], index: int) -> bool:
    """ "My mum", of whom there is one; "our new manager", who takes the place of one."""
    at = index - 1
    while at >= 0 and tokens[at].low in KIN_MODIFIERS:
        at -= 1
    mine = at >= 0 and tokens[at].low in {"my", "our"}
    new = any(token.low == "new" for token in tokens[at + 1 : index])
    return mine and (new or (at == index - 1 and tokens[index].low in _ONE_OF_THEM))


def _has(parse: Parse, context: TurnContext, index: int) -> str | None:
    """The Ada of "Ada has a new boyfriend"."""
    tokens, names = parse.sentence.tokens, context.people.names
    at = next((n for n in range(index - 1, max(0, index - 5), -1) if tokens[n].low == "has"), 0)
    span = next((s for s in parse.names if s.last == at - 1), None) if at else None
    return names.canonical_of(span.name) if span and names.is_somebody(span.name) else None


def _births(parse: Parse, context: TurnContext) -> Iterator[CandidateFact]:
    text, names = parse.sentence.text, context.people.names
    match = _BIRTH.search(text)
    if match is None:
        return
    parent = context.born_to(parse, match.start())
    if parent is None:
        return
    context.unnamed = (parent, "child")
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
