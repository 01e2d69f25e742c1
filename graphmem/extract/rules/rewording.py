"""Loose ways of saying something, in the plain words that the other rules read: "my doctor's Dr
Lund at Hill Surgery" says that my doctor is Dr Lund, and that Dr Lund works there.

The rows are in ``data/rewordings.toml``. A row only says it anew: whether it is so (a question, a
condition, a negation) and who is meant is for the rules that read the plain sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from graphmem.extract.rules.data import RowsByCue, read_rows, row_pattern
from graphmem.extract.rules.names import FIRST_NAMES, NameRegistry
from graphmem.extract.rules.phrases import Parse
from graphmem.extract.rules.subjects import TurnContext
from graphmem.extract.rules.word_lists import (
    FAVOURITE,
    FEMALE_KIN,
    HEDGES,
    INSTRUMENTS,
    KIN,
    MALE_KIN,
    NEGATIONS,
    NOT_NAMES,
    ORG_SUFFIXES,
    PETS,
    PLACES,
    SOFTWARE,
    SPORTS,
    is_occupation,
    is_post,
    word_line,
    word_set,
    word_table,
)

_TITLE = r"(?:Mr|Mrs|Ms|Miss|Dr|Prof)\.?"
_WORD = r"[^\W\d_a-z](?:[\w-]|'(?=[A-Z]))*"
_PLACEHOLDERS = {
    "<Titled>": rf"{_TITLE}\s+{_WORD}(?:\s+{_WORD}){{0,2}}",
    "<Name>": rf"(?:{_TITLE}\s+)?{_WORD}(?:\s+{_WORD}){{0,2}}",
    "<One>": rf"\b{_WORD}",
    "<Full>": rf"{_WORD}\s+{_WORD}",
    "<Firm>": rf"{_WORD}(?:\s+(?:(?:&|and|of|the|de|for)\s+){{0,2}}{_WORD}){{0,4}}"
    r"(?:'s(?=\s*(?:$|[.,;!)]|(?:from|for|in|now|and|since|today)\b)))?",
    "<Sub>": r"(?P<sub>(?<!\bof\s)(?<!\blike\s)(?<!\bthan\s)\b(?:[Ii](?=[\s'])|[Hh]e|[Ss]he|"
    rf"{_WORD}(?:\s+{_WORD})?|[Mm]y\s+[a-z]+(?:\s+{_WORD})?))",
    "<be>": r"(?:'s|'m|\s+is|\s+am)(?:\s+(?:now|still|also|currently))?",
    "<has>": r"(?:'s|'ve|\s+has|\s+have|\s+had)?(?:\s+(?:just|finally|now|since|recently|also))?",
    "<day>": r"(?:\w+day|tomorrow|the\s+weekend|\d)",
    "<stays>": r"(?!\s+(?:for\s+(?:[a-z]+\s+){0,2}(?:day|night|week|weekend|fortnight|month|"
    r"summer|winter|season|holiday|term)s?|(?:every|each)\s+\w+)\b)",
    "<no-trip>": r"(?!.*\b(?:back\s+(?:on|in|by|at)|holidays?|honeymoon|trip|flight|cruise|"
    r"fortnight|weeks?\s+(?:of|in)|for\s+(?:a|the)\s+(?:week|weekend|month))\b)",
    "<end>": r"(?=\s*(?:$|[.,;:!?)(]|[–—]|"
    r"(?:and|but|so|who|since|while|until|till|for|because|when|now|too|btw|lol|pls)\b))",
}
_TITLED = re.compile(rf"^{_TITLE}\s+")
_VEHICLES = word_set("vehicles") - {"seat"}
_DOUBTFUL = NEGATIONS | HEDGES
_NO_POST = word_set("posts_of_the_moment")
_DEMONYMS = word_table("demonyms")
_ALSO_TOWNS = frozenset({"reading", "bath", "deal", "battle", "rugby", "sandwich", "ware"})
_FORMER = ("old ", "former ", "previous ", "ex-", "retired ")
_FORMERLY = re.compile(r"\b(?:old|former|previous|ex|retired|late)[\s-]$", re.IGNORECASE)
_PREDICATE = re.compile(
    r"(?:'s|\b(?:is|was|are|am|became))\s+(?:now\s+)?(?:the|an?|our|their)\s+(?:[a-z-]+\s+)?$"
)
_KINDS_OF_FIRMS = frozenset(word_line("kinds_of_firms").split("|"))
_GOODS = word_set("goods")
_COUNTED = re.compile(
    r"(?:chapter|season|series|episode|level|page|plan|round|day|stage|step)\s+"
    r"(?:\d+|[a-z]|one|two|three|four|five|six|seven|eight|nine|ten)"
)
"""What is counted is no firm: "Season Two"."""
_FAMILY = FEMALE_KIN | MALE_KIN
_WORK_KIN = frozenset({"manages", "colleague_of", "doctor_of", "teaches", "coaches", "mentors"})


@dataclass(frozen=True)
class _Row:
    """A row of ``data/rewordings.toml``."""

    pattern: str
    plain: str
    cues: str

    @cached_property
    def regex(self) -> re.Pattern[str]:
        return row_pattern(self.pattern, _PLACEHOLDERS)

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        return tuple(self.plain.split(" | "))


_ROWS = RowsByCue(tuple(read_rows("rewordings", "rewording", _Row)))
REWORDING_CUES = _ROWS.cues
"""Without one of these nothing is reworded."""


def reworded(parse: Parse, context: TurnContext) -> Iterator[str]:
    """The plain sentences that a sentence amounts to beside what it says literally."""
    sentence = parse.sentence
    if sentence.question:
        return
    doubtful = [
        token.start
        for token in sentence.tokens
        if token.low in _DOUBTFUL and not _NO_LONGER.match(sentence.text, token.start)
    ]
    for row in _ROWS.of(sentence.lows):
        match = row.regex.search(sentence.text)
        slots = None if match is None else _filled(match, parse, context)
        if match is None or slots is None or (doubtful and _is_denied(doubtful, match)):
            continue
        before, after = sentence.text[: match.start()], sentence.text[match.end() :]
        for plain in row.sentences:
            if any(f"{{{name}}}" in plain and not value for name, value in slots.items()):
                continue
            if "{it}" in plain and not context.thing_before:
                continue
            if "{topic}" in plain and not context.topic:
                continue
            yield plain.format(
                before=before,
                after=after,
                a=_article(slots),
                be="am" if slots.get("sub") == "I" else "is",
                me=context.speaker or "",
                it=context.thing_before or "",
                topic=context.topic or "",
                subs="My" if slots.get("sub") == "I" else f"{slots.get('sub')}'s",
                **slots,
            )


def _article(slots: dict[str, str]) -> str:
    """Of what somebody is."""
    post = next((slots[slot] for slot in _WITH_ARTICLE if slots.get(slot)), "")
    return "an" if post[:1].lower() in {"a", "e", "i", "o", "u"} else "a"


_WITH_ARTICLE = ("role", "trades", "holds", "beside")


_NO_LONGER = re.compile(r"[Nn]o\s+(?:longer|more)\b|[Nn]ot\b(?=[^.;:!?]{1,40}\bany\s?more\b)")
_CLAUSE_ENDS = re.compile(r"[,;:(]|\s[-–—]\s|\s(?:but|because)\s")


def _is_denied(doubtful: list[int], match: re.Match[str]) -> bool:
    """Whether a "not" or a "might" stands before the end of the clause that a row has matched."""
    end = _CLAUSE_ENDS.search(match.string, match.end())
    return doubtful[0] < (end.start() if end else len(match.string))


def _filled(match: re.Match[str], parse: Parse, context: TurnContext) -> dict[str, str] | None:
    """What stands in the slots of a row; None where one of them cannot be what it is called."""
    names, slots = context.people.names, dict[str, str]()
    for slot, found in match.groupdict(default="").items():
        value = " ".join(found.split())
        if slot == "sub":
            who = _subject(match, parse, context)
            if who is None:
                return None
            slots[slot] = who
            continue
        if slot in _WORDED:
            value = _WORDED[slot](value)
        if (value or slot in _WORDED) and not _fits(slot, value, names):
            return None
        if _is_belied(slot, value, match):
            return None
        if slot in {"who", "other", "owner", "friend", "pet"} and value:
            value = names.canonical_of(_TITLED.sub("", value))
        if slot == "role" and value.istitle() and " " not in value:
            value = value.lower()  # "Captain this year is Ada"
        slots[slot] = value.title() if slot == "vehicle" and value.islower() else value
    if slots.get("owner") and not (_is_known(slots["owner"], names) or _of_family(slots)):
        return None
    for slot, kind in (
        ("who", "person"),
        ("other", "person"),
        ("org", "organization"),
        ("buyer", "organization"),
    ):
        if slots.get(slot):
            names.register(slots[slot], kind)
    return slots


def _is_of_somebody(word: str) -> bool:
    """A relative, or a boss; a dentist is somebody's, and is one, too."""
    return word in KIN and KIN[word][0] not in {"doctor_of", "therapist_of"}


