"""A long episode in chunks: cut between turns, and inside a turn only when it alone is too long.

A chunk is shown what came just before it (its context), so that "he" and "there" can be understood.
Offsets are into the turns' own text and depend on nothing else: a chunk that was answered
stays answered when the next one is made smaller, or a later process goes on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from graphmem.model import Turn

TurnOffset: TypeAlias = tuple[int, int]
"""Which turn (its index), and how many characters into it."""

EPISODE_START: TurnOffset = (0, 0)
_CONTEXT_SHARE = 8  # a chunk of n characters is shown up to n/8 characters of context
_MOST_CONTEXT = 1500
_SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]]*\s|\n|[。！？]")
_BLANK = re.compile(r"\s")


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
    context = _context(turns, place, min(_MOST_CONTEXT, size // _CONTEXT_SHARE))
    return Chunk((*context, *pieces), end)


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


def _context(turns: Sequence[Turn], place: TurnOffset, size: int) -> tuple[ChunkTurn, ...]:
    """Up to ``size`` characters before ``place``: whole turns, or the last sentences of one."""
    return tuple(reversed(list(_before(turns, place, size))))


def _before(turns: Sequence[Turn], place: TurnOffset, size: int) -> Iterator[ChunkTurn]:
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
