"""What a heading of a note names, if it names anything."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

from graphmem.extract.rules.names import FIRST_NAMES, NameRegistry
from graphmem.extract.rules.notes.groups import GROUPS, is_name
from graphmem.extract.rules.notes.keys import GENERIC_TITLES, HEADING_LABELS, KEYS_OF_PERSONS
from graphmem.extract.rules.word_lists import KIN, NOT_NAMES, ORG_SUFFIXES, PETS, word_set
from graphmem.model import Episode
from graphmem.text import name_key

_LONGEST_TOPIC = 4
_WITH_KIND = 2
_HOUSE = re.compile(
    r"\d{1,4}[a-z]?\s+(?:[^\W\d_a-z][\w'-]*\s+){1,3}(?:Row|Street|St|Road|Rd|Lane|Avenue|Ave|Close|Way|"
    r"Drive|Hill|Terrace|Place|Square|Court|Crescent|Gardens|Grove|Mews|Park|Walk|Yard)"
)
_VERSION = re.compile(r"[^\W\d_a-z][\w'-]*(?:\s+[A-Za-z][\w'-]*){0,2}\s+v?\d+(?:\.\d+)*")
"""A heading with a number that names something: "14 Mill Lane", "Sensor v2"."""
_LABELLED = re.compile(r"(?P<label>[A-Za-z1][A-Za-z1: -]{1,24}?)\s*[:–—]\s+(?P<title>\S.*)")
"""A heading that says what it names: "Client: Ferris Marine"."""
_LABELS = {label: kind for kind, labels in HEADING_LABELS.items() for label in labels.split()} | {
    **dict.fromkeys(KIN, "person"),
    **dict.fromkeys(PETS, "animal"),
}
MADE_UP = re.compile(
    r"\s*(?:[-*+•]\s+)?(?:the\s+|my\s+)?(?:story|plot|script|novel|film|movie|game|sketch|character|panto|"
    r"play|dream|joke|quote|book|sims?|role-?play|improv)\b[^:\n]{0,20}:",
    re.I,
)
"""What is told behind it is of no world."""
_STRUCTURED = re.compile(
    r"^[^\S\n]*(?:#|>|[-*+•]\s|\||```|\d{1,2}[.)]\s|"
    r"[*_]{0,2}[A-Za-z][A-Za-z /-]{0,30}[*_]{0,2}(?::|\s?=)|[*_]{2}[^*\n]{1,40}[*_]{2}\s|"
    r"[^\n→]{1,60}→)",
    re.M,
)
_PLANS = frozenset({"plan", "review", "draft", "roadmap"})
_SOME_WORK = re.compile(r"[^\W\d_]+(?:[ '&-]+[^\W_]+){1,5}")
_ERRANDS = word_set("headings_of_errands")
_OF_FICTION, _WORKS = word_set("headings_of_fiction"), word_set("works_of_fiction")
_ABOUT_FICTION = word_set("about_fiction")
_BRACKETS = re.compile(r"\s*\([^()]*\)")
_HEADING = re.compile(r"#{1,6}\s+(.+?)\s*#*$")
_KEY = re.compile(r"\s*(?:[-*+•]\s+)?[*_]{0,2}([A-Za-z][A-Za-z -]{2,20}?)[*_]{0,2}\s*:")
_TITLE = re.compile(r"[^\W\d_a-z][\w'.&-]*(?: [\w'.&-]+){0,3}")


def document_title(episode: Episode) -> str | None:
    """What a note is called by its front matter, or else by its file: "Lars Holm.md"."""
    metadata = episode.metadata
    if episode.kind != "text" or metadata.get("format") != "markdown":
        return None
    title = metadata.get("title") or PurePath(str(metadata.get("source", ""))).stem
    return title if isinstance(title, str) and _TITLE.fullmatch(title) else None


def known_work(names: NameRegistry, title: str) -> str | None:
    """A heading that names nothing by its look, but something that was told of before."""
    known = names.canonical.get(name_key(title))
    return known if known in names.fixed and names.kind(str(known)) == "project" else None


def opening_person(names: NameRegistry, text: str) -> str | None:
    """Whom a paragraph is about that begins with a line of nothing but a name, like a heading:
    "Jonas Weber", and below it "allergic to peanuts"."""
    who, _, below = text.partition("\n")
    if " " not in who.strip() or not below[:1].islower():
        return None
    if not all(word.isalpha() and word[0].isupper() for word in who.split()):
        return None
    known = who.lower().split()[0] in FIRST_NAMES and names.may_be_person(who)
    return who if known or names.is_person(who) else None


def persons_titled(titles: Sequence[str], text: str) -> list[str]:
    """Of the headings of a note those that have a line below them that only a person has; before
    the first stand ``titles``."""
    found: list[str] = []
    last = titles[-1:]
    for line in text.splitlines():
        if match := _HEADING.match(line):
            last = [match[1]]
        elif (
            last
            and (key := _KEY.match(line))
            and (
                key[1].lower() in KEYS_OF_PERSONS
                or (key[1].lower() == "partner" and _is_full_name(last[0]) and _is_named(key))
            )
        ):
            found += last
            last = []
    return found


def _is_named(key: re.Match[str]) -> bool:
    """Whether a person's first name stands behind a key."""
    first = re.match(r"[\s*_\[]*(\w+)", key.string[key.end() :])
    return first is not None and first[1].lower() in FIRST_NAMES


