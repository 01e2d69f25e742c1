"""Posts in a company or a team: "Ben is the CTO of Acme", "Acme's new CEO, Ben Toll", "the head of
sales at Acme is Rui"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from graphmem.extract.rules.kin import stands_for_place
from graphmem.extract.rules.name_slots import Filler
from graphmem.extract.rules.phrases import Parse, name_slot, named_thing
from graphmem.extract.rules.relation_rows import RelationRule, TimeClass
from graphmem.extract.rules.subjects import Subject, TurnContext
from graphmem.extract.rules.word_lists import FAVOURITE, KIN, is_occupation, word_set
from graphmem.ports.llm import CandidateFact

_FIELD = r"[A-Za-z]+(?:\s+and\s+[A-Za-z]+)?"
_POST = (
    r"(?P<post>(?:(?:deputy|vice|senior|general|managing|executive|technical|creative|art|"
    r"engineering|product|project|team|tech|design|research|sales|marketing)\s+)?"
    r"(?:C[ETFOIMP]O|CISO|chief\s+[a-z]+\s+officer|co-?founder|founder|president|"
    rf"VP(?:\s+of\s+{_FIELD})?|head\s+of\s+(?!state\b|government\b){_FIELD}|director(?:\s+of\s+{_FIELD}(?=\s+at\s))?|lead|"
    r"manager|chair(?:man|woman|person)?|secretary|treasurer)|"
    r"(?:[a-z]+\s+){0,2}?(?:master|officer|engineer|architect|designer|developer|analyst|planner|"
    r"harbou?rmaster|accountant|lawyer|consultant|conductor|coach|captain|editor|curator|"
    r"superintendent|coordinator|administrator|receptionist|headteacher|head))"
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
    r"(?<!\w)(?:master|engineer|architect|designer|developer|analyst|planner|harbou?rmaster|"
    r"accountant|lawyer|consultant|conductor|coach|captain|editor|curator|superintendent|"
    r"coordinator|administrator|receptionist|headteacher|C[ETFOIMP]O|CISO|officer|(?:co-?)?founder|president|VP|head|director|lead|manager|"
    r"chair(?:man|woman|person)?|secretary|treasurer)(?!\w)",
    re.I,
)
JOB_CUES = re.compile(rf"{_CUES.pattern}|\bnew\b|, |\s\(|\sis\s+\w|last\s+day", re.I)
"""Without one of these nothing is said of a post."""
_LAST_DAY = re.compile(
    r"\b(?:was|is)\s+(?P<whose>my|[^\W\d_a-z][\w-]*'s)\s+(?:very\s+)?last\s+day\s+"
    r"(?:of\s+work\s+)?(?:at|with)(?=\s)"
)
_NEW = re.compile(
    r"(?:^|(?<=\W))(?:(?:[Tt]he|[Oo]ur|[Mm]y)\s+)?[Nn]ew\s+(?P<post>C[ETFOIMP]O|[a-z]+(?:\s+[a-z]+){0,2})"
    r"(?:\s+is\s+(?:called\s+)?|:\s+)(?=[^\W\d_a-z])"
)
_NOW_IS = re.compile(
    r"^(?:[Tt]he\s+|[Oo]ur\s+|[Mm]y\s+)?(?:[Nn]ew\s+)?(?!(?:former|previous|old|ex|last|first|next|[Hh]is|[Hh]er|[Tt]heir|[Yy]our|[Ii]ts)\b)(?P<post>C[ETFOIMP]O|[A-Za-z][a-z]+(?:\s+[a-z]+){0,2})\s+is(?P<now>\s+now)?\s+"
    r"(?=[^\W\d_a-z])"
)
_ASIDE = re.compile(
    r"\s*(?:,\s+(?:an?|our|the)\s+|"
    r",\s+(?!(?:is|was|are|has|had|will|who)\s)(?=[a-z]+(?:[ -][a-z]+){0,3}\s*(?:[.;!]|$))|"
    r"\s\(\s*(?:(?:an?|our|the|my)\s+)?)"
    r"(?!(?:old|former|previous|late)\s)"
    r"(?P<post>(?:deputy\s+)?head\s+of\s+[a-z]+|[a-z]+(?:[ -][a-z]+){0,2}?)"
    r"(?=\s*(?:[,.;!)]|$|and\s|who\s))"
)
_ASIDE_AT_START = re.compile(
    r",\s+(?P<post>[a-z]+(?:[ -][a-z]+)?),\s(?![\w-]+(?:,|\s(?:and|or|&)\s))"
)
_IS_NEW = re.compile(r"\bnew\b", re.IGNORECASE)
_MINE = re.compile(r"(?:My|my)\s")
_IN = frozenset({"in", "at", "near"})
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
    """A post as a sentence states it: its name, where it is, since when or until when."""

    name: str
    where: Filler
    start: int
    time: TimeClass = "state"
    new: bool = False
    """Somebody else held it before."""
    at: bool = True
    """Said as "at": it is a company; "the lead of Orion" may be of a project."""


@dataclass(frozen=True, slots=True)
class JobRelation:
    """One relation of somebody's post: what they work as, or where."""

    rule: RelationRule
    subject: Subject
    thing: Filler
    start: int


