"""Family, friends and pets that are named: "my sister Zoe", "Zoe is my sister", "my dog Rex"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import takewhile

from graphmem.extract.rules.names import Span
from graphmem.extract.rules.phrases import Phrase, Place, name_list
from graphmem.extract.rules.subjects import Voice
from graphmem.extract.rules.tokenizer import Sentence, Token
from graphmem.extract.rules.word_lists import (
    KIN,
    KIN_MODIFIERS,
    KIN_PLURAL,
    NEGATIONS,
    PETS,
    PETS_PLURAL,
    SENTENCE_BLOCKERS,
    word_set,
)
from graphmem.ports.llm import CandidateFact

_IS_NAMED = re.compile(
    r"(?:'s\s+name\s+is|'s\s+names\s+are|s'\s+names\s+are|\s+is\s+(?:called|named)|\s+are\s+(?:called|named)|"
    r"\s*,?\s+named|\s*,?\s+called|\s+is|\s+are|,|:|\s+\(|\s+-)?(?=\s|[A-Z]|\()",
    re.IGNORECASE,
)
_HAVE = word_set("having")
_CALLED = re.compile(r"\s*,?\s+(?:named|called)\s|,\s[A-Z]")
_DOUBTFUL = SENTENCE_BLOCKERS | NEGATIONS
_STILL = frozenset({"now", "currently", "still", "also", "actually", "really", "officially"})
_NO_LONGER = frozenset({"no", "longer"})
_FOR_A_WHILE = word_set("kin_for_a_while")
"""What somebody was, they need not be any more."""
_AFTER_KIN = word_set("after_kin")
# Kin that not everybody has.
_TELLING = word_set("kin_not_everybody_has")
_PET_MODIFIERS = word_set("pet_modifiers")


def relatives(place: Place, voice: Voice) -> Iterator[CandidateFact]:
    """Facts about people and pets that a sentence names by what they are to someone."""
    sentence = place.sentence
    for index, token in enumerate(sentence.tokens):
        word = KIN_PLURAL.get(token.low, token.low)
        pet = PETS_PLURAL.get(token.low, token.low)
        if word in KIN and not sentence.quoted(token.start):
            yield from _kin(place, voice, index, word, plural=token.low in KIN_PLURAL)
        elif pet in PETS:
            yield from _pet(place, voice, index, pet)


def _kin(
    place: Place, voice: Voice, index: int, word: str, *, plural: bool
) -> Iterator[CandidateFact]:
    owner = _owner(place, voice, index, KIN_MODIFIERS)
    if owner is None:
        return
    names = voice.people.names
    found = _persons(place, voice, index, owner, plural=plural)
    if not found:
        yield from _unnamed(place, voice, index, owner)
    if _former(place, index, word):
        return
    lately = place.sentence.tokens[max(0, index - 6) : index]
    over = _NO_LONGER.issubset(token.low for token in lately)
    for said in found:
        type_, weight = KIN[word]
        name = names.see(names.canonical_of(said), "person")
        voice.people.name_kin(owner, word, name)
        label = _label(place, index, word)
        told = f"{name} is {'no longer ' if over else ''}{owner}'s {label}"
        yield CandidateFact(
            told, name, type_, owner, (name, owner), importance=weight, retracts=over
        )


def _former(place: Place, index: int, word: str) -> bool:
    """ "My old boss" is the one of before; an old friend is still one."""
    tokens = place.sentence.tokens
    before = (tokens[at].low for at in range(index - 1, max(-1, index - 4), -1))
    said = set(takewhile(KIN_MODIFIERS.__contains__, before))
    return "former" in said or ("old" in said and word in _FOR_A_WHILE)


def _unnamed(place: Place, voice: Voice, index: int, owner: str) -> Iterator[CandidateFact]:
    """ "My husband", whoever he is: worth a sentence, but no entity."""
    token = place.sentence.tokens[index]
    word = token.low
    mine = index > 0 and place.sentence.tokens[index - 1].low in {"my", "our"}
    if not mine or place.sentence.question or place.sentence.lows & _DOUBTFUL:
        return
    if word not in _TELLING or voice.people.kin.get((owner, KIN_PLURAL.get(word, word))):
        return
    article = "" if word in KIN_PLURAL else "a "
    yield CandidateFact(f"{owner} has {article}{word}", entities=(owner,), importance=0.4)


def _label(place: Place, index: int, word: str) -> str:
    before = place.sentence.tokens[index - 1] if index else None
    return (
        f"best {word}" if before is not None and before.low == "best" and word == "friend" else word
    )


def _owner(place: Place, voice: Voice, index: int, modifiers: frozenset[str]) -> str | None:
    """Whose sister: "my", "our", "Ada's", a certain "her"; "I have a sister named …" is mine."""
    tokens = place.sentence.tokens
    at = index - 1
    while at >= 0 and index - at <= 4 and tokens[at].low in modifiers and _plain(tokens[at + 1]):
        at -= 1
    if at < 0 or not _plain(tokens[at + 1]):
        return None
    token = tokens[at]
    if token.low in {"my", "our"}:
        return voice.speaker
    if token.owns:
        return _named_owner(place, voice, at)
    if token.low in {"his", "her"}:
        return voice.pronoun(place, token.start, "he" if token.low == "his" else "she")
    if token.low in {"a", "an", "two", "three", "another"} and at and tokens[at - 1].low in _HAVE:
        named = _CALLED.match(place.sentence.text, tokens[index].end)
        return _haver(place, voice, at - 1) if named else None
    return None


def _haver(place: Place, voice: Voice, at: int) -> str | None:
    """Who has: the "I" or the name before a "have"."""
    tokens = place.sentence.tokens
    if voice.speaker is not None and any(
        t.low in {"i", "we", "i've", "we've"} for t in tokens[max(0, at - 2) : at + 1]
    ):
        return voice.speaker
    return _named_owner(place, voice, at - 1) if at and _plain(tokens[at]) else None


def _plain(token: Token) -> bool:
    return not token.gap.strip(" -")


def _named_owner(place: Place, voice: Voice, at: int) -> str | None:
    names = voice.people.names
    span = next((s for s in place.names if s.first <= at <= s.last), None)
    if span is None:
        return None
    return names.canonical_of(span.name) if names.may_be_person(span.name) else None


def _persons(place: Place, voice: Voice, index: int, owner: str, *, plural: bool) -> list[str]:
    names, sentence = voice.people.names, place.sentence
    token = sentence.tokens[index]
    found = [
        p.name
        for p in _after(place, token, plural=plural, speakers=voice.people.speakers)
        if names.may_be_person(p.name)
    ]
    if not found and not plural:
        span = _before(place, voice, index)
        if span is not None and names.may_be_person(span.name):
            found = [span.name]
    return [name for name in found if names.canonical_of(name) != owner]


def _after(place: Place, token: Token, *, plural: bool, speakers: frozenset[str]) -> list[Phrase]:
    """The name or names that follow a kin or pet word."""
    text = place.sentence.text
    end = token.end - (2 if token.owns else 0)
    match = _IS_NAMED.match(text, end)
    if match is None:
        return []
    how = match.group().strip()
    at = match.end() + (1 if text[match.end() : match.end() + 1] == " " else 0)
    found = name_list(place, at, owning=True)
    if not found or found[0].start > at + 1:
        return []
    if how == "," and not _set_off(place, found[0], speakers):
        return []
    if how in {"is", "are"} and any(p.name.lower().endswith(("ing", "ed")) for p in found):
        return []
    if how == "" and text[found[0].end - 2 : found[0].end] == "'s" and not plural:
        return found[:1]
    return found if plural else found[:1]


def _set_off(place: Place, phrase: Phrase, speakers: frozenset[str]) -> bool:
    """ ", Zoe," names her; ", Zoe!" or a speaker's name speaks to her."""
    rest = place.sentence.text[phrase.end :].lstrip(" ")
    closed = (
        rest[:1] == ","
        or rest.startswith("and ")
        or (not rest and "my " not in place.sentence.text)
    )
    return closed and phrase.name not in speakers


