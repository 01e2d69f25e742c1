"""What takes the place of what: "switched from A to B", "resigned", "his last day is 31 May", "our
first week at Acme is over", "they made me manager", "a client of ours"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from graphmem.clock import Date
from graphmem.extract.rules.business import BUSINESS_CUES, business
from graphmem.extract.rules.names import FIRST_NAMES, has_inner_capital
from graphmem.extract.rules.phrases import Parse, named_thing
from graphmem.extract.rules.subjects import Subject, TurnContext
from graphmem.extract.rules.word_lists import SOFTWARE, is_occupation
from graphmem.model import valid_from, valid_until
from graphmem.ports.llm import CandidateFact

SWITCH_CUES = re.compile(
    r"notice|redundan|quitting|resign|leaving|retir|last\s+day|\bfrom\b|\blet\b|\blaid\b|fired|sacked|"
    r"broke|split|separated|divorced|together|stepped|quit|lost|left|ditched|divorce|widow|married|knot|eloped|wedding|alone|on\s+my\s+own|by\s+myself|swapped|dumped|made|appointed|named|promoted|moved\s+out|week|month|shift|day\s|"
    + BUSINESS_CUES.pattern
)
"""Without one of these a sentence, in small letters, says of nothing that it ended or was
replaced. (A pattern that heeds no case is four times as slow.)"""
_THING = r"(?:(?:[^\W\d_a-z]|[a-z]+[A-Z])[\w.&'+#-]*)(?:\s+[^\W\d_a-z][\w.&'+#-]*){0,3}"
_ADVERB = r"(?:(?:just|also|finally|recently|now|then|have|has|had|'ve|'s)\s+){0,2}"
_SWITCHED = re.compile(
    rf"(?P<verb>switched|migrated|changed|moved|ported|upgraded|went)\s+(?:(?P<what>(?:the\s+|our\s+|my\s+)?"
    rf"[\w-]+(?:\s+[\w-]+){{0,2}}?)\s+)?(?:over\s+)?from\s+(?:the\s+)?(?P<old>{_THING})\s+to\s+(?:the\s+)?(?P<new>{_THING})"
)
_JOBS = frozenset(
    {"job", "jobs", "work", "working", "company", "employer", "role", "position", "team", "desk"}
)
_AT_WORK = re.compile(r"\b(?:at|for|in)\s+work\b")
_LEFT_ALL = re.compile(
    r"(?:'s|'ve|\s+has|\s+have|\s+had|\s+was|\s+were|\s+got|\s+is|\s+been)*\s+(?:just\s+|also\s+|finally\s+)?(?P<how>let\s+go|laid\s+off|"
    r"made\s+redundant|fired|sacked|resigned|stepped\s+down|retired|quit(?:\s+(?:my|his|her|their|the)\s+job)?|"
    r"lost\s+(?:my|his|her|their)\s+job|left\s+(?:my|his|her|their)\s+job|left\s+the\s+company|left\s+the\s+firm|left\s+us)"
    r"(?=\s*(?:$|[.,;:!()—–-]|last\b|this\b|today|yesterday|on\b|(?:in|at)\s+(?:[A-Z]|\d{4})|btw\b|now\b|as\b|and\b|so\b|because\b|after\b|too\b))"
)
_NOTICE = re.compile(r"\b(?:notice|resign(?:ed|ing|ation)|leaving|leaves)\b", re.IGNORECASE)
_FIRED_BY = re.compile(
    r"(?P<org>"
    + _THING
    + r")\s+(?:have\s+|has\s+)?(?:just\s+)?(?:let\s+me\s+go|fired\s+me|sacked\s+me|laid\s+me\s+off|"
    r"made\s+me\s+redundant)\b"
)
_LAST_DAY = re.compile(
    r"(?:^|(?<=[\s,;(]))(?:(?P<whose>[Mm]y|[Hh]is|[Hh]er|[Tt]heir|(?:[^\W\d_a-z][\w-]*\s+)?[^\W\d_a-z][\w-]*'s)\s+)?[Ll]ast\s+(?:day|shift)\s+"
    r"(?!(?:this|before|of|until|till)\s)(?:there\s+|at\s+work\s+|at\s+the\s+[a-z]+\s+|(?:at|with)\s+(?P<org>"
    + _THING
    + r")\s+)?(?:(?:is|will\s+be|on|:)\s+){0,2}(?=\S)"
)
_TODAY_LAST = re.compile(
    r"(?:^|(?<=[,;.!]\s))(?:(?:[Tt]oday|[Yy]esterday|(?:[Ll]ast\s+)?[A-Z][a-z]+day)\s+was|[Tt]oday(?:'s|\s+is)|"
    r"(?:[Ii]t|[Tt]hat)\s+was|[Jj]ust\s+(?:did|had|worked))\s+my\s+(?:very\s+)?last\s+(?:day|shift)"
    r"(?:\s+(?:at\s+work|there|in\s+the\s+office|at\s+the\s+office))?(?=\s*(?:$|[.,;!)]|and\b|so\b))"
)
_FIRST = re.compile(
    r"\b(?:(?P<whose>[Mm]y|[Hh]is|[Hh]er|[Oo]ur|[^\W\d_a-z]\w+'s)\s+)?(?:[Ff]irst|[Ss]econd|[Oo]ne)\s+"
    r"(?P<how>day|week|month|shift)\s+(?:\w+\s+){0,2}?at"
    r"(?=\s+(?:the\s+)?[^\W\d_a-z])"
)
_WEEK_DONE = re.compile(
    r"\b(?i:day|week|month)\s+(?:one|two|1|2)\s+at(?=\s+(?:the\s+)?[^\W\d_a-z])"
)
_GIVES_NOTICE = re.compile(
    r"\s+(?:handed|gave|given|put|giving|handing)\s+(?:in\s+)?(?:my|his|her|their)\s+(?:notice|resignation)\b|"
    r"(?:'s|'m|\s+is|\s+am)\s+(?:leaving|resigning|retiring|quitting)\b|\s+(?:has\s+|have\s+)?resigned\b"
)
_ONE_OF_THOSE = re.compile(r"\bredundan\w+\b.*\bI(?:'m|\s+am)\s+one\b|\bmaking\s+me\s+redundant\b")
_MADE = re.compile(
    r"(?:\b(?:made|appointed|named)\s+me\s+(?:the\s+)?|\bpromoted\s+(?:me\s+)?to\s+(?:an?\s+|the\s+)?)(?P<role>(?:deputy\s+)?(?:head|director)\s+of\s+[a-z]+(?:\s+[a-z]+)?|[a-z]+(?:\s+[a-z]+){0,2}?)"
    r"(?=\s*(?:$|[.,;:!)]|[^\w\s]|last\b|today|yesterday|this\b|now\b|and\b|at\b|of\b))"
)
_UNSURE = re.compile(
    r"\b(?:if|would|could|might|(?<!\d )(?<!th )(?<!in )(?<!from )(?<!since )(?-i:may)|"
    r"should|think|maybe|perhaps|wants?|hope|asked|whether|almost|nearly|not|never|planning\s+(?:to|on)|going\s+to|will)\b|n't\b|\?",
    re.IGNORECASE,
)
_WEIGHT = 0.7
_SOON = r"(?:\s+(?:just|recently|finally|also))?"


def switches(parse: Parse, context: TurnContext, stated_at: datetime) -> Iterator[CandidateFact]:
    """What a sentence says has taken the place of something, or has ended."""
    text = parse.sentence.text
    if (notice := _GIVES_NOTICE.search(text)) is not None:
        leaver = _subject(parse, context, notice.start())
        if leaver is not None:
            context.leaver = None if leaver.thing else leaver.name
    elif _ONE_OF_THOSE.search(text):
        context.leaver = context.speaker
    yield from _last_day(parse, context, stated_at)
    if parse.sentence.question or _UNSURE.search(text):
        return
    yield from _switched(parse, context, stated_at)
    yield from _left(parse, context, stated_at)
    yield from _left_for(parse, context, stated_at)
    yield from _moved_out(parse, context, stated_at)
    yield from _parted(parse, context, stated_at)
    yield from _begun(parse, context, stated_at)
    if BUSINESS_CUES.search(text):
        yield from business(parse, context, _when(parse, stated_at))


def _when(parse: Parse, stated_at: datetime) -> Date:
    dated = (d for d in parse.dates if d.at is not None and not d.future and not d.lasting)
    found = next((d.date for d in dated if d.lead != "since"), None)
    return found or Date(stated_at, "instant")


_BETWEEN = re.compile(r"(?:'ve|'s|\s+(?:have|has|had|just|finally|recently|also|then|now))*\s*")


def _subject(parse: Parse, context: TurnContext, before: int) -> Subject | None:
    """Who or what stands right before a verb."""
    text = parse.sentence.text
    for start in _starts_before(text, before):
        subject = context.subject(parse, start) or context.thing(parse, start)
        if subject is not None and _BETWEEN.fullmatch(text[subject.end : before]):
            return subject
    return None


def _switched(parse: Parse, context: TurnContext, stated_at: datetime) -> Iterator[CandidateFact]:
    match = _SWITCHED.search(parse.sentence.text)
    text = parse.sentence.text
    if match is None or (parse.sentence.lows & _JOBS and not _AT_WORK.search(text)):
        return
    names, what = context.people.names, match["what"]
    old, new = match["old"], match["new"]
    if names.kind(old) in {"place", "person"} or names.kind(new) in {"place", "person"}:
        return
    subject = _subject(parse, context, match.start())
    about = None
    if what and what[0].isupper() and what.lower() not in {"us", "everything"}:
        about = names.canonical_of(what)
    elif subject is not None:
        about = subject.name
    elif context.topic is not None:
        about = context.topic
    if about is None or (
        match["verb"] in {"moved", "went"}
        and names.is_person(about)
        and not what
        and not (_is_software(old) or _is_software(new))
    ):
        return
    at = _when(parse, stated_at)
    old, new = names.register(old), names.register(new)
    for type in ("uses", "built_on", "depends_on"):
        yield CandidateFact(
            f"{about} no longer {type.replace('_', ' ')} {old}", about, type, old, (about, old),
            **valid_until(at), importance=0.5, retracts=True,
        )  # fmt: skip
    yield CandidateFact(
        f"{old} no longer supplies {about}", old, "supplier_of", about, (old, about),
        **valid_until(at), importance=0.5, retracts=True,
    )  # fmt: skip
    yield CandidateFact(
        f"{about} switched from {old} to {new}", about, "uses", new, (about, new),
        **valid_from(at), importance=_WEIGHT,
    )  # fmt: skip


def _is_software(name: str) -> bool:
    return name.lower() in SOFTWARE or has_inner_capital(name)


_IS = r"(?:(?:I|we|he|she|they)(?:'m|'re|'s|\s+am|\s+are|\s+is)|is|am|'m)\s+"
_LEFT_FOR = re.compile(
    rf"(?:'s|'ve|\s+has|\s+have)?{_SOON}\s+(?:left|quit|ditched|swapped|dumped)\s+(?:the\s+)?(?P<old>{_THING})"
    r"(?:\s+for|(?:\s+(?:in|on|last|this)\s+[\w ]{1,20})?(?:,|;|\s[–—-])?\s+(?:(?:and|but)\s+)?"
    rf"(?P<now>(?:{_IS})?now\s+(?:at|with)|{_IS}(?P<later>at|with)))\s+"
    rf"(?:the\s+)?(?P<new>{_THING})(?(later)\s+(?:now|these\s+days)\b)"
)


_DAY_TRIP = re.compile(r"\bthis\s+(?:morning|afternoon|evening)\b|\bcame\s+back\b|\bback\s+by\b")


def _left_for(parse: Parse, context: TurnContext, stated_at: datetime) -> Iterator[CandidateFact]:
    """ "Jordan left Delta for Southwest", "I left Delta, I'm at Southwest now", "we left Leeds for
    York"."""
    text, names = parse.sentence.text, context.people.names
    match = _LEFT_FOR.search(text)
    subject = _subject(parse, context, match.start()) if match is not None else None
    if match is None or subject is None or subject.thing or subject.other is not None:
        return
    people = {match["old"].lower(), match["new"].lower()} & FIRST_NAMES
    if people or match["new"] in {"Home", "Work", "School"} or _DAY_TRIP.search(text):
        return
    old, new = names.canonical_of(match["old"]), names.canonical_of(match["new"])
    kinds = {names.kind(old), names.kind(new)}
    at_one = match["now"] and not match["now"].endswith("with")  # "I'm with Ben now"
    employed = "organization" in kinds or (at_one and kinds != {"place"})
    firm = employed and kinds <= {"organization", "thing", "place"}
    if not firm and kinds != {"place"}:
        return
    at = _when(parse, stated_at)
    type = "works_at" if firm else "lives_in"
    names.register(new, "organization" if firm else "place")
    yield CandidateFact(
        f"{subject.name} left {old}", subject.name, type, old, (subject.name, old),
        **valid_until(at), importance=0.8, retracts=True,
    )  # fmt: skip
    says = f"works at {new}" if match["now"] and firm else f"left {old} for {new}"
    yield CandidateFact(
        f"{subject.name} {says}", subject.name, type, new, (subject.name, new),
        **valid_from(at), importance=0.8,
    )  # fmt: skip


