"""Deadlines, dates and budgets that a sentence or a line of a note gives or says have changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from graphmem.extract.rules.dates import find_dates
from graphmem.extract.rules.names import FIRST_NAMES, NameRegistry
from graphmem.extract.rules.word_lists import NOT_NAMES, WEEKDAYS, word_set
from graphmem.model import valid_from
from graphmem.ports.llm import CandidateFact
from graphmem.text import name_key

CHANGE_CUES = re.compile(
    r"deadline|\bdue\b|launch|go-live|release|finish|opening|completion|handover|budget|cost|price|"
    r"slipped|delayed|pushed|moved|put\s+(?:back|forward|off)|postponed|rescheduled|brought"
    r"|extended|\btarget\b|renewed|submitted|handed\s+in|\bexpires?\b|runs\s+out"
    r"|(?:\bis|\bare|:|'s)\s+(?:now\s+)?(?:(?:on|set\s+for|booked\s+for|fixed\s+for)\s+)?(?:the\s+)?"
    r"(?:\d{1,2}(?:st|nd|rd|th)?\s+[a-z]{3}|[a-z]{3,9}\s+\d)"
)
"""Without one of these a sentence, in small letters, says nothing of this kind."""
_WORD = r"[^\W\d_a-z][\w.'&+#-]*"
_NAME = rf"{_WORD}(?:\s+(?:(?:of|the|and|de|van|von|der|den|&)\s+){{0,2}}{_WORD}){{0,4}}"
_WORKS, _DAYS = word_set("pieces_of_work"), word_set("appointed_days")
_WORK = rf"(?:[a-z-]+\s+)?(?:{'|'.join(sorted(_WORKS | _DAYS))})"
_NOUN = (
    r"(?!(?:this|that|these|those|it|all|each|every|project|work|app|release|is|was|has|had|been|now|moved|slipped|pushed|set|goes|put|to|by|up)\b)"
    r"[a-z][a-z-]{2,}"
)
_NO_NAME = r"(?!(?:The|Our|My|It|New|Budget|Deadline|Launch|Cost|Price|Now|Due)\b)"
_OWNER = rf"(?:(?:[Tt]he|[Oo]ur|[Mm]y)\s+)?(?P<about>{_NO_NAME}(?:{_NAME}(?:\s{_WORK})?|{_WORK}))"
_WEIGHT = 0.7
_MONEY = (
    r"[$€£¥]\s?\d[\d.,']*\s?(?:k|m|bn|million)?|"
    r"\d[\d.,']*\s?(?:k|m|million|thousand)?\s?(?:euros?|pounds?|dollars?|francs|quid|bucks|kroner|kronor|kr"
    r"|r(?:o)?ubles|rupees|yen|naira|lira|zloty|EUR|GBP|USD|CHF|NOK|SEK|DKK)\b"
    r"|\d[\d.,']*k\b"
)
_FROM = r"(?:\s+from\s+[^,;]{2,25}?(?=\s+to\s))?"
"""What it was: "moved from 11 April to 2 May"."""
_LATE = (
    rf"(?P<late>{_NAME}(?:\s+v?\d[\d.]*)?)\s+(?:(?:has|is|was)\s+)?(?:slipped|late|delayed)[:,;]?"
    r"\s+(?:(?:the|new)\s+)?"
)
_CHANGED = re.compile(
    rf"(?:(?:[Tt]he\s+)?(?P<owner>{_NO_NAME}{_NAME})(?:'s)?\s+"
    rf"|^(?P<label>[A-Za-z]+(?:\s[a-z]+)?):\s+(?:the\s+)?|{_LATE}|(?:[Tt]he|[Oo]ur|[Nn]ew)\s+)?"
    r"(?P<what>[Dd]eadline|[Dd]ue date|[Ll]aunch(?: date)?|[Gg]o-live(?: date)?|"
    r"[Rr]elease(?: date)?|(?:[Ff]inish|[Oo]pening|[Cc]ompletion|[Hh]andover)(?: date| night)?|"
    r"(?:[Nn]ew )?[Tt]arget(?: date)?(?=[\s:]+(?:is |now |of )*\d)|"
    r"[Bb]udget|[Cc]ost|[Pp]rice)"
    rf"(?:\s+(?:for|of)\s+(?:the\s+|our\s+|my\s+)?(?P<of>{_NAME}(?:\s{_NOUN})?|{_NOUN}(?:\s{_NOUN}){{0,2}}?)"
    r"(?:\s+(?:project|work|app|release))?)?"
    r"\s*(?::|(?<=[Tt]arget)\s|(?<=[Bb]udget)\s(?=[£€$])|.{1,20}?(?:→|->|=>)|(?:\s+(?:is|was|has|been|now|moved|slipped|pushed|back|out"
    r"|extended|changed|raised|"
    r"cut|increased|reduced|renewed|set|brought|forward|up|down|goes|gone|went|risen|grown|fallen|dropped|planned|scheduled|put))+"
    rf"{_FROM}(?:\s+(?:to|at|for|is"
    r"|now))*)"
    r"\s*(?:to\s+)?(?:by\s+)?(?P<value>[^\s,.;](?:[^,;.]|[,.](?=\d)){0,60})"
)
_DATES = frozenset({"deadline", "due date", "target", "target date"}) | {
    what + date
    for what in ("launch", "go-live", "release", "finish", "opening", "completion", "handover")
    for date in ("", " date", " night")
}
_BLOCKED = re.compile(
    r"\b(?:if|(?-i:may)|might|could|would|should|maybe|perhaps|not(?!\s(?:the\s|on\s)*\d)|unless"
    r"|until|wish|hope|propose[ds]?|suggest\w*)\b|\?",
    re.I,
)


_WHEN = r"(?:the\s+)?(?P<value>[^\s,.;][^,;.]{0,60})"
_HOW = r"(?:slipped|pushed|moved|delayed|postponed|rescheduled|put|brought|extended|shifted|bumped)"
_SIDE = r"(?:\s+(?:back|forward|out|over))*"
_KEY = r"(?:\s+(?:deadline|date|launch|release|opening|handover|go-live))?"
_A_DAY = re.compile(rf"(?:\w+\s+)?\d|(?:next\s+)?(?:{'|'.join(WEEKDAYS)})", re.IGNORECASE)
_NEW_DATES: tuple[re.Pattern[str], ...] = (
    re.compile(
        rf"(?:^|[,;]\s|\band\s){_OWNER}(?:'s)?{_KEY}(?:\s+(?:has|have|had|was|is|got|been|just"
        rf"|now))*"
        rf"\s+{_HOW}{_SIDE}{_FROM}(?:,?\s+(?:now|to|till|until|by)){{1,2}}\s+{_WHEN}"
    ),
    re.compile(rf"\b{_HOW}{_SIDE}\s+{_OWNER}(?:'s)?{_KEY}{_SIDE}\s+(?:to|till|until)\s+{_WHEN}"),
    re.compile(
        rf"^(?:{_OWNER}(?:'s|\s+is|\s+are))?\s*(?:[Nn]ow\s+)?[Dd]ue\s+(?:(?:on|by|back)\s+)?{_WHEN}"
    ),
)
_TO_RENEW = (
    rf"\b{_OWNER}\s+(?:(?:has|have|needs?|is|are)\s+to\s+be\s+|must\s+be\s+)"
    r"(?:renewed|paid|submitted|filed|returned|handed\s+in|sent(?:\s+off)?)\s+(?:by|before)\s+"
)
_DAY_MONTH = (
    r"(?=(?:\w+day,?\s+)?(?:\d{1,2}(?:st|nd|rd|th)?(?:\s+of)?\s+[A-Za-z]{3}|[A-Za-z]{3,9}\s+\d))"
)
_ON = r"(?:(?:on|set\s+for|booked\s+for|fixed\s+for|scheduled\s+for)\s+)?"
_NEW_DATES += (
    re.compile(rf"{_TO_RENEW}{_DAY_MONTH}{_WHEN}"),
    re.compile(rf"\b{_OWNER}\s+(?:expires|runs\s+out)\s+(?:on\s+)?{_DAY_MONTH}{_WHEN}"),
)
_IS_EVENT = re.compile(rf"(?<!^last\s)(?<!^first\s)\b(?:{'|'.join(sorted(_DAYS))})$")
_TAKES_PLACE = re.compile(
    rf"(?:^|[,;]\s){_OWNER}(?:'s|\s+is|\s+are|:)\s+(?:now\s+)?{_ON}{_DAY_MONTH}{_WHEN}"
)
"""Of a thing itself: "the leaflet is due 31 January", "they pushed the launch to Friday"."""


def changed_values(
    line: str, topic: str | None, names: NameRegistry, stated_at: datetime
) -> Iterator[CandidateFact]:
    """ "The deadline moved to 28 March", "the budget for the Halyard project is now €150k"."""
    if _BLOCKED.search(line):
        return
    if (match := _CHANGED.search(line)) is not None:
        about = match["owner"] or match["label"] or match["late"] or match["of"]
        about = names.canonical_of(about.removesuffix("'s")) if about else topic
        what = match["what"].lower().removeprefix("new ")
        if _owned_by_none(match, line, stated_at) if about is None else not names.is_person(about):
            yield from _valued(about, what, match["value"], stated_at)
        return
    for pattern in _NEW_DATES:
        match = pattern.search(line)
        about = _about(match["about"], topic, names) if match is not None else None
        if match is not None and about is not None and _A_DAY.match(match["value"]):
            what = "date" if about.lower().split()[-1] in _DAYS else "deadline"
            yield from _valued(about, what, match["value"], stated_at)
            return
    if (match := _TAKES_PLACE.search(line)) is not None:
        about = _about(match["about"], None, names)
        if about is not None and _IS_EVENT.search(about.lower()):
            yield from _valued(about, "date", match["value"], stated_at)


_HAS_CHANGED = re.compile(
    r"\b(?:now|moved|slipped|pushed|extended|changed|raised|cut|increased|reduced|renewed|brought|"
    r"up|down|put)\b|→|->|=>"
)
_SOMEBODYS = re.compile(
    r"\b(?:my|our|his|her|your|their|monthly|weekly)\s+(?:\w+\s+)?$", re.IGNORECASE
)


def _owned_by_none(match: re.Match[str], line: str, stated_at: datetime) -> bool:
    """Whether a value has changed of what is not said here, and has changed already."""
    if not _HAS_CHANGED.search(match.group()) or _SOMEBODYS.search(line[: match.start("what")]):
        return False
    return not any(d.lead == "from" and d.future for d in find_dates(line, stated_at))


_RENT_CHANGES = frozenset(
    {"up", "down", "to", "goes", "went", "gone", "raised", "increased", "now", "is"}
)
_RENT_GOES_ON = re.compile(r"\W*(?:now|up|down)\b")
_PLAIN_SUM = (
    r"(?:\d{1,2}[,.]\d{3}|\d{3,5})(?![\d.,%]*\d|\s?%)"
    r"(?=\s*(?:$|[.,;!)(]|(?:an?|per|from|on|in|since|now|instead|btw|starting|as|until|pcm)\b))"
)
_NOT_THEIRS = r"(?<!\b[Hh]is\s)(?<!\b[Hh]er\s)(?<!'s\s)(?<!\b[Tt]heir\s)"
_RENT = re.compile(
    rf"{_NOT_THEIRS}\b(?:[Mm]y|[Oo]ur|[Tt]he)?\s*{_NOT_THEIRS}"
    r"[Rr]ent\b(?:\sfor\sthe\s[a-z]+)?(?:'s|\s+is|\s+goes|\s+went|\s+has\s+gone|\s+gone"
    r"|\s+put|\s+going|\s+now|\s+up|"
    r"\s+down|\s+rise|\s+raised|\s+increased|\s+to|,?\s+it's|\s+from\s+[\w ]{3,12}|\s+was)*\s+"
    rf"(?P<value>(?:{_MONEY}|{_PLAIN_SUM})(?:\s?(?:a|per)\s(?:month|week)|\s?pcm)?)(?P<when>[^;!?]*)"
)


def rents(line: str, who: str | None, stated_at: datetime) -> Iterator[CandidateFact]:
    """ "The landlord put the rent up to £1,240 from May": what somebody pays, and from when."""
    match = _RENT.search(line)
    if match is None or who is None or _BLOCKED.search(line) or "was" in match.group().split():
        return
    stated = line[match.start() : match.end("value")]
    dates = find_dates(line, stated_at)
    when = next((d for d in dates if d.lead == "from" and d.at is not None), None)
    stated_words = re.sub(r"'s\b", " is", stated.lower()).split()
    goes_on = _RENT_GOES_ON.match(match["when"])
    if when is None and goes_on is None and _RENT_CHANGES.isdisjoint(stated_words):
        return
    value = match["value"].strip(" .,")
    ahead = when is not None and when.at is not None and when.at > stated_at
    yield CandidateFact(
        f"{who}'s rent is {value}", who, "rent", None, (who,), value=value, importance=_WEIGHT,
        modality="planned" if ahead else "stated",
        **valid_from(when.date if when is not None else None),
    )  # fmt: skip


def _about(given: str | None, topic: str | None, names: NameRegistry) -> str | None:
    """What has the date: a piece of work, a day, a name that is nobody's."""
    given = (given or "").strip()
    if not given or given.lower() in {"it", "this", "that"}:
        return topic if topic and not names.is_person(topic) else None
    first, *more = given.lower().split()
    if not more and first not in _WORKS | _DAYS and not names.is_sure(given):
        return None
    work = given.lower().split()[-1] in _WORKS | _DAYS
    nobody = not names.is_person(given) and first not in FIRST_NAMES
    nobody = nobody and (work or first not in NOT_NAMES)
    return names.canonical_of(given) if nobody else None


