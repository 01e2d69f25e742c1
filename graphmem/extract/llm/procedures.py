"""Procedural memory: what an agent did, or was taught to do, as one ordered whole.

An episode with ``memory_type="procedural"`` gives one fact for each procedure, whose text has
every step in order. By a model the steps are its answer; without one they are the text's own:
numbered, listed or said one after another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any

from pydantic import ValidationError

from graphmem.errors import BadModelOutput
from graphmem.extract.llm.parse import (
    ParsedAnswer,
    Speakers,
    existing_turns,
    merge_entities,
    parse_entity,
)
from graphmem.extract.llm.repair import item_lists
from graphmem.extract.llm.schema import ProcedureAnswer, snake_keys
from graphmem.model import Episode
from graphmem.ports.llm import CandidateFact, Extraction
from graphmem.text import name_key, sentences, text_key
from graphmem.text.outline import lines_above

_NUMBERED = re.compile(r"^\s*(?:[-*]\s+)?(?:step\s*)?(\d{1,3})\s*[.):]\s+(?=\S)", re.IGNORECASE)
_LISTED = re.compile(r"^\s*[-*•]\s+(?=\S)")
_FIRST = re.compile(r"^(?:first(?:ly)?|to (?:start|begin)(?: with)?)\b[,:]?\s+", re.IGNORECASE)
_NEXT = re.compile(
    r"^(?:and )?(?:then|next|second(?:ly)?|third(?:ly)?|after (?:that|this|which)|afterwards?|"
    r"finally|last(?:ly)?|in the end)\b[,:]?\s+",
    re.IGNORECASE,
)
_LIST_STEP = 2
_LATER_STEP = 1000  # above what a number has digits for


@dataclass(slots=True)
class _Procedure:
    """Steps while they are being gathered."""

    title: str = ""
    steps: list[str] = field(default_factory=list)
    turns: dict[int, None] = field(default_factory=dict)
    entities: dict[str, None] = field(default_factory=dict)
    importance: float | None = None

    def text(self) -> str:
        """The title and the numbered steps, one a line."""
        lines = [f"{number}. {step}" for number, step in enumerate(self.steps, start=1)]
        title = self.title.rstrip(".:").strip()
        return "\n".join([f"{title}:", *lines] if title else lines)

    def fact(self) -> CandidateFact:
        return CandidateFact(
            self.text() if self.steps else self.title,
            entities=tuple(self.entities),
            importance=self.importance,
            turns=tuple(sorted(self.turns)),
        )


# -- by a model ------------------------------------------------------------------------------------


def parse_procedures(raw: str, speakers: Speakers) -> ParsedAnswer:
    """Candidates from a model's answer to the prompt ``procedure``.

    :class:`~graphmem.errors.BadModelOutput` when there is nothing in it that can be used.
    """
    found, cut = item_lists(raw)
    entities = [parse_entity(item, speakers) for item in found["entities"]]
    read = [_procedure(item, speakers) for item in found["facts"]]
    facts: dict[str, CandidateFact] = {}
    for one in read:
        if one is not None:
            facts.setdefault(text_key(one.text()), one.fact())
    kept = merge_entities(entity for entity in entities if entity)
    dropped = entities.count(None) + read.count(None)
    if dropped and not facts:
        raise BadModelOutput("no procedure in the answer has a title and steps", partial=raw)
    return ParsedAnswer(kept, tuple(facts.values()), dropped, cut)


def _procedure(item: Any, speakers: Speakers) -> _Procedure | None:
    try:
        read = ProcedureAnswer.model_validate(
            snake_keys(item) if isinstance(item, dict) else {"steps": item}
        )
    except ValidationError:
        return None
    return _Procedure(
        read.title or "",
        list(read.steps),
        dict.fromkeys(existing_turns(read.turns, speakers)),
        dict.fromkeys(read.entities),
        read.importance,
    )


def merge_procedures(facts: Iterable[CandidateFact]) -> tuple[CandidateFact, ...]:
    """Procedures of several chunks of one episode: what goes on under the same title is one."""
    merged: dict[str, CandidateFact] = {}
    for fact in facts:
        title, _, steps = fact.text.partition("\n")
        key = text_key(title)
        first = merged.get(key)
        if first is None or not steps:
            merged.setdefault(key, fact)
            continue
        earlier = [_NUMBERED.sub("", line) for line in first.text.split("\n")[1:]]
        more = [_NUMBERED.sub("", line) for line in steps.split("\n")]
        # The chunk after may begin with the step that its context ended with.
        more = more[1:] if earlier and text_key(earlier[-1]) == text_key(more[0]) else more
        whole = _Procedure(title, [*earlier, *more])
        merged[key] = replace(
            first,
            text=whole.text(),
            entities=tuple(dict.fromkeys((*first.entities, *fact.entities))),
            turns=tuple(sorted({*first.turns, *fact.turns})),
        )
    return tuple(merged.values())


# -- without one -----------------------------------------------------------------------------------


def as_procedures(episode: Episode, found: Extraction) -> Extraction:
    """What the rules found in a procedural episode, its facts replaced by its procedures: nothing
    of the text is left out. Entities and mentions stay."""
    named: dict[int, list[str]] = {}
    for ordinal, name in found.mentions:
        named.setdefault(ordinal, []).append(name)
    facts = []
    for one in _procedures(episode):
        text = f" {name_key(one.fact().text)} "
        here = dict.fromkeys(name for turn in one.turns for name in named.get(turn, ()))
        names = (name for name in here if f" {name_key(name)} " in text)
        facts.append(replace(one.fact(), entities=tuple(names)))
    return replace(found, facts=tuple(facts))


def _procedures(episode: Episode) -> Iterator[_Procedure]:
    """Steps of all turns in order. A new list of numbers, or a new "first", begins a new one; text
    before it is its title."""
    marked = [(ordinal, line, *_mark(line)) for ordinal, line in _lines_once(episode)]
    if not any(number is not None for *_, number in marked):
        # Nothing separates steps from other text: every message or line is one.
        yield from _unmarked(episode)
        return
    one = _Procedure()
    waiting: list[tuple[int, str]] = []  # text after a step: its end, or the next one's title
    for ordinal, line, text, number in marked:
        if number is None:
            waiting.append((ordinal, line))
            continue
        if number <= 1 and one.steps:
            yield one
            one = _Procedure()
        if number == _LATER_STEP and not one.steps and waiting:
            before = waiting.pop()  # "Open the form. Then fill it in."
            _settle(one, waiting)
            one.steps.append(before[1])
            one.turns[before[0]] = None
        else:
            _settle(one, waiting)
        waiting = []
        one.steps.append(text)
        one.turns[ordinal] = None
    _settle(one, waiting)
    yield one


def _settle(one: _Procedure, waiting: Sequence[tuple[int, str]]) -> None:
    """Unmarked text: before the first step the title, after a step a part of it."""
    for ordinal, line in waiting:
        if one.steps:
            one.steps[-1] += f" {line}"
        else:
            one.title = f"{one.title} {line}".strip()
        one.turns[ordinal] = None


def _unmarked(episode: Episode) -> Iterator[_Procedure]:
    several = sum(1 for turn in episode.turns if turn.text.strip()) > 1
    parts = [
        (turn.ordinal, line)
        for turn in episode.turns
        for line in ([" ".join(turn.text.split())] if several else sentences(turn.text))
        if line
    ]
    if not parts:
        return
    turns = dict.fromkeys(ordinal for ordinal, _ in parts)
    if len(parts) == 1:
        yield _Procedure(parts[0][1], turns=turns)
    else:
        yield _Procedure(steps=[line for _, line in parts], turns=turns)


def _lines_once(episode: Episode) -> Iterator[tuple[int, str]]:
    """The lines of all turns, each with the turn's number. What several items of a list stand
    below, and each of them repeats, is there once."""
    above: list[str] = []
    for turn in episode.turns:
        lines = turn.text.splitlines()
        before, above = above, lines[: lines_above(lines)]
        same = sum(
            1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, above, strict=False))
        )
        for line in _lines(lines[same:]):
            yield turn.ordinal, line


def _lines(lines: Iterable[str]) -> Iterator[str]:
    """Lines that are marked as steps whole, others sentence by sentence."""
    for line in lines:
        if _NUMBERED.match(line) or _LISTED.match(line):
            yield line.strip()
        else:
            yield from sentences(line)


def _mark(line: str) -> tuple[str, int | None]:
    """A step without its mark, and which it is: its number, 1 for "first", a higher one for what is
    listed or comes after another; None for what is not marked."""
    if found := _NUMBERED.match(line):
        return line[found.end() :].strip(), int(found[1])
    if found := _LISTED.match(line):
        return line[found.end() :].strip(), _LIST_STEP
    for pattern, number in ((_FIRST, 1), (_NEXT, _LATER_STEP)):
        if found := pattern.match(line):
            rest = line[found.end() :].strip()
            return (rest[:1].upper() + rest[1:], number) if rest else (line, None)
    return line, None