def _no_job(who: str, at: Date, org: str | None, how: str) -> Iterator[CandidateFact]:
    """The end of one job, or of all that are known."""
    for type in ("works_at", "works_as") if org is None else ("works_at",):
        yield CandidateFact(
            how if type == "works_at" else f"{who} has no post any more",
            who, type, org, (who, org) if org else (who,),
            **valid_until(at), importance=0.8, retracts=True,
        )  # fmt: skip


def _left(parse: Parse, context: TurnContext, stated_at: datetime) -> Iterator[CandidateFact]:
    text = parse.sentence.text
    names = context.people.names
    at = _when(parse, stated_at)
    if (match := _FIRED_BY.search(text)) and context.speaker is not None:
        names.register(match["org"], "organization")
        how = f"{context.speaker} no longer works at {match['org']}"
        yield from _no_job(context.speaker, at, None, how)
        return
    if any(d.future for d in parse.dates):
        return
    for match in _LEFT_ALL.finditer(text):
        for start in _starts_before(text, match.start()):
            subject = context.subject(parse, start)
            if subject is None or subject.end != match.start() or subject.other is not None:
                continue
            how = re.sub(r"\bmy\b", "their", " ".join(match["how"].split()))
            yield from _no_job(subject.name, at, None, f"{subject.name} {_LOST.get(how, how)}")
            context.leaver = subject.name
            return


