"""What one bond between two people says about others, accepted proposals, and birthdays."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from graphmem.clock import MONTHS, Date
from graphmem.extract.rules.phrases import Parse
from graphmem.extract.rules.subjects import TurnContext
from graphmem.model import valid_from, valid_until
from graphmem.ports.llm import CandidateFact

MUTUAL = frozenset(
    {"married_to", "engaged_to", "dating", "partner_of", "friend_of", "lives_with", "colleague_of"}
)
"""Relations that hold in both directions, and may be stored in either."""
WITH_CONSEQUENCES = MUTUAL | {"bought"}
BIRTH_WORDS = frozenset({"birthday", "birthdate", "birth"})
"""Without one of these nothing is said of a birthday."""
_WEAKER = {"dating": "{s} is no longer dating {o}", "engaged_to": "{s} is no longer engaged to {o}"}

_SOON = r"(?:(?:just|finally|recently|actually|then)\s+)?"
_YES = (
    r"(?P<mid>[^;:()]{0,60}?),?\s+(?:and|so)\s+(?:of\s+course\s+)?{who}\s+(?:of\s+course\s+)?"
    r"(?:said\s+(?:\w+\s+)?yes|accepted)(?=\W|$)(?!\s+to\b)"
)
_PROPOSED = re.compile(
    rf",?\s+{_SOON}proposed(?:\s+to\s+me)?" + _YES.replace("{who}", "I"), re.IGNORECASE
)
_TO_ME = re.compile(
    rf",?\s+{_SOON}(?:proposed|popped\s+the\s+question)(?!\s+(?:to\s+(?!me\b)|that\b|an?\b|the\b|we\b))"
)
_I_PROPOSED = re.compile(rf"(?:^|[\s,])I\s+{_SOON}proposed\s+to\s+(?:my\s+[\w-]+\s+)?$")
_YES_ALONE = re.compile(
    r"(?:(?:[Oo]f course\s+)?(?:S?he|They|she|he|I|i)\s+)?(?:\w+\s+)?"
    r"(?:[Ss]aid\s+(?:\w+\s+)?yes|accepted)(?=\W|$)(?!\s+to\b)"
)
_THEY_ACCEPTED = re.compile(_YES.replace("{who}", "(?:he|she|they)"), re.IGNORECASE)
_NOT_YET = frozenset(
    {"if", "not", "never", "imagine", "dreamt", "dreamed", "dream", "wish", "game"}
)

_BIRTHDAY = re.compile(
    r"(?:(?P<my>\bmy)|(?P<name>[^\W\d_][^,;:.]{0,60})'s)\s+(?:birthday|birth\s*date|date\s+of\s+"
    r"birth)(?:\s+(?:is|was)|'s)(?=\s)",
    re.IGNORECASE,
)
_DAY_MONTH = re.compile(
    r"(?:on\s+)?(?:the\s+)?(?:(?P<d1>\d{1,2})(?:st|nd|rd|th)?(?:\s+of)?\s+(?P<m1>[A-Za-z]{3,9})|"
    r"(?P<m2>[A-Za-z]{3,9})\s+(?P<d2>\d{1,2})(?:st|nd|rd|th)?)(?=\W|$)",
    re.IGNORECASE,
)
_GROWN = 2
"""Years; the date of a birthday that is later than this many years ago may be of a party."""


def consequences(fact: CandidateFact) -> Iterator[CandidateFact]:
    """What else ends with a fact: its mirror image, a weaker bond at the wedding, an engagement at
    the break-up, and having joined where somebody no longer works."""
    if fact.subject is None or fact.object is None:
        return
    one, two = fact.subject, fact.object
    bought = fact.type == "bought" and not fact.retracts and fact.modality == "stated"
    if bought and all(word[0].isupper() for word in two.split()):
        text = f"{one} owns {two}"
        yield replace(fact, text=text, type="owns", importance=0.5)
    if fact.type not in MUTUAL:
        return
    if fact.retracts:
        text = f"{two} and {one}: no longer {fact.type.replace('_', ' ')}"
        yield replace(fact, text=text, subject=two, object=one)
    elif fact.type == "married_to" and fact.valid_at is not None and _a_wedding(fact.text):
        for weaker, says in _WEAKER.items():
            for left, right in ((one, two), (two, one)):
                text = says.replace("{s}", left).replace("{o}", right)
                yield CandidateFact(
                    text, left, weaker, right, (left, right), **valid_until(fact.valid_date),
                    importance=0.6, retracts=True,
                )  # fmt: skip


def _a_wedding(text: str) -> bool:
    return " married " in text and " is married " not in text


def proposals(parse: Parse, context: TurnContext, stated_at: datetime) -> Iterator[CandidateFact]:
    """ "Jonas proposed to me and I said yes": an engagement, where the answer is stated too."""
    sentence, speaker = parse.sentence, context.speaker
    asked_before, context.proposed_to = context.proposed_to, None
    if speaker is None or sentence.question:
        return
    if asked_before is not None and _YES_ALONE.match(sentence.text):
        name = context.people.names.register(asked_before, "person")
        yield CandidateFact(
            f"{speaker} got engaged to {name}", speaker, "engaged_to", name, (speaker, name),
            **valid_from(Date(stated_at, "instant")), importance=0.8,
        )  # fmt: skip
    if "propose" not in sentence.text:
        return
    if sentence.lows & _NOT_YET:
        return
    names = context.people.names
    for span in parse.names:
        name = names.canonical_of(span.name)
        if not names.may_be_person(name) or name == speaker or span.owns:
            continue
        if _I_PROPOSED.search(sentence.text[: span.start]) or _TO_ME.match(sentence.text, span.end):
            context.proposed_to = name
        asked = _PROPOSED.match(sentence.text, span.end)
        answered = _I_PROPOSED.search(sentence.text[: span.start]) and _THEY_ACCEPTED.match(
            sentence.text, span.end
        )
        if not asked and not answered:
            continue
        when = next((d for d in parse.dates if d.at is not None and not d.lasting), None)
        if when is not None and when.future:
            continue
        at = (when.date if when is not None else None) or Date(stated_at, "instant")
        words = f" {when.text}" if when is not None and when.text else ""
        name = names.register(name, "person")
        yield CandidateFact(
            f"{speaker} got engaged to {name}{words}", speaker, "engaged_to", name,
            (speaker, name), **valid_from(at), importance=0.8,
        )  # fmt: skip
        return


def birthdays(parse: Parse, context: TurnContext, stated_at: datetime) -> Iterator[CandidateFact]:
    """ "Sophie's birthday is on 3 May 1991": a birth with its year, a day of the year without."""
    sentence = parse.sentence
    if sentence.question:
        return
    for match in _BIRTHDAY.finditer(sentence.text):
        who = _born(parse, context, match)
        at = match.end() + 1
        when = parse.date_at(at)
        if who is None or when is None or when.start != at or when.at is None:
            continue
        date_text = sentence.text[when.start : when.end]
        if re.search(r"\d{4}", date_text) and when.at.year < stated_at.year - _GROWN:
            born = f"{who} was born {when.text}"
            yield CandidateFact(born, entities=(who,), **valid_from(when.date), importance=0.8)
        elif day := _DAY_MONTH.match(date_text):
            month = (day["m1"] or day["m2"]).lower()[:3]
            full = next((m.title() for m in MONTHS if m[:3] == month), None)
            if full is not None:
                on = f"{int(day['d1'] or day['d2'])} {full}"
                yield CandidateFact(
                    f"{who}'s birthday is on {on}", who, "birthday", None, (who,),
                    value=on, importance=0.7,
                )  # fmt: skip


def _born(parse: Parse, context: TurnContext, match: re.Match[str]) -> str | None:
    if match["my"]:
        return context.speaker
    names = context.people.names
    end = match.end("name")
    span = next((s for s in parse.names if s.owns and s.end == end + 2), None)
    if span is None:
        return None
    name = names.canonical_of(span.name)
    if not (names.may_be_person(name) or names.kind(name) == "animal"):
        return None
    return names.register(name, None if names.kind(name) == "animal" else "person")