def _of(about: str) -> str:
    """Whose: "Heron's", "the applications'"."""
    return f"{'the ' * about.islower()}{about}'{'' if about.endswith('s') else 's'}"


def _valued(
    about: str | None, what: str, given: str, stated_at: datetime
) -> Iterator[CandidateFact]:
    if what in _DATES or what == "date":
        when = next((d for d in find_dates(f"due {given}", stated_at) if d.start < 12), None)
        if when is None or when.at is None:
            return
        type, value = "deadline", given.strip()[: max(0, when.end - 4)].strip()
        type = "date" if what == "date" else type
    else:
        money = re.match(_MONEY, given)
        if money is None:
            return
        type, value = "budget", money.group().strip()
    whose, of = (_of(about), (about,)) if about is not None else ("The", ())
    yield CandidateFact(
        f"{whose} {what} is {value}", about, type, None, of, value=value, importance=_WEIGHT
    )


_WHO = r"(?:[^\W\d_a-z][\w-]*(?:\s[^\W\d_a-z][\w-]*)?|me)"
_HANDED = (
    re.compile(
        r"(?:^|[.;]\s)(?:[Tt]he\s)?(?P<what>[A-Za-z][\w &'-]{2,40}?)\s(?:(?:has|have|had|was|is"
        r"|been|being|now)\s)*"
        rf"(?:handed|passed|transferred|reassigned"
        rf"|given)(?:\sover)?(?:\sfrom\s{_WHO})?\sto\s(?P<who>{_WHO})\s*(?:$|[,.;(])"
    ),
    re.compile(
        rf"(?P<who>{_WHO})\s(?:(?:has|now)\s)*(?:takes|took|taken)\sover\s(?:the\s)?"
        r"(?P<what>[A-Za-z][\w &'-]{2,40}?)(?:\sfrom\s\S+)?\s*(?:$|[,.;(])"
    ),
    re.compile(
        rf"(?P<who>{_WHO})\s(?:now\sowns\sit|owns\sit\snow|owns\sthis\snow|is\sthe\sowner\snow)\b"
    ),
    re.compile(rf"\b[Nn]ew\sowner(?::|\sis)\s(?P<who>{_WHO})\s*(?:$|[,.;(])"),
)
HANDED_CUES = re.compile(
    r"\bover\b|\bown(?:s|er)\b|\bhands\b|\bpasses\b|handed|passed|transferred|reassigned|given\sto",
    re.I,
)