def job_relations(parse: Parse, context: TurnContext) -> Iterator[JobRelation]:
    """Who holds which post where, when a sentence says so plainly."""
    text = parse.sentence.text
    if not parse.sentence.question:
        yield from _professions(parse, context)
    if parse.sentence.question or not _CUES.search(text):
        return
    if context.speaker is not None:
        for at in (m.start() for m in re.finditer(r"(?:^|(?<=\W))I(?=['\s])", text)):
            yield from _stated_job(
                parse, context, Subject(context.speaker, at + 1, speaker=True), at
            )
    for span in parse.names:
        if span.owns:
            yield from _of_owner(parse, context, span.name, span.start, span.end)
        elif context.people.names.may_be_person(span.name):
            name = context.people.names.canonical_of(span.name)
            yield from _stated_job(parse, context, Subject(name, span.end), span.start)
    for match in _THE.finditer(text):
        yield from _the(parse, context, match)


def _professions(parse: Parse, context: TurnContext) -> Iterator[JobRelation]:
    """ "Our new baker is Solveig Aune", "Attracta Lunny, a dentist"."""
    text, names = parse.sentence.text, context.people.names
    found: list[tuple[str, Subject, int, TimeClass]] = []
    if (match := _NOW_IS.search(text)) and (who := _who(parse, context, match.end())) is not None:
        found.append((match["post"], who, match.start(), "change" if match["now"] else "state"))
    if (match := _NEW.search(text)) and (who := _who(parse, context, match.end())) is not None:
        found.append((match["post"], who, match.start(), "change"))
    for span in parse.names if "," in text or "(" in text else ():
        aside = _ASIDE.match(text, span.end)
        if aside is None and span.first == 0:
            aside = _ASIDE_AT_START.match(text, span.end)
        if aside is None or span.owns or stands_for_place(parse, context, span, _IN):
            continue
        if names.may_be_person(span.name):
            who = Subject(names.canonical_of(span.name), span.end)
            found.append((aside["post"], who, span.start, "state"))
    for post, who, start, time in found:
        head = "head" if "head of" in post else post.split()[-1].lower()
        if head in KIN and KIN[head][0] == "manages" and post == head and _MINE.match(text, start):
            continue  # "my manager is Ada" says whose she is, and no post
        profession = is_occupation(head) and not post.lower().startswith(FAVOURITE)
        if profession and names.kind(who.name) in {"person", "thing"}:
            names.register(who.name, "person")
            role = post if post.isupper() else post.lower()
            what = Filler(role, role, "thing", who.end)
            says = "{s} is the new {o}" if time == "change" else "{s} is a {o}"
            rule = RelationRule("works_as", says, "role", weight=_WEIGHT, time=time)
            yield JobRelation(rule, who, what, start)


def last_days(parse: Parse, context: TurnContext) -> Iterator[JobRelation]:
    """ "Today was my last day at Acme"."""
    match = _LAST_DAY.search(parse.sentence.text)
    where = _where(parse, context, match.end()) if match else None
    if match is None or where is None or parse.sentence.question:
        return
    names, whose = context.people.names, match["whose"]
    name = context.speaker if whose == "my" else names.canonical_of(whose.removesuffix("'s"))
    if name is None or not names.may_be_person(name):
        return
    rule = RelationRule("works_at", "{s} no longer works at {o}", "org", weight=_WEIGHT, time="end")
    subject = Subject(name, match.end("whose"), speaker=whose == "my")
    yield JobRelation(rule, subject, replace(where, kind="organization"), match.start())


