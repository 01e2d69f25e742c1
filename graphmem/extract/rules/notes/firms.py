"""Firms in notes: "printer: Falcon Press, Halifax", a list or a table of clients or suppliers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from graphmem.extract.rules.names import FIRST_NAMES, NameRegistry
from graphmem.extract.rules.word_lists import is_occupation, word_set
from graphmem.model import Date, valid_until
from graphmem.ports.llm import CandidateFact

_WEIGHT = 0.7
_TRADES = word_set("trades")
_CONTRACTORS = frozenset(
    {"builder", "builders", "plumber", "plumbers", "electrician", "electricians", "scaffolders"}
)
_LISTS = {
    **dict.fromkeys(("clients", "customers"), "client_of"),
    **dict.fromkeys(("suppliers", "providers", "contractors"), "supplier_of"),
}
_WORD = r"[^\W\d_a-z][\w.'-]*"
_FIRM = re.compile(
    rf"(?:{_WORD}|\d+{_WORD})(?:\s+(?:(?:&|and|of|the)\s+){{0,2}}{_WORD}){{0,4}}(?:'s)?"
)
_BEHIND = re.compile(
    r"\s*(?P<mark>[(,])\s*(?:(?:from|in|based in)\s+)?(?:(?P<role>[a-z]+(?:\s+[a-z]+){0,2})\s+)?"
    rf"(?P<what>{_WORD}(?:\s+{_WORD}){{0,2}})\s*(?=[),.;]|$)"
)
_ASK_FOR = re.compile(
    rf"[,;(–—-]\s*(?:ask for|speak to|talk to|deal with|get|ring|call|contact is)\s+"
    rf"(?P<who>(?:{_WORD}\s+){{0,2}}{_WORD})(?=\s*(?:$|[,.;)]))"
)
"""In "nets: Gale & Sons, ask for Una", who works there."""
_OF_FIRM = re.compile(rf"(?P<who>{_WORD}\s+{_WORD})\s*\((?P<org>{_FIRM.pattern})(?:,[^()]*)?\)")
_NAMED_BY = ("who", "supplier", "company", "firm", "name", "client", "customer", "vendor")
_WHERE = ("where", "city", "town", "location", "based")


_DOUBTFUL = re.compile(
    r"\?|\b(?:maybe|perhaps|possibly|rejected|declined|avoid|tbc|to be confirmed|too (?:dear"
    r"|expensive|busy|far|late|slow))\b",
    re.IGNORECASE,
)
_NO_MORE = word_set("no_more_or_not_yet")


def is_none(key: str) -> bool:
    """Whether the key in a list of clients or suppliers says that it is none: "lost: Acme"."""
    return not _NO_MORE.isdisjoint(key.lower().split())


def is_doubtful(value: str) -> bool:
    """Whether who is named has perhaps not been taken: "Falcon Ltd?", "Falcon Ltd (too dear)"."""
    return _DOUBTFUL.search(value) is not None


def listed_as(title: str) -> str | None:
    """What those are to the writer whom a heading lists: "Clients", "Our suppliers"."""
    words = re.findall(r"[a-z]+", title.lower())
    return _LISTS.get(words[-1]) if words and len(words) <= 2 else None


def is_firm(names: NameRegistry, name: str) -> bool:
    return names.kind(name) == "organization"


def listed_firm(
    names: NameRegistry, kind: str, name: str, owner: str | None
) -> list[CandidateFact]:
    """Somebody's client or supplier, who has a heading or a row of their own."""
    person = names.kind(name) in {"person", "animal", "place"}
    if owner is None or person or name == owner or name.split(maxsplit=1)[0].lower() in FIRST_NAMES:
        return []
    names.register(name, "organization")
    says = f"{name} is a {kind.removesuffix('_of')} of {owner}"
    return [CandidateFact(says, name, kind, owner, (name, owner), importance=_WEIGHT)]


_IS_BASED = re.compile(r"[\s,(]+based in ")
_INSTEAD = re.compile(
    rf"\b(?:no longer|instead of|in place of|not|replaces|replacing|was|used to be)\s+"
    rf"(?P<old>{_FIRM.pattern})"
)