_HAND = r"(?:'s|'ve|\shas|\shave|\sis|\swill)?(?:\s(?:now|just|finally|also))?"
_NO_WORK = frozenset({"from", "as", "for", "by", "with", "at", "on", "in", "it", "this", "that"})
_HANDED_WHAT = r"(?P<what>[A-Za-z][\w &'-]{2,40}?)"
_HANDED_ON = (
    re.compile(
        rf"\b{_WHO}{_HAND}\s(?:hand(?:s|ed|ing)?|pass(?:es|ed|ing)?|transferr?(?:s|ed|ing)?)\s(?:over\s)?(?:(?:the|my|our)\s)?"
        rf"{_HANDED_WHAT}\s(?:(?:over|on)\s)?to\s(?P<who>{_WHO})\s*(?:$|[,.;(])"
    ),
    re.compile(
        rf"(?P<who>{_WHO}|\bI){_HAND}\s(?:takes?|took|taken|taking)\sover\s(?:the\s|my\s|our\s)?"
        rf"{_HANDED_WHAT}(?:\sfrom\s(?:{_WHO}|her|him|them))?\s*(?:$|[,.;(])"
    ),
    _HANDED[0],
    re.compile(
        rf"(?:^|[.;,]\s|\b(?:and|[Tt]hen)\s)(?:{_WHO}|s?he){_HAND}\s(?:hands|handed|passes|passed)"
        rf"\s(?P<who>{_WHO})\s(?:the|my|our|his|her)\s{_HANDED_WHAT}"
        r"(?:\s(?:today|tonight|tomorrow|yesterday|(?:on|last|this|next)\s[\w ]{3,15}))?"
        r"\s*(?:$|[,.;(])"
    ),
)