def _is_known(name: str, names: NameRegistry) -> bool:
    return names.is_person(name) or name.lower().partition(" ")[0] in FIRST_NAMES


def _of_family(slots: dict[str, str]) -> bool:
    """Of whom somebody is the mother, whoever is called so, and not of whom they are the boss."""
    return slots.get("kin", "").lower() in _FAMILY


def _worker(craft: str) -> str:
    """Who does it for a living: "nursing" is of a nurse, "teaching" of a teacher."""
    stem = craft.lower().removesuffix("ing")
    forms = (f"{stem}{ending}" for ending in ("e", "er", "or", ""))
    return next((form for form in forms if is_occupation(form)), "")


_POST_OF = {
    "chairs": "chair",
    "captains": "captain",
    "skippers": "captain",
    "coaches": "coach",
    "conducts": "conductor",
    "edits": "editor",
}
"""What somebody is who does it."""


def _one_of(trades: str) -> str:
    """What each of several is: nurses, coaches, firemen."""
    low = trades.lower()
    forms = (low.removesuffix("s"), low.removesuffix("es"), f"{low.removesuffix('men')}man")
    return next((form for form in forms if form != low and is_occupation(form)), "")


_WORDED: dict[str, Callable[[str], str]] = {
    "craft": _worker,
    "trades": _one_of,
    "holds": lambda value: _POST_OF[value],
    "demonym": lambda value: _DEMONYMS.get(value.lower(), ""),
    "i": lambda value: "I" if value else "",
}
"""What a slot holds in other words; nothing where there are none."""


