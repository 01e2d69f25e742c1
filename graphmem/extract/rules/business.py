"""What firms and people are to each other: clients, suppliers, owners, who is hired as what, where
a firm is based."""

from __future__ import annotations

import re
from collections.abc import Iterator

from graphmem.clock import Date
from graphmem.extract.rules.phrases import Parse, named_thing
from graphmem.extract.rules.subjects import TurnContext
from graphmem.extract.rules.word_lists import FAVOURITE, is_occupation
from graphmem.model import valid_from, valid_until
from graphmem.ports.llm import CandidateFact

_THING = r"(?:[^\W\d_a-z][\w.&'+#-]*)(?:\s+[^\W\d_a-z][\w.&'+#-]*){0,3}"
_FIRM = rf"{_THING}(?:\s+(?:&|and|of)\s+{_THING})?"
_WEIGHT = 0.7
BUSINESS_CUES = re.compile(
    r"contract|welcome|starter|taken\s+on|replacing|starts?\b|begins?\b|joins?\b|client|customer|supplier|vendor|provider|distributor|owner|hired|recruited|appointed|based|"
    r"headquartered|,\s(?:over|out|down|up)\s|bust|\bunder\b|business|administration|bankrupt|trading|"
    r"folded|(?:closed|shut)\s+down|\b(?:the|our|my|his|her|their)\s",
    re.IGNORECASE,
)
"""Without one of these a sentence says nothing of this kind."""
_BASED = re.compile(
    r",\s+(?:which\s+is\s+)?(?:(?:based|headquartered)(?:\s+(?:over|out|down|up))?|over|out|down|up)\s+in(?=\s)"
)
_HIRED_AS = re.compile(
    r"\b(?:hired|recruited|appointed)\s+(?P<who>"
    + _THING
    + r")\s+(?:as|for)\s+(?:(?:an?|the|our)\s+)?(?P<role>(?:[A-Z]{2,4}|[a-z]+)(?:\s+[a-z]+){0,2}?)"
    r"(?=\s*(?:$|[.,;:!)]|and\b|who\b))"
)
_HIRED = re.compile(
    r"(?:\b(?:[Ii]|[Ww]e)(?:'ve|\s+have)?\s+(?:just\s+|finally\s+)?(?:hired|recruited|taken\s+on|appointed)|"
    r"^(?:[Hh]ired|[Rr]ecruited|[Tt]aken\s+on|[Ww]elcome(?:\s+to)?|[Nn]ew\s+starter:?)|"
    r"\b[Rr]eplacing\s+(?:him|her|them|[^\W\d_a-z]\w+)\s+with)\s+"
    r"(?:an?\s+(?:[a-z]+\s+){1,2}(?:called|named)\s+)?(?P<who>"
    + _THING
    + r")(?=,|\s+(?:as|to|for|who)\b|\s*$)"
)
_BEGINS = re.compile(
    r"(?:^|(?:,|\band)\s+(?:(?:she|he|who|they)(?:'s|\s+is)?\s+)?|^(?:[Ss]he|[Hh]e|"
    + _THING
    + r")(?:'s|\s+is)?\s+)"
    r"(?:[Ss]tart|[Bb]egin|[Jj]oin)(?:s|ing|ning)?(?:\s+(?:us|work|here))?(?:\s+(?:on|from))?\s+(?=\S)"
)
_ROLE = r"(?P<role>(?:[a-z]+[\s-]){0,2}?[a-z]+)"
_THE_ROLE = re.compile(
    r"\b(?:[Tt]he|[Oo]ur|[Mm]y|[Hh]is|[Hh]er|[Tt]heir)\s+(?:new\s+)?"
    + _ROLE
    + r"(?:,|\s+is(?:\s+now|\s+called)?)\s+(?P<who>(?:(?:Mr|Mrs|Ms|Dr)\.?\s+)?"
    + _THING
    + r")"
    r"(?:\s+(?:of|at|from)\s+(?:the\s+)?(?P<org>"
    + _FIRM
    + r"))?(?P<end>\s*(?:$|[.,;!)]|and\b|who\b))"
)
_CLIENT = re.compile(
    r"(?:'s|'re|\s+is|\s+are)\s+(?:now\s+|also\s+|still\s+)?(?P<no>no\s+longer\s+)?(?:an?\s+|the\s+|one\s+of\s+)?(?P<pre>our\s+|their\s+)?(?:new\s+|main\s+|biggest\s+)?(?:\w+\s+)?"
    r"(?P<role>clients?|customers?|suppliers?|vendors?|provider|distributor)(?P<of>\s+of\s+(?:ours|mine|us)|\s+(?:of|for|to)(?=\s+[^\W\d_a-z]))?(?P<rest>\s+(?:for|of)\s+[a-z]+)?(?=\W|$)"
)
_ROLE_IS = re.compile(
    r"(?P<whose>[Oo]ur|[Tt]heir|[Tt]he|[Mm]y)\s+(?:new\s+|main\s+)?(?P<role>client|customer|supplier|vendor|provider)(?:\s+(?:for|of)\s+(?:the\s+)?(?P<what>[\w-]+))?\s+is\s+(?:now\s+)?(?:the\s+)?(?P<who>"
    + _FIRM
    + r")"
)
_OWNER = re.compile(
    r"(?:'s|\s+is|\s+became|\s+becomes)\s+(?:now\s+)?(?:the\s+)?(?:new\s+|current\s+)?(?:product\s+|project\s+)?owner\s+of(?=\s)"
)
_OWNER_IS = re.compile(
    r"\b(?:[Tt]he\s+)?(?:[Nn]ew\s+)?[Oo]wner\s+of\s+(?:the\s+)?(?P<what>"
    + _THING
    + r")\s+is\s+(?:now\s+)?(?P<who>"
    + _THING
    + r")"
)
_CLOSED = re.compile(
    r"(?:\s+has|\s+have)?(?:\s+just|\s+now|\s+sadly)?\s+(?:(?:went|gone)\s+(?:bust|under|out\s+of\s+business|into\s+administration)|"
    r"ceased\s+trading|folded|closed\s+down|shut\s+down|went\s+bankrupt)(?=\s*(?:$|[.,;!)]|\s-|and\b|last\b|in\b|so\b))"
)
_CONTRACT_ENDS = re.compile(
    r"(?:'s?)?\s+contract(?:\s+with\s+us)?\s+(?:ends|ended|expires|expired|ran\s+out|runs\s+out|is\s+up|is\s+over"
    r"|finishes|finished|terminates)\b(?=\s*(?:$|[.,;!)\d]|(?:on|in|at|this|next|last|after|soon|the\s+\d)\b|[A-Z]))"
)
_NO_MORE = re.compile(
    r"\bno\s+(?:longer\s+(?:an?\s+|our\s+)?)?(?P<role>client|customer|supplier|vendor|provider)s?"
    r"(?:\s+of\s+ours)?\s*(?:any\s?more|any\s+longer)"
)
_NOT_NOW = (
    "former ",
    "old ",
    "ex-",
    "ex ",
    "previous ",
    "late ",
    "last ",
    "first ",
    "next ",
    "future ",
)
_SUPPLIES = {"client": "client_of", "customer": "client_of"}