def _stated_job(
    parse: Parse, context: TurnContext, subject: Subject, start: int
) -> Iterator[JobRelation]:
    """ "Ben is the CTO of Acme", "Ben, the CTO of Acme"."""
    for pattern, time in _WAYS:
        match = pattern.match(parse.sentence.text, subject.end)
        where = _where(parse, context, match.end()) if match else None
        if match is not None and where is not None:
            at = match.group().rstrip().endswith("at")
            post = _Post(match["post"], where, start, *_begun(match, time), at)
            yield from _relations_of_job(context, subject, post)
            return


def _of_owner(
    parse: Parse, context: TurnContext, name: str, start: int, end: int
) -> Iterator[JobRelation]:
    """ "Acme's CEO is Ben", "Acme's new CEO, Ben"."""
    match = _OWNED.match(parse.sentence.text, end)
    who = _who(parse, context, match.end()) if match else None
    names = context.people.names
    if match is None or who is None or names.kind(name) in {"person", "animal"}:
        return
    where = Filler(name, names.canonical_of(name), names.kind(name), who.end)
    yield from _relations_of_job(
        context, who, _Post(match["post"], where, start, *_begun(match, "state"))
    )


def _the(parse: Parse, context: TurnContext, match: re.Match[str]) -> Iterator[JobRelation]:
    """ "The CEO of Acme is Ben", "the CEO of Acme, Ben"."""
    where = _where(parse, context, match.end())
    joined = _IS.match(parse.sentence.text, where.end) if where else None
    who = _who(parse, context, joined.end()) if joined else None
    if where is not None and who is not None:
        post = _Post(match["post"], where, match.start(), *_begun(match, "state"))
        yield from _relations_of_job(context, who, post)


def _begun(match: re.Match[str], time: TimeClass) -> tuple[TimeClass, bool]:
    """Who is "the new CTO" has become it."""
    new = time == "state" and _IS_NEW.search(match.group()) is not None
    return ("change" if new else time), new


def _where(parse: Parse, context: TurnContext, at: int) -> Filler | None:
    names = context.people.names
    found = named_thing(parse, at)
    if found is None or names.kind(found.name) in {"person", "animal", "place"}:
        return None
    return Filler(found.name, names.canonical_of(found.name), names.kind(found.name), found.end)


def _who(parse: Parse, context: TurnContext, at: int) -> Subject | None:
    names = context.people.names
    found = name_slot(parse, at)
    if found is None or not names.may_be_person(found.name):
        return None
    return Subject(names.canonical_of(found.name), found.end)


def _relations_of_job(context: TurnContext, subject: Subject, post: _Post) -> Iterator[JobRelation]:
    names = context.people.names
    if not subject.speaker:
        names.register(subject.name, "person")
    name = " ".join(post.name.split())
    name = name if any(c.isupper() for c in name[1:]) else name.lower()
    kind = "organization" if post.where.kind == "thing" else post.where.kind
    where = replace(post.where, kind=kind)
    if "founder" in name:
        rule = RelationRule(
            "founded", f"{{s}} is {name} of {{o}}", "org", weight=_WEIGHT, time="taste"
        )
        yield JobRelation(rule, subject, where, post.start)
        return
    verb = {"past": "used to be", "change": "became"}.get(post.time, "is")
    verb = "is the new" if post.new else verb
    what = Filler(f"{name} of {where.text}", name, "thing", where.end)
    as_what = RelationRule(
        "works_as", f"{{s}} {verb} {{o}}", "role", weight=_WEIGHT, time=post.time
    )
    yield JobRelation(as_what, subject, what, post.start)
    # Who became head of sales there may have worked there before.
    time: TimeClass = "past" if post.time == "past" else "state"
    if (
        name.split()[-1] in {"lead", "manager"}
        and post.where.kind in {"thing", "project"}
        and not post.at
    ):
        return
    club = bool(_CLUBS & set((where.name or "").lower().split()))
    type, says = _AT[club][time]
    rule = RelationRule(type, says, "org", weight=_WEIGHT, time=time)
    yield JobRelation(rule, subject, where, post.start)


def with_employers(facts: list[CandidateFact]) -> list[CandidateFact]:
    """With each post about the one company that it is stated to be in, too: it ends with the job
    there. A profession does not."""
    at: dict[str | None, set[str | None]] = {}
    for fact in facts:
        if fact.type == "works_at":
            at.setdefault(fact.subject, set()).add(fact.object)
    where = {subject: found.pop() for subject, found in at.items() if len(found) == 1}
    return [
        replace(fact, entities=(*fact.entities, company))
        if fact.type == "works_as" and (company := where.get(fact.subject))
        else fact
        for fact in facts
    ]
