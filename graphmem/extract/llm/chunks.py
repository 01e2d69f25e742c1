"""A long episode in chunks, and the answers about them: cut, kept in the ledger, merged.

A chunk is cut between turns, and inside a turn only when it alone is too long. It is shown what
came just before it (its context), so that "he" and "there" can be understood. Offsets are into the
turns' own text and depend on nothing else: a chunk that was answered stays answered when the next
one is made smaller, or a later process goes on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from graphmem.extract.llm.parse import ParsedAnswer, Speakers, merge_parsed, parse_answer
from graphmem.extract.llm.procedures import merge_procedures, parse_procedures
from graphmem.model import Episode, Turn
from graphmem.ports.llm import CandidateEntity, CandidateFact
from graphmem.text import words

TurnOffset: TypeAlias = tuple[int, int]
"""Which turn (its index), and how many characters into it."""

EPISODE_START: TurnOffset = (0, 0)
_CONTEXT_SHARE = 8  # a chunk of n characters is shown up to n/8 characters of context
_MOST_CONTEXT = 1500
_SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]]*\s|\n|[。！？]")
_BLANK = re.compile(r"\s")
_PARTS_KEY = "graphmem_parts"


@dataclass(frozen=True, slots=True)
class ChunkTurn:
    """A turn, or a piece of one, as a chunk holds it."""

    turn: Turn
    text: str
    context: bool = False


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one question is about, and the place after it."""

    pieces: tuple[ChunkTurn, ...]
    end: TurnOffset

    @property
    def size(self) -> int:
        """Characters, the context not counted."""
        return sum(len(piece.text) for piece in self.pieces if not piece.context)

    @property
    def context_turns(self) -> frozenset[int]:
        """Ordinals of turns that are there as context alone."""
        asked_about = {piece.turn.ordinal for piece in self.pieces if not piece.context}
        return frozenset(piece.turn.ordinal for piece in self.pieces) - asked_about


def next_chunk(turns: Sequence[Turn], place: TurnOffset, size: int) -> Chunk | None:
    """The chunk of at most ``size`` characters that begins at ``place``; None when only blanks are
    left."""
    pieces: list[ChunkTurn] = []
    left = size
    end = place
    for index in range(place[0], len(turns)):
        turn = turns[index]
        offset = place[1] if index == place[0] else 0
        start, stop = _bare(turn.text, offset)
        if start == stop:
            end = (index + 1, 0)
            continue
        if stop - start <= left:
            pieces.append(ChunkTurn(turn, turn.text[start:stop]))
            left -= stop - start
            end = (index + 1, 0)
            continue
        if not pieces:
            cut = start + _cut(turn.text[start : start + size])
            pieces.append(ChunkTurn(turn, turn.text[start:cut].rstrip()))
            end = (index, cut)
        break
    if not pieces:
        return None
    context = list(_before(turns, place, min(_MOST_CONTEXT, size // _CONTEXT_SHARE)))
    return Chunk((*reversed(context), *pieces), end)


def _bare(text: str, offset: int) -> tuple[int, int]:
    """Where the text after ``offset`` begins and ends without the blanks around it; a turn that is
    given whole keeps them."""
    if not text[offset:].strip():
        return offset, offset
    if offset == 0:
        return 0, len(text)
    return len(text) - len(text[offset:].lstrip()), len(text.rstrip())


def _cut(text: str) -> int:
    """How much of a text to take: up to its last sentence end, else its last blank, else all."""
    ends = [found.end() for found in _SENTENCE_END.finditer(text)]
    if ends and ends[-1] > len(text) // 4:
        return ends[-1]
    blank = max(text.rfind(" "), text.rfind("\n"), text.rfind("\t"))
    return blank + 1 if blank > 0 else len(text)


def _before(turns: Sequence[Turn], place: TurnOffset, size: int) -> Iterator[ChunkTurn]:
    """Up to ``size`` characters before ``place``, the nearest turn first: whole turns, or the last
    sentences of one."""
    index, offset = place
    texts = [(turns[index], turns[index].text[:offset])] if offset else []
    texts += ((turns[i], turns[i].text) for i in range(index - 1, max(-1, index - 5), -1))
    for turn, before in texts:
        text = before.strip()
        if len(text) > size:
            tail = text[len(text) - size :] if size else ""
            begin = _SENTENCE_END.search(tail) or _BLANK.search(tail)
            if begin and tail[begin.end() :].strip():
                yield ChunkTurn(turn, tail[begin.end() :].strip(), context=True)
            return
        if text:
            yield ChunkTurn(turn, text, context=True)
            size -= len(text)


# -- the answers -----------------------------------------------------------------------------------


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
    """One text for the ledger, of which :func:`kept_answers` makes the answers again."""
    if len(done) == 1 and complete:
        return done[0].raw
    parts = [
        {"answer": one.raw, "end": list(one.end), "context": sorted(one.context)} for one in done
    ]
    return json.dumps({_PARTS_KEY: parts, "complete": complete}, ensure_ascii=False)


def kept_answers(raw: str, episode: Episode, speakers: Speakers) -> tuple[list[ChunkAnswer], bool]:
    """The answers in a kept text, and whether they are about the whole episode."""
    parts: list[dict[str, Any]] = [{"answer": raw}]
    complete = True
    if raw.startswith(f'{{"{_PARTS_KEY}"'):
        try:
            kept = json.loads(raw)
            listed = list(kept[_PARTS_KEY])
        except (ValueError, KeyError, TypeError, RecursionError):
            pass  # a model's own words
        else:
            parts = [part if isinstance(part, dict) else {"answer": part} for part in listed]
            complete = bool(kept.get("complete", True))
    answers = []
    for part in parts:
        text = str(part["answer"])
        index, offset = part.get("end", EPISODE_START)
        context = frozenset(part.get("context", ()))
        parsed = parse_for(episode, text, speakers)
        answers.append(ChunkAnswer(text, parsed, (index, offset), context))
    return answers, complete


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