def business(parse: Parse, context: TurnContext, at: Date) -> Iterator[CandidateFact]:
    """What a sentence says of firms; ``at`` is when something in it changed, if anything did."""
    yield from _supplied(parse, context, at)
    yield from _closed(parse, context, at)
    yield from _contract_over(parse, context, at)
    yield from _owned(parse, context)
    yield from _posts(parse, context)
    yield from _hired(parse, context)
    yield from _based(parse, context)


def _closed(parse: Parse, context: TurnContext, at: Date) -> Iterator[CandidateFact]:
    """ "Meridian Tinworks went bust": it supplies nobody any more."""
    names = context.people.names
    for span in parse.names:
        known = names.kind(span.name) in {"thing", "organization"} and not span.owns
        if not known or not _CLOSED.match(parse.sentence.text, span.end):
            continue
        name = names.register(span.name, "organization")
        for type in ("supplier_of", "client_of"):
            yield CandidateFact(
                f"{name} has closed: no {type.replace('_of', '')} any more", name, type, None,
                (name,), **valid_until(at), importance=_WEIGHT, retracts=True,
            )  # fmt: skip


def _contract_over(parse: Parse, context: TurnContext, at: Date) -> Iterator[CandidateFact]:
    """ "Averys' contract ends 30 June", "Havenbrood is no client any more"."""
    text, names = parse.sentence.text, context.people.names
    for span in parse.names:
        contract = _CONTRACT_ENDS.match(text, span.end)
        none = _NO_MORE.search(text, span.end) if span.first == 0 else None
        if names.kind(span.name) not in {"thing", "organization"} or not (contract or none):
            continue
        name = names.register(span.name, "organization")
        role = none["role"] if none else None
        types = (_SUPPLIES.get(role, "supplier_of"),) if role else ("supplier_of", "client_of")
        for type in types:
            yield CandidateFact(
                f"{name} is no {type.removesuffix('_of')} any more", name, type, None,
                (name,), **valid_until(at), importance=_WEIGHT, retracts=True,
            )  # fmt: skip
        return


def _supplied(parse: Parse, context: TurnContext, at: Date) -> Iterator[CandidateFact]:
    """ "Brackwater is a client of ours", "our supplier is Vestas"."""
    text, names = parse.sentence.text, context.people.names
    for span in parse.names:
        match = _CLIENT.match(text, span.end) if not span.owns else None
        if match is None or names.kind(span.name) in {"person", "place", "animal"}:
            continue
        of = _of_whom(parse, context, match)
        over = match["no"] is not None
        if of is None and not over:
            continue
        kind = "person" if names.is_somebody(span.name) else "organization"
        name = names.register(span.name, kind)
        type = _SUPPLIES.get(match["role"].rstrip("s"), "supplier_of")
        role = "client" if type == "client_of" else "supplier"
        whose = f" of {of}" if of else ""
        yield CandidateFact(
            f"{name} is {'no longer ' if over else ''}a {role}{whose}", name, type, of,
            (name, of) if of else (name,),
            **valid_until(at if over else None), importance=_WEIGHT, retracts=over,
        )  # fmt: skip
    if match := _ROLE_IS.search(text):
        of = context.speaker if match["whose"].lower() in {"our", "my"} else context.topic
        who = match["who"]
        if of is not None and names.kind(who) not in {"person", "place"}:
            name = names.register(who, "organization")
            type = _SUPPLIES.get(match["role"], "supplier_of")
            role = "client" if type == "client_of" else "supplier"
            if name != of:
                yield CandidateFact(
                    f"{name} is a {role} of {of}", name, type, of, (name, of), importance=_WEIGHT
                )


