"""Names in small letters, as people write them who use no capitals: "emeka is a vet", "my doctor is
dr lund", "a nurse at hillside hospital". They are given their capitals, so that every other rule
reads them.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

from graphmem.extract.rules.names import FIRST_NAMES, NameRegistry
from graphmem.extract.rules.tokenizer import Sentence
from graphmem.extract.rules.tokens import WordToken
from graphmem.extract.rules.word_lists import (
    HEDGES,
    KIN,
    NEGATIONS,
    NOT_NAMES,
    PETS,
    word_line,
    word_set,
)

_AFTER_THESE = word_set("before_common_nouns")
_ALSO_WORDS, _PERSON_VERBS = word_set("also_words"), word_set("person_verbs")
_NOBODY = NOT_NAMES - _ALSO_WORDS - FIRST_NAMES
"""Words with which no name of somebody begins."""
_NO_MODELS = NOT_NAMES | _PERSON_VERBS
_NO_SURNAMES = _NO_MODELS | _ALSO_WORDS | word_set("adverbs_before_verbs")
_DOING = _PERSON_VERBS - {"is", "was", "will", "has", "had"}
_BEFORE_NAMES = frozenset({"is", "called", "named"})
_MAKES, _BEFORE_MAKES = word_set("car_makes"), word_set("before_car_makes")
_AFTER_TITLES = _NO_MODELS | word_set("after_titles")
_BEFORE_INSTITUTIONS = NOT_NAMES | word_set("kinds_of_institutions")
_TITLED = re.compile(r"\b(?P<title>mr|mrs|dr|prof)\.?\s(?P<name>[a-z]{3,})\b")
_INSTITUTIONS = "|".join(sorted(word_set("institutions")))
_INSTITUTION = re.compile(
    r"\b(?:at|for|from|left|joined|joining|leaving)\s"
    rf"(?P<name>(?:[a-z]{{4,}}\s){{1,2}}(?:{_INSTITUTIONS}))\b"
)
_LONGEST_NAME = 4
_CALLED = (
    r"(?:an?|this|some)\s(?:[a-z]+\s){1,2}(?:called|named)|(?:he|she|who)(?:'s|\sis)\s(?:called|named)"
    r"|(?:his|her|its|dog's|cat's|puppy's|kitten's)\sname(?:'s|\sis)"
)
_WHO_IS_CALLED = word_line("somebody_called")
_SOMEBODY = "|".join(sorted({*KIN, "ex-husband", "ex-wife"}))
_EVIDENT = re.compile(
    rf"(?P<before>\b(?:(?:(?:my|our|his|her)\s(?:[a-z]+\s)?(?:{_SOMEBODY})"
    rf"|(?:this|some)\s(?:{_WHO_IS_CALLED})),?|(?P<called>{_CALLED}))\s)"
    r"(?P<name>[a-z]{3,})(?=(?P<goes>(?:\s+(?:and\s(?:me|i)|he's|she's|he|she|who|who's|works|lives|is|was"
    r"|has|got)\b)|'s\s(?:an?|at|in|my)\b)?(?P<end>\s*$)?)"
)
"""Who is somebody's daughter, or is called something, has a name: "my daughter cassie works"."""
_NO_EVIDENT_NAMES = _NO_SURNAMES.union(word_set("no_small_names"), KIN, PETS, NEGATIONS, HEDGES)


def capitalised(sentence: Sentence, names: NameRegistry) -> Sentence:
    """A sentence in which people and pets who are known by name have their capitals: "emeka is a
    vet", "jordans wife". A word that is one of the language, too, stays as it is."""
    if sentence.shouted:
        return sentence
    if sentence.uncapped and (written := _with_evident_names(sentence.text)) != sentence.text:
        sentence = replace(sentence, text=written, respelt=True)
    tokens = sentence.tokens
    if not any(token.text.islower() for token in tokens):
        return sentence
    text, at, changed = [], 0, False
    index = 0
    while index < len(tokens):
        size, name = _named(tokens, index, names)
        if not size:
            index += 1
            continue
        last = tokens[index + size - 1]
        text += [sentence.text[at : tokens[index].start], name]
        at = last.name_end
        changed = True
        index += size
    if not changed:
        return sentence
    whole = "".join([*text, sentence.text[at:]])
    quotes = () if len(whole) != len(sentence.text) else sentence.quotes
    return replace(sentence, text=whole, quotes=quotes, respelt=sentence.small)


