"""What a speaker calls themselves, what people are called by others, and a first name that stands
for a full one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from graphmem.extract.rules.names import NameRegistry
from graphmem.extract.rules.tokenizer import Sentence
from graphmem.extract.rules.tokens import NameSpan
from graphmem.extract.rules.word_lists import (
    FILLERS,
    NATIONALITIES,
    NEGATIONS,
    NOT_NAMES,
    OCCUPATIONS,
    ORG_SUFFIXES,
    PLACES,
    SENTENCE_BLOCKERS,
    word_set,
)
from graphmem.model import Episode
from graphmem.text import name_key

INTRODUCTION = re.compile(
    r"\b(?:my name is|my name's|call me|i go by|(?P<im>i'm|i am))\s+", re.IGNORECASE
)
_CALLED = re.compile(
    r",?\s+\(?(?:(?:who|whom)?\s*(?:everyone|everybody|we|people|friends|they)\s+(?:all\s+)?calls?"
    r"(?:\s+(?:her|him|them))?|(?:who\s+)?(?:is\s+)?(?:also\s+called|(?:also\s+)?known\s+as)|"
    r"(?:who\s+)?goes\s+by|aka|a\.k\.a\.|nicknamed)\s+",
    re.IGNORECASE,
)
_ENDS = re.compile(r"\s*(?:$|[,.;:!)\u2014]|-\s|and\s+I\b|and\s+my\b|from\s|by\s+the\s+way\b)")
_ADJECTIVE = (
    "ed", "ing", "ful", "ous", "ive", "able", "ible", "less", "ish", "ese", "ist", "istic", "tic",
    "ical", "ible",
)  # fmt: skip
# Written with a capital and said of oneself without being one's name.
_NOT_ONESELF = word_set("not_said_of_oneself")
_APART = re.compile(
    r"\b(?:different|another|the\s+other|which|two|both|that)\s+(?P<a>[^\W\d_a-z]\w+)(?=\W|s\b|$)|"
    r"\b(?P<b>[^\W\d_a-z]\w+)\s+from\s+(?:the\s|my\s|our\s|work\b|school\b|uni\b|upstairs\b)"
)
_TITLES = word_set("titles_not_first_names")


def introduced_name(
    names: NameRegistry, found: Iterable[NameSpan], sentence: Sentence
) -> str | None:
    """The name that a speaker gives themselves in a sentence, or None."""
    if sentence.question or sentence.lows & (SENTENCE_BLOCKERS | NEGATIONS):
        return None
    match = INTRODUCTION.search(sentence.text)
    if match is None or sentence.quoted(match.start()):
        return None
    span = next((s for s in found if s.start == match.end()), None)
    if span is None or span.owns or not names.may_be_person(span.name):
        return None
    if not _ENDS.match(sentence.text, span.end) and match["im"]:
        return None
    return span.name if not match["im"] or _plainly(span.name, sentence, match) else None


def stated_nicknames(
    names: NameRegistry, found: Sequence[NameSpan], sentence: Sentence
) -> Iterator[tuple[str, str]]:
    """The other names that a sentence says people have: "Alexandra, whom everyone calls Lexi"."""
    if sentence.question or sentence.lows & (SENTENCE_BLOCKERS | NEGATIONS):
        return
    for span, other in pairwise(found):
        people = names.may_be_person(span.name) and names.may_be_person(other.name)
        if people and _CALLED.fullmatch(sentence.text[span.end : other.start]):
            yield other.name, span.name


_QUOTED = re.compile(
    r"\b(?P<given>[^\W\d_a-z][\w-]{1,30}) [\"“](?P<nick>[^\W\d_a-z][\w-]{1,30})[\"”] (?P<family>"
    r"[^\W\d_a-z]"
    r"[\w'-]+)"
)


def without_nicknames(episode: Episode, names: NameRegistry) -> Episode:
    """An episode in which Oluwaseun "Seun" Adebayo is Oluwaseun Adebayo, and known as Seun."""
    for match in _QUOTED.finditer(episode.content):
        whole = names.register(f"{match['given']} {match['family']}", "person")
        names.add_alias(match["nick"], whole)
    turns = tuple(
        replace(turn, text=_QUOTED.sub(r"\g<given> \g<family>", turn.text))
        for turn in episode.turns
    )
    return replace(episode, turns=turns)


def _plainly(name: str, sentence: Sentence, match: re.Match[str]) -> bool:
    """After "I'm" only what can hardly be anything but a name."""
    before = re.findall(r"[\w']+", sentence.text[: match.start()].lower())
    parts = [part.lower() for part in re.split(r"[\s.-]+", name) if part]
    banned = NOT_NAMES | NATIONALITIES | OCCUPATIONS | PLACES | ORG_SUFFIXES | _NOT_ONESELF
    return (
        all(word in FILLERS for word in before)
        and all(part[0].isalpha() and part not in banned for part in parts)
        and all(part[:1].isupper() for part in name.split())
        and not (len(parts) == 1 and parts[0].endswith(_ADJECTIVE))
        and not any(char.isdigit() for char in name)
    )


def shares_name_part(name: str, speaker: str) -> bool:
    """A given name and a speaker's label share a word, or the beginning of one."""
    mine, theirs = name_key(name).split(), name_key(speaker).split()
    return any(a[:3] == b[:3] for a in mine for b in theirs)


def apart_names(text: str) -> set[str]:
    """Keys of names that a text has of two people: "no, a different Sam", "Sam from the pub"."""
    return {name_key(match["a"] or match["b"]) for match in _APART.finditer(text)}


_WITH_INITIAL = 2


def _with_initials(names: NameRegistry, known: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The "Rosa T" that is Rosa Tembo, where nobody else can be."""
    by_initial: dict[str, set[str]] = {}
    for name in known:
        parts = name.split()
        if len(parts) == _WITH_INITIAL and names.may_be_person(name):
            by_initial.setdefault(f"{parts[0]} {parts[1][0]}".lower(), set()).add(name)
    for found in by_initial.values():
        short = [name for name in found if len(name.split()[1].rstrip(".")) == 1]
        whole = found.difference(short)
        if len(short) == len(whole) == 1 and names.is_person(next(iter(whole))):
            yield short[0], next(iter(whole))


def first_names(
    names: NameRegistry, singles: Iterable[str], fixed: Iterable[str]
) -> dict[str, str]:
    """First name -> the one person with that first name; none where there are two."""
    by_first: dict[str, set[str]] = {}
    known = set(names.canonical.values())
    for canonical in known:
        parts = canonical.split()
        first = name_key(parts[0]) if parts else ""
        fuller = 2 <= len(parts) <= 3 and first not in _TITLES and not parts[0].endswith("'s")
        if fuller and names.may_be_person(canonical):
            by_first.setdefault(first, set()).add(canonical)
    settled = set(fixed)
    result = dict(_with_initials(names, known))
    for single in singles:
        full = by_first.get(name_key(single), set())
        now = names.canonical_of(single)
        if len(full) != 1 or now in settled or not names.may_be_person(single):
            continue
        person = next(iter(full))
        if now != person and names.is_person(person):
            result[single] = person
    return result