def _of_whom(parse: Parse, context: TurnContext, match: re.Match[str]) -> str | None:
    of = match["of"] or ""
    if of.strip().endswith(("ours", "mine", "us")) or (match["pre"] or "").strip() == "our":
        return context.speaker
    if (match["pre"] or "").strip() == "their":
        return context.topic
    phrase = named_thing(parse, match.end("of")) if of else None
    return context.people.names.canonical_of(phrase.name) if phrase is not None else None


def _posts(parse: Parse, context: TurnContext) -> Iterator[CandidateFact]:
    """ "Our lawyer is Astrid Lund of Lund & Falk", "we hired Femke as a designer"."""
    text, names = parse.sentence.text, context.people.names
    for match in (_HIRED_AS.search(text), _THE_ROLE.search(text)):
        if match is None or not is_occupation(match["role"].split()[-1]):
            continue
        if match["role"].startswith((*FAVOURITE, *_NOT_NOW)):
            continue
        who, role = match["who"], match["role"]
        if not names.may_be_person(who) or names.canonical_of(who) in context.people.speakers:
            continue
        posted = match.re is _THE_ROLE and match.group()[:3].lower() == "the" and role == "manager"
        if (role in {"boss", "manager"} and not posted) or parse.sentence.quoted(match.start()):
            continue
        who = names.register(names.canonical_of(who), "person")
        yield CandidateFact(
            f"{who} works as {role}", who, "works_as", role, (who, role), importance=0.8
        )
        org = match.groupdict().get("org")
        if org and names.kind(org) not in {"person", "place"}:
            org = names.register(org, "organization")
            yield CandidateFact(
                f"{who} works at {org}", who, "works_at", org, (who, org), importance=0.8
            )


def _hired(parse: Parse, context: TurnContext) -> Iterator[CandidateFact]:
    """ "We've hired Kit as a designer, she starts on 3 March": a plan to work for the speaker."""
    text, names = parse.sentence.text, context.people.names
    if (match := _HIRED.search(text)) and names.may_be_person(match["who"]):
        context.hired = names.register(names.canonical_of(match["who"]), "person")
    begins = _BEGINS.search(text) if context.hired is not None else None
    when = parse.date_at(begins.end()) if begins is not None else None
    me, who = context.speaker, context.hired
    if when is None or not when.future or me is None or who in {None, me}:
        return
    context.hired = None
    yield CandidateFact(
        f"{who} starts working for {me} {when.text}", who, "works_at", me, (str(who), me),
        **valid_from(when.date), importance=0.8, modality="planned",
    )  # fmt: skip


def _based(parse: Parse, context: TurnContext) -> Iterator[CandidateFact]:
    """ "Nautibuoy, based in Tromsø"."""
    text, names = parse.sentence.text, context.people.names
    for span in parse.names:
        match = _BASED.match(text, span.end) if not span.owns else None
        phrase = named_thing(parse, match.end()) if match is not None else None
        if phrase is None or names.kind(phrase.name) in {"person", "animal"}:
            continue
        person = names.is_person(span.name)
        one = names.register(names.canonical_of(span.name))
        place = names.register(phrase.name, "place")
        type = "lives_in" if person else "based_in"
        yield CandidateFact(
            f"{one} is based in {place}", one, type, place, (one, place), importance=_WEIGHT
        )


def _owned(parse: Parse, context: TurnContext) -> Iterator[CandidateFact]:
    """ "Ben is the owner of Orion", "the owner of Orion is now Ben"."""
    text, names = parse.sentence.text, context.people.names
    pairs: list[tuple[str, str]] = []
    for span in parse.names:
        match = _OWNER.match(text, span.end) if not span.owns else None
        phrase = named_thing(parse, match.end()) if match is not None else None
        if phrase is not None and names.may_be_person(span.name):
            pairs.append((span.name, phrase.name))
    if match := _OWNER_IS.search(text):
        pairs.append((match["who"], match["what"]))
    for who, what in pairs:
        if names.kind(what) in {"person", "animal", "place"} or not names.may_be_person(who):
            continue
        owner, thing = names.register(names.canonical_of(who), "person"), names.canonical_of(what)
        yield CandidateFact(
            f"{owner} is the owner of {thing}", thing, "has_owner", owner, (thing, owner),
            importance=_WEIGHT,
        )  # fmt: skip