def _named(tokens: list[WordToken], index: int, names: NameRegistry) -> tuple[int, str]:
    """How many words from here are a known name in small letters, and how it is written."""
    token = tokens[index]
    if token.low in _NOBODY or not token.text.islower():
        return 0, ""
    if token.low in _MAKES and (model := _model(tokens, index)):
        return 2, f"{token.text.capitalize()} {model}"
    if index and tokens[index - 1].low in _AFTER_THESE:
        return 0, ""
    size, key = 0, ""
    found = (0, "")
    for word in tokens[index : index + _LONGEST_NAME]:
        if size and word.gap != " ":
            break
        size, key = size + 1, f"{key} {word.low}".strip()
        if _known(key, names) and (size > 1 or word.low not in _ALSO_WORDS):
            found = (size, _with_capitals(key))
        if word.owns:
            break
    if found[0] == 1 and (surname := _surname(tokens, index)) is not None:
        return 2, f"{found[1]} {surname}"
    after = tokens[index + 1].low if index + 1 < len(tokens) else ""
    if not found[0] and after in KIN and token.low[-1:] == "s" and _known(token.low[:-1], names):
        return 1, f"{_with_capitals(token.low[:-1])}'s"  # "jordans wife"
    return found


def _model(tokens: list[WordToken], index: int) -> str:
    """The Fiesta of "a ford fiesta"."""
    if not index or index + 1 == len(tokens) or tokens[index - 1].low not in _BEFORE_MAKES:
        return ""
    name = tokens[index + 1]
    plain = name.gap == " " and not name.owns and name.low not in _NO_MODELS
    return name.text.capitalize() if plain else ""


def _with_evident_names(text: str) -> str:
    """A sentence without any capital, with those of names that the words beside them tell: "dr
    lund", "at hillside hospital"."""
    text = _EVIDENT.sub(_as_name, _TITLED.sub(partial(_capital_name, _AFTER_TITLES), text))
    return _INSTITUTION.sub(partial(_capital_name, _BEFORE_INSTITUTIONS), text)


def before_pronoun(text: str) -> str:
    """A clause that somebody goes on from with "she": "had lunch with my niece cassie"."""
    return _EVIDENT.sub(_as_name, f"{text} she")[: -len(" she")]


def _as_name(match: re.Match[str]) -> str:
    name = match["name"]
    named = match["called"] or match["goes"] or (match["end"] is not None and name in FIRST_NAMES)
    no_names = _NO_EVIDENT_NAMES - _ALSO_WORDS if match["called"] else _NO_EVIDENT_NAMES
    word = name in no_names or name.endswith(("ing", "ly", "ed"))
    if not named or ((word or name.endswith("s")) and name not in FIRST_NAMES):
        return match.group()
    return f"{match['before']}{name.capitalize()}"


def _capital_name(no_names: frozenset[str], match: re.Match[str]) -> str:
    words = match["name"].split()
    if not no_names.isdisjoint(words[:-1] or words):
        return match.group()
    before = match.string[match.start() : match.start("name")]
    title = match.groupdict().get("title")
    before = before.replace(title, title.capitalize(), 1) if title else before
    return before + match["name"].title() + match.string[match.end("name") : match.end()]


def _surname(tokens: list[WordToken], index: int) -> str | None:
    """The Sayle of "tom sayle popped in"."""
    if index + 1 >= len(tokens) or tokens[index].owns:
        return None
    name, verb = tokens[index + 1], tokens[index + 2] if index + 2 < len(tokens) else None
    closes = verb is None or any(mark in verb.gap for mark in ".,;!?:")
    if not closes and verb is not None and verb.gap != " ":
        return None
    plain = name.text.islower() and name.text.isalpha() and name.gap == " " and not name.owns
    word = name.low in _NO_SURNAMES or name.low in KIN
    if not plain or word or name.low.endswith(("ly", "ed", "ing", "s")) or len(name.low) < 4:
        return None
    if closes:
        introduced = index and ("," in tokens[index].gap or tokens[index - 1].low in _BEFORE_NAMES)
        return name.text.capitalize() if introduced else None
    return name.text.capitalize() if verb is not None and verb.low in _DOING else None


def _known(key: str, names: NameRegistry) -> bool:
    return key in FIRST_NAMES or names.is_living(key)


def _with_capitals(key: str) -> str:
    return " ".join(word.capitalize() for word in key.split())
