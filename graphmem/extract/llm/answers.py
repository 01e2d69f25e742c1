"""The answers about one episode as one: joined for the ledger, taken apart again, read together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from graphmem.extract.llm.chunks import START, Place
from graphmem.extract.llm.parse import Reading, Voices, merge_readings, read_answer
from graphmem.extract.llm.procedures import merge_procedures, read_procedures
from graphmem.model import Episode, Turn
from graphmem.ports.llm import (
    CandidateEntity,
    CandidateFact,
)
from graphmem.text import words

_PARTS_KEY = "graphmem_parts"


@dataclass(frozen=True, slots=True)
class Answered:
    """One answered question: what came, what it was about, and where that ends."""

    raw: str
    reading: Reading
    end: Place
    context: frozenset[int] = frozenset()


def read_as(episode: Episode, raw: str, voices: Voices) -> Reading:
    read = read_procedures if episode.memory_type == "procedural" else read_answer
    return read(raw, voices)


def read_together(episode: Episode, done: Sequence[Answered]) -> Reading:
    """What the answers say together. A fact that a part has from its context alone was asked for
    with the part before."""
    readings = [
        replace(
            one.reading,
            facts=tuple(
                fact
                for fact in one.reading.facts
                if not fact.turns or not one.context.issuperset(fact.turns)
            ),
        )
        for one in done
    ]
    if not readings:
        return Reading((), ())
    merged = merge_readings(readings)
    if episode.memory_type == "procedural":
        return replace(merged, facts=merge_procedures(merged.facts))
    return merged


def joined(done: Sequence[Answered], *, complete: bool) -> str:
    """One text for the ledger that :func:`parts_of` takes apart again."""
    if len(done) == 1 and complete:
        return done[0].raw
    parts = [
        {"answer": one.raw, "end": list(one.end), "context": sorted(one.context)} for one in done
    ]
    return json.dumps({_PARTS_KEY: parts, "complete": complete}, ensure_ascii=False)


def parts_of(raw: str) -> tuple[list[dict[str, Any]], bool]:
    """The answers in a kept text, and whether they are all."""
    whole = [{"answer": raw}], True
    if not raw.startswith(f'{{"{_PARTS_KEY}"'):
        return whole
    try:
        kept = json.loads(raw)
        parts, complete = list(kept[_PARTS_KEY]), bool(kept.get("complete", True))
    except (ValueError, KeyError, TypeError):
        return whole
    answers = [part if isinstance(part, dict) else {"answer": part} for part in parts]
    return answers, complete


def begun_with(raw: str, episode: Episode, voices: Voices) -> list[Answered]:
    answers, complete = parts_of(raw)
    return [] if complete else [reread(answer, episode, voices) for answer in answers]


def reread(part: dict[str, Any], episode: Episode, voices: Voices) -> Answered:
    raw = str(part["answer"])
    index, offset = part.get("end", START)
    context = frozenset(part.get("context", ()))
    return Answered(raw, read_as(episode, raw, voices), (index, offset), context)


def mentions(
    turns: Sequence[Turn], entities: Sequence[CandidateEntity], facts: Sequence[CandidateFact]
) -> tuple[tuple[int, str], ...]:
    """Which turn names which entity: by its name or an alias in the text or as the speaker, or by
    a fact that the turn states about it."""
    found = {(turn, name): None for fact in facts for turn in fact.turns for name in fact.entities}
    for turn in turns:
        text = f" {' '.join(words(turn.text))} . {' '.join(words(turn.speaker or ''))} "
        for entity in entities:
            keys = (" ".join(words(name)) for name in (entity.name, *entity.aliases))
            if any(key and f" {key} " in text for key in keys):
                found[turn.ordinal, entity.name] = None
    return tuple(sorted(found))
