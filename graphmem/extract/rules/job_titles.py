"""Posts in a company or a team: "Ben is the CTO of Acme", "Acme's new CEO, Ben Toll", "the head of
sales at Acme is Rui"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from graphmem.extract.rules.name_slots import Thing
from graphmem.extract.rules.phrases import Place, name_slot, named_thing
from graphmem.extract.rules.relation_patterns import RelationRule, TimeClass
from graphmem.extract.rules.subjects import Subject, Voice
from graphmem.extract.rules.word_lists import word_set
from graphmem.ports.llm import CandidateFact

_FIELD = r"[A-Za-z]+(?:\s+and\s+[A-Za-z]+)?"
_POST = (
    r"(?P<post>(?:(?:deputy|vice|senior|general|managing|executive|technical|creative|art|"
    r"engineering|product|project|team|tech|design|research|sales|marketing)\s+)?"
    r"(?:C[ETFOIMP]O|CISO|chief\s+[a-z]+\s+officer|co-?founder|founder|president|"
    rf"VP(?:\s+of\s+{_FIELD})?|head\s+of\s+(?!state\b|government\b){_FIELD}|director(?:\s+of\s+{_FIELD}(?=\s+at\s))?|lead|"
    r"manager|chair(?:man|woman|person)?|secretary|treasurer))"
)
_WHICH = r"(?:(?:the|an?|its|our|their)\s+)?(?:(?:new|current|present|acting|interim)\s+)?"
_OF = r"\s+(?:of|at|for)(?=\s)"
_SOON = r"(?:\s+(?:now|currently|also|still|just|recently|already|then)){0,2}"
_STATE = re.compile(rf"(?:'m|'re|'s|\s+am|\s+is|\s+are){_SOON}\s+{_WHICH}{_POST}{_OF}", re.I)
_CHANGE = re.compile(
    rf"(?:'s|'ve|\s+has|\s+have)?{_SOON}\s+(?:became|become|was\s+(?:appointed|named|made|elected)|"
    rf"been\s+(?:appointed|named|made|elected)|took\s+over\s+as|started\s+as)\s+{_WHICH}{_POST}{_OF}",
    re.I,
)
_PAST = re.compile(rf"\s+(?:was|were|used\s+to\s+be){_SOON}\s+{_WHICH}{_POST}{_OF}", re.I)
_BESIDE = re.compile(rf"\s*,\s+{_WHICH}{_POST}{_OF}", re.I)
_WAYS: tuple[tuple[re.Pattern[str], TimeClass], ...] = (
    (_STATE, "state"),
    (_CHANGE, "change"),
    (_PAST, "past"),
    (_BESIDE, "state"),
)
_OWNED = re.compile(
    rf"\s+(?:(?:new|current|present|acting|interim)\s+)?{_POST}(?:\s+is|,)?(?=\s)", re.I
)
_THE = re.compile(rf"(?:^|(?<=\W))the\s+(?:(?:new|current)\s+)?{_POST}{_OF}", re.I)
_IS = re.compile(r"\s+(?:is|,)(?=\s)|,(?=\s)")
_CUES = re.compile(
    r"(?<!\w)(?:C[ETFOIMP]O|CISO|officer|(?:co-?)?founder|president|VP|head|director|lead|manager|"
    r"chair(?:man|woman|person)?|secretary|treasurer)(?!\w)",
    re.I,
)
_LAST_DAY = re.compile(
    r"\b(?:was|is)\s+(?P<whose>my|[^\W\d_a-z][\w-]*'s)\s+(?:very\s+)?last\s+day\s+"
    r"(?:of\s+work\s+)?(?:at|with)(?=\s)"
)
_CLUBS = word_set("clubs")
_WEIGHT = 0.8
_AT: dict[bool, dict[str, tuple[str, str]]] = {
    False: {
        "state": ("works_at", "{s} works at {o}"),
        "past": ("works_at", "{s} used to work at {o}"),
    },
    True: {
        "state": ("member_of", "{s} is a member of {o}"),
        "past": ("member_of", "{s} used to be a member of {o}"),
    },
}
"""What a post says of where it is, by whether that is a club."""


@dataclass(frozen=True, slots=True)
class _Post:
    """What is said of a post: its name, where it is, and how it is told."""

    name: str
    where: Thing
    start: int
    time: TimeClass = "state"


@dataclass(frozen=True, slots=True)
class Held:
    """One half of a post that somebody holds, as the reader of relations takes it: what it is, or
    where."""

    rule: RelationRule
    subject: Subject
    thing: Thing
    start: int


def posts(place: Place, voice: Voice) -> Iterator[Held]:
    """Who holds which post where, when a sentence says so plainly."""
    text = place.sentence.text
    if place.sentence.question or not _CUES.search(text):
        return
    if voice.speaker is not None:
        for at in (m.start() for m in re.finditer(r"(?:^|(?<=\W))I(?=['\s])", text)):
            yield from _held(place, voice, Subject(voice.speaker, at + 1, speaker=True), at)
    for span in place.names:
        if span.owns:
            yield from _of_owner(place, voice, span.name, span.start, span.end)
        elif voice.people.names.may_be_person(span.name):
            name = voice.people.names.canonical_of(span.name)
            yield from _held(place, voice, Subject(name, span.end), span.start)
    for match in _THE.finditer(text):
        yield from _the(place, voice, match)


def last_days(place: Place, voice: Voice) -> Iterator[Held]:
    """ "Today was my last day at Acme"."""
    match = _LAST_DAY.search(place.sentence.text)
    where = _where(place, voice, match.end()) if match else None
    if match is None or where is None or place.sentence.question:
        return
    names, whose = voice.people.names, match["whose"]
    name = voice.speaker if whose == "my" else names.canonical_of(whose.removesuffix("'s"))
    if name is None or not names.may_be_person(name):
        return
    rule = RelationRule("works_at", "{s} no longer works at {o}", "org", weight=_WEIGHT, time="end")
    subject = Subject(name, match.end("whose"), speaker=whose == "my")
    yield Held(rule, subject, replace(where, kind="organization"), match.start())


def _held(place: Place, voice: Voice, subject: Subject, start: int) -> Iterator[Held]:
    """ "Ben is the CTO of Acme", "Ben, the CTO of Acme"."""
    for pattern, time in _WAYS:
        match = pattern.match(place.sentence.text, subject.end)
        where = _where(place, voice, match.end()) if match else None
        if match is not None and where is not None:
            yield from _told(voice, subject, _Post(match["post"], where, start, time))
            return


def _of_owner(place: Place, voice: Voice, name: str, start: int, end: int) -> Iterator[Held]:
    """ "Acme's CEO is Ben", "Acme's new CEO, Ben"."""
    match = _OWNED.match(place.sentence.text, end)
    who = _who(place, voice, match.end()) if match else None
    names = voice.people.names
    if match is None or who is None or names.kind(name) in {"person", "animal"}:
        return
    where = Thing(name, names.canonical_of(name), names.kind(name), who.end)
    yield from _told(voice, who, _Post(match["post"], where, start))


def _the(place: Place, voice: Voice, match: re.Match[str]) -> Iterator[Held]:
    """ "The CEO of Acme is Ben", "the CEO of Acme, Ben"."""
    where = _where(place, voice, match.end())
    joined = _IS.match(place.sentence.text, where.end) if where else None
    who = _who(place, voice, joined.end()) if joined else None
    if where is not None and who is not None:
        yield from _told(voice, who, _Post(match["post"], where, match.start()))


def _where(place: Place, voice: Voice, at: int) -> Thing | None:
    names = voice.people.names
    found = named_thing(place, at)
    if found is None or names.kind(found.name) in {"person", "animal", "place"}:
        return None
    return Thing(found.name, names.canonical_of(found.name), names.kind(found.name), found.end)


def _who(place: Place, voice: Voice, at: int) -> Subject | None:
    names = voice.people.names
    found = name_slot(place, at)
    if found is None or not names.may_be_person(found.name):
        return None
    return Subject(names.canonical_of(found.name), found.end)


def _told(voice: Voice, subject: Subject, post: _Post) -> Iterator[Held]:
    names = voice.people.names
    if not subject.speaker:
        names.see(subject.name, "person")
    name = " ".join(post.name.split())
    name = name if any(c.isupper() for c in name[1:]) else name.lower()
    kind = "organization" if post.where.kind == "thing" else post.where.kind
    where = replace(post.where, kind=kind)
    if "founder" in name:
        rule = RelationRule(
            "founded", f"{{s}} is {name} of {{o}}", "org", weight=_WEIGHT, time="taste"
        )
        yield Held(rule, subject, where, post.start)
        return
    verb = {"past": "used to be", "change": "became"}.get(post.time, "is")
    what = Thing(f"{name} of {where.text}", name, "thing", where.end)
    as_what = RelationRule(
        "works_as", f"{{s}} {verb} {{o}}", "role", weight=_WEIGHT, time=post.time
    )
    yield Held(as_what, subject, what, post.start)
    # Who became head of sales there may have worked there before.
    time: TimeClass = "past" if post.time == "past" else "state"
    club = bool(_CLUBS & set((where.name or "").lower().split()))
    type, says = _AT[club][time]
    rule = RelationRule(type, says, "org", weight=_WEIGHT, time=time)
    yield Held(rule, subject, where, post.start)


def with_companies(told: list[CandidateFact]) -> list[CandidateFact]:
    """With each post about the one company that it is told to be in, too: it ends with the job
    there. A profession does not."""
    at: dict[str | None, set[str | None]] = {}
    for fact in told:
        if fact.type == "works_at":
            at.setdefault(fact.subject, set()).add(fact.object)
    where = {subject: found.pop() for subject, found in at.items() if len(found) == 1}
    return [
        replace(fact, entities=(*fact.entities, company))
        if fact.type == "works_as" and (company := where.get(fact.subject))
        else fact
        for fact in told
    ]
