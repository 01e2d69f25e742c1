"""The answers about the chunks of one episode: joined for the ledger, split again, merged."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from graphmem.extract.llm.chunks import EPISODE_START, TurnOffset
from graphmem.extract.llm.parse import ParsedAnswer, Speakers, merge_parsed, parse_answer
from graphmem.extract.llm.procedures import merge_procedures, parse_procedures
from graphmem.model import Episode, Turn
from graphmem.ports.llm import (
    CandidateEntity,
    CandidateFact,
)
from graphmem.text import words

_PARTS_KEY = "graphmem_parts"


@dataclass(frozen=True, slots=True)
class ChunkAnswer:
    """One answered question: what came, what it was about, and where that ends."""

    raw: str
    parsed: ParsedAnswer
    end: TurnOffset
    context: frozenset[int] = frozenset()


def parse_for(episode: Episode, raw: str, speakers: Speakers) -> ParsedAnswer:
    """Candidates from a raw answer, in the form that was asked for this kind of episode."""
    read = parse_procedures if episode.memory_type == "procedural" else parse_answer
    return read(raw, speakers)


def merge_answers(episode: Episode, done: Sequence[ChunkAnswer]) -> ParsedAnswer:
    """The candidates of all answers as one. A fact that a chunk has from its context alone is left
    out: it was asked for with the chunk before."""
    parsed = [
        replace(
            one.parsed,
            facts=tuple(
                fact
                for fact in one.parsed.facts
                if not fact.turns or not one.context.issuperset(fact.turns)
            ),
        )
        for one in done
    ]
    if not parsed:
        return ParsedAnswer((), ())
    merged = merge_parsed(parsed)
    if episode.memory_type == "procedural":
        return replace(merged, facts=merge_procedures(merged.facts))
    return merged


def join_answers(done: Sequence[ChunkAnswer], *, complete: bool) -> str:
    """One text for the ledger that :func:`parts_of` takes apart again."""
    if len(done) == 1 and complete:
        return done[0].raw
    parts = [
        {"answer": one.raw, "end": list(one.end), "context": sorted(one.context)} for one in done
    ]
    return json.dumps({_PARTS_KEY: parts, "complete": complete}, ensure_ascii=False)


def split_answers(raw: str) -> tuple[list[dict[str, Any]], bool]:
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


def resume_answers(raw: str, episode: Episode, speakers: Speakers) -> list[ChunkAnswer]:
    """The answers to go on from; none when the kept text is complete."""
    answers, complete = split_answers(raw)
    return [] if complete else [parse_stored(answer, episode, speakers) for answer in answers]


def parse_stored(stored: dict[str, Any], episode: Episode, speakers: Speakers) -> ChunkAnswer:
    """One answer as :func:`split_answers` gives it, parsed."""
    raw = str(stored["answer"])
    index, offset = stored.get("end", EPISODE_START)
    context = frozenset(stored.get("context", ()))
    return ChunkAnswer(raw, parse_for(episode, raw, speakers), (index, offset), context)


def find_mentions(
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