def _before(place: Place, voice: Voice, index: int) -> Span | None:
    """ "Zoe is my sister", "Zoe, my sister, …"."""
    tokens = place.sentence.tokens
    at = index
    while (
        at > 0
        and index - at < 5
        and tokens[at].low not in {"my", "our", "his", "her"}
        and not tokens[at].owns
    ):
        at -= 1
    owner = next((s for s in place.names if s.owns and s.first <= at <= s.last), None)
    at = owner.first if owner else at
    if at == 0:
        return None
    span = None
    while at > 1 and tokens[at - 1].low in _STILL | _NO_LONGER and _plain(tokens[at - 1]):
        at -= 1
    verb = tokens[at - 1]
    being = {"is", "became"} if tokens[index].low in _FOR_A_WHILE else {"is", "was", "became"}
    if verb.low in being and at >= 2 and _plain(verb) and _plain(tokens[at]):
        span = _ending(place, at - 2)
    elif tokens[at].gap.strip() == "," and _ends_phrase(place, index):
        span = _ending(place, at - 1)
        if span is not None and voice.people.names.canonical_of(span.name) in voice.people.speakers:
            return None
    if span is None or span.owns or not _ends_phrase(place, index):
        return None
    # "Ada, Bob is my brother" is about Bob alone, "the dog of Bob is …" about neither
    return (
        span
        if span.first == 0 or tokens[span.first - 1].low not in {"of", "with", "and", "like"}
        else None
    )


def _ending(place: Place, last: int) -> Span | None:
    return next((s for s in place.names if s.last == last), None)


def _ends_phrase(place: Place, index: int) -> bool:
    """The kin word is the whole phrase: not "my sister's dog", not "my friend group"."""
    tokens = place.sentence.tokens
    if tokens[index].owns:
        return False
    if index + 1 >= len(tokens):
        return True
    after = tokens[index + 1]
    return bool(after.gap.strip()) or after.low in _AFTER_KIN


def _pet(place: Place, voice: Voice, index: int, pet: str) -> Iterator[CandidateFact]:
    owner = _owner(place, voice, index, _PET_MODIFIERS | PETS)
    names = voice.people.names
    token = place.sentence.tokens[index]
    if owner is None:
        return
    plural = token.low in PETS_PLURAL
    for phrase in _after(place, token, plural=plural, speakers=voice.people.speakers):
        name = phrase.name
        if names.canonical_of(name) in voice.people.speakers or len(name.split()) > 2:
            return
        name = names.see(names.canonical_of(name), "animal")
        voice.people.owners.setdefault(name, set()).add(owner)
        yield CandidateFact(
            f"{owner} has a {pet} named {name}",
            owner,
            "has_pet",
            name,
            (owner, name),
            importance=0.7,
        )


def pet_names(sentence: Sentence, found: Iterable[Span]) -> Iterator[str]:
    """The Mochi of "my cat Mochi" and of "a cat named Mochi", before anything is read."""
    if not sentence.lows & PETS:
        return
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
        if whose and _plain(tokens[span.first]):
            yield span.name