def _is_belied(slot: str, value: str, match: re.Match[str]) -> bool:
    """Whether the words before it say that it is otherwise: a retired nurse, where somebody is
    sent from, and "Ada is the new dentist, Dr Lund has left"."""
    text, start = match.string, match.start(slot)
    if slot == "noun":
        return value in _KINDS_OF_FIRMS and text.endswith("from ", 0, match.start())
    if slot == "beside":
        return _PREDICATE.search(text, 0, start) is not None
    return slot == "role" and _FORMERLY.search(text, match.start(), start) is not None


_ALIKE = {"other": "who", "sport": "game", "buyer": "org", "beside": "role"}
"""Slots that may hold what another may."""


def _fits(slot: str, value: str, names: NameRegistry) -> bool:
    low = value.lower()
    last = low.rpartition(" ")[2]
    kind = names.kind(value)
    named = low not in NOT_NAMES
    fits = {
        "who": named and names.may_be_person(value) and last not in ORG_SUFFIXES,
        "owner": named and names.may_be_person(value),
        "friend": low.partition(" ")[0] in FIRST_NAMES,  # "works with Python" makes a person of it
        "org": named
        and low not in KIN
        and not _COUNTED.fullmatch(low)
        and kind not in {"person", "animal", "place"}
        and (low not in FIRST_NAMES or value.isupper()),
        "employer": kind == "organization",
        "buyer": named and kind not in {"person", "animal", "place"},
        "town": kind == "place",
        "place": (named or low in PLACES | _ALSO_TOWNS) and kind not in {"person", "animal"},
        "role": not low.startswith((*FAVOURITE, *_FORMER))
        and (
            is_post(low)
            or last in {"chair", "co-chair", "vice-chair"}
            or (is_occupation(last) and last not in _NO_POST and not _is_of_somebody(last))
        ),
        "game": last in SPORTS | INSTRUMENTS,
        "software": low in SOFTWARE,
        "craft": bool(value),
        "demonym": bool(value),
        "trades": bool(value),
        "kin": last in KIN,
        "work": is_occupation(last) or (last in KIN and KIN[last][0] in _WORK_KIN),
        "pet": kind == "animal",
        "vehicle": not _VEHICLES.isdisjoint(low.split()),
        "goods": low in _GOODS,
        "noun": last not in PETS and last not in KIN,
    }
    return fits.get(_ALIKE.get(slot, slot), True)


def _subject(match: re.Match[str], parse: Parse, context: TurnContext) -> str | None:
    """Who stands in front, by name, or "I"."""
    start = match.start("sub")
    subject = context.subject(parse, start)
    if subject is None or subject.other is not None:
        return None
    if subject.uncertain and subject.name.lower() in NOT_NAMES:
        return None
    if parse.sentence.text[subject.end : match.end("sub")].strip():
        return None
    if subject.speaker:
        return "I"
    context.people.names.register(subject.name)
    return subject.name