def _is_full_name(title: str) -> bool:
    """ "Hanna Lindqvist": whose partner is somebody; one of a company is another company."""
    words = title.lower().split()
    return 1 < len(words) < _LONGEST_TOPIC and (
        words[0] in FIRST_NAMES and words[-1] not in ORG_SUFFIXES
    )


def may_be_work(title: str) -> bool:
    """Some words that begin with a capital, and are no usual heading."""
    if _SOME_WORK.fullmatch(title) is None or not title[0].isupper():
        return False
    words = title.lower().split()
    words = words[:-1] if words[-1] in _PLANS else words  # "Weed plan", but no "Weekly plan"
    return (words[0] not in NOT_NAMES or words[0] == "new") and GENERIC_TITLES.isdisjoint(words)


def is_structured(text: str) -> bool:
    """Whether some of its lines are more than prose."""
    return _STRUCTURED.search(text) is not None


def is_errands(title: str) -> bool:
    """Whether a heading lists what is to do or to buy: of a "Mum: flowers" there nobody is called
    so."""
    return not _ERRANDS.isdisjoint(re.findall(r"[a-z-]+", title.lower()))


def is_fiction(title: str) -> bool:
    """Whether what stands below a heading is made up: "School play cast", "Novel ideas"."""
    words = set(re.findall(r"[a-z&-]+", title.lower()))
    about_work = not (_WORKS.isdisjoint(words) or _ABOUT_FICTION.isdisjoint(words))
    return about_work or not _OF_FICTION.isdisjoint(words)


def topic_of(names: NameRegistry, title: str) -> str | None:  # noqa: PLR0911 - one for each reason
    """What a heading names; None where it only says what kind of thing stands below."""
    title = _BRACKETS.sub("", title.strip(" *_#[]")).strip()
    title = title.partition("|")[2] or title if "|" in title else title
    if (labelled := _LABELLED.fullmatch(title)) and labelled["label"].lower() in _LABELS:
        kind = _LABELS[labelled["label"].lower()]
        fits = is_name(labelled["title"].split()) and (
            kind != "person" or names.may_be_person(labelled["title"])
        )
        return names.register(labelled["title"], kind) if fits else None
    words = title.split()
    low = [word.lower().strip(".,:'") for word in words]
    if not 1 <= len(words) <= _LONGEST_TOPIC or GENERIC_TITLES.intersection(low):
        return None
    if low[0] == "project" and len(words) == _WITH_KIND and words[1][0].isupper():
        name = names.register(words[1], "project")
        names.add_alias(title, name)
        return name
    numbered = _HOUSE.fullmatch(title) or _VERSION.fullmatch(title)
    if numbered:
        return names.register(title)
    if any(char.isdigit() for char in title) and not names.is_sure(title):
        return None
    first, comma, _ = title.partition(",")
    if comma and names.is_sure(first):
        return names.canonical_of(first)
    if "," in title or ":" in title or "/" in title or not _names(names, words):
        return None
    if low[-1] in GROUPS and len(words) > 1:
        return names.register(title, "organization")
    if len(words) == 1 and low[0] in NOT_NAMES:
        return None
    return names.register(title)


def _names(names: NameRegistry, words: Sequence[str]) -> bool:
    """Whether a heading names something; "Tallow rebrand" does where Tallow is one."""
    known = len(words) == _WITH_KIND and names.is_sure(words[0]) and words[0][0].isupper()
    return is_name(words) or (known and words[1].isalpha())