_LOST = {"let go": "was let go", "laid off": "was laid off", "made redundant": "was made redundant",
         "fired": "was fired", "sacked": "was sacked"}  # fmt: skip


def _starts_before(text: str, end: int) -> Iterator[int]:
    for start in range(max(0, end - 50), end):
        if (start == 0 or not text[start - 1].isalnum()) and text[start].isalnum():
            yield start


_MOVED_OUT = re.compile(
    r"(?:'s|'ve|\s+has|\s+have|\s+just|\s+finally)*\s+moved\s+out(?!\s+(?:of|to|with|from))(?=\W|$)"
)


def _moved_out(parse: Parse, context: TurnContext, stated_at: datetime) -> Iterator[CandidateFact]:
    """ "Duarte moved out": of whoever lived with somebody, nobody does now."""
    text = parse.sentence.text
    for match in _MOVED_OUT.finditer(text):
        for start in _starts_before(text, match.start()):
            subject = context.subject(parse, start)
            if subject is not None and subject.end == match.start() and subject.other is None:
                yield CandidateFact(
                    f"{subject.name} moved out", subject.name, "lives_with", None, (subject.name,),
                    **valid_until(_when(parse, stated_at)), importance=0.6, retracts=True,
                )  # fmt: skip
                return


_PARTED = re.compile(
    r"(?:^|(?<=[,;:.]\s)|\b(?:and|so|but)\s)[Ww]e(?:'ve|\s+have)?(?:\s+(?:just|finally|recently|sadly|both))?\s+"
    r"(?:broke\s+up|broken\s+up|split\s+up|separated|(?:got|are|gotten)\s+(?:now\s+)?divorced|"
    r"(?:are|'re)\s+no\s+longer\s+together)"
    r"(?=\s*(?:$|[.,;!)]|last\b|this\b|today|yesterday|on\s+[A-Z]|in\s+(?:[A-Z]|\d)|after\s+\w+\s+(?:years|months)|a\s+\w+\s+ago|for\s+good|now\b))"
    r"(?![^.;]*\bfor\s+(?:half|the\s+(?:summer|holidays)|Christmas|Easter)\b)"
)
_NOT_ANY_MORE = re.compile(
    r"\b(?:[Tt]he|[Oo]ur|[Mm]y)\s+divorce(?:\s+(?:has|is|was))?(?:\s+(?:just|finally))?\s+"
    r"(?:came\s+through|come\s+through|final(?:ised|ized)?|gone\s+through|went\s+through)\b|"
    r"\b(?:[Ii]'?m|[Ii]\s+am)\s+(?:now\s+|finally\s+|officially\s+)?(?:divorced|a\s+widow(?:er)?|widowed)"
    r"(?=\s*(?:$|[.,;!)]|now\b|and\b))|"
    r"\b[Ii](?:'ve|\s+have)?\s+(?:just\s+|finally\s+)?(?:got|gotten)\s+divorced"
    r"(?=\s*(?:$|[.,;!)]|last\b|this\b|in\s+(?:[A-Z]|\d)|a\s+\w+\s+ago|now\b|and\b))|"
    r"\b[Ww]e(?:'re|\s+are)\s+(?:now\s+|finally\s+|officially\s+)?divorced(?=\s*(?:$|[.,;!)]|now\b))"
)
_ALONE = re.compile(
    r"\b(?:[Ii]|[Ii]'m|[Ii]\s+am)\s+(?:now\s+)?(?:live|living)\s+(?:alone|on\s+my\s+own|by\s+myself)\b"
)
_WEDDING = re.compile(
    r"(?:^|(?<=[,;:.!]\s)|\b(?:and|so|but)\s)[Ww]e(?:'ve|\s+have)?(?:\s+(?:just|finally))?\s+"
    r"(?:got(?:ten)?\s+married|tied\s+the\s+knot|eloped|had\s+our\s+wedding)"
    r"(?=\s*(?:$|[.,;!)]|last\b|this\b|today|yesterday|on\s|in\s|at\s))"
)
_COUPLES = ("dating", "engaged_to", "married_to", "partner_of")


