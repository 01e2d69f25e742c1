"""Favourites: "my favourite book is …", "Teal is my favourite colour"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from graphmem.extract.rules.phrases import Place, noun_phrases
from graphmem.extract.rules.subjects import Voice
from graphmem.extract.rules.word_lists import VAGUE_HEADS
from graphmem.ports.llm import CandidateFact

_FAVOURITE = re.compile(
    r"\b(?P<whose>my|our|[^\W\d_][\w-]*'s)\s+(?:all[- ]time\s+|absolute\s+)?favou?rite\s+"
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


def favourites(place: Place, voice: Voice) -> Iterator[CandidateFact]:
    """Facts such as ``favourite_book``, in both orders."""
    text = place.sentence.text
    if "avo" not in text or place.sentence.question:
        return
    for match in _FAVOURITE.finditer(text):
        if match["what"].lower().split()[-1] in VAGUE_HEADS:
            continue
        owner = _whose(place, voice, match)
        found = noun_phrases(place, match.end(), gerund=True, listed=match["what"].endswith("s"))
        if owner is not None:
            yield from (
                _favourite(voice, owner, match["what"], p.text, p.name) for p in found if not p.mine
            )
    for span in place.names:
        if later := _IS_FAVOURITE.match(text, span.end):
            owner = _whose(place, voice, later)
            if owner is not None and owner != span.name:
                yield _favourite(voice, owner, later["what"], span.name, span.name)


def _whose(place: Place, voice: Voice, match: re.Match[str]) -> str | None:
    if match["whose"].lower() in {"my", "our"}:
        return voice.speaker
    names = voice.people.names
    name = match["whose"][:-2]
    sure = names.is_sure(name) or any(s.name == name for s in place.names)
    return names.canonical_of(name) if sure and names.may_be_person(name) else None


def _favourite(voice: Voice, owner: str, what: str, said: str, name: str) -> CandidateFact:
    what = " ".join(what.lower().split())
    single = (
        what if not what.endswith("s") or what.endswith("ss") or what in {"series"} else what[:-1]
    )
    name = voice.people.names.see(name)
    return CandidateFact(
        f"{owner}'s favourite {single} is {said}",
        owner,
        "favourite_" + re.sub(r"\W+", "_", single),
        name,
        (owner, name),
        importance=0.6,
    )