def in_list(
    names: NameRegistry, kind: str, value: str, owner: str | None, stated_at: datetime
) -> list[CandidateFact]:
    """What "Flour: Gilder's Mill now, no longer Coldharbour" says below a heading that lists
    suppliers (or clients): who is one, and who no more."""
    match = _FIRM.match(value)
    if match is None or is_doubtful(value) or names.kind(match.group()) == "person":
        return []
    name = match.group()
    facts = listed_firm(names, kind, name, owner)
    old = _INSTEAD.search(value, match.end())
    if facts and old is not None and old["old"] != name:
        gone = names.register(names.canonical_of(old["old"]), "organization")
        says = f"{gone} is no {kind.removesuffix('_of')} of {owner} any more"
        facts.append(
            CandidateFact(
                says,
                gone,
                kind,
                owner,
                (gone, str(owner)),
                importance=_WEIGHT,
                retracts=True,
                **valid_until(Date(stated_at, "instant")),
            )
        )
    return [*facts, *(behind(names, name, value, match.end()) if facts else ())]


def of_trade(
    names: NameRegistry, owner: str | None, key: str, value: str
) -> list[CandidateFact] | None:
    """ "Printer: Falcon Press, Halifax": a firm, which supplies whoever has it; None of others."""
    trade = key.lower().split()[-1]
    if person := _OF_FIRM.fullmatch(value.strip(" *_")):
        found = _works_there(names, person["who"], person["org"], value, person.end("org"))
        if found is not None and is_occupation(trade):
            who = str(found[0].subject)
            says, role = f"{who} works as {key.lower()}", key.lower()
            found.append(
                CandidateFact(says, who, "works_as", role, (who, role), importance=_WEIGHT)
            )
        return found
    match = _FIRM.match(value.strip(" *_"))
    if match is None or owner is None or is_doubtful(value):
        return None
    if not (trade in _TRADES or is_occupation(trade)):
        return None
    name = match.group()
    firm = is_firm(names, name) or _IS_BASED.match(value, match.end())
    if not firm or (names.is_person(owner) and name.startswith(owner)):
        return None
    kind = "contractor_of" if trade in _CONTRACTORS else "supplier_of"
    return [*listed_firm(names, kind, name, owner), *behind(names, name, value, match.end())]


def _works_there(
    names: NameRegistry, who: str, org: str, value: str, at: int
) -> list[CandidateFact] | None:
    """ "Books: Hazel Trewin (Trewin & Daughters, Truro)"."""
    if not is_firm(names, org) or not names.may_be_person(who):
        return None
    who = names.register(names.canonical_of(who), "person")
    fact = CandidateFact(
        f"{who} works at {org}", who, "works_at", org, (who, org), importance=_WEIGHT
    )
    return [fact, *behind(names, org, value.strip(" *_"), at)]


def behind(names: NameRegistry, firm: str, value: str, at: int = 0) -> Iterator[CandidateFact]:
    """What stands behind a firm's name: where it is, or who works there."""
    if (asked := _ASK_FOR.search(value)) is not None and names.may_be_person(asked["who"]):
        who = names.register(names.canonical_of(asked["who"]), "person")
        says = f"{who} works at {firm}"
        yield CandidateFact(says, who, "works_at", firm, (who, firm), importance=_WEIGHT)
    found = _BEHIND.match(value.strip(" *_"), at or len(firm))
    if found is None:
        return
    what, role = found["what"], found["role"]
    first, *more = what.split()
    alone = found["mark"] == "(" and not more and first.lower() not in FIRST_NAMES
    if not role and (names.kind(what) == "place" or alone):
        yield from _based(names, firm, what)
    elif more and (first.lower() in FIRST_NAMES or names.is_person(what) or more[-1] in firm):
        who = names.register(names.canonical_of(what), "person")
        says = f"{who} works at {firm}"
        yield CandidateFact(says, who, "works_at", firm, (who, firm), importance=_WEIGHT)
        if role and is_occupation(role.split()[-1]):
            says = f"{who} works as {role} at {firm}"
            yield CandidateFact(says, who, "works_as", role, (who, role, firm), importance=_WEIGHT)


def _based(names: NameRegistry, firm: str, place: str) -> Iterator[CandidateFact]:
    if names.kind(place) in {"place", "thing"}:
        names.register(place, "place")
        says = f"{firm} is based in {place}"
        yield CandidateFact(says, firm, "based_in", place, (firm, place), importance=_WEIGHT)


def of_table(
    names: NameRegistry, kind: str, header: Sequence[str], values: Sequence[str], owner: str | None
) -> list[CandidateFact]:
    """A row of a table of clients or suppliers."""
    row: Mapping[str, str] = dict(zip(header, values, strict=False))
    firm = next((row[key] for key in _NAMED_BY if row.get(key)), "")
    if not _FIRM.fullmatch(firm):
        return []
    facts = listed_firm(names, kind, firm, owner)
    where = next((row[key] for key in _WHERE if row.get(key)), "")
    return [*facts, *(_based(names, firm, where) if facts and where else ())]