def _parted(parse: Parse, context: TurnContext, stated_at: datetime) -> Iterator[CandidateFact]:
    """ "We split up", of a couple that is known: what the speaker had with somebody is over. "We
    got married", of those who were engaged. "I live alone now"."""
    who, text = context.speaker, parse.sentence.text
    if who is None:
        return
    if _WEDDING.search(text):
        at = _when(parse, stated_at)
        yield CandidateFact(f"{who} got married", entities=(who,), **valid_from(at), importance=0.8)
    over = _COUPLES if _PARTED.search(text) or _NOT_ANY_MORE.search(text) else ()
    for type in over or (("lives_with",) if _ALONE.search(text) else ()):
        yield CandidateFact(
            f"{who} is no longer {type.replace('_', ' ')} anybody", who, type, None, (who,),
            **valid_until(_when(parse, stated_at)), importance=0.6, retracts=True,
        )  # fmt: skip


def _last_day(parse: Parse, context: TurnContext, stated_at: datetime) -> Iterator[CandidateFact]:
    """ "His last day is 31 May": the job ends then."""
    text = parse.sentence.text
    if context.speaker is not None and not parse.sentence.question and _TODAY_LAST.search(text):
        yield from _no_job(
            context.speaker, _when(parse, stated_at), None, f"{context.speaker} had their last day"
        )
    match = _LAST_DAY.search(text)
    if match is None or parse.sentence.question:
        return
    when = parse.date_at(match.end())
    if when is None or when.at is None:
        return
    names, whose = context.people.names, match["whose"]
    who = context.leaver
    if whose is not None and whose.lower() == "my":
        who = context.speaker
    elif whose is not None and whose.endswith("'s"):
        who = names.canonical_of(whose[:-2])
    elif whose is not None:
        word = {"his": "he", "her": "she"}.get(whose.lower())
        who = context.leaver or (context.pronoun(parse, match.start(), word) if word else None)
    elif who is None and context.speaker is not None and _NOTICE.search(parse.sentence.text):
        who = context.speaker
    if who is None or when.date is None:
        return
    org = names.register(match["org"], "organization") if match["org"] else None
    yield from _no_job(who, when.date, org, f"{who}'s last day at work is {when.text}")