def handed_on(line: str, speaker: str | None, names: NameRegistry) -> Iterator[CandidateFact]:
    """ "Monica handed the newsletter over to Deepak": whether it is anything that somebody has or
    leads is known only where it is decided what is believed."""
    if _BLOCKED.search(line):
        return
    for pattern in _HANDED_ON:
        match = pattern.search(line)
        if match is None:
            continue
        who = speaker if match["who"] in {"me", "I"} else names.canonical_of(match["who"])
        what = names.canonical_of(match["what"])
        if not _NO_WORK.isdisjoint(what.lower().split()) or len(what.split()) > 4:
            return
        if who is None or names.kind(what) in {"person", "animal", "place"}:
            continue
        if who == speaker or names.may_be_person(who):
            name = names.register(who, "person")
            yield CandidateFact(
                f"{'the ' * what.islower()}{what} was handed over to {name}",
                what, "handed_to", name, (what, name), importance=_WEIGHT,
            )  # fmt: skip
        return


def handed_over(
    line: str, topic: str | None, speaker: str | None, names: NameRegistry
) -> Iterator[CandidateFact]:
    """ "Canning line handed from Piotr to me", "Seun owns it now": who has it from now on. What is
    handed over is known, or what the note is about."""
    if not HANDED_CUES.search(line) or _BLOCKED.search(line):
        return
    for pattern in _HANDED:
        match = pattern.search(line)
        if match is None:
            continue
        given = match.groupdict().get("what")
        what = names.canonical.get(name_key(given)) if given else topic
        who = speaker if match["who"] == "me" else names.canonical_of(match["who"])
        if what is None or who is None or names.kind(what) in {"person", "animal", "place"}:
            continue
        if who == what or not names.may_be_person(who):
            continue
        names.register(who, "person")
        says = f"{who} is the owner of {what} now"
        yield CandidateFact(says, what, "has_owner", who, (what, who), importance=_WEIGHT)
        return
