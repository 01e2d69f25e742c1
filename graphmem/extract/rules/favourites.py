"""Favourites: "my favourite book is …", "Teal is my favourite colour"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from graphmem.extract.rules.common_names import common_name
from graphmem.extract.rules.name_slots import closes
from graphmem.extract.rules.phrases import Parse, noun_phrases
from graphmem.extract.rules.subjects import TurnContext
from graphmem.extract.rules.word_lists import VAGUE_HEADS
from graphmem.ports.llm import CandidateFact

_FAVOURITE = re.compile(
    r"\b(?P<whose>my|our|(?:(?-i:[^\W\d_a-z])[\w-]*\s){0,2}[^\W\d_][\w-]*'s)\s+"
    r"(?:all[- ]time\s+|absolute\s+)?favou?rite\s+"
    r"(?P<what>[^\W\d_]+(?:\s+(?!is\b|are\b|was\b|has\b|of\b)[^\W\d_]+)?)\s+"
    r"(?:of all time\s+)?(?:is|are|has to be|has always been|would be)"
    r"(?:\s+(?:probably|definitely|still|now|always|called|currently|actually|also))*(?=\s)",
    re.IGNORECASE,
)
_IS_FAVOURITE = re.compile(
    r"\s+(?:is|are)\s+(?:definitely\s+|still\s+|now\s+)?(?P<whose>my|[^\W\d_][\w-]*'s)\s+"
    r"(?:all[- ]time\s+|absolute\s+)?favou?rite\s+(?P<what>[^\W\d_]+(?:\s[^\W\d_]+)?)\s*$",
    re.IGNORECASE,
)


def favourites(parse: Parse, context: TurnContext) -> Iterator[CandidateFact]:
    """Facts such as ``favourite_book``, in both orders."""
    text = parse.sentence.text
    if parse.sentence.question:
        return
    for match in _FAVOURITE.finditer(text):
        if match["what"].lower().split()[-1] in VAGUE_HEADS:
            continue
        owner = _whose(parse, context, match)
        found = noun_phrases(parse, match.end(), gerund=True, listed=match["what"].endswith("s"))
        one = None if found else common_name(text, match.end())
        if owner is not None and one is not None and closes(parse, one.end()):
            yield _favourite(context, owner, match["what"], f"the {one['name']}", one["name"])
        if owner is not None:
            yield from (
                _favourite(context, owner, match["what"], p.text, p.name)
                for p in found
                if not p.mine
            )
    for span in parse.names:
        if later := _IS_FAVOURITE.match(text, span.end):
            owner = _whose(parse, context, later)
            if owner is not None and owner != span.name:
                yield _favourite(context, owner, later["what"], span.name, span.name)


def _whose(parse: Parse, context: TurnContext, match: re.Match[str]) -> str | None:
    if match["whose"].lower() in {"my", "our"}:
        return context.speaker
    names = context.people.names
    name = match["whose"][:-2]
    sure = names.is_sure(name) or any(s.name == name for s in parse.names)
    return names.canonical_of(name) if sure and names.may_be_person(name) else None


def _favourite(
    context: TurnContext, owner: str, what: str, wording: str, name: str
) -> CandidateFact:
    what = " ".join(what.lower().split())
    single = (
        what if not what.endswith("s") or what.endswith("ss") or what in {"series"} else what[:-1]
    )
    name = context.people.names.register(name)
    return CandidateFact(
        f"{owner}'s favourite {single} is {wording}",
        owner,
        "favourite_" + re.sub(r"\W+", "_", single),
        name,
        (owner, name),
        importance=0.6,
    )