def _begun(parse: Parse, context: TurnContext, stated_at: datetime) -> Iterator[CandidateFact]:
    """ "First week at Acme done", "they made me manager"."""
    text, names, me = parse.sentence.text, context.people.names, context.speaker
    match = _FIRST.search(text) or _WEEK_DONE.search(text)
    if match is not None and me is not None:
        whose = (match.groupdict().get("whose") or "my").lower()
        word = {"his": "he", "her": "she"}.get(whose)
        who = context.pronoun(parse, match.start(), word) if word else me
        if whose.endswith("'s"):
            who = names.canonical_of(match["whose"].removesuffix("'s"))
        phrase = named_thing(parse, match.end())
        # A first day is at a festival as likely.
        day = match.groupdict().get("how") == "day"
        kinds = {"organization"} if day else {"thing", "organization"}
        fits = phrase is not None and names.kind(phrase.name) in kinds
        if phrase is not None and fits and who is not None:
            org = names.register(phrase.name, "organization")
            yield CandidateFact(
                f"{who} works at {org}", who, "works_at", org, (who, org), importance=0.8
            )
    made = _MADE.search(text)
    if made is not None and me is not None:
        role = made["role"]
        post = is_occupation(role.split()[-1]) or " of " in role
        if post or "promoted" in made.group():
            whom = me if " me " in made.group() else _promoted(parse, context, made.start())
            if whom is not None:
                yield CandidateFact(
                    f"{whom} became {role}", whom, "works_as", role, (whom, role),
                    **valid_from(_when(parse, stated_at)), importance=0.8,
                )  # fmt: skip


def _promoted(parse: Parse, context: TurnContext, before: int) -> str | None:
    text = parse.sentence.text
    for start in _starts_before(text, before):
        subject = context.subject(parse, start)
        between = text[subject.end : before] if subject is not None else ""
        if subject is not None and re.fullmatch(
            r"(?:'s|'ve|\s+(?:was|got|has|have|been|just))*\s+", between
        ):
            return subject.name
    return None
